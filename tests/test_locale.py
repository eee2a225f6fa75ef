"""Terminals of every kind: not UTF-8, without colours, narrow and wide."""

import shutil

import pytest

PLAIN = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
CELL = "net-int4-epyc-zen4-2core"


@pytest.fixture(scope="module")
def worldly(tmp_path_factory, house):
    """A copy of the small project, whose suite and title are no ASCII."""
    folder = tmp_path_factory.mktemp("worldly") / "copy"
    shutil.copytree(house, folder, ignore=shutil.ignore_patterns("runs", "live"))
    path = folder / "suites/small.yaml"
    path.write_text(path.read_text("utf-8") + "title: Größe ≥ 1, 测量\n", "utf-8")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "run small --methods default,random",
        "suite show small",
        "suite validate nichts-größer",
        f"cassette show cassettes/small/{CELL}/haqa-s0.jsonl",
        "report small --format md",
        "report small --html page.html",
        "explain small x",
        "view ä --no-open",
        "view small --no-open --output größe.html",
        "run --help",
        "hardware show epyc-zen4-2core",
        "größe",
    ],
)
def test_a_terminal_that_is_not_utf_8_gets_every_word(worldly, cli_process, monkeypatch, words):
    monkeypatch.chdir(worldly)
    monkeypatch.setenv("HAQA_BENCH_RUNS", str(worldly / "runs"))

    done = cli_process(*words.split(), **PLAIN)

    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 2)
    assert (done.stdout + done.stderr).isascii()


def test_what_is_written_is_utf_8_whatever_the_terminal(worldly, cli_process, monkeypatch):
    monkeypatch.chdir(worldly)
    monkeypatch.setenv("HAQA_BENCH_RUNS", str(worldly / "runs"))
    cli_process("run", "small", "--methods", "default,random", **PLAIN)

    done = cli_process("view", "small", "--no-open", "--output", "page.html", **PLAIN)

    assert done.returncode == 0, done.stderr
    assert "Größe ≥ 1, 测量" in (worldly / "page.html").read_text("utf-8")


@pytest.mark.parametrize("width", ["40", "200"])
def test_tables_fit_or_are_told_at_any_width_without_colours(house, cli, monkeypatch, width):
    monkeypatch.chdir(house)
    run = next((house / "runs/small").iterdir()).relative_to(house)

    done = cli("report", run, COLUMNS=width, NO_COLOR="1", FORCE_COLOR="1")

    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
