"""`chat:` of a suite: which fields a request has, what is refused, and what an endpoint's refusal
of one tells.
"""

import json

import pytest
from endpoint import Endpoint, error, raw, reply
from support import SUITE, action, plan, record, run

from haqa_bench import suite
from haqa_bench.chat import Chat
from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.llm import cassette
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.protocols import Message, Position

PLAIN = "chat: {model: test-model, temperature: 0.0}"
SAID = (Message(role="user", content="5 + 5?"),)
SENT = {"model": "x", "messages": [{"role": "user", "content": "5 + 5?"}]}


def chat(**section) -> Chat:
    return Chat.model_validate_json(json.dumps({"model": "x", **section}))


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        ({}, {"temperature": 0.0, "seed": 3, "max_tokens": 1024}),
        ({"omit": ["temperature", "seed"]}, {"max_tokens": 1024}),
        ({"omit": ["temperature", "seed", "max_tokens"]}, {}),
        (
            {"rename": {"max_tokens": "max_completion_tokens"}, "omit": ["temperature", "seed"]},
            {"max_completion_tokens": 1024},
        ),
        (
            {"extra": {"reasoning_effort": "low", "top_p": 0.9, "stop": None}, "omit": ["seed"]},
            {
                "temperature": 0.0,
                "max_tokens": 1024,
                "reasoning_effort": "low",
                "top_p": 0.9,
                "stop": None,
            },
        ),
        (
            {"omit": ["seed"], "extra": {"seed": 42}},
            {"temperature": 0.0, "max_tokens": 1024, "seed": 42},
        ),
    ],
)
def test_a_request_has_the_fields_that_the_suite_says(section, fields):
    assert chat(**section).request(SAID, 3).body() == SENT | fields


def test_a_form_of_ones_own_may_be_asked_for():
    form = {"type": "json_object"}

    assert chat(extra={"response_format": form}).request(SAID, 3).body()["response_format"] == form


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"extra": {"messages": []}}, "'messages' is not to be changed"),
        ({"extra": {"model": "y"}}, "'model' is not to be changed"),
        ({"extra": {"stream": True}}, "'stream' is not to be changed"),
        ({"rename": {"seed": "model"}}, "'model' is not to be changed"),
        ({"extra": {"seed": 4}}, "'seed' is sent twice"),
        ({"rename": {"max_tokens": "seed"}}, "'seed' is sent twice"),
        ({"rename": {"max_tokens": "n"}, "extra": {"n": 1}}, "'n' is sent twice"),
        ({"extra": {"top_p": float("nan")}}, "should be a finite number"),
        ({"extra": {"a": [{"b": float("inf")}]}}, "should be a finite number"),
        ({"extra": {"a": 2**53 + 1}}, "cannot hold exactly"),
        ({"extra": {"a": "\ud83d"}}, "cannot hold exactly"),
        ({"temperature": float("nan")}, "finite"),
        ({"max_tokens": 0}, "greater than or equal to 1"),
        ({"omit": ["model"]}, "'temperature', 'seed', 'max_tokens' or 'response_format'"),
        ({"rename": {"messages": "x"}}, "'temperature', 'seed', 'max_tokens'"),
        ({"base_url": "https://me:word@host/v1"}, "suites are published, keys are not"),
        ({"base_url": "https://host/v1?key=1"}, "suites are published, keys are not"),
        ({"base_url": "file:///etc"}, "no base URL"),
        ({"base_url": "http://[::1/v1"}, "Invalid IPv6 URL"),
    ],
)
def test_a_section_that_cannot_be_sent_is_refused(section, why):
    with pytest.raises(ValueError, match=why):
        Chat.model_validate({"model": "x", **section}, strict=False)


def test_a_suite_says_where_its_section_is_wrong(project):
    path = project / "suites" / "small.yaml"
    path.write_text(SUITE.replace(PLAIN, "chat: {model: m, extra: {model: other}}"))

    with pytest.raises(HaqaError, match=r"small\.yaml:9: methods\[2\]\.chat"):
        suite.load(path, project)


def test_suites_that_use_none_of_it_have_the_lock_that_they_had(project):
    method = next(m for m in plan(project).suite.methods if m.chat)

    assert method.chat.model_dump(mode="json") == {
        "model": "test-model",
        "temperature": 0.0,
        "max_tokens": 1024,
        "response_format": "text",
    }


def test_what_is_sent_is_recorded_and_replays(project):
    section = (
        "chat: {model: m, omit: [temperature, seed], rename: {max_tokens: max_completion_tokens}, "
        "extra: {reasoning_effort: low}}"
    )
    (project / "suites" / "small.yaml").write_text(SUITE.replace(PLAIN, section))

    endpoint = record(project, "--methods", "haqa")
    tape = next((project / "cassettes").rglob("*-s0.jsonl"))

    assert set(endpoint.requests[0]) == {
        "model",
        "messages",
        "max_completion_tokens",
        "reasoning_effort",
    }
    assert cassette.read(tape).exchanges[0].body == endpoint.requests[0]
    run(project, "--methods", "haqa")


def test_a_method_may_have_an_endpoint_of_its_own(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-other")
    replies = [reply(action("Q4_0", 1))]
    with Endpoint(replies) as own, Endpoint(replies) as other:
        monkeypatch.setenv("HAQA_BENCH_KEY_127_0_0_1", "key-of-its-own")
        method = f"""\
chat: {{model: m}}
  - {{name: haqa-b, optimizer: haqa, chat: {{model: m2, base_url: "{own.base_url}"}}}}"""
        (project / "suites" / "small.yaml").write_text(SUITE.replace(PLAIN, method))
        run(
            project,
            *("--agent", "live", "--methods", "haqa*", "--seed", "0"),
            *("--base-url", other.base_url),
        )

    assert {asked["model"] for asked in own.requests} == {"m2"}
    assert {asked["model"] for asked in other.requests} == {"m"}
    assert {h["Authorization"] for h in own.headers} == {"Bearer key-of-its-own"}
    assert {h["Authorization"] for h in other.headers} == {"Bearer key-of-the-other"}


OMIT = "Write `omit: [{}]` into the suite's `chat:`, or give it another value"
RENAME = "Write `rename: {max_tokens: max_completion_tokens}` into the suite's `chat:`"


@pytest.mark.parametrize(
    ("behaviour", "todo"),
    [
        (
            error(
                400,
                message="Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                param="max_tokens",
                code="unsupported_parameter",
            ),
            RENAME,
        ),
        (
            error(
                400,
                message="Unsupported value: 'temperature' does not support 0.0 with this model.",
                param="temperature",
            ),
            OMIT.format("temperature"),
        ),
        (error(400, message="Unknown field.", param="seed"), OMIT.format("seed")),
        (
            raw(
                b'{"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}',
                422,
            ),
            OMIT.format("seed"),
        ),
        (raw(b'{"message": "response_format not supported"}', 400), OMIT.format("response_format")),
        (error(400, message="no", param="response_format.schema"), OMIT.format("response_format")),
        (
            error(400, message="reasoning_effort: unknown"),
            "Take reasoning_effort out of `extra:` in the suite's `chat:`, or give it another "
            "value",
        ),
        (error(400, message="seedling temperatures"), ""),
    ],
)
def test_a_field_that_is_refused_is_named_with_what_to_write(behaviour, todo):
    section = chat(extra={"reasoning_effort": "low"}, response_format="json_object")
    request = section.request(SAID, 3, {"type": "json_object"})

    with Endpoint([behaviour]) as endpoint, pytest.raises(ChatFailed) as failed:
        OpenAICompatible(endpoint.base_url, 5.0, 3).chat(request, Position(1, 1))

    assert failed.value.todo == todo
    assert len(endpoint.requests) == 1


def test_a_field_is_named_as_the_suite_calls_it():
    section = chat(rename={"max_tokens": "max_completion_tokens"})
    refusal = error(400, message="max_completion_tokens is too large", param=None)

    with Endpoint([refusal]) as endpoint, pytest.raises(ChatFailed) as failed:
        OpenAICompatible(endpoint.base_url, 5.0, 0).chat(section.request(SAID, 3), Position(1, 1))

    assert failed.value.todo == (
        "Write `omit: [max_tokens]` into the suite's `chat:`, or lower it or more_room"
    )
