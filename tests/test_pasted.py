"""What README and site show can be pasted, and works: each page's blocks of commands run as they
stand, in a shell, in a copy of the project; but for those that say what they need.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import REPOSITORY
from whole_suites import NAMES

BLOCK = re.compile(r"(?:<!-- needs: ([^>]+) -->\n)?```sh\n(.*?)```", re.DOTALL)
COPIED = (
    "suites prompts hardware cassettes results/tables results/trials results/confirmed "
    "results/pretrained results/proposals paper_tables examples MANIFEST.sha256"
)


OURS = ("HAQA_BENCH_RUNS", "HAQA_BENCH_SHIPPED")
"""What the tests set and a reader does not."""


def pasted(page: Path) -> list[str]:
    """The blocks of a page that need nothing but what the README's first command installs."""
    return [block for needs, block in BLOCK.findall(page.read_text("utf-8")) if not needs]


LONG = {"projects", "training", "plugins", "report", "deploy", "kernels", "start"}
"""Pages that take half a minute and more: `make test-long` pastes them."""
PAGES = [
    pytest.param(page, marks=pytest.mark.long if page.stem in LONG else (), id=page.stem)
    for page in (REPOSITORY / "docs").glob("*.md")
    if pasted(page)
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The project, without runs."""
    folder = tmp_path_factory.mktemp("pasted")
    for name in COPIED.split():
        source, target = REPOSITORY / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return folder


@pytest.fixture
def used(copy, whole_suites):
    """The project, in which `llama` was run, as pages take for granted that follow the first, and
    the suites that a page runs, which finds them finished: they are replayed once for all tests.
    """

    def prepared(page: Path) -> Path:
        runs = copy / "results" / "runs"
        shutil.rmtree(runs, ignore_errors=True)
        text = page.read_text("utf-8")
        for name in NAMES:
            named = rf"haqa-bench (run (suites/)?{name}\b|report --all)"
            if name == "llama" or re.search(named, text):
                run = whole_suites(name).folder
                shutil.copytree(run, runs / name / run.name)
        return copy

    return prepared


def paste(block: str, folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """Runs a block in a shell that ends at the first fault."""
    environment = {k: v for k, v in os.environ.items() if k not in OURS}
    environment |= {"PATH": f"{path}:{environment['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        ["bash", "-euc", block],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def commands(tmp_path_factory) -> Path:
    """`haqa-bench` and `python` are those of these tests."""
    folder = tmp_path_factory.mktemp("bin")
    called = folder / "haqa-bench"
    called.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m haqa_bench "$@"\n')
    called.chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_can_be_pasted(page, used, commands):
    folder = used(page)

    for block in pasted(page):
        done = paste(block, folder, commands)

        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}{done.stderr}"
        assert "Traceback" not in done.stderr


def test_the_readme_s_commands_can_be_pasted(used, commands):
    folder = used(REPOSITORY / "README.md")
    first, *blocks = pasted(REPOSITORY / "README.md")

    assert "pip install" in first  # by CI, as it stands
    for block in blocks:
        done = paste(block, folder, commands)
        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}{done.stderr}"


def test_blocks_that_are_not_pasted_say_why():
    for page in [*(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "README.md"]:
        for needs, block in BLOCK.findall(page.read_text("utf-8")):
            assert needs or not re.search(r"FOLDER|MODEL\.gguf|HOST:PORT|\bRUN\b", block), page
