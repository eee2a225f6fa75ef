"""A parameter that is a source."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewriting import BROKEN, FASTER, SUITE, cell_of, loaded, project_in

from haqa_bench import registry
from haqa_bench.errors import HaqaError
from haqa_bench.parameters import Code
from haqa_bench.parameters.code import normalised, shown, shown_of_key
from haqa_bench.space import SearchSpace, key_of
from haqa_bench.study import Method, Study
from haqa_bench.trial import Measurement, Source, Status, Trial

CODE = Code.model_validate({"code": {"bytes": 100}, "default": ""})


@given(st.text(max_size=300))
def test_a_text_is_a_source_once_normalised_or_is_refused_with_a_reason(text):
    meant = CODE.meant(text)

    assert CODE.meant(meant) == meant
    assert CODE.has(meant) or CODE.wrong(meant).startswith(("has ", "holds "))


@given(st.text(alphabet="ab {}\t\r\n", max_size=80))
def test_a_normalised_source_has_no_blanks_at_ends_and_one_final_newline(text):
    found = normalised(text)

    assert found == "" or (found.endswith("\n") and not found.endswith("\n\n"))
    assert all(line == line.rstrip() for line in found.split("\n"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x" * 100 + "\n", "has 101 bytes, more than 100"),
        ("a\0b\n", "holds '\\x00' in line 1"),
        ("a\n\x1b[31m\n", "in line 2, which is not printable"),
        ("\ud800\n", "half a character"),
        (1, "is no text"),
    ],
)
def test_what_is_no_source_is_refused_without_quoting_it(text, told):
    assert not CODE.has(text)
    assert told in CODE.wrong(text)


@pytest.mark.parametrize("text", ["", "  \n\n", "\r\n", "\t"])
def test_nothing_but_blanks_is_the_source_as_it_comes(text):
    assert CODE.meant(text) == ""


def test_a_key_has_the_hash_of_a_source_and_a_table_its_short_name():
    key = key_of({"VEC": 4, "CODE": FASTER})

    assert "softmax" not in key
    assert key != key_of({"VEC": 4, "CODE": BROKEN})
    assert shown(FASTER)[5:] in key
    assert shown(FASTER).startswith("code ")
    assert shown("plain") == "plain"
    assert shown_of_key(json.loads(key)["CODE"]) == shown(FASTER)
    assert shown_of_key("plain") == "plain"


def test_a_space_has_one_source_at_most():
    code = {"code": {"bytes": 10}, "default": ""}

    with pytest.raises(ValueError, match="one source at most"):
        SearchSpace.model_validate({"A": code, "B": code})


QAT = {
    "track: kernel": "track: qat",
    "bit_widths: [FP32]": "bit_widths: [w4a4]",
    "architecture: llama,": "network: resnet20, architecture: resnet,",
    "{kernel: softmax, shape: {rows: heads, columns: hidden}}": "{data: cifar10, epochs: 1}",
    "{metric: time_us}": "{metric: test_accuracy}",
}
"""What makes the suite one of a track that has no source."""


def test_only_a_track_with_a_source_may_have_it_rewritten(tmp_path):
    text = SUITE
    for ours, theirs in QAT.items():
        assert ours in text
        text = text.replace(ours, theirs)
    project = project_in(tmp_path, text)

    with pytest.raises(HaqaError, match="the track qat has no source that could be rewritten"):
        loaded(project)


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    return cell_of(project_in(tmp_path_factory.mktemp("code")))


METHODS = ("random", "local", "rules", "tpe", "gp", "nsga2", "smac")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_proposes_what_it_would_in_the_space_without_the_source(cell, name, tmp_path):
    if name == "smac":
        pytest.importorskip("smac")
    plain = cell.model_copy(update={"space": cell.space.held})
    method = Method(name=name, optimizer=name)

    with_source, without = (proposed(c, method, tmp_path) for c in (cell, plain))

    assert [c.pop("CODE") for c in with_source] == [""] * len(with_source)
    assert with_source == without
    assert len(without) == 6


def proposed(cell, method, templates):
    optimizer = registry.optimizer(Study("s", cell, method, 0), None, templates)
    history = [trial(0, dict(cell.space.default))]
    while len(history) < 7 and (found := optimizer.ask(history)):
        history.append(trial(len(history), dict(found.configuration)))
    return [dict(t.configuration) for t in history[1:]]


def trial(number, configuration):
    value = 100.0 - configuration["VEC"] + configuration["LANES"]
    one = Measurement(
        name="time_us", value=value, unit="us", source=Source.MEASURED, samples=(value,), used=1
    )
    return Trial(number=number, configuration=configuration, status=Status.OK, measurements=(one,))


def test_a_draw_of_a_source_takes_no_random_number(cell):
    one, other = random.Random(1), random.Random(1)

    drawn, plain = cell.space.sample(one), cell.space.held.sample(other)

    assert drawn == {**plain, "CODE": ""}
