"""What users got, in numbers; and what bytes of a stream say. Nothing is started."""

import json

import pytest

from haqa_bench.backends.wire import dump, load
from haqa_bench.tracks.metrics import KEPT_QUALITY
from haqa_bench.tracks.serve import readings as it
from haqa_bench.tracks.serve.jobs import Answer, Asked, Repeat, Served, Timings
from haqa_bench.tracks.serve.track import METRICS
from haqa_bench.tracks.serve.worker.answers import answer_of
from haqa_bench.tracks.serve.worker.users import Heard
from haqa_bench.tracks.serve.workload import Slo

SLO = Slo(first_token_ms=100, between_tokens_ms=10)
CUT = Answer((), 5.0, None, "cut off after 0 of 5 tokens")


def answer(first, between, tokens=5, told=None, **more):
    """An answer whose tokens come evenly, as the server says too."""
    came = tuple(first + between * place for place in range(tokens))
    timings = {"prompt_ms": first, "predicted_ms": between * (tokens - 1), "predicted_n": tokens}
    return Answer(came, came[-1] + 1, Timings(**{**timings, **(told or {}), **more}))


def served(*repeats, seconds=2.0):
    made = tuple(Repeat(tuple(one), seconds, 0.01, 7) for one in repeats)
    return Served(made, peak_bytes=3 * 10**8, ready_s=1.5, slots=4, n_ctx_slot=512)


def values(*repeats, **more):
    return {name: found for (name, _), found in it.readings(served(*repeats, **more), SLO).items()}


def test_goodput_is_requests_within_both_limits_over_the_seconds_of_a_repeat():
    late, slow, good = answer(101, 1), answer(1, 10.5), answer(100, 10)

    found = values([late, slow, good, good, CUT], [good, late, late, late, late])

    assert found["goodput_per_s"] == [1.0, 0.5]
    assert found["within_slo"] == [0.4, 0.2]
    assert found["answer_tokens_per_s"] == [10.0, 12.5]  # of the four, and the five, that are whole
    assert found["others_share"] == [0.01, 0.01]
    assert found["involuntary_switches"] == [7.0, 7.0]
    assert found["peak_memory_mb"] == [300.0]


def test_percentiles_are_linear_over_all_requests_and_over_all_times_between_tokens():
    found = values([answer(10.0 * place, place, tokens=2 + place) for place in range(1, 5)])

    assert found["first_token_ms_p50"] == [25.0]
    assert found["first_token_ms_p95"] == [pytest.approx(38.5)]
    assert found["between_tokens_ms_p50"] == [3.0]  # of twice 1, 3 x 2, 4 x 3 and 5 x 4
    assert found["between_tokens_ms_p95"] == [4.0]
    assert found["request_between_tokens_ms_p95"] == [pytest.approx(3.85)]  # of 1, 2, 3 and 4
    assert found["request_s_p95"] == [pytest.approx(0.0583)]
    assert found["llama_prompt_ms_p50"] == [25.0]
    assert found["llama_between_tokens_ms_p50"] == [2.5]


def test_an_slo_that_is_never_met_is_a_goodput_of_0():
    found = values([answer(500, 50)])

    assert (found["goodput_per_s"], found["within_slo"]) == ([0.0], [0.0])
    assert found["first_token_ms_p50"] == [500.0]


def test_a_repeat_without_an_answer_has_no_times():
    found = values([CUT], [answer(1, 1)])

    assert found["goodput_per_s"] == [0.0, 0.5]
    assert found["first_token_ms_p50"] == [1.0]


def test_guesses_that_were_right_are_a_share_of_all_and_nothing_where_there_are_none():
    some = values([answer(1, 1, draft_n=6, draft_accepted=3), answer(1, 1, draft_n=2)])

    assert some["drafted_accepted"] == [0.375]
    assert "drafted_accepted" not in values([answer(1, 1)])


def test_every_reading_is_one_of_the_tracks_metrics_in_its_unit():
    units = dict(it.readings(served([answer(1, 1, draft_n=6)]), SLO).keys())

    assert {name: METRICS[name].unit for name in units} == units
    kept = {metric.name for metric in KEPT_QUALITY}
    assert METRICS.keys() - units == {"bits_per_weight", "perplexity", *kept}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, ""),
        ({"predicted_ms": 419}, ""),  # by 19 ms
        ({"predicted_ms": 439}, ""),  # by less than a tenth
        ({"predicted_ms": 450}, "first to last token -50.0 ms beside llama-server's 450.0 ms"),
        ({"predicted_ms": 350}, "first to last token +50.0 ms beside llama-server's 350.0 ms"),
        ({"prompt_ms": 1}, ""),  # it waited for a slot
        ({"prompt_ms": 90}, "until the first token -40.0 ms beside llama-server's 90.0 ms"),
    ],
)
def test_our_clock_and_the_servers_own_are_held_against_each_other(told, said):
    even = [answer(50, 100, told=told) for _ in range(3)]
    odd = answer(50, 100, told={"predicted_ms": 9000, "prompt_ms": 9000})  # no median

    assert it.disagreement([*even, odd]) == said
    assert it.facts(served(even)).get("clock_disagrees", "") == said


def test_facts_say_how_many_requests_failed_and_why():
    told = it.facts(served([CUT, answer(1, 1)], [CUT, CUT]))

    assert told["failed_requests"] == "3 of 4: cut off after 0 of 5 tokens"
    assert (told["slots"], told["n_ctx_slot"], told["ready_s"]) == ("4", "512", "1.50")
    assert "failed_requests" not in it.facts(served([answer(1, 1)]))


def test_what_was_served_crosses_a_process_border_as_it_is():
    whole = served([answer(1, 1), CUT])

    assert load(dump(whole), Served) == whole


TIMINGS = {"prompt_ms": 5, "predicted_ms": 30, "predicted_n": 3, "draft_n": 4}
EVENTS = [
    {"tokens_predicted": 1, "stop": False},
    {"tokens_predicted": 3, "stop": False},
    {"tokens_predicted": 3, "stop": True, "timings": TIMINGS},
]
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(event):
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


WHOLE = [HEAD, *map(chunk, EVENTS), b"0\r\n\r\n"]


def heard(pieces, fault=""):
    """Bytes that came a millisecond after each other."""
    timed = [(10**6 * (place + 1), data) for place, data in enumerate(pieces)]
    return Heard(0, timed, 10**6 * len(pieces), fault)


def test_a_token_has_come_when_its_event_has():
    found = answer_of(heard(WHOLE), Asked(1, 3))

    assert found == Answer((2.0, 3.0, 3.0), 5.0, Timings(5.0, 30.0, 3, 4, 0))


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_it_does_not_matter_where_the_stream_is_cut_into_pieces(size):
    raw = b"".join(WHOLE)
    pieces = [raw[begin : begin + size] for begin in range(0, len(raw), size)]
    ends = [raw.index(chunk(event)) + len(chunk(event)) - 2 for event in EVENTS[:2]]

    found = answer_of(heard(pieces), Asked(1, 3))

    assert found.tokens_ms == tuple(-(-ends[place] // size) for place in (0, 1, 1))
    assert found.fault == ""


def test_an_answer_without_chunks_is_read_too():
    plain = b"HTTP/1.1 200 OK\r\n\r\n"
    events = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS]

    assert answer_of(heard([plain, *events]), Asked(1, 3)).tokens_ms == (2.0, 3.0, 3.0)


ERROR = {"error": {"message": "no\nroom", "code": 500}}


@pytest.mark.parametrize(
    ("pieces", "fault", "said"),
    [
        (WHOLE[:3], "", "cut off after 3 of 3 tokens"),
        (WHOLE[:2], "ConnectionResetError: reset", "cut off after 1 of 3 tokens: Connection"),
        ([HEAD, WHOLE[1][:20]], "", "cut off after 0 of 3 tokens"),
        ([], "ConnectionRefusedError: refused", "cut off after 0 of 3 tokens: ConnectionRefused"),
        ([HEAD, chunk(ERROR)], "", "it failed: no room"),
        ([b'HTTP/1.1 400 No\r\n\r\n{"error":1}'], "", 'HTTP 400: {"error":1}'),
        ([HEAD, b"x\r\n"], "", "cannot be read: ValueError"),
        ([HEAD, chunk({"stop": True})], "", "cannot be read: KeyError"),
        ([HEAD, chunk(3)], "", "cannot be read: TypeError"),
        ([b"nonsense\r\n\r\n"], "", "cannot be read: IndexError"),
    ],
)
def test_an_answer_that_does_not_count_says_why(pieces, fault, said):
    found = answer_of(heard(pieces, fault), Asked(1, 3))

    assert said in found.fault


def test_fewer_tokens_than_asked_for_do_not_count():
    assert answer_of(heard(WHOLE), Asked(1, 4)).fault == "3 of 4 tokens, and no more"
