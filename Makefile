# The commands of developers and evaluators. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Keep bytecode, whatever the shell says: tests start hundreds of processes, and each would compile all of its imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo demo-shopify demo-tiktok demo-woo run test test-order test-faults test-hosts test-console chaos lint format house docs bench bench-peers bench-scale mutants dashboard lock sbom audit-deps image-digests clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## create a virtual environment with all requirements

$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit("Sluice needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements-dev.lock names (half a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $(STAMP)

demo: setup ## post a sample shop through the real API, and show what arrived
	@$(BIN)/python -m app demo

demo-shopify: setup ## pull a fake Shopify shop through the real API, with a progress bar
	@ALLOW_HTTP_SHOPS=true $(BIN)/python -m tests.fakes.demo shopify

demo-tiktok: setup ## pull a fake TikTok Shop in the same way
	@ALLOW_HTTP_SHOPS=true $(BIN)/python -m tests.fakes.demo tiktok

demo-woo: setup ## send an ERP's prices to a fake WooCommerce shop: a mistake is held, approved and sent
	@ALLOW_HTTP_SHOPS=true $(BIN)/python -m tests.fakes.demo woocommerce

run: setup ## run everything in this terminal: PostgreSQL, Redis, API, workers, dispatcher; Ctrl-C stops it
	@$(BIN)/python -m app up

dashboard: setup .venv-dashboard/.installed ## open rq-dashboard on http://127.0.0.1:9181, beside a running stack
	@$(BIN)/python -m app dashboard

.venv-dashboard/.installed: requirements-dashboard.lock
	@test -x .venv-dashboard/bin/python || $(PYTHON) -m venv .venv-dashboard
	@.venv-dashboard/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dashboard.lock
	@touch $@

test: setup ## run all tests except the slow ones, with the coverage gate
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" tests && $(BIN)/python -m coverage combine -q \
	  && $(BIN)/python -m coverage report --format=total > .coverage-total && $(BIN)/python tests/tools/coverage_gate.py

test-faults: setup ## run every fault test, and all examples of every property: half an hour
	@$(BIN)/python -m pytest -q --hypothesis-profile=thorough -m "slow or hypothesis" tests && $(BIN)/python -m pytest -q -m "not slow" tests/faults

test-hosts: setup ## test workers on several hosts, one of them cut off, and PgBouncer; needs root
	@$(BIN)/python -m pytest -q -s -rs -m slow tests/hosts

test-console: setup ## test the console in a real browser (chromium must be installed); pictures go to .console-shots
	@$(BIN)/python -m tests.tools.browser
	@$(BIN)/python -m pytest -q tests/acceptance/test_console_browser.py tests/acceptance/test_console_scale.py tests/acceptance/test_contract_browser.py

SEED ?= 1
BUSY ?=
test-order: setup ## run the same tests in random order, also beside busy cores: make test-order SEED=7 BUSY=--busy
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" -p tests.tools.shuffle --seed $(SEED) $(BUSY) tests

SECONDS ?= 150
chaos: setup ## inject random faults under load and check every row: make chaos SECONDS=150 SEED=1
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED)

MUTANTS := .venv-mutants
$(MUTANTS)/.installed: tests/mutants/requirements.txt
	@test -x $(MUTANTS)/bin/python || $(PYTHON) -m venv $(MUTANTS)
	@$(MUTANTS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

MINUTES ?= 30
ONLY ?=
mutants: setup $(MUTANTS)/.installed ## put mistakes into the code, one at a time, and list those no test notices: make mutants MINUTES=30 SEED=1 ONLY=db/pulls
	@nice $(BIN)/python -m tests.mutants --minutes $(MINUTES) --seed $(SEED) --only "$(ONLY)" --cosmic-ray $(MUTANTS)/bin/cosmic-ray

lint: setup ## run ruff, mypy --strict and import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo

format: setup ## format the code with ruff
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

house: setup ## print figures about the layout: lengths, docstrings, comments, fullest folder
	@$(BIN)/python -m tests.tools.house

SITE := .venv-docs
$(SITE)/.installed: requirements-docs.lock
	@test -x $(SITE)/bin/python || $(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

docs: $(SITE)/.installed ## build the documents as a searchable site into .site, with llms.txt; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(SITE)/bin/python -m mkdocs build --quiet --clean && echo "Wrote .site; look at it with: $(SITE)/bin/python -m mkdocs serve"

bench: setup ## measure speed, as ratios from one run
	@$(BIN)/python -m tests.bench

PEERS := .bench-peers

$(PEERS)/%/.installed: tests/bench/peers/requirements-%.txt
	@echo "Installing $* into an environment of its own …"
	@test -x $(PEERS)/$*/bin/python || $(PYTHON) -m venv $(PEERS)/$*
	@$(PEERS)/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-peers: setup $(PEERS)/dlt/.installed $(PEERS)/target-postgres/.installed ## load the same orders with dlt and target-postgres
	@$(BIN)/python -m tests.bench peers

ORDERS ?= 5000000
bench-scale: setup ## measure orders beside 5,000,000 stored ones (8 GB of disk): make bench-scale ORDERS=500000
	@$(BIN)/python -m tests.bench scale --orders $(ORDERS)

TOOLS := .venv-tools
$(TOOLS)/.installed: requirements-tools.lock
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.lock
	@touch $@

# For every platform and Python from 3.11 on, from PyPI only: pip's configuration on this machine is ignored.
COMPILE := $(TOOLS)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
  --default-index https://pypi.org/simple --custom-compile-command "make lock"
UPGRADE ?=
lock: $(TOOLS)/.installed ## write the lock files from requirements*.txt; make lock UPGRADE=--upgrade takes newer versions
	@$(COMPILE) $(UPGRADE) requirements.txt --output-file requirements.lock
	@$(COMPILE) $(UPGRADE) requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock
	@$(COMPILE) $(UPGRADE) requirements-dashboard.txt --output-file requirements-dashboard.lock
	@$(COMPILE) $(UPGRADE) requirements-tools.txt --output-file requirements-tools.lock
	@$(COMPILE) $(UPGRADE) requirements-docs.txt --output-file requirements-docs.lock

sbom: $(TOOLS)/.installed ## list the image's Python packages as CycloneDX, in sbom.cdx.json
	@$(TOOLS)/bin/cyclonedx-py requirements requirements.lock --output-reproducible --output-format JSON --output-file sbom.cdx.json
	@echo "Wrote sbom.cdx.json"

audit-deps: $(TOOLS)/.installed ## ask PyPI for known vulnerabilities of the packages in requirements.lock
	@.ci/audit-deps $(TOOLS)/bin requirements.lock

image-digests: ## pin the base images by their present digests (needs docker buildx and a network)
	@.ci/image-digests Dockerfile docker-compose.yml

clean: ## remove everything that make created, except .data
	rm -rf $(VENV) .venv-dashboard $(SITE) .site $(TOOLS) $(MUTANTS) sbom.cdx.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov bench-results .console-shots $(PEERS)
