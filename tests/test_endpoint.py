"""However an endpoint fails, the user reads one clear line; whatever it answers, the agent gets."""

import shutil
import subprocess
import time

import pytest
from endpoint import (
    Endpoint,
    body,
    completion,
    cut_off,
    echo,
    half_json,
    hang,
    html,
    refusing_url,
    reply,
    status,
)

from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.protocols import ChatReply, ChatRequest, Message, Position

KEY = "sk-proj-0123456789abcdef"
REQUEST = ChatRequest(
    model="stub",
    messages=(Message(role="user", content="5 + 5?"),),
    temperature=0.0,
    seed=7,
    max_tokens=9,
)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(base_url: str, retries: int = 1, timeout_s: float = 2.0) -> ChatReply:
    return OpenAICompatible(base_url, timeout_s, retries).chat(REQUEST, Position(1, 1))


def answer(*behaviours) -> ChatReply:
    with Endpoint(behaviours) as endpoint:
        return ask(endpoint.base_url)


def failure(*behaviours, **how) -> str:
    """The one line that this fault becomes, which must name the endpoint and not the key."""
    with Endpoint(behaviours) as endpoint, pytest.raises(ChatFailed) as failed:
        ask(endpoint.base_url, **how)
    return checked(str(failed.value), endpoint.base_url)


def checked(line: str, base_url: str) -> str:
    assert line.startswith(f"{base_url}: ")
    assert "\n" not in line
    assert len(line) < 400
    assert KEY not in line
    return line.removeprefix(f"{base_url}: ")


def test_a_reply_comes_with_its_model_reason_tokens_and_seconds():
    got = answer(reply('{"lora_r": 8}'))

    assert got == ChatReply(
        content='{"lora_r": 8}',
        model="stub-1",
        finish_reason="stop",
        prompt_tokens=3,
        completion_tokens=2,
        latency_s=got.latency_s,
    )
    assert 0 < got.latency_s < 2


def test_exactly_the_requests_body_is_sent_with_the_key():
    with Endpoint([reply("10")]) as endpoint:
        ask(endpoint.base_url)

    assert endpoint.requests == [REQUEST.body()]
    assert endpoint.paths == ["/v1/chat/completions"]
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("behaviour", "content", "finish_reason"),
    [
        (reply(""), "", "stop"),
        (reply("{", "length"), "{", "length"),
        (reply(None, "length"), "", "length"),
        (reply(None, "content_filter"), "", "content_filter"),
        (completion({"content": None, "refusal": "I will not."}), "I will not.", "stop"),
        (completion({"content": None, "refusal": ""}), "", "stop"),
        (reply(None), "", "stop"),
        (completion({}), "", "stop"),
        (completion({"tool_calls": [{"id": "1"}]}, None), "", "tool_calls"),
        (reply("a", 5), "a", ""),
        (
            completion({"content": [{"type": "text", "text": "1"}, "0", {"type": "x"}, 5]}),
            "10",
            "stop",
        ),
        (completion({"content": [{"type": "refusal", "refusal": "No."}]}), "No.", "stop"),
        (reply("half \ud83d"), "half \ufffd", "stop"),
        (reply("\x00\x1b[31m\u2028"), "\x00\x1b[31m\u2028", "stop"),
    ],
)
def test_an_empty_refused_or_cut_off_answer_is_a_reply(behaviour, content, finish_reason):
    got = answer(behaviour)

    assert (got.content, got.finish_reason) == (content, finish_reason)


def test_a_reply_without_model_reason_or_usage_is_still_a_reply():
    got = answer(reply("10", None, model=None, usage=None))

    assert (got.content, got.model, got.finish_reason, got.prompt_tokens) == ("10", "", "", None)


def test_a_refused_connection_is_one_clear_line():
    url = refusing_url()

    with pytest.raises(ChatFailed) as failed:
        ask(url, retries=0)

    line = checked(str(failed.value), url)
    assert line.startswith("connection failed: ")
    assert line.endswith(" Connection refused. Is the server running there?")


def test_a_hang_is_one_clear_line_after_the_timeout():
    start = time.monotonic()

    line = failure(hang(), retries=0, timeout_s=0.3)

    assert line == "no answer within 0.3 s. Is the model loaded? Allow more seconds"
    assert time.monotonic() - start < 2


def test_a_connection_that_breaks_is_one_clear_line():
    line = failure(cut_off(), retries=0)

    assert line.startswith("connection failed: peer closed connection")


def test_a_wrong_key_is_one_clear_line():
    assert (
        failure(status(401, "Incorrect API key provided."))
        == "HTTP 401: Incorrect API key provided. Check OPENAI_API_KEY"
    )


def test_an_unknown_model_is_one_clear_line():
    line = failure(status(404, "model 'stub' not found"))

    assert (
        line == "HTTP 404: model 'stub' not found. Check `model:` in the suite's `chat:`, and the "
        "base URL (does it end in /v1?)"
    )


def test_a_429_that_passes_is_retried_after_the_time_it_asks_for():
    with Endpoint([status(429, retry_after_ms=300), reply("10")]) as endpoint:
        got = ask(endpoint.base_url)

    assert got.content == "10"
    assert got.latency_s >= 0.3
    assert endpoint.requests == [REQUEST.body()] * 2


def test_a_429_that_lasts_is_one_clear_line():
    with (
        Endpoint([status(429, "Rate limit\nreached")]) as endpoint,
        pytest.raises(ChatFailed) as failed,
    ):
        ask(endpoint.base_url, retries=2)

    line = checked(str(failed.value), endpoint.base_url)
    assert line == "HTTP 429: Rate limit reached. Wait, or allow more retries"
    assert len(endpoint.requests) == 3


def test_a_500_that_lasts_is_one_clear_line():
    assert (
        failure(status(500, "out of slots"))
        == "HTTP 500: out of slots. The fault is the endpoint's: see its log"
    )


def test_a_proxys_error_page_is_one_clear_line():
    line = failure(html(502), retries=0)

    assert line.startswith("HTTP 502: <html> <body>Welcome!</body> </html>. ")


@pytest.mark.parametrize(
    ("behaviour", "beginning"),
    [
        (
            html(),
            "no chat completion (no JSON: Expecting value: line 1 column 1 (char 0)) but: "
            "<html> <body>Welcome!",
        ),
        (
            half_json(),
            "no chat completion (no JSON: Unterminated string starting at: line 1 "
            "column 38 (char 37)) but: ",
        ),
        (
            body({"object": "list"}),
            'no chat completion (choices: Field required) but: {"object": "list"}. '
            "Check the base URL",
        ),
        (body({"choices": []}), "no chat completion (choices: List should have at least 1 item"),
        (
            body({"error": {"message": "no credit"}}),
            'no chat completion (choices: Field required) but: {"error": {"message": "no credit"}}',
        ),
        (body([1]), "no chat completion (Input should be an object) but: [1]"),
        (
            completion({"content": 5}),
            "no chat completion (choices.0.message.content: is neither text nor a list of parts) "
            "but: ",
        ),
        (body("x" * 10_000), "no chat completion ("),
    ],
)
def test_a_200_that_is_no_chat_completion_is_one_clear_line(behaviour, beginning):
    assert failure(behaviour).startswith(beginning)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_an_untrusted_certificate_is_one_clear_line(tmp_path):
    pem = tmp_path / "server.pem"
    new = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
        "-subj /CN=127.0.0.1"
    )
    subprocess.run(
        [
            *new.split(),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            pem,
            "-out",
            tmp_path / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )
    pem.write_bytes(pem.read_bytes() + (tmp_path / "cert.pem").read_bytes())

    with Endpoint([reply("10")], certificate=pem) as endpoint, pytest.raises(ChatFailed) as failed:
        ask(endpoint.base_url, retries=0)

    line = checked(str(failed.value), endpoint.base_url)
    assert "certificate verify failed: self-signed certificate" in line
    assert line.endswith("To trust its authority, name the file in SSL_CERT_FILE")


def test_an_endpoint_that_gives_the_key_away_is_not_repeated():
    got = answer(echo())

    assert (got.content, got.model) == ("you said Bearer ***", "Bearer ***")
    assert failure(echo(401)).startswith("HTTP 401: bad key: Bearer ***. ")


def test_a_placeholder_for_a_key_is_left_alone_in_replies(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    assert answer(reply("compile_flag: none")).content == "compile_flag: none"


def test_an_explicit_endpoint_needs_no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")

    with Endpoint([reply("10")]) as endpoint:
        ask(endpoint.base_url)

    assert endpoint.headers[0]["Authorization"] == "Bearer none"


def test_the_environment_can_name_the_endpoint(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")

    with Endpoint([reply("10")]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        got = OpenAICompatible(None, 2.0, 0).chat(REQUEST, Position(1, 1))

    assert got.content == "10"


def test_neither_endpoint_nor_key_says_what_to_do(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")

    with pytest.raises(
        HaqaError,
        match=r"^OPENAI_API_KEY: not set, and no base URL given. Set OPENAI_API_KEY, or name "
        r"an endpoint",
    ):
        OpenAICompatible(None, 2.0, 0)


@pytest.mark.parametrize("key", ["sk-proj-0123\n456789abcdef", "sk-proj-ключ"])
def test_a_key_that_cannot_be_one_is_refused_unseen(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)

    with pytest.raises(
        HaqaError,
        match=r"^OPENAI_API_KEY: holds a space or a character that no key has\. Set it again$",
    ):
        OpenAICompatible(None, 2.0, 0)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://127.0.0.1/v1", "http://[::1/v1", "http://127.0.0.1:99999/v1"]
)
def test_a_base_url_that_cannot_be_one_is_refused(url):
    with pytest.raises(
        HaqaError, match=r": no base URL: .*Give one like http://127\.0\.0\.1:8080/v1$"
    ):
        OpenAICompatible(url, 2.0, 0)


def test_a_password_in_the_base_url_is_not_shown():
    url = refusing_url()

    with pytest.raises(ChatFailed) as failed:
        ask(url.replace("//", "//me:secret@") + f"?key={KEY}", retries=0)

    assert "secret" not in checked(str(failed.value), url)


@pytest.mark.parametrize(
    ("variable", "value"), [("SSL_CERT_FILE", "/nowhere.pem"), ("ALL_PROXY", "what://127.0.0.1")]
)
def test_broken_certificate_or_proxy_settings_are_one_clear_line(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)

    with pytest.raises(
        HaqaError,
        match=r"^https://api\.openai\.com/v1: the client cannot start: .*Check SSL_CERT_FILE "
        r"and the proxy",
    ):
        OpenAICompatible(None, 2.0, 0)
