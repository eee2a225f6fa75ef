"""What a pack may do to whoever judges it: nothing."""

import io
import tarfile

import pytest
from packed import TABLE, broken, change_rows, sealed_again

from haqa_bench.errors import HaqaError
from haqa_bench.packs import archive, bounded, checked


def hostile(name="x", kind=tarfile.REGTYPE, size=0, link=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.linkname = kind, size, link
        tar.addfile(entry, io.BytesIO(b"\0" * size))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hostile("/etc/passwd"), "leads out of the pack"),
        (hostile("a/../../b"), "leads out of the pack"),
        (hostile("a\\..\\b"), "leads out of the pack"),
        (hostile(kind=tarfile.SYMTYPE, link="/etc/passwd"), "is a link"),
        (hostile(kind=tarfile.LNKTYPE, link="y"), "is a link"),
        (hostile(kind=tarfile.FIFOTYPE), "is a link, a device"),
        (hostile(), "is no pack"),
        (b"", "no archive of a pack"),
        (b"no archive", "no archive of a pack"),
    ],
    ids=["root", "above", "windows", "symlink", "hardlink", "fifo", "ordinary", "empty", "text"],
)
def test_a_hostile_archive_is_refused(data, reason, tmp_path, receiving):
    path = tmp_path / "pack.tar.gz"
    path.write_bytes(data)

    with pytest.raises(HaqaError, match=reason):
        checked.check(path, receiving)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, receiving, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 100_000)
    path = tmp_path / "pack.tar.gz"
    path.write_bytes(hostile(size=1_000_000))

    with pytest.raises(HaqaError, match="is larger than the 100,000 bytes of a pack"):
        checked.check(path, receiving)


def test_a_table_that_stands_for_a_huge_one_is_not_read(pack, receiving, monkeypatch):
    change_rows(lambda rows: [row.update(reason="x" * 100_000) for row in rows])(pack)
    sealed_again(pack)
    assert (pack / TABLE).stat().st_size < 1_000_000
    monkeypatch.setattr(bounded, "MOST_BYTES", 10_000_000)

    told = broken(pack, receiving)["readable"]

    assert "has more than the 10,000,000 letters of a table in a pack" in told


def test_a_folder_with_a_link_is_refused(pack, receiving):
    (pack / "hardware/other.yaml").symlink_to("/etc/passwd")

    with pytest.raises(HaqaError, match="is a link or a device"):
        checked.check(pack, receiving)
