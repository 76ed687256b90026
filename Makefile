.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Left empty, pip resolves afresh; see `make lock`.
LOCK := requirements.lock
# Those whose services `make operations` puts behind PgBouncer.
POOLED := $(patsubst %,tests/acceptance/test_%.py,ingest query sdk authentication projects rate_limits)

.PHONY: help setup demo up test test-clients faults operations soak fuzz bench bench-clients lint types generate verify-generated buf seed lock audit schema dashboards configuration pictures format clean

help: ## List the tasks
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready ## Make .venv with both packages and every tool of the project

.venv/ready: pyproject.toml clients/python/pyproject.toml $(LOCK)
	@echo "setup: installing both packages and every tool into .venv; about a minute, once"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python -e .
	@touch $@

.venv-generate/ready: proto/requirements-generate.txt
	$(PYTHON) -m venv .venv-generate
	.venv-generate/bin/pip install --quiet --disable-pip-version-check -r proto/requirements-generate.txt
	@touch $@

demo: setup ## Start everything, record the example agent's runs, say where to look (ARGS=--exit to stop afterwards)
	$(BIN)/agenttrace-server demo $(ARGS)

up: setup ## Start ingest, query and maintain on an embedded PostgreSQL
	$(BIN)/agenttrace-server up $(ARGS)

seed: setup ## Load the sample data of db/seed.sql into the database that `make up` or `make demo` made
	$(BIN)/agenttrace-server seed $(ARGS)

test: setup lint types buf verify-generated ## Run lint, types, contract checks and all tests
	$(BIN)/pytest -n 2 $(ARGS)

test-clients: setup ## Build and test the client of every language whose tools are here (AGENTTRACE_REQUIRE_CLIENTS=go,java: these must be)
	$(BIN)/pytest -n 2 --dist loadgroup tests/conformance $(ARGS)

faults: setup ## Run every fault test, those that take long as well (minutes; some need root)
	$(BIN)/pytest -n 2 --faults tests/faults $(ARGS)

operations: setup ## Back up, restore, upgrade, replicate; then the acceptance tests with PgBouncer in front of PostgreSQL
	$(BIN)/pytest -n 2 tests/operations $(ARGS)
	$(BIN)/pytest -n 2 --pgbouncer $(POOLED) $(ARGS)

soak: setup ## Load under random faults for MINUTES, ending in a verdict (AGENTTRACE_FAULT_SEED, ARGS='--clients 8')
	GRPC_ENABLE_FORK_SUPPORT=0 PYTHONPATH=tests $(BIN)/python -m faults.soak --minutes $(or $(MINUTES),5) $(ARGS)

fuzz: setup ## Send every request type senseless bytes for minutes (AGENTTRACE_FUZZ_EXAMPLES a method, AGENTTRACE_FUZZ_SEED)
	AGENTTRACE_FUZZ_EXAMPLES=$${AGENTTRACE_FUZZ_EXAMPLES:-5000} $(BIN)/pytest -n 2 tests/faults/test_fuzz.py $(ARGS)

bench: setup ## Measure (ARGS=--only ingest,latency; BENCH_LARGE=1 for 20 million steps)
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

bench-clients: setup ## Measure how fast each client records and uploads (ARGS="--steps N --only go,rust")
	PYTHONPATH=tests $(BIN)/python -m conformance.bench $(ARGS)

lint: setup ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## Rewrite to the project's style
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

types: setup ## Check types
	$(BIN)/mypy

buf: setup ## Lint the contract and compare it with the released one
	$(BIN)/buf lint
	$(BIN)/buf breaking --against proto/released/v1.binpb

# Runs a script of the TypeScript client, whose generator comes with its other packages.
define typescript
if [ -d clients/typescript/node_modules ]; then npm --prefix clients/typescript run --silent $(1); \
else echo "$(1): the stubs of TypeScript are skipped, \`npm ci\` has not been run in clients/typescript"; fi
endef

generate: .venv-generate/ready ## Generate stubs, limits and docs/limits.md from proto/
	.venv-generate/bin/python -m proto.generate
	@$(call typescript,generate)

verify-generated: setup ## Check that what is generated is what proto/ gives
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then \
	  $(MAKE) --no-print-directory .venv-generate/ready && .venv-generate/bin/python -m proto.generate --check; \
	else echo "verify-generated: skipped, the pinned generator has no wheel for Python 3.13 and newer"; fi
	@$(call typescript,verify-generated)

schema: setup ## Write db/schema.sql from the migrations
	$(BIN)/python db/snapshot.py

dashboards: setup ## Write the Grafana dashboards from dashboards/builder
	$(BIN)/python -m dashboards.builder

configuration: setup ## Write docs/configuration.md, .env.example, docs/exception-codes.md and docs/metrics.md
	$(BIN)/python docs/generate.py

pictures: setup ## Draw docs/images: the views of the command line and the pages of the console
	$(BIN)/python -m docs.pictures
	$(BIN)/python -m docs.pictures_console

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
  --no-emit-package agenttrace-client --no-emit-package agenttrace-server

lock: ## Resolve the dependencies anew and write requirements.lock, and from it those of the image
	$(COMPILE) --extra dev --extra cli --extra parquet pyproject.toml clients/python/pyproject.toml -o $(LOCK)
	$(COMPILE) --constraint $(LOCK) pyproject.toml -o deploy/requirements.lock
	echo hatchling | $(COMPILE) --constraint $(LOCK) - -o deploy/requirements-build.lock

audit: setup ## Look the locked dependencies up in the advisories of PyPI
	$(BIN)/python .ci/audit.py

clean: ## Remove what the tasks above made
	rm -rf .venv .venv-generate build .mypy_cache .pytest_cache .ruff_cache .hypothesis
