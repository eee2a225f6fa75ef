"""What Python compares is what the command line prints, to the last bit."""

import json

import pandas as pd
import pytest
from python_cells import CELL, small_suite
from support import REPOSITORY

import haqa_bench as hb


@pytest.fixture
def small(tmp_path):
    return small_suite(tmp_path)


@pytest.fixture
def cell(small):
    return hb.cell(small)


@pytest.fixture(scope="module")
def llama():
    return hb.load_suite("llama", REPOSITORY)


def compared_by_command(cli, run, project, *options) -> list[dict]:
    done = cli("compare", run, "--project", project, "--format", "json", "--wide", *options)
    assert done.returncode == 0, done.stderr
    tables = {table["name"]: table for table in json.loads(done.stdout)}
    return [row["values"] for row in tables["comparison"]["rows"]]


def same(one: float, other: float | None, scale: float = 1) -> bool:
    return pd.isna(one) if other is None else one * scale == other


def agrees(row: dict, told: dict) -> bool:
    """Whether a row of a frame holds the numbers of the command's JSON, to the last bit."""
    number = {name: value["number"] for name, value in told.items()}
    regret, interval = told["Regret"], told["95 % interval"]
    word = {None: "", "undecided": "ahead in"}.get(row["verdict"], row["verdict"])
    return (
        (row["cell"], row["method"]) == (told["Cell"]["text"], told["Method"]["text"])
        and row["n"] == number["n"]
        and same(row["median"], number["Median"])
        and told["Against random"]["text"].startswith(word)
        and same(row["regret"], regret["number"], 100)
        and same(row["regret_low"], regret["low"], 100)
        and same(row["regret_high"], regret["high"], 100)
        and same(row["rank"], number["Rank"])
        and same(row["found_best"], number["Found best"])
        and (same(row["low"], interval["low"]) and same(row["high"], interval["high"]))
        and same(row["iqm"], number["IQM"])
        and same(row["p_better"], number["P(better than random)"])
        and same(row["p"], number["p (Holm)"])
    )


def rows_of(frame: pd.DataFrame) -> list[dict]:
    """Rows whose words are None where there are none."""
    plain = frame.astype(object)
    return plain.where(plain.notna(), None).to_dict("records")


def test_what_python_compares_is_what_the_command_line_prints_to_the_last_bit(llama, cli, own_runs):
    chosen = ("--cells", "*core", "--methods", "random,local,haqa", "--seeds", "6")
    done = cli("run", "llama", "--project", REPOSITORY, *chosen, "--json")
    assert done.returncode == 0, done.stderr
    folder = json.loads(done.stdout)["folder"]
    told = compared_by_command(cli, folder, REPOSITORY)

    cells = hb.cells(llama, "*core")
    methods = ("random", "local", "haqa")
    here = hb.compare(
        *(hb.optimize(cell, name, seeds=6) for cell in cells for name in methods),
        project=REPOSITORY,
    )
    of_run = hb.compare(folder, project=REPOSITORY)

    assert len(told) == len(here) == 6
    assert all(map(agrees, rows_of(here), told))
    pd.testing.assert_frame_equal(here, of_run, check_exact=True)
    assert here.attrs["notes"] == of_run.attrs["notes"]
    assert any("Not ranked" in note for note in here.attrs["notes"])


def test_a_comparison_survives_a_file_and_another_order(cell, tmp_path):
    frames = [hb.optimize(cell, name, seeds=6) for name in ("default", "random")]
    together = pd.concat(frames).sample(frac=1, random_state=0)
    together.to_parquet(tmp_path / "trials.parquet")

    project = cell.project.folder
    direct = hb.compare(*frames, project=project)
    read = hb.compare(pd.read_parquet(tmp_path / "trials.parquet"), project=project)

    pd.testing.assert_frame_equal(direct, read, check_exact=True)


def test_a_run_is_compared_with_what_python_adds(small, cell, cli):
    done = cli("run", "small", "--project", small.project.folder, "--seeds", "6", "--json")
    run = hb.open_run(json.loads(done.stdout)["folder"])
    best = {"format": "IQ4_NL", "n_threads": 2}

    found = hb.compare(run, hb.optimize(cell, lambda history: best, seeds=6, name="mine"))

    mine = found.set_index("method").loc["mine"]
    assert (mine["median"], mine["found_best"], mine["pairs"]) == (cell.table.optimum, 6, 6)


def test_cells_of_one_name_in_two_suites_are_told_apart(small, cell, tmp_path):
    path = tmp_path / "suites/small.yaml"
    other = tmp_path / "suites/other.yaml"
    other.write_text(path.read_text().replace("name: small", "name: other"))
    both = [cell, hb.cell(other)]

    found = hb.compare(*(hb.optimize(c, "random", seeds=3) for c in both), cells=both)

    assert list(found.cell) == [f"other/{CELL}", f"small/{CELL}"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ((), "nothing to compare"),
        ((pd.DataFrame({"a": [1]}),), "without the column 'suite'"),
        ((3,), "a int is no run, study or frame"),
        (("nowhere",), "no run of that name"),
    ],
)
def test_what_cannot_be_compared_is_told(wrong, told):
    with pytest.raises(hb.HaqaError, match=told):
        hb.compare(*wrong, project=REPOSITORY)


def test_a_frame_that_was_spoilt_is_told_by_column_and_row(cell):
    frame = hb.optimize(cell, "random", seeds=2)
    frame["feasible"] = frame["feasible"].astype(object)
    frame.loc[3, "feasible"] = "perhaps"

    with pytest.raises(hb.HaqaError, match="feasible of row 3: Input should be a valid boolean"):
        hb.compare(frame, cells=[cell])


def test_a_study_that_is_given_twice_is_told(cell):
    frame = hb.optimize(cell, "random", seeds=2)

    with pytest.raises(hb.HaqaError, match="random/0 is given twice"):
        hb.compare(frame, frame, cells=[cell])
    with pytest.raises(hb.HaqaError, match="random/0 is given twice"):
        hb.compare(pd.concat([frame, frame]), cells=[cell])


def test_what_nothing_is_compared_with_and_cells_that_are_not_here_are_told(cell, llama):
    frame = hb.optimize(cell, "default", seeds=2)

    with pytest.raises(hb.HaqaError, match=r"no study of 'random'.*default"):
        hb.compare(frame, cells=[cell])
    with pytest.raises(hb.HaqaError, match=r"the suite of small/net.*cells="):
        hb.compare(frame, against="default", project=REPOSITORY)
