PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
OLDEST_PYTHON ?= $(PYTHON)

.PHONY: demo test fresh oldest coverage lint types format docs dist bench defaults clients counts guard clean

demo: $(VENV)/.demo  ## fit Old Faithful with emix and scikit-learn, and draw it
	$(BIN)/python -m emix

test: $(VENV)/.test  ## run all tests, docstrings and documents included, one process a core
	$(BIN)/python -m pytest -n auto

fresh: $(VENV)/.test  ## arbitrary input once more, new in every run; some minutes
	$(BIN)/python -m pytest tests/test_properties.py --hypothesis-profile=fresh

# What reads the sources, runs programs of its own or draws all of the gallery is done once.
ONCE = structure docstrings pages benchmarks gallery dask_failure out_of_core

oldest: .oldest/.test  ## run the tests with the oldest supported dependencies
	.oldest/bin/python -m pytest -n auto tests emix $(ONCE:%=--ignore=tests/test_%.py)

coverage: $(VENV)/.test  ## all tests, and fail if they cover too little of the engine
	$(BIN)/python -m pytest -n auto --cov --cov-report=term

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: $(VENV)/.dev
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.docs  ## build the site; warnings are errors
	$(BIN)/python -m sphinx -E -W --keep-going -b html docs docs/_build/html

dist: $(VENV)/.dev  ## build wheel and sdist, install each in an environment of its own, try it
	rm -rf dist
	$(BIN)/python -m build --quiet
	sh .ci/try_distribution.sh $(PYTHON) dist/*.whl
	sh .ci/try_distribution.sh $(PYTHON) dist/*.tar.gz

bench: $(VENV)/.test  ## time emix against its peers
	$(BIN)/python benchmarks/run.py

defaults: $(VENV)/.test  ## compare default fits with scikit-learn's, an hour and a half; write the docs' tables
	$(BIN)/python benchmarks/quality.py --jobs 2 --json benchmarks/results/defaults-quality.json
	$(BIN)/python benchmarks/small.py --json benchmarks/results/defaults-small.json
	$(BIN)/python benchmarks/publish.py benchmarks/results/*.json

clients:  ## the tests of packages that use scikit-learn's mixtures, with emix's; an hour, write the table
	$(PYTHON) benchmarks/clients/try_clients.py --write

counts: $(VENV)/.test  ## store the counts that the tests compare with
	PYTHONPATH=benchmarks $(BIN)/python tests/test_counts.py

guard: $(VENV)/.test  ## time the working tree against a commit: make guard BASE=commit
	$(BIN)/python benchmarks/guard.py $(BASE)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[plot]"
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

.oldest/.test: pyproject.toml .ci/oldest.txt
	$(OLDEST_PYTHON) -m venv .oldest
	.oldest/bin/python -m pip install --quiet --constraint .ci/oldest.txt --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) .oldest build dist docs/_build docs/auto_gallery docs/reference *.egg-info
