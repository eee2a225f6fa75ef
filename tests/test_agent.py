"""The agent: what it sends, what it makes of replies, and that it keeps no state."""

import json
import re

import pytest
from support import REPOSITORY, action, evaluator_of

from haqa_bench import suite
from haqa_bench.errors import HaqaError
from haqa_bench.llm.scripted import Scripted
from haqa_bench.optimizers.agent.agent import Agent
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.run.study import run_study
from haqa_bench.tracks.replayed import TableEvaluator
from haqa_bench.trial import Status


@pytest.fixture
def study(project):
    studies = suite.load(project / "suites" / "small.yaml", project).studies()
    return next(s for s in studies if s.method.name == "haqa")


@pytest.fixture
def evaluator(project):
    return evaluator_of(project)


def agent(project, study, replies, **settings):
    chat = Scripted(replies)
    return Agent(
        study, study.method.chat.model_copy(update=settings), chat, project / "prompts"
    ), chat


def trials(project, study, evaluator, replies):
    optimizer, chat = agent(project, study, replies)
    return list(run_study(study, optimizer, evaluator, [])), chat


def last_words(chat, number=-1):
    return chat.requests[number].messages[-1].content


@pytest.mark.parametrize(
    "content",
    [
        action("Q4_0", 1),
        "```json\n" + action("Q4_0", 1) + "\n```",
        '<think>maybe {"action": {"format": "Q4_1"}}?</think>' + action("Q4_0", 1),
        "Here is my proposal: " + action("Q4_0", 1) + " I hope it helps {",
        '{"note": "no action here"} ' + action("Q4_0", 1),
    ],
)
def test_an_action_is_found_in_whatever_is_wrapped_around_it(project, study, evaluator, content):
    found, chat = trials(project, study, evaluator, [content, *[action("Q4_1", 1)] * 3])

    assert found[1].configuration == {"format": "Q4_0", "n_threads": 1}
    assert found[1].attempts == 1
    assert len(chat.requests) == 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the reply is empty"),
        ("<think>only thinking", "the reply is empty"),
        ("I would try Q4_0.", "holds no JSON object"),
        ('{"thought": "half", "action": {"format": "Q4', "holds no JSON object"),
        (action("Q8_0", 1), r"format: 'Q8_0' is none of"),
        (action("Q4_0", "1"), r"n_threads: '1' is none of"),
        (action("Q4_0", True), r"n_threads: True is none of"),
        (action("Q4_0", 1.0), r"n_threads: 1.0 is none of"),
        ('{"action": {"format": "Q4_0"}}', "n_threads: missing"),
        ('{"action": {"format": "Q4_0", "n_threads": 1, "n_gpu": 1}}', "n_gpu: not a parameter"),
        ('{"action": "Q4_0"}', "must be an object"),
        ('{"action": {"format": ["Q4_0"], "n_threads": NaN}}', "is none of"),
        ('{"action": ' + "[" * 100_000, "holds no JSON object"),
    ],
)
def test_an_invalid_reply_is_shown_its_problem_once_and_repaired(
    project, study, evaluator, content, problem
):
    found, chat = trials(
        project, study, evaluator, [content, action("Q4_0", 1), *[action("Q4_1", 1)] * 3]
    )

    assert problem in last_words(chat, 1)
    assert found[1].configuration == {"format": "Q4_0", "n_threads": 1}
    assert found[1].attempts == 2


def test_a_second_invalid_reply_is_a_counted_invalid_proposal_and_the_study_goes_on(
    project, study, evaluator
):
    found, chat = trials(project, study, evaluator, ["?", "??", *[action("Q4_1", 1)] * 3])

    assert found[1].status is Status.INVALID
    assert found[1].configuration is None
    assert found[1].measurements == ()
    assert [t.number for t in found] == [0, 1, 2, 3, 4]
    assert (
        "Trial 1: invalid proposal, nothing was run: the reply holds no JSON object"
        in last_words(chat, 2)
    )


def test_the_prompt_tells_repeats_failures_broken_constraints_and_rounds_left(
    project, study, evaluator
):
    replies = [action("Q4_0", 2), action("IQ4_NL", 1), action("Q4_0", 2), action("IQ4_NL", 2)]

    found, chat = trials(project, study, evaluator, replies)

    words = last_words(chat)
    assert "BREAKS the constraint: perplexity 1.150 times the default's, limit 1.1" in words
    assert "crashed: exit code 1" in words
    assert "REPEATS trial 1" in words
    assert "Rounds left, this one included: 1." in words
    assert "Best so far: trial 0" in words
    assert found[3].repeat_of == 1


def test_only_the_latest_thoughts_are_shown_again(project, study, evaluator):
    _, chat = trials(
        project, study, evaluator, [action("Q4_1", 1, f"thought {i}") for i in range(4)]
    )

    assert "thought 0" in last_words(chat, 3)
    assert "thought 0" not in chat.requests[3].messages[0].content


def test_an_agent_resumed_from_its_trials_asks_what_it_would_have_asked(project, study, evaluator):
    replies = [action("Q4_0", 2), action("Q4_0", 1), action("IQ4_NL", 1), action("IQ4_NL", 2)]
    whole, chat = trials(project, study, evaluator, replies)
    optimizer, resumed = agent(project, study, replies[2:])

    list(run_study(study, optimizer, evaluator, whole[:3]))

    assert resumed.requests == chat.requests[2:]


def test_the_prompt_holds_no_path_host_or_date(project, study, evaluator):
    import datetime
    import socket

    _, chat = trials(project, study, evaluator, [action("Q4_1", 1)] * 4)

    text = json.dumps([r.body() for r in chat.requests])
    for forbidden in (str(project), "/home", "/root", f"{datetime.date.today():%Y-%m-%d}"):
        assert forbidden not in text
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)


def test_a_json_schema_is_asked_for_where_the_suite_says_so(project, study):
    strict, _ = agent(project, study, [], response_format="json_schema")
    local, _ = agent(project, study, [], response_format="json_object")

    schema = strict.request([]).body()["response_format"]["json_schema"]["schema"]

    assert local.request([]).body()["response_format"] == {"type": "json_object", "schema": schema}
    assert schema["properties"]["action"]["properties"]["n_threads"] == {"enum": [1, 2]}
    assert agent(project, study, [])[0].request([]).response_format is None


def test_a_broken_template_is_one_clear_line(project, study, evaluator):
    (project / "prompts" / "deploy.j2").write_text("{{ cell.no_such_thing }}")

    with pytest.raises(HaqaError, match=r"prompts/deploy\.j2:1: UndefinedError"):
        trials(project, study, evaluator, [action("Q4_1", 1)] * 4)


def test_a_default_that_cannot_be_measured_does_not_stop_the_agent(project, study, evaluator):
    broken = evaluator.table.entries['{"format":"Q4_1","n_threads":2}']._replace(
        status=Status.OOM, measurements=()
    )
    entries = {**evaluator.table.entries, '{"format":"Q4_1","n_threads":2}': broken}
    evaluator = TableEvaluator(evaluator.table, study.cell)
    evaluator.table = evaluator.table._replace(entries=entries)

    found, chat = trials(project, study, evaluator, [action("IQ4_NL", 2)] * 4)

    assert found[0].status is Status.OOM
    assert "Best so far: trial 1 with end_to_end_tokens_per_s 80" in last_words(chat)


def test_native_formats_and_their_rates_can_be_left_out(project):
    cell = next(
        c
        for c in suite.load(REPOSITORY / "suites/formats.yaml", REPOSITORY).cells
        if c.hardware.name == "nvidia-a6000"
    )
    told, without = (
        Prompts(REPOSITORY / "prompts", native=native).static(cell) for native in (True, False)
    )

    assert "take natively: fp32, fp16, bf16, int8, int4" in told
    assert "Peak int4 rate: 619.3 TOPS" in told
    assert "natively" not in without
    assert "TOPS" not in without
    assert without.splitlines()[0] == told.splitlines()[0]


def test_where_one_answer_counts_no_result_is_shown(project):
    cell = next(
        c for c in suite.load(REPOSITORY / "suites/formats.yaml", REPOSITORY).cells if c.simulated
    )

    assert (
        Prompts(REPOSITORY / "prompts").dynamic(cell, []) == "Answer now. There is no other round."
    )
