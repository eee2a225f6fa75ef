"""Every door of the command: what a user names is replaced by something else, and one line says so.

A door is a command and one of its inputs. What takes its place is a folder, nothing, noise, a link
to itself and so on. The command ends with 2, or with 0 where it needs the input no more, and never
with a traceback.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

CELL = "net-int4-epyc-zen4-2core"
RUN = "runs/small/"
"""How the folder of the recorded run begins; there is one."""
DEEP = b"[" * 100_000


class Door(NamedTuple):
    """A command's words and the path of one of its inputs, both from the project's folder; what
    begins with RUN lies in the run's folder.
    """

    words: str
    replaced: str


DOORS = [
    Door("suite validate suites/small.yaml", "suites/small.yaml"),
    Door("suite show suites/small.yaml --json", "hardware/epyc-zen4-2core.yaml"),
    Door("suite validate suites/small.yaml", "prompts/deploy.j2"),
    Door("suite validate suites/small.yaml", "suites/text.txt"),
    Door(
        "run suites/small.yaml --runs again --methods haqa --seed 0 --fresh", "prompts/dynamic.j2"
    ),
    Door("run suites/small.yaml --runs again --methods haqa --seed 0 --fresh", "CASSETTE"),
    Door("run suites/small.yaml --runs again --methods random --seed 0 --fresh", "TABLE"),
    Door("run suites/small.yaml --runs again --methods random --seed 0 --fresh", "CONFIRMED"),
    Door("hardware list", "hardware/nvidia-a6000.yaml"),
    Door("hardware show epyc-zen4-2core", "hardware/epyc-zen4-2core.yaml"),
    Door("table show suites/small.yaml", "TABLE"),
    Door("table export suites/small.yaml --output exported", "TABLE"),
    Door("cassette list CASSETTE", "CASSETTE"),
    Door("cassette show CASSETTE", "CASSETTE"),
    Door("cassette check CASSETTE", "CASSETTE"),
    Door("published mine.yaml", "mine.yaml"),
    Door("published --check", "paper_tables/table2.yaml"),
    Door("report RUN", "RUN/lock.json"),
    Door("report RUN", "RUN/trials.duckdb"),
    Door("report RUN --table 2", "paper_tables/table2.yaml"),
    Door("compare RUN", "RUN/lock.json"),
    Door("diff RUN RUN", "RUN/trials.duckdb"),
    Door("explain RUN F5", "RUN/trials.duckdb"),
    Door("view RUN --no-open --output page.html", "CASSETTE"),
    Door("db rebuild RUN", "JOURNAL"),
    Door("db rebuild RUN", "RUN_CONFIRMED"),
    Door("memory config.json", "config.json"),
    Door("memory model.gguf", "model.gguf"),
    Door("tune model.gguf --output tuned", "model.gguf"),
]


def directory(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    pass


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(bytes((i * i * 31 + i) % 251 for i in range(4096)))


def deep(path: Path) -> None:
    path.write_bytes(DEEP + b"\n")


def nuls(path: Path) -> None:
    path.write_bytes(b"\0" * 4096 + b"\n")


def latin(path: Path) -> None:
    path.write_bytes(b"name: caf\xe9\n")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_list(path: Path) -> None:
    path.write_bytes(b"[1]\n")


def an_object(path: Path) -> None:
    path.write_bytes(b'{"kind": "card"}\n')


REPLACEMENTS = [
    *(directory, nothing, empty, noise, deep, nuls, latin, link_to_itself, a_list, an_object)
]


def named(house: Path) -> dict[str, str]:
    run = next((house / "runs/small").iterdir()).relative_to(house).as_posix()
    return {
        "RUN_CONFIRMED": f"{run}/confirmed/deploy/{CELL}.jsonl",
        "CASSETTE": f"cassettes/small/{CELL}/haqa-s0.jsonl",
        "CONFIRMED": f"results/confirmed/deploy/{CELL}.jsonl",
        "JOURNAL": f"{run}/journal/{CELL}/random-s0.jsonl",
        "TABLE": f"results/tables/deploy/{CELL}.parquet",
        "RUN": run,
    }


def spelt(words: str, names: dict[str, str]) -> str:
    for name, path in names.items():
        words = words.replace(name, path)
    return words


@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door.words}, {door.replaced}")
def test_a_door_refuses_what_is_no_input_in_one_line(house, cli, monkeypatch, door):
    monkeypatch.chdir(house)
    names = named(house)
    path = Path(spelt(door.replaced, names))
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.with_name("kept")
    if path.exists():
        path.rename(kept)
    faults = []
    for replace in REPLACEMENTS:
        replace(path)
        faults += _faults(cli, spelt(door.words, names).split(), replace.__name__)
        _remove(path)
    if kept.exists():
        kept.rename(path)

    assert faults == []


def _faults(cli, words: list[str], what: str) -> list[str]:
    """What is wrong with how a command took an input that is none."""
    try:
        done = cli(*words)
    except Exception as error:
        return [f"{what}: {type(error).__name__}: {error}"]
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Budget check")]
    usage = bool(lines) and lines[0].startswith("Usage:")
    if done.returncode not in (0, 2):
        return [f"{what}: ends with {done.returncode}"]
    if (
        done.returncode == 2
        and len(lines) != 1
        and not usage
        and "\n--- recorded" not in done.stderr
    ):
        return [f"{what}: says {len(lines)} lines: {lines[:3]}"]
    return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "words",
    [
        "report RUN --output OUT",
        "report RUN --html OUT/page.html",
        "report RUN --figures OUT",
        "table export suites/small.yaml --output OUT",
        "view RUN --no-open --output OUT/page.html",
        "hardware detect --output OUT",
        "run suites/small.yaml --methods random --runs OUT",
        "tune model.gguf --output OUT",
        "merge suites/small.yaml --cell * --output OUT/model.gguf",
        "relay OUT",
    ],
)
def test_what_cannot_be_written_is_one_line(house, cli, monkeypatch, words):
    monkeypatch.chdir(house)
    place = Path("a-place")
    faults = []
    for replace in (empty, link_to_itself):
        replace(place)
        said = spelt(words.replace("OUT", place.name), named(house)).split()
        faults += _faults(cli, said, replace.__name__)
        assert place.is_symlink() or place.read_bytes() == b""
        _remove(place)

    assert faults == []


@pytest.mark.parametrize(
    "words",
    [
        "run suites/small.yaml --seeds 0",
        "run suites/small.yaml --seeds 99999999999999999999",
        "run suites/small.yaml --seed -1",
        "run suites/small.yaml --seed 9007199254740993",
        "run suites/small.yaml --workers 0",
        "run suites/small.yaml --workers -3",
        "run suites/small.yaml --chat-timeout nan",
        "run suites/small.yaml --chat-timeout inf",
        "run suites/small.yaml --chat-timeout -1",
        "run suites/small.yaml --chat-timeout 0",
        "run suites/small.yaml --chat-retries -1",
        "run suites/small.yaml --chat-retries 1e9",
        "run suites/small.yaml --cells nowhere*",
        "run suites/small.yaml --methods nobody",
        "run suites/small.yaml --methods ,",
        "report RUN --digits -1",
        "report RUN --digits 999",
        "report RUN --methods nobody",
        "report RUN --cells nowhere",
        "report RUN --columns none",
        "report RUN --html RUN/lock.json",
        "tabulate suites/small.yaml --passes 0",
        "tabulate suites/small.yaml --order-seed -1",
        "tabulate suites/small.yaml --workers 0",
        "memory model.gguf --n-ctx 4294967808",
        "memory model.gguf --n-ctx -64",
        "memory model.gguf --n-ubatch 0",
        "memory model.gguf --max-length 99999999999",
        "memory model.gguf --limit nan",
        "memory model.gguf --limit -3GB",
        "memory model.gguf --training nan",
        "tune model.gguf --n-ctx 4294967808",
        "tune model.gguf --min-quality nan",
        "tune model.gguf --budget 1",
        "tune model.gguf --n-generate 99999999999",
        "tune model.gguf --memory inf",
        "merge suites/small.yaml --cell * --seed -1 --output x.gguf",
        "merge suites/small.yaml --cell * --output x.yaml",
        "hardware detect --output here.json",
        "cassette show CASSETTE --round -1",
        "relay folder --port 65536",
    ],
)
def test_a_number_or_a_name_beyond_its_range_is_refused(house, cli, monkeypatch, words):
    monkeypatch.chdir(house)
    lock = house / named(house)["RUN"] / "lock.json"
    before = lock.read_bytes()

    done = cli(*spelt(words, named(house)).split())

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert lock.read_bytes() == before


@pytest.mark.parametrize("name", ["", "caf\udce9", "\udcff/suite.yaml"])
def test_a_name_that_is_empty_or_no_text_is_refused(house, cli, monkeypatch, name):
    monkeypatch.chdir(house)

    for words in (
        ("run", name),
        ("report", name),
        ("cassette", "show", name),
        ("runs", "--runs", name),
    ):
        done = cli(*words)
        assert done.returncode == 2
        assert "is empty" in done.stderr or "is not UTF-8" in done.stderr


def test_a_project_whose_folder_s_name_is_no_text_is_refused(house, cli, tmp_path, monkeypatch):
    there = shutil.copytree(house, tmp_path / "caf\udce9")
    monkeypatch.chdir(there)

    done = cli("run", "suites/small.yaml", "--methods", "random")

    assert done.returncode == 2
    assert "the name is not UTF-8" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_fresh_is_never_silently_not_fresh(house, cli, tmp_path, monkeypatch):
    runs, words = tmp_path / "runs", ("run", house / "suites/small.yaml", "--methods", "random")
    assert cli(*words, "--runs", runs).returncode == 0
    (run,) = (runs / "small").iterdir()
    run.rename(tmp_path / "elsewhere")
    run.symlink_to(tmp_path / "elsewhere")

    linked = cli(*words, "--runs", runs, "--fresh")

    assert linked.returncode == 2
    assert "is a link: what it leads to is not forgotten" in linked.stderr
    run.unlink()
    (tmp_path / "elsewhere").rename(run)

    def refuse(path):
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    kept = cli(*words, "--runs", runs, "--fresh")
    assert kept.returncode == 2
    assert "Operation not permitted" in kept.stderr
