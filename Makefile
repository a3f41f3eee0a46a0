# Set-up, use and checks of the meeting transcriber.
# Needs Python 3.10 to 3.12 with pip, make and a POSIX sh; all else comes from the package index that pip is set to.
.PHONY: help setup serve test lint types types-web test-slow test-gpu test-cluster torture mutants settings clean

# The Python to build the environment with, such as PYTHON=python3.12; found by itself when empty.
PYTHON ?=
# More arguments: of the server in `make serve`, of pytest in the tests.
ARGS ?=
# Tests that run side by side; each process may load the models, about 1.5 GB. A file's tests stay in one process.
JOBS ?= 4
# The same for the tests of several machines, of which each starts several processes of its own.
CLUSTER_JOBS ?= 2

# What `make types-web` checks with.
TYPESCRIPT = 5.9.3

BIN = .venv/bin
SIDE_BY_SIDE = --dist loadfile --no-loadscope-reorder -n $(JOBS)

# Each process of the tests would compile all modules anew, every server that they start among them: half a minute a worker.
unexport PYTHONDONTWRITEBYTECODE

help: ## show this list
	@echo "make TARGET [PYTHON=python3.11] [ARGS='...']"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 14

setup: ## make .venv, install the pinned packages, fetch the embedded models, migrate the database
	@PYTHON='$(PYTHON)' .ci/setup

serve: setup ## run the server; its page is at http://127.0.0.1:8765
	@exec $(BIN)/python -m meeting serve $(ARGS)

test: lint types ## check style and types, then run the tests that take no more than seconds each
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not gpu and not cluster" $(ARGS)

lint: setup ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## check types
	$(BIN)/mypy

types-web: ## check the types of the pages with TypeScript, which npx (Node.js) fetches; nothing else needs it
	@command -v npx >/dev/null || { echo "make types-web needs npx, which comes with Node.js." >&2; exit 1; }
	npx --yes --package typescript@$(TYPESCRIPT) tsc --project web

test-slow: setup ## run all other tests that this machine can: whole meetings, killed servers, long sessions in a browser
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "slow and not gpu and not cluster" $(ARGS)

test-gpu: setup ## run the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu $(ARGS)

test-cluster: setup ## run the tests of several machines, which are processes here: PostgreSQL, HAProxy, the extra ray
	$(BIN)/python -m pytest -rfEsP -n $(CLUSTER_JOBS) --dist loadfile -m cluster $(ARGS)

torture: setup ## kill servers, cut lines, fill disks: hours; ARGS='kills --count 10' or ARGS=--small for less
	$(BIN)/python -m benchmarks.torture $(ARGS)

mutants: setup ## plant faults in copies of the program, and show which test catches each: half an hour; ARGS=NAME for one
	$(BIN)/python -m benchmarks.mutants $(ARGS)

settings: setup ## make config.yaml and the tables of docs/settings.md from the definition of the settings
	$(BIN)/python -m meeting.config.pages

clean: ## remove the environment and the caches; meetings and models stay
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find meeting pipelines tests benchmarks migrations -name __pycache__ -prune -exec rm -rf {} +
