"""docs/python.md: its blocks run one after the other, and print what stands below them."""

import contextlib
import io
import os
import re
import sys

import pytest
from support import REPOSITORY

PAGE = REPOSITORY / "docs" / "python.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n```text\n(.*?)```)?", re.DOTALL)
METHOD = "class Climber(hb.AskTell):"


def blocks() -> list[tuple[str, str | None]]:
    return [(code, told or None) for code, told in BLOCK.findall(PAGE.read_text("utf-8"))]


def printed(code: str, known: dict) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(PAGE), "exec"), known)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


@pytest.fixture
def command_on_path(tmp_path, monkeypatch):
    """`haqa-bench` as an installation has it, of this checkout."""
    script = tmp_path / "bin" / "haqa-bench"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m haqa_bench "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


def test_the_page_prints_what_it_says(tmp_path, monkeypatch, command_on_path):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)  # an empty folder: what is read is what the package brings
    monkeypatch.delenv("HAQA_BENCH_SHIPPED", raising=False)
    known: dict = {"__name__": "page"}

    for code, told in blocks():
        assert printed(code, known) == (told or "").rstrip(), code


def test_a_method_takes_20_lines():
    (code,) = (code for code, _ in blocks() if METHOD in code)

    assert len([line for line in code.splitlines() if line.strip()]) <= 20
