"""examples/notebook: what it shows is what it computes, and it runs from top to bottom."""

import json
import re

import pytest
from support import REPOSITORY

NOTEBOOK = REPOSITORY / "examples/notebook/first-study.ipynb"


def shown(notebook: dict) -> list[str]:
    """What each cell shows as text, in order; figures are one word."""
    return [
        "figure" if "image/png" in output.get("data", {}) else said(output)
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
    ]


def said(output: dict) -> str:
    text = output.get("text") or output["data"]["text/plain"]
    return text if isinstance(text, str) else "".join(text)


def test_it_runs_and_shows_what_it_shows(tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("HAQA_BENCH_SHIPPED", raising=False)
    kept = nbformat.read(NOTEBOOK, 4)

    run = nbformat.from_dict(json.loads(json.dumps(kept)))
    where = {"metadata": {"path": str(tmp_path)}}  # anybody's folder, not only the checkout
    nbclient.NotebookClient(run, timeout=120, kernel_name="python3", resources=where).execute()

    assert shown(kept)
    assert shown(run) == shown(kept)


def test_it_holds_no_path_of_a_machine_and_is_small():
    text = NOTEBOOK.read_text("utf-8")

    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert len(text) < 100_000


def test_its_method_takes_20_lines():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    (method,) = (cell for cell in cells if "class Climber" in "".join(cell["source"]))

    assert len([line for line in method["source"] if line.strip()]) <= 20
