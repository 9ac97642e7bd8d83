# grit: set-up, demonstration, tests, checks. Each target does its own set-up.
#   PIP_ARGS  further arguments for pip       make demo PIP_ARGS="--index-url ADDRESS"
#   PYTHON    the Python to make .venv with   make setup PYTHON=python3.12
#   ARGS      arguments for the command       make test ARGS="tests/unit/traces -n 0"
#   PARTS     which benchmarks to run         make bench PARTS="startup parse"

PIP_ARGS ?=
PARTS ?= startup parse logprobs vision rollout step
PYTHON ?=
ARGS ?=
export PIP_ARGS PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo paper-quick test bench vllm-test check

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@sed -n 's/^#   /  /p' $(firstword $(MAKEFILE_LIST))

setup: ## make .venv with grit and its tools; quick when nothing has changed
	@bash scripts/setup.sh

demo: setup ## train the built-in model, before and after: runs/demo/report.html
	@.venv/bin/grit demo $(ARGS)

paper-quick: setup ## the paper's experiments, all small: runs/paper-quick/paper.html
	@.venv/bin/grit paper --quick $(ARGS)

test: setup ## run the tests
	@.venv/bin/python -m pytest $(ARGS)

bench: setup ## measure every part, then a step of ours beside TRL's: benchmarks/results (hours)
	@for part in $(PARTS); do \
		.venv/bin/python benchmarks/$$part.py --results benchmarks/results $(ARGS) || exit 1; done

vllm-test: setup ## make .venv-vllm (vLLM on the CPU, torchvision) and run the tests that need it
	@bash scripts/vllm_on_cpu/make.sh
	@.venv/bin/python -m pytest tests/vllm -n 0 $(ARGS)

check: setup ## lint, format, types, and which room may import which
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m pyright
	.venv/bin/lint-imports
