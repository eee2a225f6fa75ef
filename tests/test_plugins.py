"""A third party's package, really built and installed, whose optimizer and chat model join a run."""

import os
import re
import subprocess
import sys

import pytest
from support import REPOSITORY, SUITE, action

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
        return ChatReply(content={action("Q4_1", 1)!r}, model="echo", finish_reason="stop", latency_s=0.0)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package of docs/plugins.md, installed into a folder of its own."""
    source, target = tmp_path_factory.mktemp("coin"), tmp_path_factory.mktemp("site")
    code = re.findall(
        r"```python\n# coin_search.py\n(.*?)```",
        (REPOSITORY / "docs/plugins.md").read_text(),
        re.DOTALL,
    )[0]
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "coin_search.py").write_text(code + ECHO)
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


def test_an_installed_optimizer_runs_beside_ours(project, cli_process, installed):
    suite = project / "suites/small.yaml"
    suite.write_text(SUITE.replace("methods:\n", "methods:\n  - {name: coin, optimizer: coin}\n"))

    done = cli_process("run", suite, "--methods", "coin,random", **installed)

    assert done.returncode == 0, done.stderr
    assert "| coin" in done.stdout
    assert "unknown optimizer 'coin'" in cli_process("run", suite).stderr


def test_an_installed_chat_model_is_recorded_and_replays_without_it(
    project, cli_process, installed
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
    replayed = cli_process("run", suite, "--methods", "haqa")

    assert live.returncode == 0, live.stderr
    assert "haqa was answered by: an echo." in replayed.stdout


def test_a_plug_in_that_cannot_be_loaded_is_one_clear_line(project, cli_process, installed):
    suite = project / "suites/small.yaml"
    suite.write_text(SUITE.replace("optimizer: random", "optimizer: broken"))

    done = cli_process("run", suite, "--methods", "random", **installed)

    assert done.returncode == 2
    assert "'broken' (coin_search:NoSuchClass): cannot be loaded" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_plug_in_never_hides_one_of_ours(project, cli_process, installed):
    suite = project / "suites/small.yaml"

    assert (
        cli_process("run", suite, "--methods", "random", **installed).stdout
        == cli_process("run", suite, "--methods", "random", "--fresh").stdout
    )


def test_an_unknown_chat_model_names_those_there_are(project, cli_process):
    done = cli_process(
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
