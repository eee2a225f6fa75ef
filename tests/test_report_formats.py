"""Tables in every format, from one source: ids that explain, LaTeX that is whole, what a reader
leaves out.
"""

import csv
import io
import json
import shutil
import subprocess

import pytest
from support import REPOSITORY

from haqa_bench.errors import HaqaError
from haqa_bench.report import explain, formats
from haqa_bench.report.formats import filters, latex
from haqa_bench.report.tables.table import Column, Form, Key, Table, exact, id_of, value, words

pytestmark = pytest.mark.usefixtures("developers_runs_stay")
TABLE = Table(
    title="Speeds & losses",
    columns=[
        Column("Model", role="key"),
        Column("Method", role="key"),
        Column("tokens/s", "tokens/s", 1, "the best"),
        Column("Loss, nats", "nats", 3),
        Column("Published speed-up", role="published"),
    ],
    rows=[
        [words("Net_1"), words("default"), exact(10.0, "%"), exact(2.125, "nats"), words("")],
        [
            *(words("Net_1"), words("haqa"), exact(20.0, "%"), exact(2.0, "nats")),
            words("1.2x to 1.5x"),
        ],
        [words("Net 2"), words("haqa"), exact(5.0, "%"), words(""), words("")],
    ],
    notes=["50 % of {it} costs < $1."],
    doubts=["Published, CONFLICT: two values."],
    keys=[Key("net-1", "default"), Key("net-1", "haqa"), Key("net-2", part="full precision")],
    bold={(1, 2)},
)


def values_of(table, name):
    return [row["values"] for row in json.loads(formats.as_json(table, name))["rows"]]


@pytest.fixture
def copied(own_runs, whole_suites):
    """Lets a test's own runs begin with those of whole suites."""

    def copy(*names):
        for name in names:
            folder = whole_suites(name).folder
            shutil.copytree(folder, own_runs / name / folder.name)

    return copy


def test_every_format_calls_a_number_the_same():
    called = "figure5:net-1/haqa/tokens-s"

    assert id_of("figure5", Key("net-1", "haqa"), "tokens/s") == called
    assert values_of(TABLE, "figure5")[1]["tokens/s"]["id"] == called
    assert f'id="{called}"' in formats.html(TABLE, "figure5")
    assert f"% {called}\n" in latex(TABLE, "figure5")
    rows = list(csv.DictReader(io.StringIO(formats.comma_separated(TABLE, "figure5"))))
    assert f"{rows[1]['id']}/tokens-s" == called


def test_latex_escapes_spans_and_marks_the_best():
    text = latex(TABLE, "figure5")

    assert r"\caption{Speeds \& losses}" in text
    assert r"\multirow{2}{*}{Net\_1} & % figure5:net-1/default/model" in text
    assert r"\textbf{20.00}" in text
    assert r"50 \% of \{it\} costs \textless{} \$1." in text
    assert text.count(r"\\") == 4
    assert r"\begin{tabular}{llrrl}" in text


def test_html_escapes_what_it_shows():
    found = formats.html(
        TABLE._replace(
            rows=[[words(text) for text in ("<script>", "a", "b", "c", '"d"')]],
            keys=[Key("x", "y")],
            bold=(),
        ),
        "t",
    )

    assert "<script>" not in found
    assert "&lt;script&gt;" in found


def test_a_reader_leaves_out_what_was_published_and_digits():
    made = {"figure5": TABLE, "table2": TABLE}

    found = filters.chosen(made, ["F5"], published=False, digits=1)

    assert list(found) == ["figure5"]
    assert found["figure5"].headings == ["Model", "Method", "tokens/s", "Loss, nats"]
    assert list(found["figure5"].cells[0]) == ["Net_1", "default", "10.0", "2.1"]
    assert found["figure5"].remarks == ["50 % of {it} costs < $1."]
    assert list(filters.chosen(made, ["2"], True, None)) == ["table2"]


def test_digits_round_the_number_and_not_its_text():
    close = value(1.2349, Form("{number}x, 3 of 5 better", 3))

    assert close.text == "1.235x, 3 of 5 better"
    assert close.at_most(2).text == "1.23x, 3 of 5 better"


def test_a_data_frame_holds_numbers_where_there_are_numbers():
    pytest.importorskip("pandas")

    frame = TABLE.to_frame()

    assert frame.loc["net-1/haqa", "tokens/s"] == 20.0
    assert frame.loc["net-1/haqa", "Published speed-up"] == "1.2x to 1.5x"
    assert list(frame["Model"]) == ["Net_1", "Net_1", "Net 2"]


def test_a_number_is_found_by_its_id_by_its_row_and_by_its_words():
    made = {"figure5": TABLE}

    assert explain.find(made, "figure5:net-1/haqa/tokens-s")[2:] == (1, 2)
    assert explain.find(made, "figure5:net-2/full_precision")[2:] == (2, None)
    assert explain.find(made, "F5:Net_1/haqa/loss-nats")[2:] == (1, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("T9:x", "no table 'table9'"),
        ("F5:haqa", "2 rows have it"),
        ("F5:net-1/haga", "no such row. Near: figure5:net-1/haqa"),
    ],
)
def test_an_id_that_names_nothing_tells_the_nearest(text, message):
    with pytest.raises(HaqaError, match=message):
        explain.find({"figure5": TABLE}, text)


def test_a_report_of_suites_is_written_in_every_format_and_twice_the_same(
    cli, monkeypatch, tmp_path, copied
):
    copied("memory", "llama")
    monkeypatch.chdir(REPOSITORY)
    for name in ("a", "b"):
        done = cli(
            "report",
            "--project",
            REPOSITORY,
            "--suite",
            "suites/memory.yaml",
            "--suite",
            "suites/llama.yaml",
            "--output",
            tmp_path / name,
        )
        assert done.returncode == 0, done.stderr

    files = {p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*.*")}
    assert {p.suffix for p in files} == {".md", ".csv", ".json", ".tex", ".html"}
    assert {p.stem for p in files} == {"table2", "table5", "figure5"}
    assert files == {
        p.relative_to(tmp_path / "b"): p.read_bytes() for p in (tmp_path / "b").rglob("*.*")
    }


@pytest.mark.parametrize("kind", ["article", "twocolumn"])
def test_latex_compiles_alone_and_in_two_columns(cli, monkeypatch, tmp_path, copied, kind):
    if (
        not shutil.which("pdflatex")
        or not shutil.which("kpsewhich")
        or subprocess.run(["kpsewhich", "multirow.sty"], check=False).returncode != 0
    ):
        pytest.skip("needs Debian's texlive-latex-extra")
    copied("llama", "memory", "formats")
    monkeypatch.chdir(REPOSITORY)
    suites = [
        "--suite",
        "suites/llama.yaml",
        "--suite",
        "suites/memory.yaml",
        "--suite",
        "suites/formats.yaml",
    ]
    alone = ["--standalone"] if kind == "article" else []
    text = cli("report", "--project", ".", *suites, "--format", "tex", *alone).stdout
    if kind == "twocolumn":
        packages = r"\usepackage{booktabs,multirow,graphicx}"
        head = rf"\documentclass[twocolumn]{{article}}{packages}\begin{{document}}Words."
        text = f"{head}\n{text}\nMore words.\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(text, "utf-8")

    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
    )

    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "t.pdf").read_bytes().startswith(b"%PDF")
