"""How a CPU's caches are emptied of what a kernel works on."""

import statistics
import time

import numpy as np
import pytest

from haqa_bench.backends.workers import caches
from haqa_bench.backends.workers.caches import FEWEST, FORGETTING, Caches, evicting_bytes, on_pages


@pytest.mark.parametrize(
    ("sizes", "most"),
    [
        ((), FEWEST),
        (("48K", "2048K", "32768K"), FEWEST),
        (("48K", "307200K"), 600 * 2**20),
        (("", "no size"), FEWEST),
    ],
)
def test_twice_the_largest_cache_is_read(tmp_path, sizes, most):
    for number, size in enumerate(sizes):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(f"{size}\n")

    assert evicting_bytes(tmp_path) == most


def reading_s(values):
    began = time.perf_counter()
    values.max()
    return time.perf_counter() - began


@pytest.mark.skipif(caches.flush() is None, reason="this processor flushes no lines")
def test_what_was_flushed_comes_from_memory_again():
    """An eighth of a private cache, so that nothing else puts it out."""
    values, warm, cold = on_pages(256 * 2**10).view(np.float64), [], []
    for _ in range(60):
        values.max()
        warm.append(reading_s(values))
        caches.flush()(values)
        cold.append(reading_s(values))

    assert statistics.median(cold) > 1.5 * statistics.median(warm)


@pytest.mark.skipif(caches.flush() is None, reason="this processor flushes no lines")
@pytest.mark.parametrize(("begin", "end"), [(0, 0), (0, 1), (63, 65), (1, 4095), (0, 8192)])
def test_flushing_changes_nothing(begin, end):
    values = on_pages(8192)
    values[:] = np.arange(8192) % 251
    caches.flush()(values[begin:end])

    assert np.array_equal(values, np.arange(8192) % 251)


def test_where_lines_cannot_be_flushed_more_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(caches, "CPU_INFO", tmp_path / "none")
    caches.flush.cache_clear()
    try:
        found = Caches()
        found.empty(np.ones(4))
        assert (found.bytes, found.how) == (
            evicting_bytes(),
            f"{evicting_bytes() // 2**20} MiB of other memory read",
        )
    finally:
        caches.flush.cache_clear()


def test_how_caches_are_emptied_is_told():
    can = caches.flush() is not None

    assert ("lines flushed" in Caches().how) is can
    assert Caches().bytes == (FORGETTING if can else evicting_bytes())
    assert "flushed" not in Caches(flushes=False).how
