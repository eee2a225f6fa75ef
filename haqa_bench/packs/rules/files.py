"""Rules of the files of a pack: there, whole, known, and nobody's private matter."""

import hashlib
import re
from collections.abc import Iterator

from haqa_bench.errors import HaqaError
from haqa_bench.packs import card, form
from haqa_bench.packs.pack import Pack
from haqa_bench.packs.private import found_in
from haqa_bench.packs.rules.rule import AGAIN, Problem, Rule
from haqa_bench.project import Project
from haqa_bench.store import manifest

PLACES = re.compile(
    r"results/tables/[^/]+/[^/]+\.parquet|results/confirmed/[^/]+/[^/]+\.jsonl"
    r"|journal/[^/]+/[^/]+\.jsonl|cassettes/[^/]+/[^/]+/[^/]+\.jsonl|hardware/[^/]+\.yaml"
)
OWN = {manifest.NAME, form.NAME, card.NAME, card.SUITE}


def _manifest(pack: Pack, _: Project) -> Iterator[Problem]:
    try:
        known = manifest.read(pack.folder / manifest.NAME)
    except HaqaError as error:
        yield Problem(manifest.NAME, error.what, AGAIN)
        return
    held = set(pack.names) - {manifest.NAME, form.NAME}
    for name in sorted(known.keys() - held):
        yield Problem(name, "is in the manifest, and gone", AGAIN)
    for name in sorted(held - known.keys()):
        yield Problem(name, "is not in the manifest", AGAIN)
    for name in sorted(held & known.keys()):
        if hashlib.sha256(pack.bytes(name)).hexdigest() not in known[name]:
            yield Problem(name, "is not what was packed: its hash is another's", AGAIN)


def _places(pack: Pack, _: Project) -> Iterator[Problem]:
    for name in pack.names:
        if name not in OWN and not PLACES.fullmatch(name):
            yield Problem(name, "is no file of a pack", "Remove it")
    if not pack.recorded:
        yield Problem("pack", "holds nothing that was measured", AGAIN)


def _readable(pack: Pack, _: Project) -> Iterator[Problem]:
    for name, what in pack.unread.items():
        if name != form.NAME:
            yield Problem(name, f"cannot be read: {what}", AGAIN)


def _private(pack: Pack, _: Project) -> Iterator[Problem]:
    for name in pack.names:
        unread = name.endswith(".parquet") and name not in pack.tables
        for what in () if unread else found_in(name, pack.bytes(name)):
            yield Problem(name, f"holds {what}", "Take it out, and pack it again")


RULES = (
    Rule("manifest", "every file is what its hash says", _manifest, needs_suite=False),
    Rule("files", "nothing is in it that no pack holds", _places, needs_suite=False),
    Rule("readable", "tables, journals, pairs and cassettes are whole", _readable, False),
    Rule("private", "no path, name, address or key of a machine", _private, needs_suite=False),
)
