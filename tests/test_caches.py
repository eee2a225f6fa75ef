"""How much is read so that caches hold nothing of before."""

import pytest

from haqa_bench.backends.workers.caches import FEWEST, evicting_bytes


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
