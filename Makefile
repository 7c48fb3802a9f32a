# make demo and make test do all their own set-up: a virtual environment, the project in it, and what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all test-claims check gallery docs lecture bench clean

# One install for users and developers alike. pygraphviz (wheels that bundle Graphviz) may have none for this machine:
# then PNG and PDF need dot on PATH, and everything else works.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[cli,io,dev]" "matplotlib>=3.8"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: "pygraphviz>=2.0.4" \
	  || echo "no pygraphviz for this machine: PNG and PDF need dot on PATH"
	touch $@

demo: $(VENV)/installed
	$(BIN)/tinygrad-lstm demo --out demo

test: $(VENV)/installed check
	$(BIN)/python -m pytest -n auto

# The slow tests too: long chains, training, subprocesses that render
test-all: $(VENV)/installed check
	$(BIN)/python -m pytest -n auto -m "not minutes"

# Every claim of the lab once more: with another seed, and broken, which it must notice
test-claims: $(VENV)/installed
	$(BIN)/python -m pytest tests/lab -m ""

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every view for every cell, in gallery/index.html
gallery: $(VENV)/installed
	$(BIN)/python docs/gallery.py gallery

# The site, into docs/_build/html/index.html: every cell of every page is run, and a warning is an error
docs: $(VENV)/docs
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m sphinx -b html -W --keep-going -j auto -q docs docs/_build/html

$(VENV)/docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	touch $@

# A slide for each section of the teaching notes, as SVG and PNG, and a deck of them: lecture/index.html
lecture: $(VENV)/installed
	$(BIN)/python docs/lecture.py lecture

# Every figure beside the packages that are installed (pip install -e ".[bench]"), on a quiet machine
bench: $(VENV)/installed
	$(BIN)/python benchmarks/bench.py --json bench.json

clean:
	rm -rf $(VENV) demo gallery lecture out build dist bench.json docs/_build docs/auto_examples
