"""An agent on ranges: what it is told of them, and what becomes of the numbers that it replies."""

import dataclasses
import json
import math

import pytest
from test_conversation import MIXED, OF_TABLE_1, PROMPTS, cell_of
from test_prompts import measured

from haqa_bench import registry, suite
from haqa_bench.llm.scripted import Scripted
from haqa_bench.optimizers.agent.conversation import Conversation
from haqa_bench.protocols import Outcome
from haqa_bench.run.study import run_study
from haqa_bench.space import SearchSpace
from haqa_bench.study import Method
from haqa_bench.tracks.qat import jobs as qat
from haqa_bench.tracks.qlora import jobs as qlora
from haqa_bench.trial import Status


class Quadratic:
    """An evaluator of ranges: the best rate is 0.01."""

    whole, machine = None, ""

    def measure(self, configuration):
        error = 10 * abs(math.log10(configuration["learning_rate"] / 0.01))
        return Outcome((measured("valid_accuracy", 90.0 - error),), {})


def on_ranges(replies, optimizer="haqa", space=OF_TABLE_1, **chat):
    cell = cell_of("qat", space=space)
    cell = cell.model_copy(update={"budget": cell.budget.model_copy(update={"proposals": 3})})
    asks = {"model": "test-model", **chat}
    method = Method.model_validate({"name": "any", "optimizer": optimizer, "chat": asks})
    study, model = suite.Study("any", cell, method, 0), Scripted(replies)
    asked = registry.optimizer(study, model, PROMPTS)
    return list(run_study(study, asked, Quadratic(), [])), model


def of_ranges(**changes):
    return json.dumps({"thought": "x", "action": {**OF_TABLE_1.default, **changes}})


@pytest.mark.parametrize("style", ["haqa", "haqa-paper"])
def test_a_reply_s_numbers_are_rounded_and_equal_ones_are_repeats(style):
    replies = [of_ranges(learning_rate=0.02000000001), of_ranges(learning_rate=0.02, momentum=0.9)]

    found, chat = on_ranges(replies, style)

    assert found[1].configuration["learning_rate"] == 0.02
    assert found[2].repeat_of == 1
    assert len(chat.requests) == 2


def test_a_number_outside_its_range_is_repaired_in_the_words_of_ranges():
    replies = [of_ranges(learning_rate=1.0), of_ranges(learning_rate=0.1), of_ranges()]

    found, chat = on_ranges(replies)

    told = chat.requests[1].messages[-1].content
    assert "learning_rate: 1.0 is not a number from 1e-05 to 0.2" in told
    assert "a value within its range" in told
    assert found[1].configuration["learning_rate"] == 0.1


def test_a_schema_holds_a_reply_s_numbers_to_their_ranges():
    _, chat = on_ranges(["?"] * 4, space=MIXED, response_format="json_schema")

    action_of = chat.requests[0].response_format["json_schema"]["schema"]["properties"]["action"]
    told = action_of["properties"]
    assert told["learning_rate"] == {"type": "number", "minimum": 1e-5, "maximum": 0.2}
    assert told["num_epochs"] == {"type": "integer", "minimum": 8, "maximum": 12}
    assert told["optimizer"] == {"enum": ["sgd", "adam"]}


def test_all_at_once_has_its_numbers_rounded_too():
    rates = [{**OF_TABLE_1.default, "learning_rate": rate} for rate in (0.0200000001, 5.0)]

    found, _ = on_ranges([json.dumps({"actions": rates})] * 2, "haqa-zero-shot")

    assert found[1].configuration["learning_rate"] == 0.02
    assert found[2].status is Status.INVALID


@pytest.mark.parametrize(("track", "settings"), [("qat", qat.Settings), ("qlora", qlora.Settings)])
def test_a_conversation_says_what_is_not_to_be_chosen_as_it_takes_effect(track, settings):
    cell = cell_of(track)
    space = SearchSpace.model_validate(dict([next(iter(cell.space.root.items()))]))

    text = Conversation(PROMPTS).static(cell.model_copy(update={"space": space}))

    told = next(line for line in text.splitlines() if "Not to be chosen here" in line)
    own = {*space.root, "epochs", "max_steps", "schedule", "lr_scheduler_type"}
    own |= {"label_smoothing"}  # there is none, and nobody would look for it
    for field in dataclasses.fields(settings):
        if field.name not in own:
            value = f"{field.default:g}" if isinstance(field.default, float) else field.default
            assert f"{field.name} {value}" in told
