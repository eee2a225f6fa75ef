"""An endpoint may be slow, endless or in the way: a call ends all the same, and takes little
memory.
"""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
import zlib

import pytest
from click.testing import CliRunner
from endpoint import Endpoint, endless, error, hang, raw, reply, status

from haqa_bench.cli import app
from haqa_bench.errors import ChatFailed
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.protocols import ChatRequest, Message, Position

REQUEST = ChatRequest(
    model="stub",
    messages=(Message(role="user", content="5 + 5?"),),
    temperature=0.0,
    seed=7,
    max_tokens=9,
)
LATE = "no answer within 0.4 s in all. Allow more with --chat-deadline"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")


def fails(endpoint, timeout_s=5.0, retries=3, deadline_s=None) -> str:
    model = OpenAICompatible(endpoint.base_url, timeout_s, retries, deadline_s)
    with pytest.raises(ChatFailed) as failed:
        model.chat(REQUEST, Position(1, 1))
    return str(failed.value).removeprefix(f"{endpoint.base_url}: ")


@pytest.mark.parametrize(
    "behaviour",
    [
        endless(b"a", 0.05),
        endless(b": still here\n\n", 0.05),
        endless(b" ", 0.05),
        hang(),
    ],
    ids=["a byte at a time", "comments of events", "spaces", "nothing"],
)
def test_a_call_ends_at_its_deadline_whatever_still_comes(behaviour):
    with Endpoint([behaviour]) as endpoint:
        start = time.monotonic()

        assert fails(endpoint, deadline_s=0.4) == LATE
        assert time.monotonic() - start < 2


def test_the_deadline_holds_while_headers_come_too():
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.05):
                    connection.sendall(b"a")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        model = OpenAICompatible(f"http://127.0.0.1:{server.getsockname()[1]}/v1", 5.0, 0, 0.4)
        with pytest.raises(ChatFailed, match=r"no answer within 0\.4 s in all"):
            model.chat(REQUEST, Position(1, 1))
        over.set()


def test_tries_and_pauses_count_towards_the_deadline():
    with Endpoint([status(500, retry_after_ms=50)]) as endpoint:
        start = time.monotonic()

        fails(endpoint, retries=1000, deadline_s=0.4)

    assert time.monotonic() - start < 2
    assert len(endpoint.requests) < 12


@pytest.mark.parametrize("after", ["50", "Wed, 21 Oct 2199 07:28:00 GMT"])
def test_a_pause_that_would_pass_the_deadline_is_not_begun(after):
    with Endpoint([raw(b"{}", 503, Retry_After=after)]) as endpoint:
        start = time.monotonic()

        assert fails(endpoint, deadline_s=10).startswith("HTTP 503: {}. ")

    assert time.monotonic() - start < 5
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("after", ["nan", "inf", "-3", "soon", ""])
def test_a_pause_that_is_no_time_is_ours(monkeypatch, after):
    monkeypatch.setattr("haqa_bench.llm.tries.FIRST_PAUSE_S", 0.01)

    with Endpoint([raw(b"{}", 503, Retry_After=after), reply("10")]) as endpoint:
        model = OpenAICompatible(endpoint.base_url, 5.0, 1)

        assert model.chat(REQUEST, Position(1, 1)).content == "10"


def test_the_deadline_is_long_enough_for_all_tries():
    patient = OpenAICompatible("http://127.0.0.1:1/v1", 3600.0, 3)

    assert patient._deadline_s == 4 * 3600
    assert OpenAICompatible("http://127.0.0.1:1/v1", 120.0, 3)._deadline_s == 600


def test_an_answer_is_read_no_further_than_4_mb_and_not_asked_for_again():
    with Endpoint([endless(b"a" * 100_000, 0, most=100_000_000)]) as endpoint:
        assert fails(endpoint).startswith("an answer of more than 4,000,000 bytes. ")

    assert len(endpoint.requests) == 1
    assert endpoint.sent < 30_000_000  # what lay in buffers


@pytest.mark.parametrize(("name", "squeeze"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_answer_counts_by_what_it_becomes(name, squeeze):
    bomb, small = squeeze(b"[" + b" " * 50_000_000), squeeze(json.dumps(BODY).encode())

    with Endpoint([raw(bomb, Content_Encoding=name), raw(small, Content_Encoding=name)]) as stub:
        assert fails(stub, retries=0).startswith("an answer of more than 4,000,000 bytes")
        said = OpenAICompatible(stub.base_url, 5.0, 0).chat(REQUEST, Position(1, 1))

    assert said.content == "10"
    assert stub.headers[0]["Accept-Encoding"] == "identity"


BODY = {"choices": [{"message": {"content": "10"}, "finish_reason": "stop"}]}
MEMORY = """
import resource, sys
from haqa_bench.cli import app
from haqa_bench.errors import ChatFailed
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.testing import ASKED
model = OpenAICompatible(sys.argv[1], 5.0, 0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    model.chat(*ASKED[0])
except ChatFailed:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_the_memory_that_a_bomb_takes_is_small():
    bomb = gzip.compress(b"a" * 100_000_000, 1)

    with Endpoint([raw(bomb, Content_Encoding="gzip")]) as endpoint:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, endpoint.base_url], capture_output=True, text=True
        )

    assert int(done.stdout) < 60_000  # kB


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_told_and_not_followed(code):
    with (
        Endpoint([reply("10")]) as elsewhere,
        Endpoint([raw(b"moved", code, Location=elsewhere.base_url)]) as endpoint,
    ):
        line = fails(endpoint)

    assert line.startswith(f"HTTP {code}: moved. It leads elsewhere")
    assert elsewhere.requests == []
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (
            error(429, message="You exceeded your current quota", code="insufficient_quota"),
            "HTTP 429: You exceeded your current quota. The account has no credit left",
        ),
        (error(402, message="Insufficient Balance"), "HTTP 402: Insufficient Balance. The account"),
        (
            error(400, message="maximum context length is 4096", code="context_length_exceeded"),
            "HTTP 400: maximum context length is 4096. The prompt and max_tokens do not fit",
        ),
        (
            error(
                500,
                message="the request exceeds the available context size. try increasing it",
                type="exceed_context_size_error",
            ),
            "HTTP 500: the request exceeds the available context size. try increasing it. The "
            "prompt and max_tokens do not fit the model's context",
        ),
        (
            error(404, message="The model `stub` does not exist", code="model_not_found"),
            "HTTP 404: The model `stub` does not exist. Check `model:` in the suite's `chat:`",
        ),
        (error(404, message="Not Found"), "HTTP 404: Not Found. Check the base URL"),
        (error(401, message="bad"), "HTTP 401: bad. Check OPENAI_API_KEY"),
        (raw(b'{"error": "model \\"stub\\" not found"}', 404), 'HTTP 404: model "stub" not found'),
        (raw(b'{"detail": [{"msg": "no"}]}', 400), 'HTTP 400: [{"msg": "no"}]'),
    ],
)
def test_what_lasts_is_told_with_what_to_do_and_not_asked_again(behaviour, told):
    with Endpoint([behaviour]) as endpoint:
        assert fails(endpoint).startswith(told)

    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("option", ["--chat-timeout", "--chat-deadline"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "1e300"])
def test_a_time_that_is_none_is_refused(option, value):
    done = CliRunner().invoke(app, ["run", "any", option, value])

    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output
