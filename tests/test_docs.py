"""The documentation cannot drift: what is generated is up to date; every code block is run, or,
where it needs what is not here, read.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support import REPOSITORY

from haqa_bench.cli import COMMANDS, app
from haqa_bench.documents import read_yaml
from haqa_bench.store.database import query
from haqa_bench.suite import file_type

pytestmark = pytest.mark.usefixtures("developers_runs_stay")
PAGES = sorted(
    [*(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"]
)
OFFLINE = re.compile(
    r"^haqa-bench (suite schema|suite validate \S+|hardware (list|show \S+)|cassette "
    r"(list|check \S+)|table show \S+|run \S+ --dry-run)$"
)
"""Commands that are run as they stand; replays of whole suites are run by test_readme.py and
test_report_formats.py.
"""


def blocks(kind: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        found += [
            (page.name, block)
            for block in re.findall(rf"```{kind}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        ]
    return found


def commands() -> list[tuple[str, str]]:
    lines = [
        (page, line.strip())
        for page, block in blocks("sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    parts = [
        (page, part.strip()) for page, line in lines for part in line.split(" #")[0].split("&&")
    ]
    return sorted(
        {
            (page, re.sub(r"^\w+=\S+ ", "", part).removesuffix("&").strip())
            for page, part in parts
            if "haqa-bench" in part.split(" ")[:2]
        }
    )


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda value: value[:60])
def test_every_command_of_the_documentation_is_one(page, line, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("HAQA_BENCH_DATA", "")  # put back afterwards: --data-dir sets it
    name, *words = shlex.split(line)[1:]

    command = app.get_command(click.Context(app), name)
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(name, words)  # raises for an unknown option, or a choice that there is not


@pytest.mark.parametrize("line", sorted({line for _, line in commands() if OFFLINE.match(line)}))
def test_commands_that_need_nothing_are_run(cli, monkeypatch, line):
    monkeypatch.chdir(REPOSITORY)

    done = cli(*shlex.split(line)[1:])

    assert done.returncode == 0, done.stderr


def test_suites_in_the_documentation_are_valid(tmp_path):
    whole = [block for _, block in blocks("yaml") if block.startswith("name: ")]
    assert whole
    for block in whole:
        (tmp_path / "suite.yaml").write_text(block)
        assert read_yaml(tmp_path / "suite.yaml", file_type()).cells


def test_queries_in_the_documentation_find_something(cli, project):
    run = cli("run", project / "suites/small.yaml", "--methods", "default,random", "--json")
    assert run.returncode == 0, run.stderr
    folder = next((project / "results/runs/small").iterdir())

    for _, block in blocks("sql"):
        assert query(folder, block)


def test_what_is_generated_is_up_to_date():
    pages = [str(page) for page in PAGES if "[[[cog" in page.read_text("utf-8")]

    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", *pages], capture_output=True, text=True
    )

    assert pages
    assert done.returncode == 0, f"{done.stdout}{done.stderr}: make docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help_in_the_documentation(name):
    assert f"## haqa-bench {name}\n" in Path(REPOSITORY / "docs/help.md").read_text("utf-8")
