# Plait's commands. Needs make, Python 3.11 or newer with pip, and for GraphiQL's full page npm.
# Everything else comes into .venv from the hash-locked requirements.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PAGE := gateway/transport/static/graphiql/index.html
PIP := $(BIN)/python -m pip --disable-pip-version-check
PACKAGE := $(PIP) install --quiet --quiet --no-deps --no-build-isolation --editable .
LOCK := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command "make lock" pyproject.toml
BUILD := --group pyproject.toml:build
# Most tests wait for engines: two processes, a file's tests together. One that fails runs once
# more, and the summary names it (RERUN): on a crowded machine an engine may stall for seconds.
SPREAD := -n 2 --dist loadfile --reruns 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check schema bench soak fmt lock ui page clean \
	check-format check-lint check-types check-layers check-dockerfile check-schema check-tests

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.demo page ## real engines, real data, served on http://127.0.0.1:8000 (PORT=…)
	@$(BIN)/python -m gateway.cli demo --port $(PORT)

test: $(VENV)/.dev page ## run the tests
	$(BIN)/python -m pytest $(SPREAD)

check: check-format check-lint check-types check-layers check-dockerfile check-schema check-tests ## all that CI checks
	@echo "== all checks hold"

schema: $(VENV)/.dev ## write schema.graphql anew
	$(BIN)/plait schema print --out schema.graphql

bench: $(VENV)/.dev ## measure beside an idiomatic server and a bare floor
	$(BIN)/python -m bench

soak: $(VENV)/.dev ## attack it and break its engines, and print what was promised and found
	$(BIN)/python -m bench soak

fmt: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(VENV)/.dev ## pin the newest packages that pyproject.toml allows
	$(LOCK) --upgrade -o requirements.txt
	$(LOCK) --upgrade -c requirements.txt --extra demo $(BUILD) -o requirements-demo.txt
	$(LOCK) --upgrade -c requirements-demo.txt --extra dev $(BUILD) -o requirements-dev.txt

ui: ## build GraphiQL's full page; needs npm
	npm --prefix ui ci --no-audit --no-fund
	npm --prefix ui run build

clean: ## remove what was made, data of the demo included
	rm -rf $(VENV) .plait .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache dist ui/node_modules $(dir $(PAGE))

# -- steps of check, each named as it starts

check-format: $(VENV)/.dev
	@echo "== format"
	@$(BIN)/ruff format --check

check-lint: $(VENV)/.dev
	@echo "== lint"
	@$(BIN)/ruff check

check-types: $(VENV)/.dev
	@echo "== types"
	@$(BIN)/mypy

check-layers: $(VENV)/.dev
	@echo "== import layers"
	@$(BIN)/lint-imports

check-dockerfile: $(VENV)/.dev
	@echo "== Dockerfile"
	@$(BIN)/hadolint Dockerfile

check-schema: $(VENV)/.dev
	@echo "== schema drift"
	@$(BIN)/plait schema check

# Processes of the tests run in folders of their own: only an absolute name brings all data here.
check-tests: export COVERAGE_FILE := $(CURDIR)/.coverage/data
check-tests: $(VENV)/.dev page
	@echo "== tests"
	@rm -rf .coverage && mkdir .coverage
	@$(BIN)/coverage run -m pytest $(SPREAD)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

# -- what the commands stand on

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Plait needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements-demo.txt pyproject.toml hatch_build.py | $(BIN)/python
	@echo "== packages of the demo"
	$(PIP) install --quiet --quiet --require-hashes -r requirements-demo.txt
	$(PACKAGE)
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml hatch_build.py | $(BIN)/python
	@echo "== packages of development"
	$(PIP) install --quiet --quiet --require-hashes -r requirements-dev.txt
	$(PACKAGE)
	@touch $@ $(VENV)/.demo

page:
	@if command -v npm >/dev/null; then $(MAKE) --silent $(PAGE) || \
		echo "GraphiQL's full page could not be built (see above): the small one is served."; \
	else echo "npm is absent: the small page is served instead of GraphiQL's full one."; fi

$(PAGE): ui/package-lock.json ui/index.html ui/vite.config.ts $(shell find ui/src -type f 2>/dev/null)
	@echo "== GraphiQL's page"
	npm --prefix ui ci --no-audit --no-fund --loglevel=error
	npm --prefix ui run build --silent -- --logLevel warn
	@touch $@
