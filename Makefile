# Careloom's chores. `make help` lists them. Each target sets up what it needs, once, in .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# Where it is set, each of the hundreds of processes of a test run compiles all that it loads anew: a third of the time.
unexport PYTHONDONTWRITEBYTECODE

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# The first Python of version 3.11 or later; name another with make PYTHON=/path/to/python.
ifndef PYTHON
PYTHON := $(shell for python in python3.11 python3 python3.12 python3.13 python3.14 python; do \
	if command -v $$python >/dev/null 2>&1 && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done)
endif
TESTS ?= tests
# Half as many again as there are processors: many tests wait for a server, a browser or a clock.
CPUS := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= $(shell echo $$(($(CPUS) + $(CPUS) / 2)))
# What a test writes need not outlast the machine: in memory, where there is room, no commit of a store waits for a disk.
SCRATCH := $(shell [ -w /dev/shm ] && [ "$$(df -Pm /dev/shm | awk 'END {print $$4}')" -ge 4000 ] && echo /dev/shm)

.PHONY: help setup demo test test-long bench check lint types floors secrets bandit advisories workflows pages site docs notebooks viewer golden format lock audit ml clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up: stamps, so that it happens once and again only when a lock or the package's own declaration changes ---

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Careloom needs Python 3.11 or later on the PATH; or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.base: requirements/base.lock requirements/uv.lock pyproject.toml tools/install.sh | $(VENV)/.made
	@tools/install.sh $(VENV) requirements/base.lock
	@touch $@

$(VENV)/.dev: requirements/dev.lock requirements/uv.lock pyproject.toml tools/install.sh | $(VENV)/.made
	@tools/install.sh $(VENV) requirements/dev.lock
	@touch $@ $(VENV)/.base

$(VENV)/.ml: requirements/ml.lock requirements/torch.txt pyproject.toml tools/install.sh | $(VENV)/.dev
	@tools/install.sh $(VENV) requirements/ml.lock torch
	@touch $@

setup: $(VENV)/.dev ## make .venv with everything for development, from the hashed lock

ml: $(VENV)/.ml ## add torch (by its own pin) and the libraries for training

# --- run ---

demo: $(VENV)/.base ## run the whole flow on a simulated hospital (ARGS="..." goes to careloom demo)
	@$(BIN)/careloom demo $(ARGS)

# --- prove ---

# In the order of the folders, not the fullest file first: the campaign over HTTP, two tests of minutes, came last by that.
test: $(VENV)/.dev ## run all tests that protect daily work (TESTS=tests/unit/fhir for a part)
	$(if $(SCRATCH),PYTEST_DEBUG_TEMPROOT=$(SCRATCH)) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS) $(TESTS)

test-long: $(VENV)/.dev ## run the campaigns of minutes to hours: faults, fuzz, large data
	CARELOOM_FRESH=1 $(BIN)/python -m pytest -m long $(ARGS) $(TESTS)

bench: $(VENV)/.dev ## run the benchmarks and print a table (ARGS=parse for those with parse in the name)
	$(BIN)/python bench/run.py $(ARGS)

check: lint types floors secrets bandit workflows pages site advisories ## run every check that needs no test: style, types, floors, weaknesses, pages

lint: $(VENV)/.dev ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## check types, strictly
	$(BIN)/mypy

floors: $(VENV)/.dev ## check who imports whom
	$(BIN)/lint-imports --no-logo

secrets: $(VENV)/.dev ## look for secrets in every tracked file
	git ls-files -z -- . ':!requirements/*.lock' ':!.secrets.baseline' \
	| xargs -0 -n 250 -P $(CPUS) $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline

bandit: $(VENV)/.dev ## look for weak code that ruff has no rule for (pyproject.toml says which)
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src

advisories: $(VENV)/.dev ## as audit, where the index tells weaknesses; elsewhere say that nobody was asked
	$(BIN)/python tools/audit_locks.py --venv $(VENV)-audit --where-answered

workflows: $(VENV)/.dev ## check the workflows of continuous integration
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet .github

pages: $(VENV)/.dev ## check that generated pages are current
	$(BIN)/python tools/list_issue_codes.py --check
	$(BIN)/python tools/list_quality_rules.py --check
	$(BIN)/python tools/list_risk_reference.py --check
	$(BIN)/python tools/list_card_reference.py --check
	$(BIN)/python tools/list_asvs.py --check
	$(BIN)/python tools/make_async_client.py --check

site: $(VENV)/.dev ## build the documentation as a site in out/site, strictly
	$(BIN)/python -m tools.make_site

docs: site ## build the site, and run every block of code of the documentation
	$(BIN)/python -m tools.run_docs $(ARGS)

notebooks: $(VENV)/.dev ## run every notebook; results go to out/notebooks
	$(BIN)/python tools/run_notebooks.py $(ARGS)

# --- write ---

golden: $(VENV)/.dev ## rewrite the golden files from what the code makes now; review the diff
	CARELOOM_REWRITE_GOLDEN=1 $(BIN)/python -m pytest tests/golden $(ARGS)
	git --no-pager diff --stat -- tests/golden

viewer: ## build the dashboard's note viewer anew (needs Node.js 20)
	cd tools/viewer && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && npm run --silent check && npm run --silent build

format: $(VENV)/.dev ## rewrite files as the style wants them, and the generated pages
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/list_issue_codes.py
	$(BIN)/python tools/list_quality_rules.py
	$(BIN)/python tools/list_risk_reference.py
	$(BIN)/python tools/list_card_reference.py
	$(BIN)/python tools/list_asvs.py

lock: $(VENV)/.dev ## write requirements/*.lock again (ARGS=--upgrade for newer versions)
	UV=$(BIN)/uv tools/lock.sh $(ARGS)

audit: $(VENV)/.dev ## ask the package index which locked versions have known weaknesses; fail where it does not tell
	$(BIN)/python tools/audit_locks.py --venv $(VENV)-audit

clean: ## remove .venv and everything that can be made again
	rm -rf $(VENV) $(VENV)-audit tests/clients/node_modules tools/figures/node_modules tools/viewer/node_modules out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
