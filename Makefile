# Two commands for a start: `make demo` and `make test`. They need Python 3.11 or newer and make, nothing else.
.PHONY: help demo test lint types layers bench lock clean
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# What is set for another Python must not leak into this one.
unexport PYTHONHOME PYTHONPATH

BIN := .venv/bin
INSTALLED := .venv/.installed

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

$(INSTALLED): requirements.lock pyproject.toml .ci/install
	@PYTHON='$(PYTHON)' sh .ci/install
	@touch $@

demo: $(INSTALLED) ## builds a workspace in demo/ from shipped real data, checks, explains, reports and verifies it
	@$(BIN)/governance demo demo

test: $(INSTALLED) ## runs the tests; PYTEST_ARGS='-m "not slow"' leaves the slow ones out
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

lint: $(INSTALLED) ## rules and format of the code (ruff)
	@$(BIN)/ruff check; rules=$$?; $(BIN)/ruff format --check && exit $$rules

types: $(INSTALLED) ## types of the code and the tests (mypy, strict)
	@$(BIN)/mypy

layers: $(INSTALLED) ## who may import whom (import-linter)
	@$(BIN)/lint-imports

bench: $(INSTALLED) ## runs the scripts in bench/, which print what they measure
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: $(INSTALLED) ## renews requirements.lock after a change in pyproject.toml; LOCK_ARGS=--upgrade takes the newest
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --quiet \
		--generate-hashes --no-header --no-emit-index-url --no-annotate --output-file requirements.lock $(LOCK_ARGS)

clean: ## removes .venv, builds and what tools cached; a demo or store stays
	@rm -rf .venv build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find governance tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
