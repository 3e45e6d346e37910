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
DEBIAN_TEST = postgresql mariadb-server

# A shared CI machine may stand still for seconds: there, a test that fails is tried
# again, and the summary names it (R)
RERUNS  = $(if $(CI),--reruns 2 -rR)

.PHONY: help demo test lint types contract check bench clean
help:
	@sed -n 's/^# //p' Makefile

demo: $(VENV)/.run
	@$(BIN)/daqpv demo $(ARGS)

test: check $(VENV)/.servers
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
	@if dpkg -s $(DEBIAN_TEST) > /dev/null 2>&1; then touch $@; \
	elif test "$$(id -u)" = 0; then apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
	    --no-install-recommends $(DEBIAN_TEST) > /dev/null && touch $@; \
	else echo "Not installed: one of $(DEBIAN_TEST). Their tests are skipped."; fi

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
