"""Tables in every format, from one source: ids that explain, LaTeX that is whole, what a reader
leaves out.
"""

import csv
import io
import json
import re
import shutil
import subprocess

import pytest
from support import REPOSITORY
from whole_suites import NAMES

from haqa_bench.errors import HaqaError
from haqa_bench.report import explain, formats
from haqa_bench.report.formats import filters, latex
from haqa_bench.report.formats.latex import PACKAGES
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
    assert f"% {called.removesuffix('/tokens-s')}\n" in latex(TABLE, "figure5")
    rows = list(csv.DictReader(io.StringIO(formats.comma_separated(TABLE, "figure5"))))
    assert f"{rows[1]['id']}/tokens-s" == called


def test_latex_escapes_and_marks_the_best():
    text = latex(TABLE, "figure5")

    assert r"\caption{Speeds \& losses}" in text
    assert r"Net\_1 & default & 10.00 & 2.125 &  \\ % figure5:net-1/default" in text
    assert r"\textbf{20.00}" in text
    assert r"50 \% of \{it\} costs \textless{} \$1." in text
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


ONE_AND_A_HALF = 1.5
"""How much larger pdftohtml says that letters are than they are."""
LEAST_POINTS = 6


def compiled(text, folder):
    """The log of a document, and the sizes of its letters in points."""
    needed = ("pdflatex", "kpsewhich", "pdftohtml")
    if (
        not all(map(shutil.which, needed))
        or subprocess.run(["kpsewhich", "threeparttable.sty"], capture_output=True).returncode != 0
    ):
        pytest.skip("needs Debian's texlive-latex-extra and poppler-utils")
    (folder / "t.tex").write_text(text, "utf-8")
    for _ in range(2):  # longtable learns its widths
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
        )
        assert done.returncode == 0, done.stdout[-2000:]
    told = subprocess.run(
        ["pdftohtml", "-xml", "-stdout", "-i", "t.pdf"], cwd=folder, capture_output=True, text=True
    )
    sizes = [
        float(s) / ONE_AND_A_HALF
        for s in re.findall(r'<fontspec id="\d+" size="(\d+)"', told.stdout)
    ]
    return (folder / "t.log").read_text("utf-8", "replace"), sizes


@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_set_in_a_two_column_paper(cli, tmp_path, whole_suites, name):
    run = whole_suites(name).folder
    report = ("report", run, "--project", REPOSITORY, "--format", "tex")
    text = cli(*report).stdout + cli(*report, "--table", "comparison", "--table", "spent").stdout
    packages = rf"\usepackage{{{','.join(PACKAGES)}}}"
    head = (
        rf"\documentclass[10pt,twocolumn]{{article}}{packages}\usepackage[margin=2cm]{{geometry}}"
    )

    log, sizes = compiled(
        f"{head}\\begin{{document}}Words.\n{text}\nMore words.\\end{{document}}\n", tmp_path
    )

    assert min(sizes) >= LEAST_POINTS
    assert "too large" not in log
    wide = [float(w) for w in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < 1, log[-3000:]
    assert "multiply defined" not in log


def test_a_standalone_document_compiles(cli, tmp_path, whole_suites):
    run = whole_suites("memory").folder
    text = cli("report", run, "--project", REPOSITORY, "--format", "tex", "--standalone").stdout

    compiled(text, tmp_path)


MOST = 100


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_a_terminal_is_wider_than_it(cli, monkeypatch, whole_suites, name):
    replayed = whole_suites(name)
    project = ("--project", REPOSITORY)
    compared = cli("compare", replayed.folder, *project).stdout
    monkeypatch.setenv("COLUMNS", "80")
    narrow = cli("report", replayed.folder, *project).stdout

    shown = replayed.stdout.rpartition("Agent: ")[0]
    assert max(map(len, (shown + compared).splitlines())) <= MOST
    assert max(map(len, narrow.splitlines())) <= 80


def test_a_reader_names_columns_methods_and_cells(cli, whole_suites):
    run = whole_suites("llama").folder
    asked = (
        "--table",
        "F5",
        "--columns",
        "bits,confirmed",
        "--methods",
        "haqa,r*",
        "--cells",
        "*int4*",
    )

    done = cli("report", run, "--project", REPOSITORY, *asked)
    wrong = cli("report", run, "--project", REPOSITORY, "--columns", "bit")

    title, body, *_ = done.stdout.split("\n\n")
    heads, _, *lines = body.splitlines()
    assert "INT4" in title
    assert heads.split() == ["Method", "Bits", "Confirmed"]
    assert [line.split()[0] for line in lines] == ["random", "random,", "haqa", "rules"]
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "--columns: 'bit' matches nothing" in wrong.stderr


def test_what_is_wide_holds_everything(cli, whole_suites):
    run = whole_suites("llama").folder

    done = cli("report", run, "--project", REPOSITORY, "--table", "F5", "--wide")

    heads = done.stdout.splitlines()[2]
    assert all(name in heads for name in ("Model", "Hardware", "Source", "Published speed-up"))
