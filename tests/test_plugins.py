"""A third party's package, really built and installed, whose optimizer and chat model join a
run.
"""

import os
import re
import shlex
import subprocess
import sys

import pytest
from support import REPOSITORY, SUITE, action

from haqa_bench.cli import methods

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "coin-search"
version = "1.0"
[project.entry-points."haqa_bench.optimizers"]
coin = "coin_search:CoinSearch"
broken = "coin_search:NoSuchClass"
random = "coin_search:CoinSearch"
[project.entry-points."haqa_bench.chat_models"]
echo = "coin_search:Echo"
"""

ECHO = f"""

from haqa_bench.protocols import ChatReply


class Echo:
    def __init__(self, base_url, timeout_s, retries):
        pass

    def chat(self, request, position):
        said = {action("Q4_1", 1)!r}
        return ChatReply(content=said, model="echo", finish_reason="stop", latency_s=0.0)
"""


def code_of(name):
    """A file of docs/plugins.md."""
    text = (REPOSITORY / "docs/plugins.md").read_text("utf-8")
    return re.findall(rf"```python\n# {re.escape(name)}\n(.*?)```", text, re.DOTALL)[0]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package of docs/plugins.md, installed into a folder of its own."""
    source, target = tmp_path_factory.mktemp("coin"), tmp_path_factory.mktemp("site")
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "coin_search.py").write_text(code_of("coin_search.py") + ECHO)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        target,
        source,
    ]
    subprocess.run(pip, check=True, capture_output=True)
    return {"PYTHONPATH": os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])}


def test_an_installed_optimizer_runs_beside_ours(project, cli, cli_process, installed):
    suite = project / "suites/small.yaml"
    suite.write_text(SUITE.replace("methods:\n", "methods:\n  - {name: coin, optimizer: coin}\n"))

    done = cli_process("run", suite, "--methods", "coin,random", **installed)

    assert done.returncode == 0, done.stderr
    assert "\ncoin " in done.stdout
    assert "unknown optimizer 'coin'" in cli("run", suite).stderr


def test_an_installed_chat_model_is_recorded_and_replays_without_it(
    project, cli, cli_process, installed
):
    suite = project / "suites/small.yaml"

    live = cli_process(
        "run",
        suite,
        "--methods",
        "haqa",
        "--agent",
        "live",
        "--chat-model",
        "echo",
        "--answered-by",
        "an echo",
        **installed,
    )
    replayed = cli("run", suite, "--methods", "haqa")

    assert live.returncode == 0, live.stderr
    assert "haqa was answered by: an echo." in replayed.stdout


def test_a_plug_in_that_cannot_be_loaded_is_one_clear_line(project, cli_process, installed):
    suite = project / "suites/small.yaml"
    suite.write_text(SUITE.replace("optimizer: random", "optimizer: broken"))

    done = cli_process("run", suite, "--methods", "random", **installed)

    assert done.returncode == 2
    assert "'broken' (coin_search:NoSuchClass): cannot be loaded" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_plug_in_never_hides_one_of_ours(project, cli, cli_process, installed):
    suite = project / "suites/small.yaml"

    assert (
        cli_process("run", suite, "--methods", "random", **installed).stdout
        == cli("run", suite, "--methods", "random", "--fresh").stdout
    )


def test_the_smallest_method_has_at_most_20_lines():
    lines = [line for line in code_of("coin_search.py").splitlines() if line.strip()]

    assert len(lines) <= 20


def test_the_five_minutes_can_be_pasted_into_an_empty_folder(tmp_path, cli, monkeypatch):
    text = (REPOSITORY / "docs/plugins.md").read_text("utf-8")
    block = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("HAQA_BENCH_SHIPPED", raising=False)

    done = [cli(*shlex.split(line)[1:]) for line in block.splitlines()]

    assert [one.returncode for one in done] == [0, 0, 0, 0], [one.stderr for one in done]
    assert "keeps all of 7 rules" in done[1].stdout
    assert "Coin" in done[3].stdout


def test_what_with_takes_is_read_as_the_page_says():
    text = (REPOSITORY / "docs/plugins.md").read_text("utf-8")
    rows = re.findall(r"\| `--with (\S+)` \|", text)

    assert len(rows) == 6
    assert all(methods.read(row).optimizer for row in rows)


def test_options_are_read_as_the_page_says():
    text = (REPOSITORY / "docs/plugins.md").read_text("utf-8")
    rows = re.findall(r"\| (`a=.*?) \| (.*?) \|", text)
    kinds = {"a number": (int, float), "yes or no": bool, "text": str}

    assert len(rows) == 4
    for written, kind in rows:
        for option in re.findall(r"`(a=.*?)`", written):
            value = methods.read(f"coin:{option}").options["a"]
            assert isinstance(value, kinds.get(kind, str)), option


BY_NAME = """

class TestByItsName(OptimizerContract):
    method = "coin"
"""


def test_an_installed_package_is_held_against_our_contract(tmp_path, installed):
    """In a folder that knows nothing of our tests, by its class and by its entry point."""
    (tmp_path / "test_coin_search.py").write_text(code_of("test_coin_search.py") + BY_NAME)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]

    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **installed}, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout
    assert "28 passed" in done.stdout


def test_an_unknown_chat_model_names_those_there_are(project, cli):
    done = cli(
        "run",
        project / "suites/small.yaml",
        "--methods",
        "haqa",
        "--agent",
        "live",
        "--chat-model",
        "echo",
    )

    assert done.returncode == 2
    assert "unknown 'echo'. Known: openai" in done.stderr
