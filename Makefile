# Plain `make` prints the verbs. Each sets up what it needs in $(VENV) first.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_ALL := $(VENV)/.ready-all
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

EXAMPLE := examples/breast_cancer/breast_cancer

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all format lint types docs accept clean

help: ## print the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## explain the breast cancer example, then train a network on it
	$(BIN)/reludsl explain $(EXAMPLE).relu --data $(EXAMPLE).csv
	$(BIN)/reludsl solve $(EXAMPLE).relu --data $(EXAMPLE).csv --target diagnosis \
	  --holdout 0.3 --split-seed 0 -o breast_cancer_net.npz

test: $(READY) ## check format, lint, types and imports, then run the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2

test-all: $(READY_ALL) ## run every test, slow ones and optional backends too
	$(BIN)/pytest -n 2 -m "slow or not slow"

format: $(READY) ## rewrite the sources in the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY) ## find mistakes of style and forbidden imports
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(READY) ## check the types
	$(BIN)/mypy

docs: $(READY) ## regenerate the pages that are made from the code
	$(BIN)/python -m reludsl.docs

accept: $(READY) ## rewrite the golden files to what the compiler says now; read the diff
	$(BIN)/pytest --accept

clean: ## remove .venv, caches and build outputs
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find reludsl tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are what the verbs depend on, so setting up happens once per change of what is needed.

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "reludsl needs Python 3.11 or newer, and '$(PYTHON)' is not; try: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -e '.[picos,plot,dev]'
	@touch $@

$(READY_ALL): $(READY)
	@echo "Adding the optional parts to $(VENV) ..."
	@$(PIP_INSTALL) -e '.[all,dev]'
	@touch $@
