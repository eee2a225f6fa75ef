"""What is asked of a server, as a user says it."""

import pytest

from haqa_bench.errors import HaqaError
from haqa_bench.tune import kept, served, space
from haqa_bench.tune.placement import Placement
from haqa_bench.tune.wish import Wish

WISH = Wish("m.gguf", 10**9, kept.limits("kl=0.05"), "serving", 7, "rules", 512, 64, 16)
ASKED = ((64, 128), (32,))


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

    slots = space.settings(["own"], Placement(), several)
    guesses = space.settings(["own"], Placement(), alone)

    assert (several.goal[0], slots["parallel"]["choices"]) == ("goodput_per_s", [1, 2, 4, 8])
    assert "speculation" not in slots
    assert (alone.goal[0], alone.serving.users) == ("answer_tokens_per_s", 1)
    assert guesses["parallel"]["choices"] == [1]
    assert "draft-simple" in guesses["speculation"]["choices"]
    without = space.settings(["own"], Placement(), alone._replace(draft=""))
    assert "draft-simple" not in without["speculation"]["choices"]


def test_what_contradicts_itself_is_told():
    for changes, fault in (
        ({"depth": 64}, "--depth"),
        ({"n_ctx": 100}, "100 tokens hold no prompt and answer of 160"),
        ({"objective": "latency", "speculate": True}, "guessed tokens do nothing for"),
    ):
        with pytest.raises(HaqaError, match=fault):
            served.asking(WISH._replace(**changes), 4, ASKED, 1, (1.0, 1.0))


def test_a_server_with_a_draft_is_still_judged_by_its_goodput():
    both = WISH._replace(speculate=True, draft="d.gguf")

    assert served.asking(both, 4, ASKED, 1, (1.0, 1.0)).goal[0] == "goodput_per_s"
