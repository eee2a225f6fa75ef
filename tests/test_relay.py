"""The relay: an endpoint whose answers somebody writes into a folder."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from haqa_bench.cli.relay import relay as relay_command
from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.llm.relay import Relay
from haqa_bench.protocols import ChatRequest, Message, Position

KEY = "sk-proj-0123456789abcdef"
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "action", "schema": {"type": "object", "required": ["lora_r"]}},
}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("haqa_bench.llm.questions.POLL_S", 0.02)
    monkeypatch.setattr("haqa_bench.llm.questions.SETTLED_S", 0.05)
    monkeypatch.setattr("haqa_bench.llm.questions.UNSURE_S", 0.05)


def request(content: str = "5 + 5?", **more: Any) -> ChatRequest:
    messages = (Message(role="system", content="You count."), Message(role="user", content=content))
    return ChatRequest(
        model="any", messages=messages, temperature=0.0, seed=0, max_tokens=64, **more
    )


def ask(relay: Relay, asked: ChatRequest, timeout_s: float = 5.0, retries: int = 0) -> str:
    return OpenAICompatible(relay.base_url, timeout_s, retries).chat(asked, Position(1, 1)).content


@contextmanager
def answering(folder: Path, write: Callable[[Path], object]) -> Iterator[None]:
    """Somebody who answers every request that appears, by `write`, meanwhile."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for asked in folder.rglob("*.request.md"):
                answer = asked.with_name(asked.name.replace("request", "answer"))
                if not os.path.lexists(answer):
                    write(answer)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def post(
    relay: Relay,
    body: bytes,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    **headers: str,
) -> tuple[int, Any]:
    """Status and JSON of the relay's response to anything at all."""
    connection = http.client.HTTPConnection(
        relay.base_url.removeprefix("http://").removesuffix("/v1"), timeout=5
    )
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    value = json.loads(response.read())
    connection.close()
    return response.status, value


def test_an_answer_is_sent_on_exactly_as_written(tmp_path):
    with (
        Relay(tmp_path) as relay,
        answering(tmp_path, lambda answer: answer.write_bytes(b'\n{"lora_r": 8}  \r\n\xc3\xa9\n')),
    ):
        got = OpenAICompatible(relay.base_url, 5.0, 0).chat(request(), Position(1, 1))

    assert (got.content, got.model, got.finish_reason) == (
        '\n{"lora_r": 8}  \r\n\u00e9\n',
        "relay",
        "stop",
    )
    assert (got.prompt_tokens, got.completion_tokens) == (None, None)


def test_a_request_is_readable_and_holds_no_secret(tmp_path):
    with Relay(tmp_path) as relay, answering(tmp_path, lambda answer: answer.write_text("10")):
        ask(relay, request(response_format=SCHEMA))

    text = (tmp_path / "0001.request.md").read_text()
    assert text.startswith(
        "Write the reply to the conversation below, and nothing else, as plain text "
        "into `0001.answer.md`"
    )
    assert "at most 64 tokens" in text
    assert (
        "# Message 1: system\n\nYou count.\n\n# Message 2: user\n\n5 + 5?\n\n# The "
        "form the reply must have\n" in text
    )
    assert json.loads(text.partition("```json")[2].partition("```")[0]) == SCHEMA["json_schema"]
    assert all(KEY not in path.read_text() for path in tmp_path.iterdir())


def test_an_answer_still_being_written_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("haqa_bench.llm.questions.SETTLED_S", 0.5)

    def slowly(answer: Path) -> None:
        with answer.open("w") as file:
            for part in ("", "1", "", "0"):
                file.write(part)
                file.flush()
                time.sleep(0.15)

    with Relay(tmp_path) as relay, answering(tmp_path, slowly):
        assert ask(relay, request()) == "10"


def test_a_request_that_timed_out_is_not_asked_twice(tmp_path):
    asked: list[str] = []

    with Relay(tmp_path, announce=asked.append) as relay:
        with pytest.raises(ChatFailed, match="no answer within"):
            ask(relay, request(), timeout_s=0.2)
        with answering(tmp_path, lambda answer: answer.write_text("10")):
            first, again = ask(relay, request()), ask(relay, request())
            other = ask(relay, request("6 + 6?"))

    assert (first, again, other) == ("10", "10", "10")
    assert asked == ["0001.request.md", "0002.request.md"]


def test_a_restarted_relay_goes_on_where_it_stopped(tmp_path):
    with Relay(tmp_path) as relay, pytest.raises(ChatFailed):
        ask(relay, request("unanswered"), timeout_s=0.2)
    (tmp_path / "0007.answer.md").write_text("a stranger's")
    asked: list[str] = []

    with (
        Relay(tmp_path, announce=asked.append) as relay,
        answering(tmp_path, lambda answer: answer.write_text(answer.name)),
    ):
        assert ask(relay, request("unanswered")) == "0001.answer.md"
        assert ask(relay, request("new")) == "0008.answer.md"

    assert asked == ["0008.request.md"]


def test_a_relay_killed_between_hash_and_request_asks_after_all(tmp_path):
    with Relay(tmp_path) as relay, pytest.raises(ChatFailed):
        ask(relay, request(), timeout_s=0.2)
    (tmp_path / "0001.request.md").unlink()

    with Relay(tmp_path) as relay, answering(tmp_path, lambda answer: answer.write_text("10")):
        assert ask(relay, request()) == "10"

    assert sorted(path.name for path in tmp_path.glob("0*")) == [
        "0001.answer.md",
        "0001.request.md",
        "0001.sha256",
    ]


def test_a_client_still_waiting_is_told_when_the_relay_stops(tmp_path):
    with Relay(
        tmp_path, announce=lambda name: threading.Timer(0.1, relay.__exit__).start()
    ) as relay:
        url = relay.base_url

        with pytest.raises(
            ChatFailed,
            match=rf"{url}: HTTP 503: the relay was stopped; 0001\.request\.md is kept for "
            r"your retry",
        ):
            ask(relay, request())


def test_an_answer_that_is_not_utf8_is_a_clear_error(tmp_path):
    said = r"HTTP 500: 0001\.answer\.md is not UTF-8; write it again"

    with (
        Relay(tmp_path) as relay,
        answering(tmp_path, lambda answer: answer.write_bytes(b"\xff10")),
        pytest.raises(ChatFailed, match=said),
    ):
        ask(relay, request())


MESSAGES = b'"messages": [{"role": "user", "content": "hi"}]'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b'{"messages": [', "Invalid JSON: EOF while parsing a list at line 1 column 14"),
        (b"\xff", "Invalid JSON"),
        (b"[]", "Input should be an object"),
        (b"{}", "messages: Field required"),
        (b'{"messages": []}', "messages: List should have at least 1 item"),
        (
            b'{"messages": [{"role": "user", "content": [1]}]}',
            "messages.0.content: Input should be a valid string",
        ),
        (b'{"stream": true, ' + MESSAGES + b"}", "stream: Input should be False"),
        *(
            (b'{"top_p": ' + number + b", " + MESSAGES + b"}", "a number that JSON cannot hold")
            for number in (b"99999999999999999999", b"NaN", b"1e999", b"-Infinity", b"[[1e999]]")
        ),
    ],
)
def test_a_bad_body_is_a_400_in_openais_form(tmp_path, body, message):
    with Relay(tmp_path) as relay:
        status, value = post(relay, body)

    assert status == 400
    assert value["error"]["message"].startswith(message)
    assert value["error"]["type"] == "invalid_request_error"
    assert not list(tmp_path.glob("0*"))


def test_other_paths_methods_web_pages_and_huge_bodies_are_refused(tmp_path):
    with Relay(tmp_path) as relay:
        statuses = [
            post(relay, b"{}", "/v1/embeddings")[0],
            post(relay, b"", "/", "GET")[0],
            post(relay, b"", "/v1/chat/completions", "GET")[0],
            post(relay, b"{" + MESSAGES + b"}", Origin="https://example.com")[0],
            post(relay, b" " * 4_000_001)[0],
            post(relay, b"{}", method="PUT")[0],
        ]

    assert statuses == [404, 404, 404, 403, 413, 501]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "rebound.example.org"),
        ("Host", "127.0.0.1.example.org:80"),
        ("Host", "[::1"),
        ("Host", ""),
        ("Origin", "http://127.0.0.1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/models"), ("POST", "/chat/completions")])
def test_a_web_page_is_refused_under_whatever_name_it_asks(tmp_path, name, value, method, path):
    with Relay(tmp_path) as relay:
        status, _ = post(relay, b"{" + MESSAGES + b"}", path, method, **{name: value})

    assert status == 403
    assert not list(tmp_path.glob("0*"))


@pytest.mark.parametrize("name", ["localhost:80", "LOCALHOST", "[::1]:8931", "127.0.0.1"])
def test_the_machine_itself_may_ask_by_its_own_names(tmp_path, name):
    with Relay(tmp_path) as relay:
        assert post(relay, b"", "/models", "GET", Host=name)[0] == 200


@pytest.mark.parametrize("made", ["pipe", "link", "link to nothing", "folder"])
def test_what_is_no_file_of_the_folder_is_no_answer(tmp_path, made):
    secret, folder = tmp_path / "secret", tmp_path / "folder"
    secret.write_text("42")

    def make(answer: Path) -> None:
        if made == "pipe":
            os.mkfifo(answer)
        elif made == "folder":
            answer.mkdir()
        else:
            answer.symlink_to(secret if made == "link" else tmp_path / "nothing")

    with (
        Relay(folder) as relay,
        answering(folder, make),
        pytest.raises(ChatFailed, match="no answer within"),
    ):
        ask(relay, request(), timeout_s=0.4)


def test_an_answer_that_is_too_large_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("haqa_bench.llm.questions.MAX_BODY_BYTES", 100)

    with (
        Relay(tmp_path) as relay,
        answering(tmp_path, lambda answer: answer.write_bytes(b"a" * 101)),
        pytest.raises(ChatFailed, match=r"HTTP 500: .*0001\.answer\.md is larger than 100 bytes"),
    ):
        ask(relay, request())


def test_a_mark_of_the_byte_order_is_no_part_of_an_answer(tmp_path):
    with (
        Relay(tmp_path) as relay,
        answering(tmp_path, lambda answer: answer.write_text("{}", "utf-8-sig")),
    ):
        assert ask(relay, request()) == "{}"


def test_a_writer_may_pause_within_json(tmp_path, monkeypatch):
    monkeypatch.setattr("haqa_bench.llm.questions.UNSURE_S", 5.0)

    def slowly(answer: Path) -> None:
        with answer.open("w") as file:
            for part in ('{"action": {"n": 1}', "}"):
                file.write(part)
                file.flush()
                time.sleep(0.3)

    with Relay(tmp_path) as relay, answering(tmp_path, slowly):
        assert ask(relay, request()) == '{"action": {"n": 1}}'


@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```\n", "```\n{}\n```"])
def test_whole_json_is_taken_soon(tmp_path, monkeypatch, fence):
    monkeypatch.setattr("haqa_bench.llm.questions.UNSURE_S", 60.0)

    with Relay(tmp_path) as relay, answering(tmp_path, lambda answer: answer.write_text(fence)):
        assert ask(relay, request()) == fence


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
def test_the_relay_lists_itself(tmp_path, path):
    with Relay(tmp_path) as relay:
        status, value = post(relay, b"", path, "GET")

    assert (status, [model["id"] for model in value["data"]]) == (200, ["relay"])


def test_the_path_works_without_its_version(tmp_path):
    with Relay(tmp_path) as relay, answering(tmp_path, lambda answer: answer.write_text("10")):
        status, value = post(relay, b"{" + MESSAGES + b"}", "/chat/completions")

    assert (status, value["choices"][0]["message"]["content"]) == (200, "10")


def test_a_folder_has_one_relay_at_a_time(tmp_path):
    with Relay(tmp_path), pytest.raises(HaqaError, match="another relay serves this folder"):
        Relay(tmp_path)

    with Relay(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(
        HaqaError, match=r"file/folder: Not a directory\. Choose a folder that can be written"
    ):
        Relay(tmp_path / "file" / "folder")


def test_the_command_refuses_a_port_in_use(tmp_path):
    with Relay(tmp_path / "one") as relay:
        port = relay.base_url.removesuffix("/v1").rpartition(":")[2]
        result = CliRunner().invoke(relay_command, [str(tmp_path / "two"), "--port", port])

    assert isinstance(result.exception, HaqaError)
    assert (
        str(result.exception)
        == f"127.0.0.1:{port}: Address already in use. Choose another port with --port"
    )


def test_the_command_says_how_to_use_it_and_stops_on_ctrl_c(tmp_path):
    folder = tmp_path / "new"
    command = [
        sys.executable,
        "-c",
        "from haqa_bench.cli.relay import relay; relay()",
        folder,
        "--port",
        "0",
    ]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first, second = running.stdout.readline(), running.stdout.readline()

    running.send_signal(signal.SIGINT)

    rest, errors = running.communicate(timeout=60)
    assert first.startswith(f"The relay over {folder} serves http://127.0.0.1:")
    assert second.startswith("  haqa-bench run SUITE --agent live --base-url http://127.0.0.1:")
    assert rest.endswith("stopped; unanswered requests are kept\n")
    assert (running.returncode, errors, folder.is_dir()) == (0, "", True)


def test_a_live_run_is_answered_over_the_folder_and_replays(project, tmp_path):
    from support import action

    from haqa_bench.cli import app

    folder, suite = tmp_path / "questions", str(project / "suites/small.yaml")
    answers = iter(
        [
            action("Q4_0", 1),
            action("IQ4_NL", 2),
            "not an action",
            action("Q4_1", 1),
            action("IQ4_NL", 2),
        ]
    )
    only = ["run", suite, "--methods", "haqa", "--seed", "0"]

    with Relay(folder) as relay, answering(folder, lambda path: path.write_text(next(answers))):
        live = CliRunner().invoke(
            app,
            [*only, "--agent", "live", "--base-url", relay.base_url, "--answered-by", "a person"],
        )
    replayed = CliRunner().invoke(app, only)

    assert live.exit_code == replayed.exit_code == 0
    assert "Rounds left, this one included: 4." in (folder / "0001.request.md").read_text()
    assert "That is no valid proposal" in (folder / "0004.request.md").read_text()
    assert "haqa was answered by: a person." in replayed.output
    table = [line for line in live.output.splitlines() if line.startswith(("default ", "haqa "))]
    assert table
    assert all(line in replayed.output.splitlines() for line in table)


def test_each_study_has_a_folder_of_its_own_where_it_is_wanted(tmp_path):
    other = request().model_copy(update={"seed": 1})
    later = request("And 6 + 6?")

    with (
        Relay(tmp_path, announce=(told := []).append, apart=True) as relay,
        answering(tmp_path, lambda path: path.write_text(path.parent.name)),
    ):
        names = [ask(relay, one) for one in (request(), other, later, other)]

    assert names[0] == names[2] != names[1] == names[3]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set(names)
    assert sorted(path.name for path in (tmp_path / names[0]).glob("*.request.md")) == [
        "0001.request.md",
        "0002.request.md",
    ]
    files = [(names[0], 1), (names[1], 1), (names[0], 2)]
    assert told == [f"{name}/{number:04d}.request.md" for name, number in files]
