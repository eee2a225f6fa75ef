"""The README: its commands are CI's, its table is what the main job prints."""

import re
from pathlib import Path

import pytest
from support import REPOSITORY
from whole_suites import FOLLOWS_THE_PROCESSOR, on_another_processor

pytestmark = pytest.mark.usefixtures("developers_runs_stay")
README = (REPOSITORY / "README.md").read_text("utf-8")
START = (REPOSITORY / "docs" / "start.md").read_text("utf-8")


def test_the_table_is_what_the_main_job_prints(whole_suites):
    done = whole_suites("llama")

    printed = done.stdout.partition("\nAgent: ")[0].strip()
    shown = START.partition("<!-- table -->\n```text\n")[2].partition("```\n<!-- /table -->")[0]
    assert shown.strip() == printed
    assert "not yet" not in printed


def test_the_readme_can_be_read_in_a_minute():
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", README)

    assert len(README.splitlines()) <= 120
    assert len(pictures) == 2
    assert all(len(alt) > 80 and (REPOSITORY / file).exists() for alt, file in pictures)
    assert len(re.findall(r"^- \*\*.*\]\(docs/", README, re.MULTILINE)) == 5


def test_ci_runs_the_readme_s_own_two_commands():
    lines = re.findall(r"```sh\n(python3 .*?)```", README, re.DOTALL)[0].splitlines()
    ci = (REPOSITORY / ".ci" / "run").read_text().replace("pip install -q", "pip install")

    assert lines[0].split(" && ", 2)[2] in ci
    assert lines[1] in ci


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_that_the_readme_links_to_is_there(name):
    assert (REPOSITORY / name).exists()


@pytest.mark.parametrize(
    "page",
    [*sorted((REPOSITORY / "docs").glob("*.md")), REPOSITORY / "CONTRIBUTING.md"],
    ids=lambda p: p.name,
)
def test_every_file_that_a_page_links_to_is_there(page: Path):
    for name in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / name).exists()


def methods_of(table):
    return [row["id"].rpartition("/")[2] for row in table["rows"]]


def held_here(suite, table):
    """A table without the method that follows the processor, on another than the recorded one."""
    if not on_another_processor(suite):
        return table
    gone = f"/{FOLLOWS_THE_PROCESSOR}"
    return {**table, "rows": [row for row in table["rows"] if not row["id"].endswith(gone)]}


def texts(table):
    return [value["text"] for row in table["rows"] for value in row["values"].values()]


def test_what_no_method_proposed_is_never_the_best(cli, tmp_path):
    done = cli(
        "run", REPOSITORY / "suites/llama.yaml", "--methods", "random", "--cells", "*int4*qlora",
        "--runs", tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    starred = [line.split()[0] for line in done.stdout.splitlines() if "*" in line and "  " in line]
    assert starred[0] == "random"
    assert not {"guessing", "full", "round"} & set(starred)


def test_the_ablations_replay(whole_suites):
    rows = whole_suites("ablations").table("figure5")["rows"]

    assert sum(row["values"]["n"]["number"] == 3 for row in rows) == 13


def test_the_kernels_replay(whole_suites):
    done = whole_suites("kernels")
    table = done.table("table3")

    assert done.stdout.startswith("Shortest kernel times found")
    assert len(table["rows"]) == 16 * 9
    assert not {"not yet", "unknown"} & set(texts(held_here("kernels", table)))
    assert sum(note.count("; ggml takes ") for note in table["notes"]) == 16


def test_the_trainings_replay(whole_suites):
    done = whole_suites("resnet")
    table = done.table("table1")

    assert done.stdout.startswith("Best hyperparameters found for quantization-aware training")
    found = methods_of(table)
    assert all(found.count(name) == 3 for name in ("default", "random", "haqa"))
    assert "not yet" not in texts(held_here("resnet", table))  # each winner is tested


def test_what_a_gpu_reached_replays(whole_suites):
    tables = [whole_suites("gpu").table(name) for name in ("table1", "table2")]

    rows = [row for table in tables for row in table["rows"] if row["id"].endswith("/default")]
    assert len(rows) == 6
    untested = [row for row in rows if row["values"]["Test accuracy, %"]["text"] == "not yet"]
    assert len(untested) == 1  # INT8's tests: the card's memory was shared by six
    notes = [note for table in tables for note in table["notes"]]
    assert sum("Tests were run on NVIDIA H100 80GB HBM3" in note for note in notes) == 2


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "suites").rglob("*.yaml")), ids=lambda p: p.stem
)
def test_every_suite_is_valid_and_says_what_it_would_take(cli, path):
    done = cli("run", path, "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "studies, at most" in done.stdout
