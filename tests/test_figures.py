"""Figures: what is drawn of which run, that it is the same each time, and that a caption says
source and n of its numbers.
"""

import math
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from support import REPOSITORY, SUITE, evaluator_of, record, run

from haqa_bench.errors import HaqaError
from haqa_bench.project import Project, open_run
from haqa_bench.report.figures import album, gains, published, ranks, style, subject, terrain
from haqa_bench.report.found.studies import StudyResult
from haqa_bench.report.published import document
from haqa_bench.report.statistics import Ranking
from haqa_bench.store import keys
from haqa_bench.suite import load
from haqa_bench.trial import Goal

CELL = "net-int4-epyc-zen4-2core"
STARTS = {"pdf": b"%PDF-", "svg": b"<?xml", "png": b"\x89PNG"}


def folder_of(project, suite="small"):
    (found,) = (project / "results" / "runs" / suite).iterdir()
    return found


@pytest.fixture
def recorded(project):
    """The small suite, its agent recorded: one cell, two seeds."""
    record(project)
    shutil.rmtree(project / "results" / "runs")
    run(project)
    return project


@pytest.fixture
def committed(tmp_path):
    """A project whose response tables and cassettes are ours, and whose runs are its own."""
    for name in ("prompts", "hardware", "paper_tables", "suites"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tables").symlink_to(REPOSITORY / "results" / "tables")
    (tmp_path / "cassettes").symlink_to(REPOSITORY / "cassettes")
    return tmp_path


def captions_of(folder, project):
    """The captions of what is drawn of a run, by name."""
    return {p.name: p.caption for p in drawings_of(folder, project) if isinstance(p, style.Picture)}


def left_out_of(folder, project):
    """Why what is not drawn of a run is not, by name."""
    return {p.name: p.why for p in drawings_of(folder, project) if isinstance(p, style.NotDrawn)}


def drawings_of(folder, project):
    with open_run(folder) as run:
        return list(album.drawings(run, Project(project)))


def drawn(cli, project, suite, *options):
    """The captions of the figures of a committed suite, by their names."""
    done = cli("run", project / "suites" / f"{suite}.yaml", *options)
    assert done.returncode == 0, done.stderr
    return captions_of(folder_of(project, suite), project)


def test_a_run_is_drawn_as_what_it_holds_in_three_formats_each_with_its_caption(recorded, cli):
    target = recorded / "figures"

    done = cli("report", folder_of(recorded), "--figures", target)

    assert done.returncode == 0, done.stderr
    names = {
        "glance",
        "gains-deploy-end-to-end-tokens-per-s",
        "paper-figure5",
        f"curves-{CELL}",
        f"landscape-{CELL}-haqa",
    }
    assert {line.rpartition("/")[2] for line in done.stdout.splitlines()} == names
    dark = {"paper-figure5-dark.png", "paper-figure5-dark.svg"}
    assert {path.name for path in target.iterdir()} == dark | {
        f"{name}.{kind}" for name in names for kind in (*STARTS, "txt")
    }
    assert all(
        (target / f"{name}.{kind}").read_bytes().startswith(start)
        for name in names
        for kind, start in STARTS.items()
    )


def test_the_same_run_gives_the_same_bytes_whatever_day_it_is_and_whatever_a_matplotlibrc_says(
    recorded, cli_process
):
    (recorded / "matplotlibrc").write_text(
        "font.size: 20\nsavefig.dpi: 30\naxes.grid: True\nsavefig.bbox: tight\n"
    )

    cli_process("report", folder_of(recorded), "--figures", recorded / "one", SOURCE_DATE_EPOCH="1")
    cli_process(
        "report",
        folder_of(recorded),
        "--figures",
        recorded / "two",
        MATPLOTLIBRC=str(recorded / "matplotlibrc"),
    )

    files = sorted(path.name for path in (recorded / "one").iterdir())
    assert len(files) == 22  # those of the light page, and two for the dark one
    assert all(
        (recorded / "one" / name).read_bytes() == (recorded / "two" / name).read_bytes()
        for name in files
    )


def test_captions_say_n_source_and_who_answered(recorded):
    captions = {
        name.partition("-")[0]: caption
        for name, caption in captions_of(folder_of(recorded), recorded).items()
    }

    assert "n (studies): default 2, random 2, haqa 2. Source: replayed." in captions["curves"]
    assert "Dotted: the default, 60 tokens/s." in captions["curves"]
    assert "Source: replayed." in captions["gains"]
    assert "random tuning 1.33x (n 2, 1.33 to 1.33)" in captions["gains"]
    assert "haqa tuning 1.33x (n 2, 1.33 to 1.33)" in captions["gains"]
    assert "the upper quartile of its undisturbed samples" in captions["curves"]
    assert (
        "of 3 feasible of 6 configurations of the response table (replayed; n (samples of each): 4)"
        in captions["landscape"]
    )
    assert all("haqa: answered by a script." in caption for caption in captions.values())


def test_without_an_agent_there_is_no_way_to_draw(project):
    run(project, "--methods", "default,random")

    names = [*captions_of(folder_of(project), project)]

    assert not [
        name
        for name in names
        if name.startswith(("landscape", "memory", "bitwidths", "front", "ranks"))
    ]


def test_a_run_of_the_default_alone_has_nothing_to_draw(project, cli):
    run(project, "--methods", "default")

    done = cli("report", folder_of(project), "--figures", project / "figures")

    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing" in done.stderr
    assert not (project / "figures").exists()


def test_only_the_kinds_that_are_named_are_drawn(recorded, cli):
    some = cli("report", folder_of(recorded), "--figures", recorded / "some", "--only", "curves")
    none = cli("report", folder_of(recorded), "--figures", recorded / "none", "--only", "curve")

    assert some.stdout.splitlines() == [str(recorded / "some" / f"curves-{CELL}")]
    assert none.returncode == 2
    assert "no figure is called 'curve'. Did you mean 'curves'?" in none.stderr


def test_several_runs_are_drawn_at_a_glance_too(recorded, cli):
    run(recorded, "--methods", "default,random")
    runs = sorted((recorded / "results" / "runs" / "small").iterdir())

    done = cli("report", *runs, "--figures", recorded / "figures", "--only", "glance")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(recorded / "figures" / "glance")
    caption = (recorded / "figures" / "glance.txt").read_text()
    assert "small (deploy, n 1 cells): haqa 1.33\N{MULTIPLICATION SIGN}, 1 not confirmed" in caption
    assert "n (studies): random 2, haqa 2. Source: replayed." in caption


def test_matplotlib_that_is_missing_is_one_line(project, cli_process, tmp_path):
    run(project, "--methods", "default")
    without = tmp_path / "without" / "matplotlib"
    without.mkdir(parents=True)
    (without / "__init__.py").write_text("raise ModuleNotFoundError('No module named matplotlib')")
    path = os.pathsep.join([str(without.parent), os.environ.get("PYTHONPATH", "")])

    done = cli_process(
        "report", folder_of(project), "--figures", tmp_path / "figures", PYTHONPATH=path
    )

    assert done.returncode == 2
    assert (
        done.stderr == "haqa-bench: --figures: matplotlib is not installed. Install it with: pip "
        'install -e ".[figures]"\n'
    )


def test_matplotlib_is_imported_by_nothing_but_figures(recorded):
    program = (
        "import sys\nfrom haqa_bench.cli import app\n"
        "for arguments in (['--help'], ['run', sys.argv[1], '--fresh'], ['report', sys.argv[2]]):\n"
        "    app(arguments, standalone_mode=False)\n"
        "assert 'matplotlib' not in sys.modules"
    )

    command = [
        sys.executable,
        "-c",
        program,
        str(recorded / "suites/small.yaml"),
        str(folder_of(recorded)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr


def test_several_goals_are_drawn_against_each_other_with_the_exact_front(project):
    goals = '    objective:\n      also: [{metric: perplexity, unit: "1", direction: minimize}]\n'
    (project / "suites/small.yaml").write_text(SUITE.replace("    objective:\n", goals))
    run(project, "--methods", "default,random")

    captions = captions_of(folder_of(project), project)

    caption = captions[f"front-{CELL}"]
    assert "Rings: the exact front of the whole response table, 1 points;" in caption
    assert "Found by all studies together: random 1 of 1" in caption
    assert "n (studies): default 2, random 2. Source: replayed." in caption


def test_memory_is_drawn_against_the_limits(committed, cli):
    captions = drawn(cli, committed, "memory", "--methods", "default,rules")

    assert set(captions) == {"memory"}
    assert "Source: simulated" in captions["memory"]
    told = "LLaMA2-13B on RTX A6000 FP16 29.4 GB, INT8 16.6 GB, INT4 10.3 GB"
    assert told in captions["memory"]


def test_fewer_than_ten_cells_that_rank_methods_are_no_ranking(recorded):
    why = left_out_of(folder_of(recorded), recorded)["ranks"]

    assert why.startswith(
        "0 of 1 cells can rank methods, and below 10 an average rank says nothing"
    )
    assert "Net INT4: half of all random searches lose at most 0.0 %" in why


def test_bit_widths_are_drawn_for_each_device_with_the_source_and_n_of_each(committed, cli):
    captions = drawn(
        cli, committed, "formats", "--cells", "smollm2*,*oneplus*", "--methods", "default,random"
    )

    assert (
        "LLaMA2-7B on OnePlus 11, INT4: Q4_0 17.92 tokens/s (simulated, n 1)"
        in captions["bitwidths"]
    )
    assert (
        "SmolLM2-135M on EPYC Zen 4, 2 cores, INT8 (8.51 bits): Q8_0 124.1 tokens/s (replayed, n 6)"
        in captions["bitwidths"]
    )
    assert "curves-smollm2-135m-any-epyc-zen4-2core" in captions
    assert "curves-llama2-7b-any-oneplus-11" not in captions  # two evaluations are no curve


def test_landscapes_find_configurations_whose_numbers_are_written_with_a_point(committed, cli):
    captions = drawn(cli, committed, "resnet", "--cells", "*w2a2*", "--methods", "default,haqa")

    assert (
        "of 64 configurations of the response table (replayed; "
        in captions["landscape-resnet20-w2a2-epyc-zen4-2core-qat-haqa"]
    )


def test_what_is_no_speed_gains_a_difference():
    loss = Goal(metric="held_out_loss", unit="nats", direction="minimize")
    time = Goal(metric="time_us", unit="us", direction="minimize")

    assert gains.gain(loss, 2.0, 1.5) == 0.5
    assert gains.gain(time, 20.0, 5.0) == 4.0


def test_a_map_s_axes_are_the_parameters_with_the_largest_main_effect(project):
    cell = load(project / "suites/small.yaml", project).cells[0]
    feasible = {
        key: o.measurements[0].value
        for key, o in evaluator_of(project).outcomes.items()
        if o.rank is not None
    }
    codes = keys.codes_of(cell.space, pa.array(list(feasible)))

    found = terrain.landscape(Project(project), cell)

    # Feasible: Q4_1 with one thread (30) and with two (60), IQ4_NL with two (80). By threads 30 and
    # 70, by format 45 and 80.
    assert terrain.effects(np.array(list(feasible.values())), codes, cell) == pytest.approx(
        {"n_threads": 20.0**2, "format": 17.5**2}
    )
    assert (found.across, found.up, found.feasible) == ("n_threads", "format", 3)
    assert np.array_equal(
        found.best, [[math.nan, math.nan], [30.0, 60.0], [math.nan, 80.0]], equal_nan=True
    )
    assert found.optimum == {"format": "IQ4_NL", "n_threads": 2}


def test_a_table_of_another_workload_is_no_map_of_this_run(recorded):
    longer = SUITE.replace("{quality_text: text.txt}", "{quality_text: text.txt, n_prompt: 64}")
    (recorded / "suites/small.yaml").write_text(longer)
    cell = load(recorded / "suites/small.yaml", recorded).cells[0]

    with pytest.raises(HaqaError, match="was measured for another cell or workload"):
        terrain.landscape(Project(recorded), cell)


def test_the_critical_difference_is_demsar_s():
    # Demsar (2006), section 3.2.2: four classifiers on fourteen data sets, q = 2.569.
    found = Ranking({"a": 3.143, "b": 2.0, "c": 2.893, "d": 1.964}, 14, 0.02)

    assert ranks.critical_difference(found) == pytest.approx(1.25, abs=0.005)
    assert ranks.groups(found, 1.25) == [(1.964, 3.143)]
    assert ranks.groups(found, 0.95) == [(1.964, 2.893), (2.893, 3.143)]


@pytest.mark.parametrize("p", [None, 0.05, 0.2])
def test_without_significance_there_is_no_critical_difference(p):
    assert ranks.critical_difference(Ranking({"a": 1.0, "b": 2.0, "c": 3.0}, 5, p)) is None


def test_what_was_not_known_is_said_so_in_a_caption():
    same = ("optimizer", 0, "", "maximize", "tokens/s", 1.0, 1.0, None, None)
    studies = [StudyResult("cell", "a", *same, "measured"), StudyResult("cell", "b", *same, None)]

    assert subject.sources(studies) == "measured (a); unknown (b)"


def test_a_published_value_says_whether_it_is_of_the_same_model_and_bit_width():
    resnet = load(REPOSITORY / "suites/resnet.yaml", REPOSITORY)
    cell = next(cell for cell in resnet.cells if cell.bit_width == "w4a4")
    table = document.load(REPOSITORY / "paper_tables/table1.yaml")

    points = {point.row: point for point in published.points(table, cell, "haqa")}

    assert {row: point.same for row, point in points.items()} == {
        "ResNet20": True,
        "ResNet32": False,
        "ResNet50": False,
    }
    low, value, high = points["ResNet20"][:3]
    assert (low, value, high) == pytest.approx((88.28, 88.38, 88.48))
    assert published.only_published(table) == ["Human"]


def test_figures_have_the_names_that_a_suite_gives_readers(project):
    labels = "labels: {epyc-zen4-2core: Our machine, random: Chance, Net: A net}\n"
    (project / "suites/small.yaml").write_text(SUITE + labels)
    run(project, "--methods", "default,random")

    captions = captions_of(folder_of(project), project)

    assert "A net INT4 on Our machine" in captions["glance"]
    assert "n (studies): default 2, Chance 2." in captions["glance"]
