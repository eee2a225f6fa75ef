"""What a tuning shows beside its recommendation, and why that is what it is."""

import json
import re
from math import inf
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from haqa_bench.arithmetic.estimate import Interval
from haqa_bench.report.formats.terminal import terminal
from haqa_bench.report.found.pairs import Pair
from haqa_bench.report.tables.short import short
from haqa_bench.tracks.serve.workload import ServeWorkload, Slo
from haqa_bench.tune import confirmed, kept, shown, unmet
from haqa_bench.tune.picture import picture
from haqa_bench.tune.recommendation import Recommendation, Zeros
from haqa_bench.tune.trade import MOST, Trade, front
from haqa_bench.tune.unmet import BETWEEN, FIRST, Slowest
from haqa_bench.tune.why import why

DEFAULT = {"format": "own", "n_threads": 2, "type_k": "f16"}
CELL = SimpleNamespace(id="cell", space=SimpleNamespace(default=DEFAULT), workload=None)
GUESSING = {**DEFAULT, "speculation": "none"}
CELL_THAT_GUESSES = SimpleNamespace(space=SimpleNamespace(default=GUESSING), workload=None)
LIMITS = kept.limits("kl=0.05")
SERVED = ServeWorkload(
    users=2, prompts=(8,), answers=(8,), slo=Slo(first_token_ms=500, between_tokens_ms=50)
)


class Run:
    """A run whose one study measured some configurations: (changes, speed, MB, KL)."""

    def __init__(self, *found, minimised=False):
        self.found, self.minimised, self.more = found, minimised, {}

    def rows(self, name, kind):
        assert (name, kind) == ("trade", Trade)
        return [self._row(i, *one) for i, one in enumerate(self.found)]

    def _row(self, number, changes, speed, megabytes, kl):
        metrics = {"peak_memory_mb": megabytes, "bits_per_weight": 4.5, **self.more}
        if kl is not None:
            metrics |= {"kl_divergence": kl, "same_first_token": 1 - kl}
            metrics |= {"perplexity": 10 + kl}
        score = -speed if self.minimised else speed
        allowed = kl is None or kl <= max(0.05, self.found[0][3])
        configuration = json.dumps({**DEFAULT, **changes})
        ends = {} if kl is None else {"kl_divergence_95": "0.01 to 0.02"}
        facts = json.dumps({**ends, "n_ctx": "512"})
        return Trade(number, configuration, speed, score, allowed, facts, json.dumps(metrics))


QWEN = (
    ({}, 53.4, 600, 0.0),
    ({"format": "Q4_0"}, 75.7, 500, 0.13),
    ({"format": "IQ4_NL"}, 73.9, 510, 0.08),
    ({"n_threads": 1}, 30.0, 600, 0.0),
    ({"type_k": "q8_0"}, 53.0, 590, 0.001),
    ({"format": "Q4_0", "n_threads": 1}, 40.0, 500, 0.13),
)


def test_what_is_faster_and_not_allowed_is_shown_with_the_option_that_would_allow_it():
    lines = front(Run(*QWEN), CELL, LIMITS, DEFAULT)

    assert [line.configuration["format"] for line in lines[:2]] == ["Q4_0", "IQ4_NL"]
    assert [round(line.gain, 2) for line in lines[:2]] == [1.42, 1.38]
    for line in lines[:2]:
        (limit,) = kept.limits(line.option.removeprefix("--min-quality "))
        assert limit.value >= line.quality["kl_divergence"]
        assert limit.value <= 1.1 * line.quality["kl_divergence"] + 0.001
    assert lines[0].quality["kl_divergence_95"] == (0.01, 0.02)
    own = next(line for line in lines if line.is_default)
    assert (own.option, own.is_chosen) == ("", True)


def test_what_another_beats_in_everything_is_left_out():
    lines = front(Run(*QWEN), CELL, LIMITS, DEFAULT)

    assert all(line.configuration["n_threads"] == 2 for line in lines)
    assert {"format": "own", "n_threads": 2, "type_k": "q8_0"} in [
        line.configuration for line in lines
    ]  # smaller than the default


def test_at_most_eight_lines_are_shown_with_the_default_and_the_recommendation_among_them():
    many = [({}, 10.0, 900, 0.0)]
    many += [({"format": f"F{i}"}, 10.0 + i, 900 - i, 0.001 * i) for i in range(1, 30)]
    chosen = {**DEFAULT, "format": "F17"}

    lines = front(Run(*many), CELL, LIMITS, chosen)

    assert len(lines) == MOST
    assert sum(line.is_default for line in lines) == 1
    assert [line.configuration for line in lines if line.is_chosen] == [chosen]
    assert [line.gain for line in lines] == sorted((line.gain for line in lines), reverse=True)
    assert lines[0].configuration["format"] == "F29"


def test_a_gain_of_what_is_to_be_small_is_how_many_times_smaller():
    found = Run(({}, 200.0, 9, 0.0), ({"format": "Q4_0"}, 100.0, 8, 0.01), minimised=True)

    assert front(found, CELL, LIMITS, DEFAULT)[0].gain == pytest.approx(2.0)


def test_quality_that_was_not_measured_breaks_nothing_and_is_left_empty():
    found = Run(({}, 10.0, 9, None), ({"format": "Q4_0"}, 20.0, 8, None))

    lines = front(found, CELL, LIMITS, DEFAULT)

    assert [line.option for line in lines] == ["", ""]
    assert "KL" not in printed(lines).splitlines()[2]


def test_a_format_whose_quality_nobody_judged_is_not_shown_as_one_that_loses_nothing():
    """A hopeless configuration's quality is not asked for: unknown is neither 0 nor allowed."""
    found = Run(QWEN[0], QWEN[1], ({"format": "Q2_K"}, 20.0, 300, None))

    lines = front(found, CELL, LIMITS, DEFAULT)

    assert [line.configuration["format"] for line in lines] == ["Q4_0", "own"]
    drawn = picture(lines, CELL, "x", "tokens/s")
    assert "KL divergence, nats" in drawn.svg


def test_a_hopeless_configuration_has_the_quality_of_its_format_and_cache():
    judged = ({"format": "Q4_0", "speculation": "none"}, 75.7, 500, 0.13)
    guessing = ({"format": "Q4_0", "speculation": "ngram-mod"}, 20.0, 400, None)

    lines = front(Run(QWEN[0], judged, guessing), CELL, LIMITS, DEFAULT)

    (slow,) = (line for line in lines if line.value == 20.0)
    assert slow.quality["kl_divergence"] == 0.13
    assert slow.quality["kl_divergence_95"] == (0.01, 0.02)
    assert slow.option == "--min-quality kl=0.13"


def test_of_all_that_guess_alike_the_fastest_stands_with_the_share_of_right_guesses():
    kinds = [({"speculation": kind}, speed, mb, 0.0)
             for kind, speed, mb in (("none", 10.0, 9), ("ngram-mod", 20.0, 10))]  # fmt: skip
    found = Run(*kinds, ({"speculation": "ngram-mod", "n_threads": 1}, 15.0, 10, 0.0))
    found.more = {"drafted_accepted": 0.625}

    lines = front(found, CELL, LIMITS, {**DEFAULT, "speculation": "none"})

    assert [line.configuration["speculation"] for line in lines] == ["ngram-mod", "none"]
    assert lines[0].quality["drafted_accepted"] == 0.625
    assert "62.5 %" in terminal(shown.table(lines, CELL_THAT_GUESSES, told(), "kl=0.05"))
    drawn = picture(lines, CELL_THAT_GUESSES, "x", "tokens/s").svg
    assert ">own ngram-mod<" in drawn
    assert ">default (own)<" in drawn


def printed(lines):
    return terminal(short(shown.table(lines, CELL, told(), "kl=0.05")))


def told(**changes):
    found = {
        "configuration": DEFAULT,
        "kept_default": True,
        "default_is_best": False,
        "metric": "x",
        "unit": "tokens/s",
        "default": 53.4,
        "found": 53.4,
        "gain": 1.0,
        "confirmed_gain": 1.01,
        "interval": Interval(0.99, 1.03),
        "pairs": 8,
        "failed": (),
        "zeros": Zeros(),
        "noise_floor": 0.02,
    }
    return Recommendation(**{**found, **changes})


def test_the_table_fits_a_screen_and_names_what_differs():
    text = printed(front(Run(*QWEN), CELL, LIMITS, DEFAULT))

    assert max(map(len, text.splitlines())) <= 100
    assert "own type_k=q8_0" in text
    assert "default (own)" in text
    assert re.search(r"--min-quality kl=0\.1[34]", text)


def test_three_sentences_say_what_gained_what_did_not_and_how_sure_that_is():
    chosen = {**DEFAULT, "format": "Q4_0"}
    found = told(configuration=chosen, kept_default=False, gain=1.418, confirmed_gain=1.4)
    allowed = [(c, v, m, 0.01) for c, v, m, _ in QWEN]

    gained, not_gained, sure = why(Run(*allowed), CELL, found, LIMITS)

    assert gained == "format Q4_0 in place of own: 1.42 times the default when found."
    assert not_gained.startswith("Slower, at best so many times the best:")
    assert "n_threads 1 (0.53)" in not_gained
    assert "type_k q8_0 (0.70)" in not_gained
    assert sure.startswith("Measured again in 8 pairs with the default: 1.400 times it")
    assert "0.990 to 1.030; the default against itself varies by 2.0 %" in sure


def test_a_kept_default_says_so_and_what_is_a_tie():
    first, second, _ = why(Run(QWEN[0], QWEN[4]), CELL, told(), LIMITS)

    assert first.startswith("Nothing that was tried, and is allowed, is confirmed better")
    assert second == "No gain beyond the noise of 2.0 %: type_k q8_0."


def test_what_was_faster_and_not_confirmed_is_no_tie():
    """What pairs do not confirm is held against the default, which is what is recommended."""
    found = Run(({}, 50.0, 9, 0.0), ({"n_threads": 1}, 60.0, 9, 0.0), ({"type_k": "x"}, 40.0, 9, 0))

    second = why(found, CELL, told(), LIMITS)[1]

    assert second == (
        "Faster when found, and not confirmed, so many times the default: n_threads 1 (1.20); "
        "slower, at best so many times the default: type_k x (0.80)."
    )


def test_what_is_to_be_small_and_a_default_of_0_are_held_against_the_default_too():
    small = Run(({}, 200.0, 9, 0.0), ({"n_threads": 1}, 100.0, 9, 0.0), minimised=True)
    zero = Run(({}, 0.0, 9, 0.0), ({"n_threads": 1}, 0.5, 9, 0.0))

    assert why(small, CELL, told(), LIMITS)[1].endswith("the default: n_threads 1 (2.00).")
    assert why(zero, CELL, told(), LIMITS)[1].endswith("the default: n_threads 1.")


def test_noise_that_was_not_measured_is_not_told_as_if_it_was():
    second = why(Run(QWEN[0], QWEN[4]), CELL, told(noise_floor=None), LIMITS)[1]

    assert second == "No gain of more than 3 %: type_k q8_0."


def test_a_default_that_is_the_best_found_is_no_fault():
    found = told(default_is_best=True, confirmed_gain=None, interval=None, pairs=0)

    assert why(Run(QWEN[0]), CELL, found, LIMITS) == [
        "Nothing that was tried, and is allowed, was better than the default.",
        "No other setting was tried.",
        "The default is the best that was found, so pairs had nothing to confirm.",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pairs": 0}, "could not be held against the default: each pair failed."),
        (
            {"pairs": 0, "failed": ("crashed: exit code -9\nmore",)},
            "held against the default: each pair failed: crashed: exit code -9.",
        ),
        (
            {"pairs": 0, "zeros": Zeros(both=5), "failed": ("crashed: exit code -9",)},
            "both gave 0 in each of 5 pairs, which tells nothing; in 1 more it failed: crashed: "
            "exit code -9.",
        ),
        (
            {"pairs": 6, "confirmed_gain": 1.3, "failed": ("oom: too large.", "crashed")},
            "in 6 pairs with the default: 1.300 times it; in 2 more it failed, so it is not "
            "recommended: oom: too large.",
        ),
        (
            {"pairs": 0, "zeros": Zeros(both=8)},
            "could not be held against the default: both gave 0 in each of 8 pairs, which tells "
            "nothing.",
        ),
        (
            {"pairs": 8, "zeros": Zeros(default=8)},
            "in 8 pairs with the default: the default gave 0 in 8, and this did not.",
        ),
        (
            {"pairs": 7, "confirmed_gain": 1.5, "zeros": Zeros(2, 1, 3)},
            "Measured again in 7 pairs with the default: 1.500 times it; the default gave 0 in 2, "
            "and this did not; this gave 0 in 1, and the default did not; 3 more, in which both "
            "gave 0, tell nothing.",
        ),
        (
            {"pairs": 6, "confirmed_gain": 13.1, "interval": (2.5, None), "zeros": Zeros(1)},
            "13.100 times it, 95 % interval 2.500 and more; the default gave 0 in 1, and this did "
            "not.",
        ),
        (
            {"pairs": 6, "interval": (2.5, None), "zeros": Zeros(4)},
            "at least 2.500 times it, by the 95 % interval; the default gave 0 in 4, and this did "
            "not.",
        ),
    ],
)
def test_pairs_with_a_0_are_told_in_words(changes, said):
    found = told(**{"confirmed_gain": None, "interval": None, "noise_floor": None, **changes})

    sure = why(Run(QWEN[0], QWEN[4]), CELL, found, LIMITS)[2]

    assert sure.endswith(said)


def test_the_table_of_pairs_says_where_one_side_gave_0_and_what_failed():
    key = json.dumps(DEFAULT | {"format": "Q4_0"})

    def pair(ratio, failed="", default=False):
        its = json.dumps(DEFAULT) if default else key
        return Pair(CELL.id, its, default, "here", ratio, 1.0, 0.0, failed)

    taken = [*map(pair, [2.0] * 5 + [inf]), pair(None, "tuned: oom: too large")]
    taken += [pair(ratio, default=True) for ratio in (0.0, inf, 0.4, 1.0, 2.0, 1.0)]

    found = confirmed.table(SimpleNamespace(rows=lambda *_: taken), CELL)

    texts = [[cell.text for cell in row] for row in found.rows]
    assert texts[0] == ["Q4_0", "2.000", "2.000 and more", "6", "undecided"]
    assert texts[1][-1] == "in 2 of them one side gave 0: its noise is not known"
    assert found.notes[1] == "In 1 more pair Q4_0 failed, so it is not better: oom: too large."


def test_a_gain_over_a_default_of_0_is_no_number():
    rows = Run(({}, 0.0, 9, 0.0), ({"n_threads": 1}, 0.52, 8, 0.0))
    chosen = {**DEFAULT, "n_threads": 1}
    found = told(
        configuration=chosen, kept_default=False, gain=None, default=0.0, found=0.52, unit="1/s"
    )

    lines = front(rows, CELL, LIMITS, chosen)

    assert [(line.value, line.gain) for line in lines] == [(0.52, None), (0.0, None)]
    assert terminal(shown.table(lines, CELL, found, "kl=0.05"))
    assert why(rows, CELL, found, LIMITS)[0] == (
        "n_threads 1 in place of 2: 0.52 1/s, where the default gave 0, when found."
    )


def test_where_the_default_is_beyond_a_limit_what_loses_no_more_is_allowed_and_it_is_said():
    rows = Run(
        ({}, 50.0, 9, 0.08), ({"n_threads": 1}, 30.0, 9, 0.08), ({"type_k": "x"}, 60.0, 8, 0.09)
    )

    lines = front(rows, CELL, LIMITS, DEFAULT)
    beyond = why(rows, CELL, told(), LIMITS)[3]

    assert [line.option for line in lines] == ["--min-quality kl=0.09", ""]
    assert beyond == (
        "The default itself is beyond --min-quality kl=0.05 (kl_divergence 0.08): what loses no "
        "more than it is allowed too."
    )


def test_where_no_request_kept_the_limits_the_nearest_ones_are_told():
    cell = SimpleNamespace(space=CELL.space, workload=SERVED)
    changes = ({}, {"n_threads": 1}, {"format": "Q4_0"})
    tables = {
        "trade": [
            Trade(number, json.dumps({**DEFAULT, **one}), 0.0, 0.0, True, "{}", "{}")
            for number, one in enumerate(changes)
        ],
        "slowest": [
            Slowest(number, name, most)
            for number, times in enumerate(((3000.0, 40.0), (812.3, 90.0), (1500.0, 61.2)))
            for name, most in zip((FIRST, BETWEEN), times, strict=True)
        ],
    }

    run = SimpleNamespace(rows=lambda name, _: tables[name])
    said = why(run, cell, told(default_is_best=True), LIMITS)

    assert said == [
        "No setting that is allowed kept --slo ttft=500ms,itl=50ms: no request of 3 "
        "configurations did.",
        "The best that was seen, for 95 of 100: 812 ms until the first token (own n_threads=1), "
        "40.0 ms from token to token on the average (the default).",
        "Nearest came own n_threads=1: about 95 of 100 are within each limit, taken by itself, of "
        "--slo ttft=820ms,itl=90ms.",
    ]


def test_of_several_repeats_the_slowest_decides_what_would_be_kept():
    with duckdb.connect() as database:
        columns = "number INT, name TEXT, value REAL, samples REAL[]"
        database.execute(f"CREATE TABLE measurements ({columns})")
        database.execute("INSERT INTO measurements VALUES (0, 'x', 975, [900, 1200, 1000])")
        database.execute("INSERT INTO measurements VALUES (1, 'x', 7, NULL)")
        query = Path(unmet.__file__).with_name("slowest.sql").read_text("utf-8")

        assert database.execute(query).fetchall() == [(0, "x", 1200.0), (1, "x", 7.0)]


def test_what_no_option_would_allow_says_so():
    limits = kept.limits("perplexity=0.95")
    found = Run(({}, 10.0, 9, 0.0), ({"format": "Q2_K"}, 20.0, 5, 30.0))

    assert front(found, CELL, limits, DEFAULT)[0].option == "nothing: too much is lost"
