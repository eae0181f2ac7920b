# Everything below works on a machine that has Python 3.11 or newer, make and a C compiler; `make` lists the targets.

PYTHON ?= python3
WORKERS ?= 2
PYTEST_ARGS ?=

PY := .venv/bin/python
NUMPY1 := 1.26.4
CORE_TESTS := tests/demos tests/reading tests/inspection/data tests/inspection/mends tests/reward tests/ding

# One thread in each test process: the workers share the cores, and thread counts change the last bits of sums.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# hatchling runs in an environment of pip's own, which these two reach (the second from pip 25.3 on).
PIN := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt
PIP := $(PY) -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup lint types pytest slow test-numpy1 test docs test-slow check dist demo bench soak clean

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: .venv/.installed ## create .venv and install everything, at exact versions

# A .venv without this stamp may have been cut off at any point. One that cannot run pip is made anew; a package that
# was cut off (pip writes INSTALLER near the end) is forgotten, so that pip installs it again. torch comes first, alone,
# so that a wheel from pip's own configuration (CPU only, say) is settled before anything else asks for torch.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "rexd needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." \
	    "Name another: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@for info in .venv/lib/python3*/site-packages/*.dist-info; do \
	  test -e "$$info/INSTALLER" || rm -rf "$$info"; done
	$(PIP) install -c constraints.txt torch==2.13.0
	$(PIN) $(PIP) install -c constraints.txt -e '.[dev]'
	@$(PIP) check
	@touch $@

lint: setup ## ruff (rules and format), and import-linter (which room may import which)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports --no-logo

types: setup ## mypy --strict
	$(PY) -m mypy

# Each file goes to one worker: its fixtures train runs, and what jax compiled for one test serves the next.
pytest: setup
	$(ONE_THREAD) $(PY) -m pytest -n $(WORKERS) --dist loadfile -m 'not slow' $(PYTEST_ARGS)

slow: setup
	$(ONE_THREAD) $(PY) -m pytest -n $(WORKERS) -m slow $(PYTEST_ARGS)

# The core promises numpy 1.26 too. It lies in a folder of its own, ahead of numpy 2 on the path; tests/test_import.py
# asserts that it is the one in use. There are no wheels of it for Python 3.13 and newer.
test-numpy1: setup ## the core's tests against numpy 1.26
	@if $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then \
	  echo "numpy $(NUMPY1) has no wheels for this Python: left out"; \
	else \
	  set -ex; \
	  test -e .venv/numpy1/.installed-$(NUMPY1) || { \
	    rm -rf .venv/numpy1; \
	    $(PIP) install --target .venv/numpy1 --no-deps --only-binary :all: numpy==$(NUMPY1); \
	    touch .venv/numpy1/.installed-$(NUMPY1); }; \
	  $(ONE_THREAD) PYTHONPATH="$(CURDIR)/scripts/numpy1:$(CURDIR)/.venv/numpy1" \
	    REXD_TEST_NUMPY=$(NUMPY1) $(PY) -m pytest -n $(WORKERS) tests/test_import.py $(CORE_TESTS); \
	fi

test: lint types pytest ## what must pass before a commit: lint, types and all tests but the slow ones

test-slow: slow test-numpy1 ## what takes minutes each: the tests marked slow, and the core's tests on numpy 1.26

# Without --quiet, which hides warnings from --strict. The variable silences Material's advertisement.
docs: setup ## the documentation site, in site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

check: test docs test-slow ## the one gate, as CI runs it

dist: setup ## a wheel and an sdist in dist/, checked
	rm -rf dist
	$(PY) -m hatchling build
	$(PY) scripts/check_dist.py dist

demo: setup ## bundled demonstrations into a reward and a policy
	.venv/bin/rexd demo

soak: setup ## kill runs and relabelling, damage their files and fill their disk; print what was lost (0) and changed (0)
	$(ONE_THREAD) $(PY) scripts/soak.py

bench: setup ## what produces the README's numbers (hours): make bench DATA=folder of the RED authors' pickles
	$(PY) benchmarks/speed.py
	.venv/bin/rexd benchmark red --data $(or $(DATA),$(error DATA is not set; see docs/benchmark.md)) --regimes 4x20
	.venv/bin/rexd benchmark red --report --write

clean: ## remove .venv, builds and caches; never runs/
	rm -rf .venv build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(wildcard src tests benchmarks scripts) -name __pycache__ -type d -prune -exec rm -rf {} +
