# make rehearsal and make test each work on a machine that has only Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: rehearsal rehearsal-netns preflight test lint allure bench kill-matrix mutation nightly crash-matrix clean

rehearsal: .venv/installed
	$(BIN)/pytest -m live --target=simulator $(ARGS)

# Root, Linux, iproute2, nftables: the whole canary from one network namespace to a gateway in another, 20 ms away.
rehearsal-netns: .venv/installed
	$(BIN)/python -m tests.netns.rehearsal $(ARGS)

preflight: .venv/installed
	$(BIN)/pytest -m preflight --target=simulator $(ARGS)

test: .venv/installed-dev lint
	$(BIN)/pytest tests -p pytester -m "not nightly" -o timeout_func_only=false $(ARGS)

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The Allure results as one HTML file beside the bundle; Node.js 20 or newer and npm. RUN names another run.
RUN ?= reports/latest
allure: .venv/installed allure-report/installed
	$(BIN)/python -m mt5canary.evidence.allure_page $(RUN)

allure-report/installed: allure-report/package-lock.json
	npm ci --prefix allure-report --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks $(ARGS)

# Every gateway of tests/zoo against every criterion; root, Linux, iproute2, nftables. ARGS names some of them.
kill-matrix: .venv/installed-dev
	$(BIN)/python -m tests.zoo.matrix $(ARGS)

# Each comparison that measures, made to say something else: the tests must notice. It goes on where it was cut off.
mutation: .venv/installed-dev
	$(BIN)/python -m tests.mutation $(ARGS)

nightly: .venv/installed-dev kill-matrix
	$(BIN)/pytest tests -p pytester -o timeout=1800
	$(BIN)/python -m tests.mutation

# Every kill of docs/crash-matrix.md, flown against a gateway that outlives the run; the page is written from what it saw.
# About eight minutes on two cores.
crash-matrix: .venv/installed-dev
	$(BIN)/python -m tests.crash

clean:
	rm -rf allure-report/node_modules allure-report/installed .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-bench: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	touch $@ .venv/installed .venv/installed-dev

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ .venv/installed
