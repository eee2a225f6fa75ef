"""The paper's tables with ours beside, and what covers each of its cells."""

import json
import re
import shutil
import subprocess

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.documents import read_yaml
from haqa_bench.project import Project, open_run
from haqa_bench.report import coverage
from haqa_bench.report.found.best import best
from haqa_bench.report.found.steps import steps
from haqa_bench.report.paper import catalogue
from haqa_bench.report.paper.line import measured, repeated, stands_in
from haqa_bench.report.published.document import Column, PublishedTable, load
from haqa_bench.report.tables.table import NOTHING

PROJECT = Project(REPOSITORY)
TABLES = {name: load(REPOSITORY / f"paper_tables/{name}.yaml") for name in coverage.NAMES}
SUITES = {"resnet": "table1", "kernels": "table3", "formats": "table4", "memory": "table5"}


@pytest.fixture
def made(whole_suites):
    def make(name):
        with open_run(whole_suites(name).folder) as run:
            return catalogue.tables(run, PROJECT)

    return make


def rows_of(table, whose):
    place = table.headings.index("Whose")
    rows = [row for row in table.cells if row[place] == whose]
    return [dict(zip(table.headings, row, strict=True)) for row in rows]


@pytest.mark.parametrize(("name", "table"), SUITES.items())
def test_every_published_row_stands_in_the_papers_layout(made, name, table):
    found = rows_of(made(name)[table], "the paper's")
    published = TABLES[table]

    assert len(found) == len(published.rows)
    for shown, row in zip(found, published.rows, strict=True):
        assert set(row.key) & set(shown.values())
        for column, entry in zip(published.columns, row.values, strict=True):
            text = next(t for head, t in shown.items() if head.split(",")[0] == column.name)
            number = entry.word or f"{entry.number:.{column.digits}f}"
            assert text.startswith(number)


def test_ours_stand_beside_by_method_and_say_of_which_cell_they_are(made):
    ours = rows_of(made("resnet")["table1"], "ours")

    first = ours[0]
    assert (first["Model"], first["Bits"]) == ("ResNet20", "(a)")
    assert first["Cell"] == "resnet20-w8a8-epyc-zen4-2core-qat"
    assert first["Stands in"] == "stand-in: hardware (the paper's is UNKNOWN)"
    assert first["Human"] == "none"
    assert re.fullmatch(r"\d+\.\d\d±\d+\.\d\d", first["HAQA"])
    assert [row["Bits"] for row in ours if row["Cell"]] == ["(a)", "(a2)"] * 3
    assert {row["HAQA"] for row in ours if row["Bits"] == "(a2)"} == {""}
    note = "Of ours, Default is default, Local search is local, Bayesian opt. is tpe,"
    assert any(n.startswith(note) for n in made("resnet")["table1"].notes)
    assert "In (a2), Bayesian opt. is gp." in made("resnet")["table1"].notes


def test_ours_stand_below_the_published_row_and_a_dash_where_there_is_none(made):
    table = made("resnet")["table1"]
    whose, model, bits = (table.headings.index(name) for name in ("Whose", "Model", "Bits"))

    shown = [(row[whose], row[model], row[bits]) for row in table.cells]
    below = shown.index(("the paper's", "ResNet20", "w4a4")) + 1
    lacking = [row for row in table.cells if row[bits] == "ours"]
    assert shown[below] == ("ours", "ResNet20", "(a)")
    assert [row[model] for row in lacking] == ["ResNet32"] * 3 + ["ResNet50"] * 3
    assert {text for row in lacking for text in row[bits + 1 : bits + 8]} == {NOTHING}
    assert f"{NOTHING}: no cell of this run is that." in table.notes
    assert any(n.startswith("suites/paper/resnet-full.yaml has, for ") for n in table.notes)
    assert all(table.numeric(i) for i in range(bits + 1, bits + 8))


def test_the_mean_of_ours_is_that_of_the_tests_of_the_studies(made, whole_suites):
    from haqa_bench.report.found import tests
    from haqa_bench.report.found.best import best

    with open_run(whole_suites("resnet").folder) as run:
        found = tests.tests(run)
        (row,) = [r for r in best(run) if (r.bit_width, r.method) == ("w8a8", "random")]
        accuracies = found.accuracies(row)
    table = made("resnet")["table1"]
    shown = next(r for r in table.rows if r[table.headings.index("Whose")].text == "ours")

    value = shown[table.headings.index("Random search")]
    assert value.number == pytest.approx(sum(accuracies) / 3)
    assert value.n == 3


def test_table_2_has_the_mean_of_the_tasks_beside_the_printed_average(made):
    table = made("llama")["table2"]

    published = rows_of(table, "the paper's")
    ours = [row for row in rows_of(table, "ours") if row["Cell"]]
    first = published[0]
    assert (first["Model"], first["Bits"], first["Method"]) == ("LLaMA2-7B", "INT4", "Human")
    assert (first["AVG"], first["Mean"]) == ("62.04", "57.84")
    assert len(published) == 48
    assert {row["Model"] for row in ours} == {"(a) SmolLM2-135M"}
    assert {row["Method"] for row in ours} >= {"default", "HAQA", "Local", "Bayesian: gp"}
    assert all(row["AVG"].split("±")[0] == row["Mean"] for row in ours)
    assert any("guessing gives 33.75 %" in note for note in table.notes)


def test_a_kernel_of_the_papers_shape_is_told_from_those_of_others(made):
    ours = rows_of(made("kernels")["table3"], "ours")

    same = [row for row in ours if row["Stands in"] == "stand-in: other hardware"]
    assert [row["Cell"] for row in same] == ["llama2-7b-fp32-epyc-zen4-2core-softmax"]


def test_limits_of_the_paper_are_those_of_ours(made):
    ours = rows_of(made("memory")["table5"], "ours")

    own = [row for row in ours if "LLaMA2-13B" in row["Model"]]
    assert [row["Limit"] for row in own] == ["4 GB", "12 GB", "20 GB", "28 GB"]
    assert [row["INT4"] for row in own] == ["no", "yes", "yes", "yes"]
    assert {row["Source"] for row in ours} == {"simulated"}


def test_figure_5_gives_the_published_range_and_ours(made):
    table = made("llama")["figure5"]
    place = table.headings.index("Speed-up")

    published, *ours = [row[place] for row in table.rows]
    assert (published.low, published.high) == (1.2, 1.5)
    assert [round(value.number, 2) for value in ours] == [1.4, 1.0]
    assert any("bits a weight 6.17 in the default's file, 5.35 in" in n for n in table.notes)


@pytest.mark.parametrize("name", ["resnet", "llama", "kernels", "memory", "formats"])
@pytest.mark.parametrize("kind", ["text", "md", "csv", "json", "tex", "html"])
def test_the_papers_layout_is_printed_in_every_format(cli, whole_suites, tmp_path, name, kind):
    folder = whole_suites(name).folder
    extra = ["--standalone"] if kind == "tex" else []

    done = cli(
        *("report", folder, "--layout", "paper", "--format", kind, "--project", REPOSITORY, *extra)
    )

    assert done.returncode == 0, done.stderr
    if kind != "csv":
        assert "Published, P: " in re.sub(r"\s+", " ", done.stdout)
    if kind == "text":
        assert max(map(len, done.stdout.splitlines())) <= 100
    if kind == "json":
        assert json.loads(done.stdout)
    if kind == "tex" and shutil.which("pdflatex"):
        (tmp_path / "one.tex").write_text(done.stdout, "utf-8")
        made = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "one.tex"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stdout[-2000:]
        assert "Overfull \\hbox" not in made.stdout


def test_a_folder_gets_all_formats_with_nothing_left_out(cli, whole_suites, tmp_path):
    folder = whole_suites("llama").folder

    done = cli(
        *("report", folder, "--layout", "paper", "--output", tmp_path, "--project", REPOSITORY)
    )

    assert done.returncode == 0, done.stderr
    written = next(tmp_path.rglob("table2.tex")).read_text("utf-8")
    assert "AVG" in written
    assert "Not shown" not in written


def test_a_run_without_any_such_cell_is_told(cli, whole_suites):
    done = cli("report", whole_suites("joint").folder, "--layout", "paper", "--project", REPOSITORY)

    assert done.returncode == 2
    assert "no cell of it stands for one of the paper's" in done.stderr


def test_repeats_are_a_mean_and_a_deviation_where_there_are_two():
    column = Column(name="x", unit="%")

    assert repeated([1.0, 3.0], column, "measured").text == "2.00±1.41"
    assert repeated([1.0], column, "measured").text == "1.00"
    assert repeated([], column, "measured").text == "not yet"
    assert measured(1.3, Column(name="x", unit="x", digits=1), 3, "measured").text == "1.30x"


def test_what_a_suite_states_is_judged_by_itself_however_good_the_default_is(cli, tmp_path):
    suite_path = REPOSITORY / "suites/paper/resnet.yaml"
    done = cli("run", suite_path, "--methods", "default,full-precision", "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "paper-resnet").iterdir()

    with open_run(folder) as run:
        rows = {(row.bit_width, row.method): row for row in best(run)}
        curves = {
            (step.cell, step.proposals): step.best
            for step in steps(run)
            if step.method == "full-precision"
        }
        ours = rows_of(catalogue.tables(run, PROJECT)["table1"], "ours")

    stated, default = rows["w4a4", "full-precision"], rows["w4a4", "default"]
    assert json.loads(stated.winners[0])["learning_rate"] == 0.1
    assert stated.best < default.best
    assert (curves[stated.cell, 1], curves[stated.cell, 2]) == (None, stated.best)
    shown = {row["Cell"]: row for row in ours if row["Bits"] == "(a)"}
    tested = shown["resnet20-w4a4-epyc-zen4-2core-qat-pretrained"]
    column = next(head for head in tested if head.startswith("Default"))
    number = f"table1:{stated.cell}/full-precision"
    told = cli("explain", folder, f"{number}/test-accuracy", "--project", REPOSITORY).stdout
    assert tested[column].split("±")[0] in told


def test_a_cell_of_the_papers_own_model_and_hardware_is_told_so():
    cells = suite.load(REPOSITORY / "suites/memory.yaml", REPOSITORY).cells
    own = next(cell for cell in cells if cell.model_name == "LLaMA2-13B")

    assert stands_in(TABLES["table5"], own) == "stand-in: simulated, not measured"
    real = own.model_copy(update={"simulated": False})
    assert stands_in(TABLES["table5"], real) == "the paper's own model and hardware"


def covered(table):
    heads = table.headings
    return {
        tuple(row[: heads.index("Status")]): dict(zip(heads, row, strict=True))
        for row in table.cells
    }


def test_every_cell_of_the_paper_is_covered_in_one_way_or_told_as_nothing():
    found = {name: covered(table) for name, table in coverage.tables(PROJECT).items()}

    assert {name: len(rows) for name, rows in found.items()} == {
        "table1": 9,
        "table2": 8,
        "table3": 15,
        "table4": 3,
        "table5": 4,
        "figure5": 1,
    }
    first = found["table1"]["ResNet20", "w8a8"]
    assert first["Status"] == "measured here"
    assert "suites/paper/resnet-full.yaml" in first["Declared"]
    assert found["table3"]["Softmax", "[1024,64,32]"]["Status"] == "measured here"
    assert found["table5"]["LLaMA2-13B", "12 GB"]["Status"] == "stand-in"
    assert all(row["Status"] in coverage.STATUS for rows in found.values() for row in rows.values())


def test_the_command_of_a_row_is_that_of_the_suite_nearest_to_the_paper_and_measured_goes_first():
    found = {name: covered(table) for name, table in coverage.tables(PROJECT).items()}

    row = found["table2"]["LLaMA2-7B", "INT4"]
    assert "run suites/paper/qlora.yaml" in row["Command"]
    assert row["Ours"].startswith("SmolLM2-135M-Instruct on")
    assert "also in `suites/llama.yaml`" in row["Ours"]
    assert "simulated" not in found["table4"][("tinyllama-1.1B",)]["Ours"].partition(";")[0]


def test_what_is_only_declared_or_nothing_says_so(tmp_path):
    for folder in ("prompts", "hardware", "paper_tables", "suites"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    for path in [*(tmp_path / "suites").glob("*.yaml"), tmp_path / "suites/paper/deploy.yaml"]:
        path.unlink()

    found = coverage.tables(Project(tmp_path))

    rows = covered(found["table1"])
    assert rows["ResNet32", "w4a4"]["Status"] == "declared"
    assert "--agent live --measure live" in rows["ResNet32", "w4a4"]["Command"]
    assert covered(found["table4"])[("gpt2-large-774M",)]["Status"] == "nothing"


def test_every_command_of_the_coverage_names_cells_that_there_are():
    for table in coverage.tables(PROJECT).values():
        for row in covered(table).values():
            words = row["Command"].strip("`").split()
            if "--cells" in words:
                known = {c.id for c in suite.load(REPOSITORY / words[2], REPOSITORY).cells}
                assert set(words[words.index("--cells") + 1].split(",")) <= known


def test_the_example_of_the_documentation_is_a_published_table(tmp_path):
    text = (REPOSITORY / "docs/published.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(label: .*?)```", text, re.DOTALL)
    (tmp_path / "example.yaml").write_text(block)

    assert len(read_yaml(tmp_path / "example.yaml", PublishedTable).rows) == 3
