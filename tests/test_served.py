"""What is asked of a server, as a user says it."""

import json
from pathlib import Path

import pytest

from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.cli import tune
from haqa_bench.errors import HaqaError
from haqa_bench.space import SearchSpace
from haqa_bench.tracks.serve import workload
from haqa_bench.tune import kept, placement, served, space, suites
from haqa_bench.tune.wish import Wish, check

WISH = Wish("m.gguf", 10**9, kept.limits("kl=0.05"), "serving", 7, "rules", 512, 64, 16)
ASKED = ((64, 128), (32,))


@pytest.mark.parametrize("most", ["USERS_MAX", "REQUESTS_MAX"])
def test_the_command_takes_as_many_as_a_workload_does(most):
    """Which it does not import, to answer --help at once."""
    assert getattr(tune, most) == getattr(workload, most)


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        ("ttft=500ms,itl=50ms", (500.0, 50.0)),
        ("itl=0.5s, ttft=2s", (2000.0, 500.0)),
    ],
)
def test_limits_are_read_in_milliseconds(words, limits):
    assert served.slo(words) == limits


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("", "'' is no limit"),
        ("ttft=500ms", "has no itl"),
        ("itl=5ms,itl=6ms", "has no ttft"),
        ("ttft=500,itl=50", "'ttft=500' is no limit"),
        ("ttft=-1ms,itl=5ms", "'ttft=-1ms' is no limit"),
        ("ttft=0ms,itl=5ms", "'ttft=0ms' is no limit"),
    ],
)
def test_other_words_are_told_with_the_form(words, fault):
    with pytest.raises(HaqaError, match=fault) as told:
        served.slo(words)

    assert "--slo" in str(told.value)


def test_lengths_are_two_tokens_or_more():
    assert served.lengths("--prompt-lengths", "64, 128") == (64, 128)
    for words in ("", "a", "64,1", "64,,2", "\u0663\u0663", "99999999999"):
        with pytest.raises(
            HaqaError, match=r"--prompt-lengths: '.*' is no length of two tokens or more"
        ):
            served.lengths("--prompt-lengths", words)


def test_several_users_try_slots_and_one_that_guesses_tries_speculation():
    several = served.asking(WISH, 8, ASKED, 2, (500.0, 50.0))
    one = WISH._replace(objective="total", speculate=True, draft="d.gguf")
    alone = served.asking(one, 8, ASKED, 2, (500.0, 50.0))

    slots = space.settings(["own"], placement.NOWHERE, several)
    guesses = space.settings(["own"], placement.NOWHERE, alone)

    assert (several.goal[0], slots["parallel"]["choices"]) == ("goodput_per_s", [1, 2, 4, 8])
    assert "speculation" not in slots
    assert (alone.goal[0], alone.serving.users) == ("answer_tokens_per_s", 1)
    assert guesses["parallel"]["choices"] == [1]
    assert "draft-simple" in guesses["speculation"]["choices"]
    without = space.settings(["own"], placement.NOWHERE, alone._replace(draft=""))
    assert "draft-simple" not in without["speculation"]["choices"]


def test_how_much_is_guessed_is_tried_only_where_something_is():
    wish = served.asking(WISH._replace(objective="total", speculate=True), 8, ASKED, 2, (9.0, 9.0))
    made = SearchSpace.model_validate_json(
        json.dumps(space.settings(["own"], placement.NOWHERE, wish)), strict=True
    )

    allowed = {
        kind: [
            n
            for n in (0, 4, 8)
            if made.holds({**made.default, "speculation": kind, "draft_max": n})
        ]
        for kind in ("none", "ngram-mod")
    }

    assert allowed == {"none": [0], "ngram-mod": [0, 4, 8]}


ALONE = {"objective": "total", "speculate": True}


def test_what_contradicts_itself_is_told():
    for changes, fault in (
        ({"depth": 64}, "--depth: .*Raise --prompt-lengths instead"),
        ({**ALONE, "depth": 64}, "--depth: .*Raise --n-prompt instead"),
        ({"n_ctx": 100}, "100 tokens hold no prompt and answer of 160"),
        ({**ALONE, "objective": "latency"}, "no measure of latency"),
        ({**ALONE, "objective": "generation"}, "no measure of generation. Use --objective total"),
    ):
        with pytest.raises(HaqaError, match=fault):
            served.asking(WISH._replace(**changes), 4, ASKED, 1, (1.0, 1.0))


def test_a_short_context_of_a_server_is_held_against_what_is_asked_of_it_alone():
    """Not against the lengths of a measurement without one."""
    short = WISH._replace(n_ctx=256, n_prompt=256, n_generate=64)

    check(served.asking(short, 4, ASKED, 1, (1.0, 1.0)))

    with pytest.raises(HaqaError, match="256 tokens hold no 256 and 64"):
        check(short._replace(objective="total"))


def test_what_fits_is_what_all_slots_of_the_default_hold():
    alone = served.asking(WISH._replace(**ALONE), 8, ASKED, 1, (1.0, 1.0))
    few, many = (served.asking(WISH, users, ASKED, 1, (1.0, 1.0)) for users in (2, 8))

    found = [served.default_context(wish) for wish in (WISH, alone, few, many)]

    assert found == [512, 512, 2 * 512, 4 * 512]


def test_formats_and_layers_are_planned_for_all_slots(monkeypatch):
    asked = []
    memory = Prediction(10**6, 0, 0, 0, 0, 0, 0)

    def predict(model, formats, settings, n_ctx, n_outputs):
        asked.append(n_ctx)
        return {"own": Foreseen(memory, {"q8_0": 1}, {})}

    monkeypatch.setattr(space.llama_cpp_memory, "predict", predict)
    monkeypatch.setattr(placement.llama_devices, "listed", lambda: ((), ""))
    monkeypatch.setattr(placement, "that_fits", lambda _, n_ctx, *__: asked.append(n_ctx))
    wish = served.asking(WISH, 8, ASKED, 1, (1.0, 1.0))

    space.options(Path("m.gguf"), wish)
    suites.there(wish, Path("m.gguf"))

    assert asked == [4 * 512, 4 * 512]


def test_a_server_with_a_draft_is_still_judged_by_its_goodput():
    both = WISH._replace(speculate=True, draft="d.gguf")

    assert served.asking(both, 4, ASKED, 1, (1.0, 1.0)).goal[0] == "goodput_per_s"
