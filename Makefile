# `make` alone lists the targets. A target that needs packages installs them into .venv first, from a lock, once.

# Any of Python 3.11 to 3.13:  make study PYTHON=python3.12
PYTHON ?= python3
# Tests that run at the same time.
WORKERS ?= 2
# Where Linux finds torch's CPU build when the configured package index does not have it.
CPU_TORCH ?= https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.SUFFIXES:

# A stamp vouches for an install. Its name holds the locks, the projects' settings and the place of the checkout
# (scripts in .venv hold its path): when one of them changes, `make` installs again.
KEY := $(shell { cat */requirements.lock pyproject.toml autograder/pyproject.toml; pwd; } | cksum | tr ' ' -)
STUDY := .venv/installed/study-$(KEY)
TESTS := .venv/installed/tests-$(KEY)

.PHONY: help study setup test test-fast lint format build bench bench-grading bench-features lock clean

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*  ## /\1#/p' Makefile | awk -F'#' '{ printf "make %-14s  %s\n", $$1, $$2 }'

study: $(STUDY)  ## Open the course in JupyterLab (PORT=8890: another port; BROWSER=none: print the address)
	@.venv/bin/digital-biopsy study $(if $(PORT),--port $(PORT))

setup: $(TESTS)  ## Install all that learner, instructor and tests need

test: setup  ## Run everything that CI runs
	.venv/bin/python -m pytest -n $(WORKERS) --no-loadscope-reorder

test-fast: setup  ## Run the tests for daily work: no browser, nothing slow
	.venv/bin/python -m pytest -n $(WORKERS) --no-loadscope-reorder -m "not slow and not browser"

lint: setup  ## Check style, types, spelling and links
	.venv/bin/python -m pytest tests/repo

format: setup  ## Put the code into the house style
	.venv/bin/ruff check --fix-only . && .venv/bin/ruff format .

build: setup  ## Build the student notebooks in course/ from solutions/
	.venv/bin/digital-biopsy build

bench: setup  ## Print how fast the demos redraw, beside plain ipywidgets
	.venv/bin/python -m tests.bench

bench-grading: setup  ## Print how fast whole classes are graded (PARTS="class dask": only these)
	.venv/bin/python -m tests.bench.grading $(PARTS)

bench-features: setup  ## Print how fast features are computed, beside scikit-image, pyradiomics and mirp (PARTS=texture: only that)
	.venv/bin/python -m tests.bench.features $(PARTS)

lock: setup  ## Write the locks and environment.yml (UPGRADE=1: look for newer versions)
	.venv/bin/python tests/tools/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## Remove everything that can be made again, .venv included
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis */*.egg-info */*/*.egg-info
	find course solutions autograder data tests -name __pycache__ -type d -prune -exec rm -rf {} +

PIP = .venv/bin/python -m pip install --disable-pip-version-check --no-deps
TORCH = torch==$(shell sed -n 's/^torch==//p' course/requirements.lock)+cpu

# .venv/incomplete stands while an install runs. Where it still stands, an install was cut short: .venv is made anew,
# as it is when the checkout has moved. Linux takes torch's CPU build; elsewhere there is no other.
define install
@if [ -e .venv/incomplete ] || [ "$$(cat .venv/place 2>&1)" != "$$(pwd)" ] || ! .venv/bin/python -m pip -V >/dev/null 2>&1; then \
  "$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
    echo "The course needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$("$(PYTHON)" -V 2>/dev/null || echo missing)." >&2; \
    echo "Install one of them, or name it: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }; \
  "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
    echo "$(PYTHON) cannot make a virtual environment: its venv or ensurepip module is missing." >&2; \
    echo "On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }; \
  echo "Making .venv with $$("$(PYTHON)" -V) ..."; "$(PYTHON)" -m venv --clear .venv; fi
@rm -rf .venv/installed && touch .venv/incomplete && pwd > .venv/place
@echo "Installing the packages of $(1); the first time this takes a few minutes ..."
@[ "$$(uname -s)" != Linux ] || $(PIP) $(TORCH) 2>/dev/null || $(PIP) --index-url $(CPU_TORCH) $(TORCH)
@$(PIP) -r $(1)
@$(PIP) --quiet --no-build-isolation $(2)
@mkdir .venv/installed && touch $(3) && rm .venv/incomplete
endef

$(STUDY):
	$(call install,course/requirements.lock,--editable .,$(STUDY))

# The tests' packages hold the learner's, at the same versions.
$(TESTS):
	$(call install,tests/requirements.lock,--editable . --editable ./autograder,$(STUDY) $(TESTS))
