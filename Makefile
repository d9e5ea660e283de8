# make install   prepare .venv, so that .venv/bin/release-mgmt works
# make run       try it: your repository (REPO=/path/or/url), its changelog and calendar at http://127.0.0.1:8000
# make test      everything that the continuous integration runs
# make test-long the same, the long fault tests, and test-postgres
# make test-postgres  on PostgreSQL, the tests that otherwise run on SQLite only
# make check     formatting, lint, types, contracts
# make pythons   a short suite on the other supported Pythons that are here
# make sbom      what a release is made of, with licences, as CycloneDX in dist/sbom.cdx.json
# make lock      resolve the dependencies again
VENV ?= .venv
REPO ?= $(CURDIR)
PORT ?= 8000
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --retries 10 --timeout 60
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11
# A file of tests stays in one process, so that its servers and fixtures are started once. There is a process more than
# there are processors, because the tests of faults wait much; the quick files come last and fill the gaps.
PROCESSES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST_ARGS ?= -n $(PROCESSES) --maxprocesses 4 --dist loadfile --no-loadscope-reorder
export VENV

.PHONY: install run test test-long test-postgres check pythons lock sbom dev clean
.DELETE_ON_ERROR:

install: $(VENV)/.installed

$(VENV)/bin/python:
	@python=$$(.ci/find-python) && echo "Making $(VENV) with $$python ..." && "$$python" -m venv $(VENV)

$(VENV)/.installed: requirements.lock .ci/build.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked dependencies ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --require-hashes -r .ci/build.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

dev: $(VENV)/.dev

$(VENV)/.dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.installed
	@$(BIN)/release-mgmt start --repo "$(REPO)" --port $(PORT)

check: $(VENV)/.dev
	@.ci/check

pythons: $(VENV)/.dev
	@.ci/other-pythons

# The linters and the other Pythons come first, so that the last lines are pytest's own summary, whatever they said.
test: $(VENV)/.dev
	@.ci/system-packages
	@failed=0; .ci/check || failed=1; .ci/other-pythons || failed=1; \
	CHECKS_FAILED=$$failed $(BIN)/python -m pytest -m "not long" $(PYTEST_ARGS) || failed=1; \
	exit $$failed

test-long: $(VENV)/.dev
	@.ci/system-packages
	@failed=0; .ci/check || failed=1; .ci/other-pythons || failed=1; \
	$(BIN)/python -m pytest --on-postgres -m "not long" $(PYTEST_ARGS) || failed=1; \
	CHECKS_FAILED=$$failed $(BIN)/python -m pytest $(PYTEST_ARGS) || failed=1; \
	exit $$failed

test-postgres: $(VENV)/.dev
	@.ci/system-packages
	@$(BIN)/python -m pytest --on-postgres -m "not long" $(PYTEST_ARGS)

lock: $(VENV)/.dev
	$(BIN)/$(COMPILE) pyproject.toml -o requirements.lock
	$(BIN)/$(COMPILE) pyproject.toml --group dev --extra redis --extra notify --extra telemetry -c requirements.lock -o requirements-dev.lock
	echo "hatchling>=1.27" | $(BIN)/$(COMPILE) -c requirements.lock - -o .ci/build.lock

# An environment that describes the run-time dependencies alone, so that the list names what a release needs and nothing
# else; their descriptions are those of the installed packages, so nothing is fetched.
sbom: $(VENV)/.dev
	@rm -rf dist/sbom-env && mkdir -p dist
	@$(BIN)/python -m venv --without-pip dist/sbom-env
	@$(BIN)/python .ci/describe requirements.lock dist/sbom-env
	@$(BIN)/cyclonedx-py environment dist/sbom-env --pyproject pyproject.toml --mc-type application \
		--output-reproducible --of JSON -o dist/sbom.cdx.json
	@rm -rf dist/sbom-env
	@echo "Written: dist/sbom.cdx.json"

clean:
	rm -rf $(VENV) var
