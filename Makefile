# Everything a developer or an evaluator types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Bytecode may be kept, whatever the shell says: tests start hundreds of processes, and each would compile all it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo demo-shopify demo-tiktok run test test-faults test-hosts test-console chaos lint format bench bench-peers bench-scale dashboard lock sbom audit-deps image-digests clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## a virtual environment with all that is needed

$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit("Sluice needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements-dev.lock names (half a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $(STAMP)

demo: setup ## post a sample shop through the real API, and look at what arrived
	@$(BIN)/python -m app demo

demo-shopify: setup ## pull a fake Shopify shop through the real API, with a progress bar
	@ALLOW_HTTP_SHOPS=true $(BIN)/python -m tests.fakes.demo shopify

demo-tiktok: setup ## the same with a fake TikTok Shop
	@ALLOW_HTTP_SHOPS=true $(BIN)/python -m tests.fakes.demo tiktok

run: setup ## everything in this terminal: PostgreSQL, Redis, API, workers, dispatcher; Ctrl-C stops it
	@$(BIN)/python -m app up

dashboard: setup .venv-dashboard/.installed ## rq-dashboard on http://127.0.0.1:9181, beside a running stack
	@$(BIN)/python -m app dashboard

.venv-dashboard/.installed: requirements-dashboard.lock
	@test -x .venv-dashboard/bin/python || $(PYTHON) -m venv .venv-dashboard
	@.venv-dashboard/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dashboard.lock
	@touch $@

test: setup ## all tests but the slow proof, with the coverage gate
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" tests && $(BIN)/python -m coverage combine -q \
	  && $(BIN)/python -m coverage report --format=total > .coverage-total && $(BIN)/python tests/support/coverage_gate.py

test-faults: setup ## every fault that has a test, and all examples of every property: half an hour
	@$(BIN)/python -m pytest -q --hypothesis-profile=thorough -m "slow or hypothesis" tests && $(BIN)/python -m pytest -q -m "not slow" tests/faults

test-hosts: setup ## workers on several hosts, one cut off, and PgBouncer; what can't be tried here says why
	@$(BIN)/python -m pytest -q -s -rs -m slow tests/hosts

test-console: setup ## the console in a real browser: chromium must be installed; pictures go to .console-shots
	@$(BIN)/python -m tests.support.browser
	@$(BIN)/python -m pytest -q tests/acceptance/test_console_browser.py tests/acceptance/test_console_scale.py

SECONDS ?= 150
SEED ?= 1
chaos: setup ## random faults under load, and an oracle that knows every row: make chaos SECONDS=150 SEED=1
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED)

lint: setup ## ruff, mypy --strict, and the direction of imports
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo

format: setup ## let ruff lay the code out
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: setup ## speed, as ratios measured side by side in one run
	@$(BIN)/python -m tests.bench

PEERS := .bench-peers

$(PEERS)/%/.installed: tests/bench/peers/requirements-%.txt
	@echo "Installing $* into an environment of its own …"
	@test -x $(PEERS)/$*/bin/python || $(PYTHON) -m venv $(PEERS)/$*
	@$(PEERS)/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-peers: setup $(PEERS)/dlt/.installed $(PEERS)/target-postgres/.installed ## dlt and target-postgres on the same orders
	@$(BIN)/python -m tests.bench peers

ORDERS ?= 5000000
bench-scale: setup ## what an order costs beside 5,000,000 stored ones (some GB of disk): make bench-scale ORDERS=500000
	@$(BIN)/python -m tests.bench scale --orders $(ORDERS)

TOOLS := .venv-tools
$(TOOLS)/.installed: requirements-tools.lock
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.lock
	@touch $@

# For every platform and Python from 3.11 on, from PyPI alone: pip's configuration on this machine has no say.
COMPILE := $(TOOLS)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
  --default-index https://pypi.org/simple --custom-compile-command "make lock"
UPGRADE ?=
lock: $(TOOLS)/.installed ## write the lock files anew from requirements*.txt: make lock UPGRADE=--upgrade takes newer versions
	@$(COMPILE) $(UPGRADE) requirements.txt --output-file requirements.lock
	@$(COMPILE) $(UPGRADE) requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock
	@$(COMPILE) $(UPGRADE) requirements-dashboard.txt --output-file requirements-dashboard.lock
	@$(COMPILE) $(UPGRADE) requirements-tools.txt --output-file requirements-tools.lock

sbom: $(TOOLS)/.installed ## what the image's Python holds, as CycloneDX: sbom.cdx.json
	@$(TOOLS)/bin/cyclonedx-py requirements requirements.lock --output-reproducible --output-format JSON --output-file sbom.cdx.json
	@echo "sbom.cdx.json is written"

audit-deps: $(TOOLS)/.installed ## known vulnerabilities of what requirements.lock names, asked of PyPI
	@.ci/audit-deps $(TOOLS)/bin requirements.lock

image-digests: ## pin the base images by the digests that their registries give today (needs docker buildx and a network)
	@.ci/image-digests Dockerfile docker-compose.yml

clean: ## remove what make made, except .data
	rm -rf $(VENV) .venv-dashboard $(TOOLS) sbom.cdx.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov bench-results .console-shots $(PEERS)
