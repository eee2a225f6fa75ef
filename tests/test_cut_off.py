"""A reply that was cut off is its harness' limit: asked for once more with more room, told, and
never the model's invalid proposal.
"""

import json

import pytest
from endpoint import Endpoint, completion, reply
from support import SUITE, action, evaluator_of, plan, row_texts, run, tables_of

from haqa_bench.budget import spent_by
from haqa_bench.llm import cassette
from haqa_bench.optimizers.agent.agent import Agent
from haqa_bench.optimizers.agent.ladder import ZeroShot
from haqa_bench.protocols import ChatReply
from haqa_bench.run.study import run_study
from haqa_bench.trial import Status

GOOD = ("stop", action("Q4_1", 1))
CUT = ("length", '{"thought": "I would')
THOUGHT = ("stop", "")


class Replies:
    """A ChatModel that gives (finish reason, content) in turn, the last again and again; what
    thinks for nothing has no content.
    """

    def __init__(self, *replies):
        self.replies, self.requests, self.positions = list(replies), [], []

    def chat(self, request, position):
        reason, content = self.replies[min(len(self.requests), len(self.replies) - 1)]
        self.requests.append(request)
        self.positions.append(position)
        thinking = "hm" if not content and reason == "stop" else ""
        return ChatReply(
            content=content, model="m", finish_reason=reason, latency_s=0.5, reasoning=thinking
        )


def tried(project, *replies, kind=Agent, **settings):
    study = next(s for s in plan(project).studies if s.method.chat)
    chat = Replies(*replies)
    asks = study.method.chat.model_copy(update=settings)
    optimizer = kind(study, asks, chat, project / "prompts")
    return list(run_study(study, optimizer, evaluator_of(project), [])), chat


@pytest.mark.parametrize("cut", [CUT, THOUGHT, ("length", "<think>hm"), ("MAX_TOKENS", "")])
def test_a_reply_that_was_cut_off_is_asked_for_again_with_more_room(project, cut):
    found, chat = tried(project, cut, GOOD)

    first, again, after = chat.requests[:3]
    assert (first.max_tokens, again.max_tokens, after.max_tokens) == (1024, 2048, 1024)
    assert again.messages == first.messages
    assert chat.positions[:3] == [(1, 1), (1, 2), (2, 1)]
    assert (found[1].status, found[1].attempts, found[1].usage.seconds) == (Status.OK, 2, 1.0)


@pytest.mark.parametrize("cut", [CUT, THOUGHT])
def test_one_that_is_cut_off_again_is_no_invalid_proposal(project, cut):
    found, chat = tried(project, cut, cut, GOOD)

    assert found[1].status is Status.CUT_OFF
    assert found[1].reason == "the reply was cut off at 2048 tokens, before its proposal"
    assert (found[1].configuration, found[1].measurements, found[1].attempts) == (None, (), 2)
    assert found[2].status is Status.OK
    assert not any("no valid proposal" in m.content for r in chat.requests for m in r.messages)
    shown = chat.requests[2].messages[-1].content
    assert 'Trial 1: n_threads="?" format="?" -> cut_off: the reply was cut off at 2048' in shown
    assert "invalid" not in shown


def test_a_whole_proposal_before_the_cut_counts(project):
    found, chat = tried(project, ("length", action("Q4_1", 1) + " And now I"))

    assert found[1].status is Status.OK
    assert len(chat.requests) == 4


def test_a_repair_that_is_cut_off_gets_more_room_too(project):
    found, chat = tried(project, ("stop", "?"), CUT, GOOD)

    assert [r.max_tokens for r in chat.requests[:3]] == [1024, 1024, 2048]
    assert chat.positions[:3] == [(1, 1), (1, 2), (1, 3)]
    assert (found[1].status, found[1].attempts) == (Status.OK, 3)


def test_how_much_more_room_is_the_suites_to_say(project):
    assert [r.max_tokens for r in tried(project, CUT, GOOD, more_room=8)[1].requests[:2]] == [
        1024,
        8192,
    ]

    found, chat = tried(project, CUT, GOOD, more_room=1)

    assert found[1].status is Status.CUT_OFF
    assert len(chat.requests) == 4


def test_without_max_tokens_there_is_no_more_room(project):
    found, _ = tried(project, CUT, GOOD, omit=("max_tokens",))

    assert found[1].reason == "the reply was cut off at the endpoint's limit, before its proposal"


def test_zero_shot_is_asked_again_too(project):
    actions = json.dumps({"actions": [{"format": "Q4_1", "n_threads": 1}] * 4})

    good, chat = tried(project, CUT, ("stop", actions), CUT, ("stop", actions), kind=ZeroShot)
    cut, _ = tried(project, CUT, kind=ZeroShot)

    assert chat.positions[:2] == [(1, 1), (1, 2)]
    assert good[1].status is Status.OK
    assert {t.status for t in cut[1:]} == {Status.CUT_OFF}
    assert [t.usage is None for t in cut[1:]] == [False, True, True, True]


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        ("tool_calls", "the reply is a tool call, where text was asked for"),
        ("content_filter", "the endpoint's filter held the reply back"),
        ("", "the reply is empty"),
    ],
)
def test_an_empty_reply_of_another_kind_says_which(project, reason, problem):
    found, chat = tried(project, (reason, ""))

    assert (found[1].status, found[1].reason) == (Status.INVALID, problem)
    assert problem in chat.requests[1].messages[-1].content


def test_it_is_a_proposal_and_no_evaluation(project):
    found, _ = tried(project, CUT, CUT, GOOD)

    assert spent_by(found[:2]).proposals == 2
    assert spent_by(found[:2]).evaluations == 1


def test_a_run_tells_it_records_it_and_replays_it(project):
    (project / "suites" / "small.yaml").write_text(SUITE.replace("seeds: [0, 1]", "seeds: [0]"))
    thinks = completion({"content": None, "reasoning_content": "hm " * 9}, "length")
    bad = reply("?")
    answers = [thinks, reply(CUT[1], "length"), bad, bad, thinks, reply(action("Q4_1", 1))]

    with Endpoint(answers) as endpoint:
        live = run(project, "--agent", "live", "--base-url", endpoint.base_url, "--methods", "haqa")
    replayed = run(project, "--methods", "haqa")

    note = "3 of 7 replies were cut at max_tokens; give more in the suite's `chat:`"
    assert note in live.output
    assert note in replayed.output
    tape = cassette.read(next((project / "cassettes").rglob("haqa-s0.jsonl")))
    assert [e.reply.cut_off for e in tape.exchanges] == [
        *(True, True, False, False),
        *(True, False, False),
    ]
    assert tape.exchanges[0].reply.reasoning == "hm " * 9
    folder = next((project / "results/runs/small").glob("cassette-*"))
    table = next(t for name, t in tables_of(folder, project).items() if name == "figure5")
    assert "1 / 0 / 1 of 4, 1 cut off" in row_texts(table)[0].values()


def test_a_reply_without_thoughts_is_recorded_as_before():
    said = ChatReply(content="10", model="m", finish_reason="stop", latency_s=1.0)

    assert "reasoning" not in said.model_dump(mode="json")
    assert ChatReply.model_validate_json(said.model_dump_json()) == said
