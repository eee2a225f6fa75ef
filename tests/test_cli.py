"""The command itself: quick, light, and clear."""

import json
import subprocess
import sys

import pytest
from endpoint import Endpoint, half_json, hang, html, refusing_url, reply, status
from support import REPOSITORY, SUITE, action, printed_rows, record

from haqa_bench.store import manifest

pytestmark = pytest.mark.usefixtures("developers_runs_stay")
HEAVY = ("torch", "llama_cpp", "gguf", "matplotlib", "openai", "httpx2")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("suite", "show", "suites/small.yaml", "--json"),
        ("run", "suites/small.yaml", "--methods", "random", "--project", "."),
        ("run", "suites/small.yaml", "--methods", "none"),
        ("run", "--no-such-option"),
        ("report", "nowhere"),
    ],
    ids=" ".join,
)
def test_this_process_says_what_a_process_of_its_own_says(
    project, cli, cli_process, monkeypatch, arguments
):
    """What lets the other tests call the command here."""
    monkeypatch.chdir(project)

    assert cli(*arguments) == cli_process(*arguments)


def test_help_names_every_command_and_imports_none():
    code = (
        "import sys; from haqa_bench.cli import app; app(['--help'], standalone_mode=False); "
        "print([m for m in sys.modules if 'pydantic' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    for command in ("run", "report", "tabulate", "suite", "hardware", "relay", "cassette", "db"):
        assert f"\n  {command} " in done.stdout
    assert done.stdout.endswith("[]\n")


def test_every_command_has_help(cli):
    from haqa_bench.cli import COMMANDS

    for command in COMMANDS:
        assert "Usage: haqa-bench" in cli(command, "--help").stdout


def test_a_replay_imports_nothing_heavy(project):
    record(project)
    suite = project / "suites" / "small.yaml"
    code = (
        "import sys; from haqa_bench.cli import app; "
        f"app(['run', {str(suite)!r}], standalone_mode=False); "
        f"sys.stderr.write(str([m for m in {HEAVY} if m in sys.modules]))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == "[]"
    assert "haqa" in done.stdout


def test_json_is_one_object_on_stdout(project, cli):
    record(project)

    done = cli("run", project / "suites" / "small.yaml", "--json")

    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert [row["Method"] for row in printed_rows(report["tables"]["figure5"])] == [
        "default",
        "random",
        "random, exact",
        "haqa",
    ]
    assert printed_rows(report["tables"]["figure5"])[2]["Source"] == "replayed"


def test_a_run_s_table_is_printed_again_and_its_database_rebuilt(project, cli):
    record(project)
    first = cli("run", project / "suites" / "small.yaml", "--json")
    folder = json.loads(first.stdout)["folder"]
    printed = cli("report", folder).stdout

    (project / "results").joinpath(folder, "trials.duckdb").write_bytes(b"broken")
    broken = cli("report", folder)
    rebuilt = cli("db", "rebuild", folder)

    assert broken.returncode == 2
    assert "db rebuild" in broken.stderr
    assert rebuilt.returncode == 0
    assert cli("report", folder).stdout == printed
    assert json.loads(cli("report", folder, "--format", "json").stdout)["rows"]


def test_more_seeds_are_run_by_methods_that_have_none_of_their_own(project, cli):
    done = cli("run", project / "suites/small.yaml", "--methods", "random", "--seeds", 4, "--json")

    assert printed_rows(json.loads(done.stdout)["tables"]["figure5"])[0]["n"] == "4"


def test_cassettes_are_listed_shown_and_checked(project, cli):
    record(project)
    tape = project / "cassettes/small/net-int4-epyc-zen4-2core/haqa-s0.jsonl"

    assert "a script" in cli("cassette", "list", tape).stdout
    assert "Best so far" in cli("cassette", "show", tape, "--round", "2").stdout
    assert "whole" in cli("cassette", "check", tape).stdout
    moved = tape.with_name("haqa-s5.jsonl")
    manifest.write(moved, tape.read_bytes())
    assert "is the cassette of" in cli("cassette", "check", moved).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nowhere.yaml"), "nowhere.yaml: no such file, nor a suite"),
        (("suite", "validate", "pyproject.toml"), "not YAML"),
        (
            ("run", "suites/llama.yaml", "--methods", "hqaa"),
            "'hqaa' matches nothing. Did you mean 'haqa'?",
        ),
        (
            ("run", "suites/llama.yaml", "--agent", "live", "--methods", "haqa-qwen*", "--fresh"),
            "OPENAI_API_KEY",
        ),
        (
            ("run", "suites/llama.yaml", "--cells", "*qlora", "--methods", "haqa-qwen*"),
            "haqa-qwen* runs on none of these cells",
        ),
        (("run", "suites/llama.yaml", "--seed", "99"), "no study has it. Known: [0, 1, 2]"),
        (("cassette", "check", "README.md"), "README.md:1: damaged line"),
        (("report", "docs"), "docs: no run of that name, nor a run's folder"),
        (("db", "rebuild", "docs"), "no run of that name"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(cli, monkeypatch, arguments, message):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    done = cli(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (hang(5), "no answer within 0.5 s"),
        (status(429), "HTTP 429"),
        (status(500), "HTTP 500"),
        (html(), "no chat completion"),
        (half_json(), "no chat completion"),
    ],
    ids=["hangs", "429", "500", "html", "half a JSON"],
)
def test_an_endpoint_that_fails_is_one_clear_line_and_the_run_can_go_on(
    project, cli, behaviour, message
):
    live = (
        "--agent",
        "live",
        "--methods",
        "haqa",
        "--seed",
        "0",
        "--chat-timeout",
        0.5,
        "--chat-retries",
        0,
    )
    with Endpoint([reply(action("Q4_0", 1)), behaviour]) as endpoint:
        done = cli("run", project / "suites/small.yaml", *live, "--base-url", endpoint.base_url)

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    with Endpoint([reply(action("Q4_1", 1))]) as endpoint:
        again = cli("run", project / "suites/small.yaml", *live, "--base-url", endpoint.base_url)
    assert again.returncode == 0
    assert len(endpoint.requests) == 3
    assert "1 failures" in str(
        cli("cassette", "list", next((project / "cassettes").rglob("*.jsonl"))).stdout
    )


def test_an_endpoint_that_refuses_is_one_clear_line(project, cli):
    done = cli(
        "run",
        project / "suites/small.yaml",
        "--agent",
        "live",
        "--methods",
        "haqa",
        "--chat-retries",
        0,
        "--base-url",
        refusing_url(),
    )

    assert done.returncode == 2
    assert "connection failed" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_optimizer_names_those_that_exist(project, cli):
    (project / "suites/small.yaml").write_text(
        SUITE.replace("optimizer: random", "optimizer: rnadom")
    )

    done = cli("suite", "validate", project / "suites/small.yaml")

    assert done.returncode == 2
    assert "unknown optimizer 'rnadom'. If a package brings it, install that." in done.stderr
    assert "Did you mean 'random'?" in done.stderr


def test_suites_are_validated_shown_and_described(project, cli):
    suite = project / "suites" / "small.yaml"

    assert "studies: 6" in cli("suite", "validate", suite).stdout
    assert "6 configurations" in cli("suite", "show", suite).stdout
    assert json.loads(cli("suite", "show", suite, "--json").stdout)["name"] == "small"
    assert "cells" in json.loads(cli("suite", "schema").stdout)["properties"]
