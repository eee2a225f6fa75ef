"""Readers of what people write: what was meant is read, the rest is one line, soon."""

import json
import time
from pathlib import Path

import pytest

from haqa_bench import documents
from haqa_bench.documents import Document, parse_json, read_bytes, read_json, read_text, read_yaml
from haqa_bench.errors import HaqaError


class Words(Document):
    """A document that takes anything JSON has."""

    a: object = None
    number: float = 0.0


@pytest.fixture
def yaml(tmp_path):
    def read(text):
        path = tmp_path / "x.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, Words)

    return read


def test_yaml_is_read_as_1_2(yaml):
    read = yaml("a: {b: no, c: 1e-5, d: 0x10, e: ~, f: [true, 1_000, 9007199254740992], 1: x}")

    assert read.a == {
        "b": "no",
        "c": 1e-5,
        "d": 16,
        "e": None,
        "f": [True, 1000, 2**53],
        "1": "x",
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (".nan", "x.yaml:2: .nan is not a finite number"),
        ("-.INF", "x.yaml:2: -.INF is not a finite number"),
        ("1e999", "x.yaml:2: 1e999 is not a finite number"),
        ("9007199254740993", "x.yaml:2: the whole number 9007199254740993 is beyond 2"),
        ("-9007199254740993", "is beyond 2"),
        ("9" * 5000, "is beyond 2"),
        ("0x" + "f" * 50, "is beyond 2"),
        ("2026-01-01", "x.yaml:2: has a timestamp; put text in quotes"),
        ("!!set {b, c}", "x.yaml:2: has a tag"),
        ("!!binary aGk=", "has a tag"),
        ("!!int ''", "has a tag"),
        ("!!bool x", "has a tag"),
        ("!!python/object/apply:os.system [id]", "has a tag"),
        ("{[1]: 2}", "x.yaml:2: has a key that is a list"),
        ("{1: b, '1': c}", "x.yaml:2: has a duplicate key '1'"),
        ("<<", "has a merge"),
        ('"\\ud83d"', "x.yaml:2: has half of a surrogate pair"),
        ("[" * 100_000, "x.yaml:2: is nested deeper than 100"),
        ("{" * 100_000, "is nested deeper than 100"),
        ("[{b: " * 30_000, "is nested deeper than 100"),
        ("\n" + "- " * 50_000, "x.yaml:3: is nested deeper than 100"),
        ("[" + "1," * 90_000 + "1]", "x.yaml:2: holds more than 30,000 values; split the file"),
        ("x" * 200_000, "is more than the 200,000 that a YAML file may have"),
        ("&b [*b]", "a YAML bomb"),
        ("\0", "not YAML: unacceptable character"),
    ],
)
def test_what_is_no_value_of_a_document_is_refused_at_its_line(yaml, value, message):
    began = time.process_time()

    with pytest.raises(HaqaError) as caught:
        yaml(f"number: 1.0\na: {value}\n")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400
    assert time.process_time() - began < 10


def test_a_large_file_with_no_alias_is_no_bomb(yaml):
    with pytest.raises(HaqaError) as caught:
        yaml("".join(f"k{n}: {n}\n" for n in range(16_000)))
    assert "bomb" not in str(caught.value)


def test_a_suite_of_200_kb_is_read_in_seconds(yaml):
    began = time.process_time()

    yaml(
        "a:\n" + "".join(f"  - {{name: a long name {n}, about: some words}}\n" for n in range(4000))
    )
    assert time.process_time() - began < 5  # 1.0 s where it was written


def test_what_is_not_utf_8_is_told_with_its_line(yaml):
    with pytest.raises(HaqaError, match=r"x\.yaml:2: not UTF-8: byte 0xe9 at position 9"):
        yaml(b"number: 1\xe9".replace(b"1\xe9", b"\n\xe9"))


def test_the_mark_that_some_editors_put_first_is_passed_over(yaml):
    assert yaml(b"\xef\xbb\xbfa: 1").a == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": 1e999}', "1e999 is too large a number"),
        ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ("[" * 100_000, "nested deeper than 100"),
        ('{"a":' * 100_000, "nested deeper than 100"),
        ("[" * 101 + "]" * 101, "nested deeper than 100"),
        ("9" * 5000, "not JSON that is read"),
        ("{", "line 1, column 2"),
        (b"\xff\xfe", "not UTF-8"),
        ("", "line 1, column 1"),
    ],
)
def test_json_is_read_carefully(text, message):
    with pytest.raises(HaqaError, match=r"x\.json") as caught:
        parse_json("x.json", text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_json_that_is_as_deep_as_allowed_or_has_brackets_in_texts_is_read():
    deep = "[" * 100 + "]" * 100

    assert json.dumps(parse_json("x", deep)) == deep
    assert parse_json("x", json.dumps({"a": "[{" * 1000 + '"\\'})) == {"a": "[{" * 1000 + '"\\'}
    assert parse_json("x", "[NaN]", finite=False)[0] != 0


def test_a_json_file_of_another_form_names_the_place(tmp_path):
    (tmp_path / "x.json").write_text('{"number": "one"}')

    with pytest.raises(HaqaError, match=r"x\.json: number: Input should be a valid number"):
        read_json(tmp_path / "x.json", Words)


def test_a_document_holds_no_number_that_json_has_not():
    with pytest.raises(ValueError, match="finite"):
        Words(number=float("nan"))


@pytest.mark.parametrize("value", [float("inf"), 2**53 + 1, "\ud83d", {"a": [float("nan")]}])
def test_what_has_no_canonical_json_is_a_fault_of_the_input(value):
    with pytest.raises(HaqaError, match="has no canonical JSON"):
        documents.canonical(value)


@pytest.mark.parametrize("reader", [read_bytes, read_text])
def test_a_device_that_never_ends_is_larger_than_allowed(reader):
    with pytest.raises(HaqaError, match="larger than the 1,000 bytes"):
        reader(Path("/dev/zero"), 1000)
