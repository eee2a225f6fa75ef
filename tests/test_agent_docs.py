"""What docs/agent.md says of agents of one's own is tried as it stands, against stand-ins."""

import re
import shlex
import shutil

import pytest
from endpoint import Endpoint, reply
from support import REPOSITORY

from haqa_bench.llm import cassette

PAGE = (REPOSITORY / "docs/agent.md").read_text("utf-8")
CELL = "smollm2-135m-int4-epyc-zen4-2core"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An own project, which finds the recordings in the package, with the page's script."""
    for name in ("prompts", "hardware", "suites"):
        (tmp_path / name).mkdir()
    shutil.copy(REPOSITORY / "suites/llama.yaml", tmp_path / "suites")
    shutil.copytree(REPOSITORY / "suites/texts", tmp_path / "suites/texts")
    script = re.search(r"```python\n(# my_agent.py\n.*?)```", PAGE, re.DOTALL)[1]
    (tmp_path / "my_agent.py").write_text(script)
    monkeypatch.delenv("HAQA_BENCH_SHIPPED", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(heading):
    """The commands below a heading."""
    below = PAGE.split(f"{heading}\n")[1].split("\n##")[0]
    blocks = re.findall(r"```sh\n(.*?)```", below, re.DOTALL)
    return [shlex.split(line, comments=True)[1:] for line in "".join(blocks).splitlines()]


def test_a_study_of_ones_own_llm(project, cli):
    with Endpoint([reply('{"thought": "", "action": {}}')]) as endpoint:
        for words in commands("## Tune with your own LLM"):
            done = cli(*(endpoint.base_url if "localhost" in w else w for w in words))
            assert done.returncode == 0, done.stderr

    assert len(endpoint.requests) == 20  # two for each round: a repair is asked for


def test_a_program_as_an_agent(project, cli):
    for words in commands("### An agent that is a program"):
        done = cli(*words)
        assert done.returncode == 0, done.stderr

    known = cassette.read(project / f"cassettes/llama/{CELL}/haqa-at1-my-script-s0.jsonl")
    assert len(known.exchanges) == 10  # all its proposals are in the space


def test_a_fork(project, cli):
    with Endpoint([reply('{"thought": "", "action": {}}')]) as endpoint:
        for words in commands("### A fork of a recorded study"):
            done = cli(*(endpoint.base_url if "localhost" in w else w for w in words))
            assert done.returncode == 0, done.stderr

    assert len(endpoint.requests) == 12  # rounds 5 to 10
