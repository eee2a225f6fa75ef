"""Numbers that others measured say so, and from which file, wherever they are printed."""

import hashlib
import json
import shutil

import foreign
import pytest
from foreign import CELL, cache
from support import REPOSITORY

KERNEL = "llama2-7b-fp32-epyc-zen4-2core-softmax"


@pytest.fixture
def run_of_imports(project, cli):
    """The suite, of which one cell was imported, and the file's hash."""
    path = foreign.write_suite(project)
    file = foreign.written(project, cache(), "theirs.json")
    cli("table", "import", path, file, "--cell", CELL)
    return path, hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_run_tells_the_source_and_the_file_in_its_table_and_in_json(run_of_imports, cli):
    path, sha256 = run_of_imports

    told = json.loads(cli("run", path, "--json").stdout)["tables"]["table"]

    notes = " ".join(told["notes"])
    assert told["title"] == "Best configurations found among imported measurements"
    assert f"{CELL}: imported from theirs.json (sha256 {sha256}), not measured here." in notes
    assert "Source: imported." in notes
    assert "its number is the lower quartile (25th percentile) of the repeats" in notes
    assert {row["values"]["us"]["source"] for row in told["rows"]} == {"imported"}


def test_compare_explain_show_and_page_tell_it_too(run_of_imports, cli, project):
    path, sha256 = run_of_imports
    cli("run", path)
    page = project / "page.html"

    compared = cli("compare", "foreign", "--project", project)
    explained = cli("explain", "foreign", f"table:{CELL}/random/us", "--project", project)
    shown = cli("table", "show", path)
    cli("report", "foreign", "--html", page, "--project", project)

    file = f"theirs.json (sha256 {sha256})"
    assert f"imported from {file}" in " ".join(compared.stdout.split())
    assert f"imported from {file}" in explained.stdout, explained.stderr
    assert f"imported from {file}" in shown.stdout
    assert sha256 in page.read_text("utf-8")


def test_columns_of_our_own_measurement_are_left_out_of_an_imported_kernel(project, cli, tmp_path):
    shutil.copy(REPOSITORY / "suites/kernels.yaml", project / "suites")
    whole = REPOSITORY / "suites/kernels.yaml"
    cli("table", "export", whole, "--cells", KERNEL, "--output", tmp_path / "out")
    own = project / "suites/kernels.yaml"
    done = cli("table", "import", own, tmp_path / f"out/{KERNEL}.json", "--cell", KERNEL)
    assert done.returncode == 0, done.stderr

    ran = cli("run", own, "--cells", KERNEL, "--methods", "default,random", "--json")

    told = next(iter(json.loads(ran.stdout)["tables"].values()))
    columns = told["rows"][0]["values"].keys()
    assert told["title"] == "Best configurations found among imported measurements"
    assert not columns & {"Of roofline", "Against ggml", "Confirmed"}
    assert not [note for note in told["notes"] if "ggml" in note or "roofline" in note]
