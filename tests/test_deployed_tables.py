"""What is printed of models that are deployed: bits a weight beside INT4 and INT8, whose weights
are random, no gain where there is none, and what does not fit, in every form of a table.
"""

import csv
import io
import json
import re

import numpy as np
import pytest
from command import InProcess
from deployed import REFUSED, deployed_project
from support import REPOSITORY, row_texts
from whole_suites import NAMES

from haqa_bench import tracks
from haqa_bench.arithmetic.estimate import Interval
from haqa_bench.project import Project, open_run
from haqa_bench.report import diff, formats, traits
from haqa_bench.report.found import tests as tested
from haqa_bench.report.found.weights import LABEL, label_of
from haqa_bench.report.labels import labelled
from haqa_bench.report.paper import catalogue as paper
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.short import short
from haqa_bench.report.tables.table import NOTHING
from haqa_bench.report.verdict import of_ratio

RANDOM = "weights: random"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAQA_BENCH_SHIPPED", "")
        patch.setenv("HAQA_BENCH_PROGRESS", "off")
        patch.setenv("COLUMNS", "100")
        folder = deployed_project(tmp_path_factory.mktemp("deployed"))
        where = ("--project", folder, "--runs", folder / "runs")
        done = InProcess()("run", folder / "suites/deployed.yaml", *where)
        assert done.returncode == 0, done.stderr
        yield folder


@pytest.fixture(scope="module")
def folder(home):
    return next((home / "runs/deployed").iterdir())


@pytest.fixture(scope="module")
def made(home, folder):
    with open_run(folder) as run:
        own = catalogue.tables(run, Project(home)) | catalogue.compared(run, Project(home))
        return own, paper.tables(run, Project(home))


def by_label(table):
    """Rows by model and bit-width, as the paper's layout prints them."""
    return {tuple(row[:2]): dict(zip(table.headings, row, strict=True)) for row in table.cells}


@pytest.mark.parametrize(
    ("ratio", "ends", "floor", "word"),
    [
        (1.3, (1.2, 1.4), 0.02, "better"),
        (0.8, (0.7, 0.9), 0.02, "worse"),
        (1.01, (0.99, 1.03), 0.02, "tie"),
        (0.99, (0.97, 1.01), 0.02, "tie"),
        (1.1, (0.99, 1.2), 0.02, "undecided"),
        (1.01, None, 0.02, "tie"),
        (1.3, None, 0.02, "undecided"),
    ],
)
def test_a_winner_has_one_word(ratio, ends, floor, word):
    assert of_ratio(ratio, Interval(*ends) if ends else None, floor) == word


def test_what_gains_nothing_is_not_shown_as_tuned_in_the_papers_layout(made):
    rows = by_label(made[1]["figure5"])

    gained = rows["(b, weights: random) Seven", "INT4 (4.55 bits)"]
    flat = rows["(b, weights: random) Seven", "INT8 (8.51 bits)"]
    unsure = rows["(a) Own", "INT4 (4.55 bits)"]
    assert (gained["HAQA, tokens/s"], gained["Speed-up"]) == ("26.00", "1.31x")
    assert (flat["HAQA, tokens/s"], flat["Speed-up"]) == ("10.69, tie", "1.00x")
    assert (unsure["HAQA, tokens/s"], unsure["Speed-up"]) == ("20.00, undecided", "1.00x")
    assert rows["UNKNOWN", "UNKNOWN"]["Speed-up"] == "1.2x to 1.5x"


def test_the_default_leads_where_nothing_gains(made):
    table = made[0]["figure5"]
    rows = {str(key): n for n, key in enumerate(table.keys)}
    confirmed = table.headings.index("Confirmed")

    def said(cell):
        return table.cells[rows[f"{cell}-epyc-zen4-2core/haqa"]][confirmed]

    leading = {str(table.keys[row]) for row, _ in table.bold}
    assert said("own-int4") == "default (undecided)"
    assert said("seven-int8") == "default (tie)"
    assert said("seven-int4").endswith("x (1 of 1)")
    assert "own-int4-epyc-zen4-2core/default" in leading
    assert "own-int4-epyc-zen4-2core/haqa" not in leading
    assert "seven-int4-epyc-zen4-2core/haqa" in leading


def test_without_pairs_nothing_is_called_a_gain(tmp_path):
    project = deployed_project(tmp_path, confirmed=False)
    where = ("--project", project, "--runs", project / "runs")

    done = InProcess()("run", project / "suites/deployed.yaml", *where, "--cells", "*-int4-*")

    assert "26.00" not in done.stdout
    assert done.stdout.count("20.00, undecided") == 2
    assert "not yet" in done.stdout


def test_a_model_that_does_not_fit_is_a_dash_with_its_reason_and_the_sum(made):
    own, theirs = made
    row = by_label(theirs["figure5"])["(c, weights: random) Thirteen", "FP16"]

    numbers = (row["Default, tokens/s"], row["HAQA, tokens/s"], row["Speed-up"])
    assert numbers == (NOTHING, NOTHING, NOTHING)
    for table in (theirs["figure5"], own["figure5"]):
        (note,) = [note for note in table.notes if REFUSED in note]
        assert note.startswith(
            "thirteen-fp16-epyc-zen4-2core: nothing of it could be measured: oom"
        )


def test_bits_stand_beside_the_label_and_both_files_where_they_differ():
    assert label_of("INT4", 4.55, 4.55) == "INT4 (4.55 bits)"
    assert label_of("any", 4.83, 4.55) == "free (4.83, tuned 4.55 bits)"
    assert label_of("INT4", None, None) == "INT4"


def test_table_4_says_which_format_stands_for_a_bit_width(made):
    table = made[1]["table4"]
    rows = {row[0]: dict(zip(table.headings, row, strict=True)) for row in table.cells}

    assert rows["openllama-3B"]["INT4"] == "4.95"
    ours = rows["(a, weights: random) openLLaMA-3B"]
    assert ours["INT4"] == "20.00 (4.55 bits)"
    assert ours["INT8"] == "10.69 (8.51 bits)"
    untried = made[0]["table4"]
    assert {row["Bits a weight"] for row in row_texts(untried)} == {"8.51 and 4.55"}
    said = "openllama-3b-any-epyc-zen4-2core: INT4 is Q4_0, the fastest of Q4_0, Q4_K_M."
    assert said in table.notes


def test_no_sentence_of_table_4_speaks_of_two_devices(made):
    for note in made[1]["table4"].notes:
        assert not ("EPYC" in note and "OnePlus" in note), note


def test_lengths_that_differ_are_told_below_the_tables(made):
    own, theirs = made
    said = "tuned with n_prompt 64, n_generate 32, n_ctx 512; confirmed with n_prompt 128."

    assert f"seven-int8-epyc-zen4-2core: {said}" in own["figure5"].notes
    assert any(
        "n_prompt 64" in n and "confirmed with n_prompt 128" in n for n in theirs["figure5"].notes
    )


@pytest.mark.parametrize("kind", ["text", "md", "tex", "html"])
def test_random_weights_and_bits_are_read_in_every_form(made, kind):
    for name in ("figure5", "table4"):
        for tables in made:
            text = formats.printed(tables[name], name, kind)
            assert RANDOM in text
            assert "4.55" in text


def test_random_weights_are_told_once_where_all_are(made):
    own, _ = made
    random = [n for n, key in enumerate(own["figure5"].keys) if key.cell.startswith("seven")]
    table = own["figure5"].only(range(len(own["figure5"].columns)), random)

    printed = " ".join(formats.printed(table, "figure5", "text").split())
    assert printed.count(RANDOM) == 1
    assert RANDOM in printed.partition("---")[0]


def test_csv_and_json_have_a_field_of_it(made):
    own, theirs = made
    for name, table in {**own, **{f"{n}-paper": t for n, t in theirs.items()}}.items():
        rows = list(csv.DictReader(io.StringIO(formats.comma_separated(table, name))))
        told = json.loads(formats.as_json(table, name))["rows"]
        random = [i for i, r in enumerate(rows) if re.search("(?i)seven|openllama", str(r))]
        random = [i for i in random if rows[i].get("Whose", "ours") == "ours"]
        if table.keys or "Cell" in table.headings:
            assert random, name
            assert {rows[i].get("Weights") for i in random} <= {RANDOM}
            assert {told[i]["values"]["Weights"]["text"] for i in random} <= {RANDOM}


def test_explain_compare_diff_and_the_page_say_it(home, folder, cli):
    where = ("--project", home)
    row = "figure5:seven-int4-epyc-zen4-2core/haqa"

    for words in (
        ("explain", folder, row, *where),
        ("explain", folder, f"{row}/confirmed", *where),
        ("compare", folder, *where),
        ("compare", folder, "--curves", "proposals", *where),
        ("diff", folder, folder, *where),
    ):
        done = cli(*words)
        assert done.returncode == 0, done.stderr
        assert RANDOM in done.stdout, words
    with open_run(folder) as run:
        assert RANDOM in formats.printed(diff.table(run, run, diff.changes(run, run)), "diff", "md")


def test_the_page_says_both(home, folder, cli, tmp_path):
    done = cli("report", folder, "--html", tmp_path / "page.html", "--project", home)

    assert done.returncode == 0, done.stderr
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "Seven, INT4 (4.55 bits), weights: random" in text


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long if n == "kernels" else ()) for n in NAMES]
)
def test_every_label_of_a_deployed_file_carries_its_bits(whole_suites, name):
    with open_run(whole_suites(name).folder) as run:
        project = Project(REPOSITORY)
        tables = catalogue.tables(run, project) | catalogue.compared(run, project)
        tables |= {f"{n}-paper": t for n, t in paper.tables(run, project).items()}
        deployed = [c for c in run.cells.values() if tracks.of(c).name == "deploy"]
        files = {c.id for c in deployed if not c.simulated}

    for table in tables.values():
        shown = labelled(table)
        for row in bare_labels(shown) + bare_labels(short(shown)):
            assert not set(row) & files, row


def bare_labels(table):
    """Rows of deployed files with a label and nothing that says how many bits it has."""
    found = []
    for number, row in enumerate(table.cells):
        of = (
            table.keys[number].cell
            if table.keys
            else row[table.headings.index("Cell")]
            if "Cell" in table.headings
            else ""
        )
        if any(LABEL.fullmatch(text) for text in row):
            found.append([of, *row])
    return found


def test_tests_without_items_are_no_fault_and_nothing_is_better():
    ours, theirs = (
        {0: tested.Test(90.0, {}), 1: tested.Test(91.0, {})},
        {0: tested.Test(80.0, {}), 1: tested.Test(81.0, {})},
    )

    found = tested.difference(ours, theirs)

    assert (found.points, found.error, found.ahead) == (10.0, None, 2)
    assert not found.better


def test_of_several_tasks_one_without_items_is_left_out():
    known = np.array([1.0, 0.0])
    ours, theirs = tested.Test(90.0, {"a": known, "b": known}), tested.Test(90.0, {"a": known})

    assert tested.difference({0: ours}, {0: theirs}).error == 0.0


def test_what_silently_ran_otherwise_is_told(made):
    assert traits.RANDOM == RANDOM
    assert not any("ran otherwise" in note for note in made[0]["figure5"].notes)
    assert re.search("nothing of it could be measured", "\n".join(made[0]["figure5"].notes))


def test_figure_5_is_drawn_hollow_where_nothing_gains_for_light_and_dark_pages(
    home, folder, cli, tmp_path
):
    done = cli("report", folder, "--figures", tmp_path, "--only", "paper", "--project", home)

    assert done.returncode == 0, done.stderr
    told = next(tmp_path.rglob("paper-figure5.txt")).read_text("utf-8")
    light, dark = (next(tmp_path.rglob(f"paper-figure5{s}.svg")).read_text() for s in ("", "-dark"))
    assert "Own INT4 (4.55 bits): default 20.0 tokens/s" in told
    assert "Thirteen FP16: nothing of it could be measured (oom: not loaded" in told
    assert "Weights: random (Seven, Thirteen)" in told
    assert "#222222" in light
    assert "#222222" not in dark
    assert "#e4e6e9" in dark
