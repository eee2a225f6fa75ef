"""The key, and what else is secret in a base URL, is written nowhere, however an endpoint says it
back.
"""

import base64
import html
import json
from urllib.parse import quote

import pytest
from endpoint import Endpoint, completion, error, raw, reply
from support import action, run

from haqa_bench.errors import ChatFailed
from haqa_bench.llm import endpoint as endpoints
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.llm.secrets import Secrets
from haqa_bench.testing import ASKED

KEY = "sk-proj-0123+456/789abcdef"
SPELLED = {
    "as it is": KEY,
    "JSON": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "JSON in JSON": "".join(f"\\\\u{ord(c):04X}" for c in KEY),
    "in part": KEY[:5] + "".join(f"\\u{ord(c):04x}" for c in KEY[5:]),
    "URL": quote(KEY, safe=""),
    "URL, all": "".join(f"%{ord(c):02x}" for c in KEY),
    "HTML": html.escape("".join(f"&#{ord(c)};" for c in KEY), quote=False).replace("&amp;", "&"),
    "hex": KEY.encode().hex(),
    "spaced": " ".join(KEY),
    "wrapped": f"{KEY[:9]}\n  {KEY[9:]}",
    "wrapped in JSON": f"{KEY[:9]}\\n{KEY[9:]}",
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of the header": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 between": base64.b64encode(f"xy{KEY}z".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(KEY.encode()).decode(),
}
EVERY = pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@EVERY
def test_a_secret_is_hidden_however_it_is_spelled(spelled):
    hidden = Secrets([KEY]).hidden(f"before {spelled} behind")

    assert "***" in hidden
    assert spelled not in hidden
    assert KEY[8:20] not in hidden.replace(" ", "")


def test_what_is_no_secret_stays():
    text = "The key thing: sk-proj-0123+456/78 is not whole, 73 6b 2d neither. " * 50

    assert Secrets([KEY]).hidden(text) == text
    assert Secrets(["ollama", ""]).hidden("ollama says 1") == "ollama says 1"


@EVERY
def test_an_answer_holds_no_key_in_any_of_its_parts(spelled):
    message = {"content": spelled, "refusal": spelled, "reasoning_content": spelled}

    with Endpoint([completion(message, spelled, model=spelled)]) as endpoint:
        said = OpenAICompatible(endpoint.base_url, 5.0, 0).chat(*ASKED[0])

    for part in (said.content, said.model, said.finish_reason, said.reasoning):
        assert "***" in part
        assert spelled not in part


def test_a_key_that_json_escapes_in_the_body_is_hidden_once_it_is_decoded():
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    body = '{"model": "%s", "choices": [{"message": {"content": "you said %s"}}]}'

    with Endpoint([raw((body % (escaped, escaped)).encode())]) as endpoint:
        said = OpenAICompatible(endpoint.base_url, 5.0, 0).chat(*ASKED[0])

    assert (said.content, said.model) == ("you said ***", "***")


@EVERY
def test_an_error_holds_no_key(spelled):
    with (
        Endpoint([error(400, message=f"bad: {spelled}"), raw(spelled.encode())]) as endpoint,
    ):
        for _ in range(2):
            with pytest.raises(ChatFailed) as failed:
                OpenAICompatible(endpoint.base_url, 5.0, 0).chat(*ASKED[0])
            assert " ".join(spelled.split()) not in str(failed.value)
            assert "***" in str(failed.value)


def test_a_password_and_a_key_in_the_base_url_are_hidden_too():
    secrets = "pass-word-1234", "query-key-5678"

    with Endpoint([reply(" ".join(secrets))]) as endpoint:
        url = endpoint.base_url.replace("//", f"//me:{secrets[0]}@") + f"?key={secrets[1]}#top"
        model = OpenAICompatible(url, 5.0, 0)
        said = model.chat(*ASKED[0])

    assert said.content == "*** ***"
    assert model.endpoint == endpoint.base_url
    assert endpoint.paths == [f"/v1/chat/completions?key={secrets[1]}"]


@pytest.mark.parametrize(
    ("own", "usual", "variable"),
    [
        (None, None, "OPENAI_API_KEY"),
        (None, "http://any/v1", "OPENAI_API_KEY"),
        ("https://api.openai.com/v1", None, "OPENAI_API_KEY"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1", "OPENAI_API_KEY"),
        ("https://api.openai.com/v1", "http://127.0.0.1:1/v1", "HAQA_BENCH_KEY_API_OPENAI_COM"),
        ("http://127.0.0.1:1/v1", None, "HAQA_BENCH_KEY_127_0_0_1"),
        ("https://api.openai.com.evil.org/v1", None, "HAQA_BENCH_KEY_API_OPENAI_COM_EVIL_ORG"),
        ("http://api.openai.com/v1", None, "HAQA_BENCH_KEY_API_OPENAI_COM"),
    ],
)
def test_an_endpoint_that_only_a_suite_names_gets_no_key_but_its_own(own, usual, variable):
    assert endpoints.key_variable(own, usual) == variable


def test_a_live_run_writes_the_key_nowhere(project):
    said = json.dumps({"thought": f"it is {KEY}", "action": {"format": "Q4_0", "n_threads": 1}})
    escaped = said.replace("sk-", "\\u0073\\u006b-")
    replies = [reply(escaped), reply(action("Q4_1", 1, SPELLED["JSON"])), reply("?" + KEY)]

    with Endpoint(replies) as endpoint:
        run(project, "--agent", "live", "--base-url", endpoint.base_url, "--methods", "haqa")

    written = [path for path in project.rglob("*") if path.is_file()]
    assert any(b"it is ***" in path.read_bytes() for path in written)
    assert not any(KEY.encode() in path.read_bytes() for path in written)
    assert not any(b"\\u0073" in path.read_bytes() for path in written)
