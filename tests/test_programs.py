"""An agent that is a program: asked without a shell, within bounds, recorded and replayed as an
endpoint is; nothing of it is left behind.
"""

import json
import os
import signal
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from support import SUITE, small_project
from test_orphans import MARK, PATIENCE_S, begun, ended, marked

from haqa_bench.chat import Chat, shown
from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.llm import cassette
from haqa_bench.llm.program import Command, Program
from haqa_bench.protocols import ChatRequest, Message, Position

SCRIPT = """\
import json, sys

asked = sys.stdin.read()
assert "# Message 1: system" in asked
speeds = {"Q4_1": 2, "IQ4_NL": 2}
format = "Q4_1" if "IQ4_NL" in asked.split("# Results so far")[1] else "IQ4_NL"
print(json.dumps({"thought": "as a program", "action": {"format": format, "n_threads": 1}}))
"""
REQUEST = ChatRequest(
    model="mine",
    messages=(Message(role="system", content="S"), Message(role="user", content="Über")),
    temperature=0.5,
    seed=7,
    max_tokens=10,
)
PLACE = Position(1, 1)


def asked(*words: str, timeout_s: float = 20.0, retries: int = 0, **how) -> str:
    command = Command(words, **how)
    return Program(command, timeout_s, retries).chat(REQUEST, PLACE).content


def fault(*words: str, **how) -> str:
    with pytest.raises(ChatFailed) as told:
        asked(*words, **how)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_it_reads_the_messages_from_its_input_and_answers_by_its_output():
    assert asked("cat") == "# Message 1: system\n\nS\n\n# Message 2: user\n\nÜber\n"


def test_it_is_asked_by_file_and_answers_by_file_where_its_arguments_say_so():
    assert asked("cp", "{question}", "{answer}") == asked("cat")


def test_it_is_given_the_requests_json_where_that_is_asked_for():
    assert json.loads(asked("cat", question="json")) == REQUEST.body()


def test_no_shell_reads_its_arguments():
    assert asked("echo", "$HOME;", "`id`", "> x", "*") == "$HOME; `id` > x *\n"


def test_it_runs_in_an_empty_folder_that_is_gone_afterwards():
    first, second = (asked("sh", "-c", "pwd; ls -A; touch x").split() for _ in range(2))

    assert len(first) == len(second) == 1
    assert first != second
    assert not Path(first[0]).exists()


def test_files_beside_the_suite_are_found_from_that_folder(tmp_path):
    (tmp_path / "my_agent.py").write_text("print('from', __file__)")

    assert asked(sys.executable, "my_agent.py", beside=tmp_path) == f"from {tmp_path}/my_agent.py\n"


def test_a_program_beside_the_suite_is_named_by_its_path(tmp_path):
    (tmp_path / "agent").write_text("#!/bin/sh\necho hi\n")
    (tmp_path / "agent").chmod(0o755)

    assert asked("./agent", beside=tmp_path) == "hi\n"


def test_it_is_not_given_keys_but_those_that_are_named(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("MY_AGENT_TOKEN", "tok-abcdefghij")
    monkeypatch.setenv("COLOUR", "blue")
    words = ("sh", "-c", "echo $OPENAI_API_KEY,$MY_AGENT_TOKEN,$COLOUR")
    named = Program(Command(words), 20.0, 0, passed=["MY_AGENT_TOKEN"])

    assert asked(*words) == ",,blue\n"
    assert named.chat(REQUEST, PLACE).content == ",***,blue\n"  # it was given it, and told it


def test_a_variable_that_is_named_and_not_set_is_told():
    with pytest.raises(HaqaError, match="--chat-env: NOT_SET_HERE is not set"):
        Program(Command(("cat",)), 1.0, 0, passed=["NOT_SET_HERE"])


FAULTS = {
    "no_such_program_anywhere": (("no_such_program_anywhere",), "no such program"),
    "exit code": (("sh", "-c", "echo one >&2; echo no luck >&2; exit 3"), "exit code 3: no luck"),
    "a signal": (("sh", "-c", "kill -SEGV $$"), "ended by SIGSEGV"),
    "nothing": (("true",), "it answered nothing"),
    "white space": (("echo",), "it answered nothing"),
    "no file": (("true", "{answer}"), "it answered nothing"),
    "a pipe for a file": (("mkfifo", "{answer}"), "it answered nothing"),
    "a link for a file": (("ln", "-s", "/etc/passwd", "{answer}"), "it answered nothing"),
    "garbage": (("printf", r"\377\376"), "its answer is not UTF-8"),
    "a flood": (("yes",), "an answer of more than 4,000,000 bytes"),
    "a flood of a file": (("sh", "-c", "yes > {answer}"), "an answer of more than 4,000,000 bytes"),
    "a terminal": (("sh", "-c", "cat < /dev/tty"), "/dev/tty"),
    "another format": (("./text",), "cannot be started"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_faulty_program_is_told_in_one_line(tmp_path, kind):
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    words, told = FAULTS[kind]

    assert told in fault(*words, beside=tmp_path)


def test_complaints_are_kept_within_bounds_and_show_no_home():
    said = fault("sh", "-c", "yes $HOME | head -c 9000000 | tr -d '\\n' >&2; exit 1")

    assert len(said) < 400
    assert str(Path.home()) not in said.replace("~", "")


HANGS = {
    "it": "sleep 60",
    "a child": "sleep 60 & sleep 60",
    "a daemon": "setsid sh -c 'sleep 60 & sleep 60' & sleep 60",
    "what hears no end": "trap '' TERM INT HUP; sleep 60 & wait",
}


@pytest.mark.parametrize("kind", HANGS)
def test_all_of_it_ends_at_the_limit(monkeypatch, kind):
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)

    began = time.monotonic()
    said = fault("sh", "-c", HANGS[kind], timeout_s=0.6)

    assert "no answer within 0.6 s" in said
    assert time.monotonic() - began < 10
    assert [p.pid for p in marked(mark) if p.pid != os.getpid()] == []


def test_what_it_leaves_behind_is_ended_with_it(monkeypatch):
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)

    said = asked("sh", "-c", "setsid sleep 60 & sleep 60 & echo done")

    assert said == "done\n"
    assert [p.pid for p in marked(mark) if p.pid != os.getpid()] == []


def test_it_is_tried_again_as_endpoints_are(tmp_path, monkeypatch):
    monkeypatch.setattr("haqa_bench.llm.tries.FIRST_PAUSE_S", 0.01)
    tries = tmp_path / "tries"
    words = ("sh", "-c", f"echo x >> {tries}; test $(wc -l < {tries}) -ge 3 && echo good")

    assert asked(*words, retries=2) == "good\n"
    tries.unlink()
    assert "exit code 1" in fault(*words, retries=1)


@pytest.fixture
def project(tmp_path):
    """A small suite whose agent is a script beside it."""
    command = json.dumps([sys.executable, "my_agent.py"])
    chat = f"chat: {{model: my-script, command: {command}}}"
    text = SUITE.replace("chat: {model: test-model, temperature: 0.0}", chat)
    text = text.replace("proposals: 5", "proposals: 3")
    small_project(tmp_path, text)
    (tmp_path / "suites/my_agent.py").write_text(SCRIPT)
    return tmp_path


def live(project, cli, *options):
    return cli("run", project / "suites/small.yaml", "--agent", "live", *options)


def tape(project):
    return cassette.read(project / "cassettes/small/net-int4-epyc-zen4-2core/haqa-s0.jsonl")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_script_is_recorded_and_replayed_without_it(project, cli, workers):
    done = live(
        *(project, cli, "--allow-commands", "--methods", "default,haqa", "--workers", workers),
        *("--answered-by", "my script"),
    )
    assert done.returncode == 0, done.stderr
    (project / "suites/my_agent.py").unlink()

    again = cli("run", project / "suites/small.yaml", "--methods", "default,haqa")

    assert again.returncode == 0, again.stderr
    known = tape(project)
    assert known.card["endpoint"] == "a program"
    assert known.card["command"][1] == "my_agent.py"
    assert known.card["model_answered"] == "my-script"
    assert known.card["answered_by"] == "my script"
    assert [line.split()[-4:] for line in done.stdout.splitlines() if "haqa" in line] == [
        line.split()[-4:] for line in again.stdout.splitlines() if "haqa" in line
    ]


def test_a_suites_program_runs_only_where_somebody_allows_it(project, cli):
    done = live(project, cli)

    assert done.returncode == 2
    assert "method 'haqa': the suite would run a program: " in done.stderr
    assert "my_agent.py. If you trust it: --allow-commands" in done.stderr
    assert not (project / "cassettes").exists()


def test_a_program_of_the_command_line_answers_in_place_of_an_endpoint(tmp_path, cli, monkeypatch):
    project = small_project(tmp_path / "project", SUITE.replace("proposals: 5", "proposals: 3"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SCRIPT)

    done = live(
        *(project, cli, "--methods", "haqa", "--seed", "0"),
        *("--chat-command", f"{sys.executable} 'mine.py' --api-key=hush-hush-hush"),
    )

    assert done.returncode == 0, done.stderr
    assert tape(project).card["command"][1:] == ["mine.py", "***"]
    assert "hush-hush" not in tape(project).path.read_text()
    assert tape(project).card["method"]["chat"]["model"] == "test-model"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--chat-command", "agent 'x"), "--chat-command: agent 'x: No closing quotation"),
        (("--chat-command", "  "), "--chat-command: names no program"),
        (("--chat-command", "cat", "--base-url", "http://a/v1"), "either a program or an endpoint"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(project, cli, options, told):
    done = live(project, cli, *options)

    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_program_that_fails_ends_its_study_alone(project, cli):
    (project / "suites/my_agent.py").write_text("raise SystemExit('it is out of ideas')")

    done = live(project, cli, "--allow-commands", "--chat-retries", "0", "--seed", "0")

    assert done.returncode == 3
    assert "haqa/seed0: the program" in done.stderr
    assert "exit code 1: it is out of ideas" in done.stderr
    assert "random" in done.stdout


def test_a_program_ends_with_its_run(project):
    (project / "suites/my_agent.py").write_text(
        "import subprocess, time\nsubprocess.Popen(['setsid', 'sleep', '61'])\ntime.sleep(61)\n"
    )
    small = str(project / "suites/small.yaml")
    options = ("--methods", "haqa", "--seed", "0", "--agent", "live", "--allow-commands")
    with begun("haqa_bench", "run", small, *options) as (process, mark):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not _sleeps(mark):
            time.sleep(0.1)
        assert _sleeps(mark)

        ended(process, mark, signal.SIGKILL)


def _sleeps(mark: str) -> bool:
    try:
        return any(process.name() == "sleep" for process in marked(mark))
    except psutil.Error:
        return False


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("command: []", "at least 1"),
        ("command: ['']", "holds an argument that no program takes"),
        ("command: [agent, --api-key, abcdefgh]", "holds a secret"),
        ("command: [agent, '--token=abcdefgh']", "holds a secret"),
        ("command: [env, 'MY_KEY=abcdefgh', agent]", "holds a secret"),
        ("command: [curl, 'https://me:hush@example.org']", "holds a secret"),
        ("command: [agent, sk-abcdefghijkl]", "holds a secret"),
        ("command: [agent], base_url: 'http://a/v1'", "either a command or a base_url"),
        ("command: agent --flag", "valid array"),
        ("command: [agent], question: yaml", "'text' or 'json'"),
    ],
)
def test_a_suite_that_names_a_program_wrongly_is_refused(tmp_path, cli, written, told):
    path = small_project(tmp_path) / "suites/small.yaml"
    path.write_text(SUITE.replace("chat: {model: test-model,", f"chat: {{model: m, {written},"))

    done = cli("suite", "validate", path)

    assert done.returncode == 2
    assert told in done.stderr


def test_what_looks_like_no_secret_is_shown():
    words = ("agent", "--max-tokens", "10", "keyboard.py", "--author", "me", "-p", "a-key-word")

    assert shown(words) == words


def test_the_lock_of_a_chat_without_a_program_stays_as_it_was():
    assert not {"command", "question"} & Chat(model="m").model_dump(mode="json").keys()
