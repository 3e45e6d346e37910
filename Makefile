# make demo      a simulated experiment and its PVs (Ctrl-C ends it)
# make test      lint, types, import contract, sizes, all tests
#
# make install   sets up .venv only; also after an update (git pull)
# make wheels    downloads daqpv's dependencies to wheels/, for a computer without internet
# make lock      updates the versions of the dependencies in requirements/
# make fresh     runs demo and test on a new Debian 12 and 13; as root, needs debootstrap
# make bench     measures daqpv
#
# Each command sets up what it needs: the virtual environment .venv with the versions in
# requirements/, and as root the Debian packages named below. PYTHON=... selects another
# Python than the newest of the distribution.

VENV   ?= .venv
PYTHON ?=
BIN     = $(VENV)/bin

# Python runs as it does for users
unexport $(filter PYTHON%,$(.VARIABLES))

# Servers for tests; without root and these packages the tests are skipped, but not in CI
DEBIAN_TEST = postgresql mariadb-server default-jdk-headless maven \
    openssh-server lsof procps mosquitto snmpd socat

# The Channel Access library of Phoebus and the Archiver Appliance
JCA     = $(VENV)/java/jca-2.4.7.jar

# A shared CI machine may stop for seconds: there, a test that fails is repeated, and the
# summary names and counts it (R)
RERUNS  = $(if $(CI),--reruns 2 -rR)

.PHONY: help demo test install lint types contract sizes check bench wheels lock fresh clean
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.run
	@$(BIN)/daqpv demo $(ARGS)

install: $(VENV)/.run

test: check $(VENV)/.servers $(JCA)
	$(BIN)/python -m pytest -n 4 --dist worksteal $(RERUNS) $(ARGS)

check: lint types contract sizes

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contract: $(VENV)/.dev
	$(BIN)/lint-imports

sizes: $(VENV)/bin/python
	$(BIN)/python .ci/sizes

bench: $(VENV)/.dev
	$(BIN)/pip install -q -e '.[bench]'
	$(BIN)/python -m benchmarks $(ARGS)

wheels: $(VENV)/bin/python
	$(BIN)/pip -q download --require-hashes -r requirements/dev.txt -d $@

LOCK = $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 \
    --generate-hashes --custom-compile-command 'make lock'
lock: $(VENV)/.dev
	$(BIN)/pip install -q uv
	$(LOCK) --extra dev -o requirements/dev.txt requirements/build.in pyproject.toml
	$(LOCK) -c requirements/dev.txt -o requirements/run.txt \
	    requirements/build.in pyproject.toml

fresh:
	.ci/fresh $(ARGS)

$(VENV)/bin/python:
	@.ci/venv $(VENV) $(PYTHON)

$(VENV)/.servers: $(VENV)/bin/python Makefile
	@if .ci/packages $(DEBIAN_TEST); then touch $@; \
	elif test "$$(id -u)" = 0; then exit 1; \
	else echo "Their tests are skipped."; fi

$(JCA): | $(VENV)/.servers
	@mvn -q -B dependency:copy -DoutputDirectory=$(@D) \
	    -Dartifact=org.epics:$(patsubst jca-%.jar,jca:%,$(@F)) || \
	    echo "Not fetched: $(@F). The test of a Java client is skipped."

$(VENV)/.run: $(VENV)/bin/python pyproject.toml setup.py requirements/run.txt
	@.ci/install $(VENV) requirements/run.txt
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml setup.py requirements/dev.txt
	@.ci/install $(VENV) requirements/dev.txt
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build *.egg-info
