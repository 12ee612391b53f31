# Everything a developer or an evaluator types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo demo-shopify demo-tiktok run test test-faults chaos lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## a virtual environment with all that is needed

$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Sluice needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements-dev.txt names (half a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(STAMP)

demo: setup ## post a sample shop through the real API, and look at what arrived
	@$(BIN)/python -m app demo

demo-shopify: setup ## pull a fake Shopify shop through the real API, with a progress bar
	@$(BIN)/python -m tests.fakes.demo shopify

demo-tiktok: setup ## the same with a fake TikTok Shop
	@$(BIN)/python -m tests.fakes.demo tiktok

run: setup ## everything in this terminal: PostgreSQL, Redis, API, workers, dispatcher; Ctrl-C stops it
	@$(BIN)/python -m app up

test: setup ## all tests but the slow proof, with the coverage gate
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -q -n 2 -m "not slow" tests && $(BIN)/python -m coverage combine -q \
	  && $(BIN)/python -m coverage report --format=total > .coverage-total && $(BIN)/python tests/coverage_gate.py

test-faults: setup ## the slow proof: servers and processes killed, frozen, emptied
	@$(BIN)/python -m pytest -q -m slow tests

SECONDS ?= 150
SEED ?= 1
chaos: setup ## random faults under load, and an oracle that knows every row: make chaos SECONDS=150 SEED=1
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED)

lint: setup ## ruff, mypy --strict, and the direction of imports
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/python -m pytest -q tests/unit/test_architecture.py

format: setup ## let ruff lay the code out
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: setup ## speed, as ratios measured side by side in one run
	@$(BIN)/python -m tests.bench

clean: ## remove what make made, except .data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov bench-results
