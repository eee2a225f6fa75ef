"""Any JSON as a completion, any text as a reply: a recorded failure or an invalid round, never the
end of a run, and never a recording that cannot be replayed.
"""

import contextlib
import json
import time

import pytest
from endpoint import Answer, Endpoint, raw, reply
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import action, record, run

from haqa_bench.documents import canonical
from haqa_bench.errors import ChatFailed
from haqa_bench.llm import cassette
from haqa_bench.llm.cassette import ReplayChatModel
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.llm.recording import RecordingChatModel
from haqa_bench.llm.reply import read_reply
from haqa_bench.llm.scripted import Scripted
from haqa_bench.store.journal import Journal, read_lines
from haqa_bench.testing import ASKED

CARD = {"study": "a study", "run": "a run", "endpoint": "a script", "answered_by": "a script"}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": ANYTHING,
        "refusal": ANYTHING,
        "reasoning_content": ANYTHING,
        "tool_calls": ANYTHING,
    },
)
CHOICES = st.lists(
    st.fixed_dictionaries({"message": MESSAGES | ANYTHING}, optional={"finish_reason": ANYTHING}),
    max_size=2,
)
USAGE = st.fixed_dictionaries(
    {}, optional={"prompt_tokens": ANYTHING, "completion_tokens": ANYTHING}
)
COMPLETIONS = ANYTHING | st.fixed_dictionaries(
    {"choices": CHOICES | ANYTHING}, optional={"model": ANYTHING, "usage": USAGE | ANYTHING}
)
often = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")


@pytest.fixture(scope="module")
def mirror():
    """What asks an endpoint that answers what it was last told to."""
    said = [b""]
    with Endpoint([lambda headers, closing: Answer(said[0])]) as endpoint:
        yield OpenAICompatible(endpoint.base_url, 5.0, 0), said


@often
@given(completion=COMPLETIONS)
def test_any_json_as_a_completion_is_a_reply_that_replays_or_a_failure(
    mirror, tmp_path_factory, completion
):
    inner, said = mirror
    said[0] = json.dumps(completion).encode()
    tape = tmp_path_factory.mktemp("any") / "s0.jsonl"
    model = RecordingChatModel(inner, tape, CARD)
    with contextlib.suppress(ChatFailed):
        said_once = model.chat(*ASKED[0])
    kinds = [entry["kind"] for entry in read_lines(model.journal.path)]
    model.finish()

    if kinds != ["card", "failure"]:
        assert ReplayChatModel(cassette.read(tape), "a study").chat(*ASKED[0]) == said_once


@often
@given(content=st.text(max_size=200) | ANYTHING.map(lambda v: f'{{"action": {json.dumps(v)}}}'))
def test_any_text_is_read_as_what_can_be_written_and_read_back(tmp_path_factory, content):
    read = read_reply(content)

    path = tmp_path_factory.mktemp("any") / "journal.jsonl"
    Journal(path).append({"thought": read.thought, "action": read.action})
    assert read_lines(path) == [{"thought": read.thought, "action": read.action}]
    assert canonical({"thought": read.thought, "action": read.action})
    assert read.problem or read.action is not None or "null" in content


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"thought": "\\ud83d", "action": {}}', "holds half a character"),
        ('{"thought": "", "action": {"\\ude00": 1}}', "holds half a character"),
        ('{"action": ' + "[" * 40 + "]" * 40 + "}", "nests deeper than 32 levels"),
        ('{"action": {"n": 1, "n": 2}}', "gives a key twice"),
        ('{"action": {}, "action": {"n": 2}}', "gives a key twice"),
    ],
)
def test_what_cannot_be_written_back_is_a_problem(content, problem):
    assert problem in read_reply(content).problem


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "1" * 400, f"{2**53}"])
def test_a_number_that_is_none_stays_the_words_it_was(number):
    assert read_reply(f'{{"action": {{"n": {number}}}}}').action == {"n": number}


@pytest.mark.parametrize(
    "content",
    [
        "{" * 64_000,
        "{" * 200_000,
        '{"' * 100_000,
        '{"a":' * 40_000,
        '{"a":' * 33_000 + "1" + "}" * 33_000,
        '{"a":' * 900 + '"' + "x" * 200_000,
        '{"a":{}, ' * 22_000,
        '{"a":1}x' * 25_000,
        "<think>" * 30_000,
        "{" + " " * 200_000 + "{",
    ],
    ids=range(10),
)
def test_reading_takes_as_long_as_the_reply_is(content):
    whole = content + action("Q4_0", 1)
    start = time.process_time()

    read = read_reply(content), read_reply(whole)

    assert time.process_time() - start < 0.8  # two of them, on a busy machine; minutes before
    assert read[0].problem


def test_an_action_behind_a_thousand_braces_is_found():
    assert read_reply('{"a" ' * 1000 + action("Q4_0", 1)).action == {
        "format": "Q4_0",
        "n_threads": 1,
    }


def test_a_reply_that_begins_as_a_folded_text_does_is_replayed(tmp_path):
    model = RecordingChatModel(Scripted(["sha256:0000"]), tmp_path / "s0.jsonl", CARD)
    request, position = ASKED[0]
    said = request.messages[1].model_copy(update={"role": "assistant", "content": "sha256:0000"})
    asked = request.model_copy(update={"messages": (*request.messages, said)})
    model.chat(asked, position)
    model.finish()

    replayed = ReplayChatModel(cassette.read(tmp_path / "s0.jsonl"), "a study")

    assert replayed.chat(asked, position).content == "sha256:0000"


ODD = [
    '{"thought": "\\ud83d", "action": {"format": "Q4_0", "n_threads": 1}}',
    '{"thought": "t", "action": {"format": "Q4_0", "n_threads": 1e999}}',
    '{"thought": "\\u0000\\u001b[31m", "action": {"format": "Q4_0", "n_threads": 1}}',
    '{"thought": "t", "action": {"a\\nb": 1, "format": "' + "x" * 5000 + '"}}',
    "sha256:0000",
    "\ud83d",
]


def test_a_run_whose_llm_says_odd_things_ends_and_replays(project):
    counts = {"prompt_tokens": 2**63, "completion_tokens": -5}
    answers = iter([*ODD, *ODD, *ODD, *ODD])

    with Endpoint([reply(said, usage=counts) for said in answers]) as endpoint:
        live = run(project, "--agent", "live", "--base-url", endpoint.base_url, "--methods", "haqa")
    replayed = run(project, "--methods", "haqa")

    table = [line for line in live.output.splitlines() if line.startswith("haqa ")]
    assert table
    assert all(line in replayed.output.splitlines() for line in table)
    lines = [e for p in (project / "results/runs").rglob("haqa-s0.jsonl") for e in read_lines(p)]
    reasons = [e["reason"] for e in lines if e["kind"] == "trial"]
    assert all(reason.isprintable() and len(reason) <= 2001 for reason in reasons)
    assert all((e.get("usage") or {}).get("prompt_tokens") is None for e in lines)


def test_the_usage_of_a_good_endpoint_is_kept(project):
    record(project, "--methods", "haqa")

    tape = cassette.read(next((project / "cassettes").rglob("haqa-s0.jsonl")))

    assert {e.reply.prompt_tokens for e in tape.exchanges} == {3}


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b"",
        b"null",
        b'data: {"choices": []}\n\ndata: [DONE]\n\n',
        b'{"choices": [{"message": {"content": {"text": "x"}}}]}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [5]}',
    ],
)
def test_an_answer_that_is_no_completion_is_a_failure_in_one_line(data):
    with Endpoint([raw(data)]) as endpoint, pytest.raises(ChatFailed) as failed:
        OpenAICompatible(endpoint.base_url, 5.0, 0).chat(*ASKED[0])

    assert failed.value.what.startswith("no chat completion (")
    assert failed.value.what.isprintable()
