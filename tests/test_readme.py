"""The README: its commands are CI's, its table is what the main job prints."""

import re
from pathlib import Path

import pytest
from support import REPOSITORY

pytestmark = pytest.mark.usefixtures("developers_runs_stay")
README = (REPOSITORY / "README.md").read_text("utf-8")


def test_the_table_is_what_the_main_job_prints(whole_suites):
    done = whole_suites("llama")

    printed = done.stdout.partition("\nAgent: ")[0].strip()
    shown = README.partition("<!-- table -->")[2].partition("<!-- /table -->")[0].strip()
    assert shown == printed
    assert "not yet" not in printed


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


def test_the_ablations_replay(whole_suites):
    done = whole_suites("ablations")

    assert done.stdout.count("| 3 studies |") == 13


def test_the_kernels_replay(whole_suites):
    done = whole_suites("kernels")

    assert done.stdout.startswith("**Shortest kernel times found")
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| gem", "| r", "| s"))]
    assert len(rows) == 16 * 8
    assert not [row for row in rows if "not yet" in row or "unknown" in row]
    assert done.stdout.count("; ggml takes ") == 16


def test_the_trainings_replay(whole_suites):
    done = whole_suites("resnet")

    assert done.stdout.startswith("**Best hyperparameters found for quantization-aware training")
    rows = [
        line
        for line in done.stdout.splitlines()
        if line.startswith("| ResNet20 ") and "reference" not in line
    ]
    assert (
        sum(f"| {method} " in row for row in rows for method in ("default", "random", "haqa")) == 9
    )
    assert "| fails to converge (" in done.stdout
    assert "| 75.55 % (" in done.stdout
    assert "not yet" not in done.stdout  # each winner is tested


def test_what_a_gpu_reached_replays(whole_suites):
    done = whole_suites("gpu")

    rows = [line for line in done.stdout.splitlines() if "| nvidia-h100-sxm | default " in line]
    assert len(rows) == 6
    assert (
        sum("not yet" in row for row in rows) == 1
    )  # INT8's tests: the card's memory was shared by six
    assert done.stdout.count("Tests were run on NVIDIA H100 80GB HBM3") == 2


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "suites").rglob("*.yaml")), ids=lambda p: p.stem
)
def test_every_suite_is_valid_and_says_what_it_would_take(cli, path):
    done = cli("run", path, "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "studies, at most" in done.stdout
