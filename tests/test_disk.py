"""A file's place holds the old one or the new one, and nothing is left beside it."""

import os
import subprocess
import sys

import pytest

from haqa_bench import disk
from haqa_bench.errors import HaqaError


def dead_process():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_a_library_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = disk.write(tmp_path / "f.txt", "old")

    with pytest.raises(ValueError, match="broken"):
        fail_while_writing(path)

    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def fail_while_writing(path):
    with disk.written(path) as partial:
        partial.write_text("half")
        raise ValueError("broken")


def test_what_a_killed_process_left_is_cleared_and_what_others_write_is_not(tmp_path):
    ours, theirs = tmp_path / "f.txt", tmp_path / "g.txt"
    dead, alive = dead_process(), os.getppid()
    left = [tmp_path / f"f.txt.{dead}.partial", tmp_path / f"f.txt.{dead}.partial.wal"]
    kept = [
        tmp_path / f"f.txt.{alive}.partial",
        tmp_path / f"g.txt.{dead}.partial",
        tmp_path / "f.txt.mine.partial",
    ]
    for path in (*left, *kept):
        path.write_text("half")

    disk.write(ours, "new")

    assert {*tmp_path.iterdir()} == {ours, *kept}
    assert not theirs.exists()


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_link_or_a_folder_is_not_written_over(tmp_path, kind):
    path, other = tmp_path / "f.txt", tmp_path / "other.txt"
    other.write_text("theirs")
    path.symlink_to(other) if kind == "link" else path.mkdir()

    with pytest.raises(HaqaError, match=r"f\.txt"):
        disk.write(path, "ours")

    assert other.read_text() == "theirs"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.txt", "other.txt"]


def test_a_device_is_written_to():
    assert disk.write(disk.Path("/dev/null"), "words") == disk.Path("/dev/null")
