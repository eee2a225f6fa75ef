"""The studies of a run that a fault ended before their budget was spent: a file of the run's
folder.
"""

import json
import traceback
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from haqa_bench import disk
from haqa_bench.documents import Document, read_bytes
from haqa_bench.errors import HaqaError

NAME = "failed.json"


class Failure(Document):
    """What ended a study, in one line, and, for whoever mends it, where it was raised."""

    what: str
    trace: str = ""


def failure_of(fault: HaqaError) -> Failure:
    """A fault as it is kept."""
    trace = "".join(traceback.format_exception(fault))
    return Failure(what=str(fault).splitlines()[0], trace=trace)


def write(folder: Path, failures: Mapping[str, Failure]) -> None:
    """Says which studies of the run in `folder` failed, by id; none where nothing did."""
    path = folder / NAME
    if failures:
        told = {study: failure.model_dump() for study, failure in sorted(failures.items())}
        disk.write(path, json.dumps(told, indent=2) + "\n")
    else:
        path.unlink(missing_ok=True)


def read(folder: Path) -> Mapping[str, Failure]:
    """The studies of the run in `folder` that failed, by id.

    Raises:
        HaqaError: the file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    try:
        return TypeAdapter(dict[str, Failure]).validate_json(read_bytes(path))
    except ValidationError as error:
        fault = error.errors()[0]["msg"]
        raise HaqaError(path, f"damaged: {fault}", "Delete it, and run the suite again") from None
