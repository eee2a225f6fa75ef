"""Journals: what a kill can take, and what it cannot."""

import pytest

from haqa_bench.errors import HaqaError
from haqa_bench.store.journal import Journal, read_lines


def test_what_was_appended_is_there_again(tmp_path):
    journal = Journal(tmp_path / "deep" / "j.jsonl")
    journal.append({"a": 1})
    journal.append({"b": "ü"})

    assert Journal(tmp_path / "deep" / "j.jsonl").entries == [{"a": 1}, {"b": "ü"}]


def test_several_entries_are_appended_in_one_go(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.append({"a": 1}, {"b": 2})

    assert journal.entries == read_lines(journal.path) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n", "\r\n"]
)
def test_marks_that_unicode_counts_as_line_ends_stay_in_the_text(tmp_path, mark):
    journal = Journal(tmp_path / "j.jsonl")
    journal.append({"thought": f"first{mark}then"})

    assert read_lines(journal.path) == [{"thought": f"first{mark}then"}]


def test_a_last_line_that_was_cut_is_dropped_aloud_and_the_journal_goes_on(tmp_path, caplog):
    path = tmp_path / "j.jsonl"
    Journal(path).append({"a": 1})
    path.write_bytes(path.read_bytes() + b'{"b": ')

    journal = Journal(path)
    journal.append({"c": 3})

    assert "dropped its last line" in caplog.text
    assert read_lines(path) == [{"a": 1}, {"c": 3}]


@pytest.mark.parametrize("damage", ['{"a": \n', "[1]\n", "\n", "\x00\n"])
def test_damage_anywhere_else_is_refused_naming_the_line(tmp_path, damage):
    path = tmp_path / "j.jsonl"
    Journal(path).append({"a": 1}, {"b": 2})
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + damage.encode() + second)

    with pytest.raises(HaqaError, match=r"j\.jsonl:2: damaged line"):
        Journal(path)


def test_a_value_that_json_cannot_hold_is_refused_before_it_is_written(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")

    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.append({"a": float("nan")})
    assert not (tmp_path / "j.jsonl").exists()


@pytest.mark.parametrize("text", ["\ud83d", "\x00", "\x1b[2J", "\u202e", "\ufffe", "😀"])
def test_what_models_write_is_there_again(tmp_path, text):
    Journal(tmp_path / "j.jsonl").append({"thought": text, "z": [text]})

    assert read_lines(tmp_path / "j.jsonl") == [{"thought": text, "z": [text]}]
