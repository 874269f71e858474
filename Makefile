# What a newcomer types. Everything is set up in .venv on first use; the tests add Java and Chromium through apt
# where these are missing and apt may be used.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 3000
MLFLOW_PORT ?= 5000
PROCESSES ?= $(shell test "$$(getconf _NPROCESSORS_ONLN)" -ge 2 && echo 2 || echo 1)
RUN := .venv/bin/python
# One process is pytest itself, without a worker; what several share is in tests/groups.py.
TEST = $(RUN) -m pytest --numprocesses $(if $(filter 1,$(PROCESSES)),0,$(PROCESSES))
LOCK := $(RUN) -m uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 --quiet \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --progress-bar on --require-hashes -r

export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := True
export DO_NOT_TRACK := true

.DEFAULT_GOAL := help

help:  ## Say what can be done
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

.venv/installed: requirements.lock
	@test -n "$(PYTHON)" || { echo "Tarve needs Python 3.11: no python3.11 and no python3 is on the PATH."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Tarve needs Python 3.11; $(PYTHON) is another version. Name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv: about 150 packages, a minute or two"
	@"$(PYTHON)" -m venv --clear .venv
	@$(INSTALL) requirements.lock
	@touch $@

.venv/tools: .venv/installed requirements-dev.lock
	@echo "Adding what tests and benchmarks need to .venv: about 80 packages, another minute or two"
	@$(INSTALL) requirements-dev.lock
	@sh tests/provide.sh
	@touch $@

setup: .venv/tools  ## Make the virtual environment and install the locked dependencies, with those of the tests

demo: .venv/installed  ## From a simulated population to served, explained assessments (CHECK=1: check and stop)
	@$(RUN) demo.py --port $(PORT) --mlflow-port $(MLFLOW_PORT) $(if $(CHECK),--check)

demo-alerts: .venv/installed  ## A week of a simulated city of vouchers (CHECK=1: check)
	@$(RUN) demo_alerts.py $(if $(CHECK),--check)

test: lint  ## Lint, types, import contract, all tests with coverage (PROCESSES=1: in one process, not in two)
	@$(TEST)

nightly: .venv/tools  ## The long suites
	@HYPOTHESIS_PROFILE=nightly $(TEST) -m "nightly or not nightly"

lint: .venv/tools  ## Style, types and the import contract
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@.venv/bin/lint-imports

benchmark-real: .venv/tools  ## Real public data: DATA=folder [TEST=folder] [JSON=file]
	@test -n "$(DATA)" || { echo "Name the folder of the public files: make benchmark-real DATA=FOLDER [TEST=FOLDER] [JSON=FILE]"; exit 2; }
	@$(RUN) -m benchmarks.real --data "$(DATA)" $(if $(TEST),--test "$(TEST)") $(if $(JSON),--json "$(JSON)")

benchmark-fhir: .venv/tools  ## Speed of reading FHIR against the bare parse: [DATA=folder]
	@$(RUN) -m benchmarks.fhir $(if $(DATA),--data "$(DATA)")

benchmark-imports: .venv/tools  ## Speed of importing AvoHilmo against the bare parse
	@$(RUN) -m benchmarks.imports

benchmark-features: .venv/tools  ## Speed of features against other engines and bare reading: [ARGS="--rounds 1 ..."]
	@OMP_NUM_THREADS=1 $(RUN) -m benchmarks.features $(ARGS)

benchmark-alerts: .venv/tools  ## A million vouchers against one voucher at a time: [ARGS="--vouchers 100000 ..."]
	@OMP_NUM_THREADS=1 $(RUN) -m benchmarks.alerts $(ARGS)

benchmark-interview: .venv/tools  ## The shortest interview on real answers and simulated people: [DATA=folder] [ARGS=...]
	@$(RUN) -m benchmarks.interview $(if $(DATA),--data "$(DATA)") $(ARGS)

benchmark-forms: .venv/tools  ## Three forms of the segment model: [DATA=folder] [ARGS="--examples FILE ..."]
	@$(RUN) -m benchmarks.forms $(if $(DATA),--data "$(DATA)") $(ARGS)

benchmark-estimators: .venv/tools  ## LightGBM and the glass box, free and bound by what clinicians insist on: [DATA=folder] [ARGS=...]
	@OMP_NUM_THREADS=1 $(RUN) -m benchmarks.estimators $(if $(DATA),--data "$(DATA)") $(ARGS)

benchmark-reasons: .venv/tools  ## What reasons cost beside the prediction: [ARGS="--examples FILE ..."]
	@OMP_NUM_THREADS=1 $(RUN) -m benchmarks.reasons $(ARGS)

benchmark-training: .venv/tools  ## 700,000 patients trained on, tuned and reported, an hour: [ARGS="--patients 100000 ..."]
	@$(RUN) -m benchmarks.training $(ARGS)

benchmark-serving: .venv/tools  ## Speed of the service against a bare endpoint and others: [ARGS="--rounds 1 ..."]
	@OMP_NUM_THREADS=1 $(RUN) -m benchmarks.serving $(ARGS)

fidelity: .venv/tools  ## Hold the simulated population against published figures; rewrites docs/fidelity.*
	@OMP_NUM_THREADS=1 $(RUN) -m benchmarks.fidelity

lock: .venv/tools  ## Resolve the dependencies anew and lock them with hashes
	@$(LOCK) --extra dev --upgrade -o requirements-dev.lock
	@$(LOCK) --constraint requirements-dev.lock -o requirements.lock

clean:  ## Remove what the demo made: records, models, runs
	@rm -rf var mlruns mlartifacts mlflow.db

.PHONY: help setup demo demo-alerts test nightly lint benchmark-real benchmark-fhir benchmark-imports benchmark-features \
	benchmark-alerts benchmark-interview benchmark-forms benchmark-estimators benchmark-reasons benchmark-training \
	benchmark-serving fidelity lock clean
