# make demo   a simulated experiment and its PVs (Ctrl-C ends it)
# make test   lint, types, import contract, all tests
#
# Each sets up what it needs: the virtual environment .venv, and as root the Debian
# packages named below.

VENV   ?= .venv
PYTHON ?= python3.11
BIN     = $(VENV)/bin
DEBIAN  = python3.11 python3.11-venv

# What tests run against; without root and these they skip, but in CI
DEBIAN_TEST = postgresql mariadb-server default-jdk-headless maven \
    openssh-server lsof procps

# The Channel Access library of Phoebus and the Archiver Appliance
JCA     = $(VENV)/java/jca-2.4.7.jar

# A shared CI machine may stand still for seconds: there, a test that fails is tried
# again, and the summary names it (R)
RERUNS  = $(if $(CI),--reruns 2 -rR)

.PHONY: help demo test lint types contract check bench clean
help:
	@sed -n 's/^# //p' Makefile

demo: $(VENV)/.run
	@$(BIN)/daqpv demo $(ARGS)

test: check $(VENV)/.servers $(JCA)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(RERUNS) $(ARGS)

check: lint types contract

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contract: $(VENV)/.dev
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/pip install -q -e '.[bench]'
	$(BIN)/python -m benchmarks $(ARGS)

# Debian's python3 may come without venv; root may mend that
$(VENV)/bin/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory debian
	$(PYTHON) -m venv $(VENV)

.PHONY: debian
debian:
	@test "$$(id -u)" = 0 || { echo "Please install: $(DEBIAN)"; exit 1; }
	apt-get update -qq && apt-get install -qq -y --no-install-recommends $(DEBIAN)

$(VENV)/.servers: $(VENV)/bin/python Makefile
	@missing=$$(for each in $(DEBIAN_TEST); do \
	    dpkg -s $$each > /dev/null 2>&1 || echo $$each; done); \
	if test -z "$$missing"; then touch $@; \
	elif test "$$(id -u)" = 0; then apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
	    --no-install-recommends $$missing > /dev/null && touch $@; \
	else echo "Not installed:" $$missing "- their tests are skipped."; fi

$(JCA): | $(VENV)/.servers
	@mvn -q -B dependency:copy -DoutputDirectory=$(@D) \
	    -Dartifact=org.epics:$(patsubst jca-%.jar,jca:%,$(@F)) || \
	    echo "Not fetched: $(@F). The test of a Java client is skipped."

$(VENV)/.run: $(VENV)/bin/python pyproject.toml setup.py
	@echo "Setting up $(VENV) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml setup.py
	@echo "Setting up $(VENV) for development ..."
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build *.egg-info
