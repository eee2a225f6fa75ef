"""Facts are written, and read again, in one place: words that were recorded keep their meaning."""

from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends.llama_jobs import Contents
from haqa_bench.store import facts

CONTENTS = Contents({"Q4_0": 60, "Q8_0": 40}, {"Q4_0": 60, "Q8_0": 10}, 2, 75, 90)


def test_a_file_is_told_in_the_words_that_were_always_recorded():
    assert facts.of_file(CONTENTS) == {
        "tensor_types": "Q4_0 60.0 %, Q8_0 40.0 %",
        "bits_per_weight": "6.000",
        "file_bytes": "90",
        "parameters": "100",
        "layers": "2",
        "multiplied": "Q4_0 60, Q8_0 10",
    }


def test_recorded_words_mean_what_was_written():
    size = Prediction(1_000_000, 0, 0, 0, 0, 0, 0)
    words = facts.of_file(CONTENTS) | facts.of_sizes({"INT4": size})
    words |= facts.of_answers("boolq_acc", [0, 1, 1]) | {facts.BUILD: "0.3.36"}

    found = facts.parse(words)

    assert (found.layers, found.multiplied) == (2, {"Q4_0": 60, "Q8_0": 10})
    assert found.safe_mb == {"INT4": 1.1}  # with the margin of 5 %, and one digit
    assert found.right == {"boolq_acc": (False, True, True)}
    assert found.build == "0.3.36"


def test_facts_that_tell_nothing_of_it_mean_nothing():
    assert facts.parse({"boolq_items": "10", "n_threads": "2"}) == (
        *({}, None, {}, {}, {}),
        *("", None, "", {}),
    )
