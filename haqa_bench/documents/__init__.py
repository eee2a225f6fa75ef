"""Files that people write, read once and checked at the door.

Each reader takes what was meant, refuses the rest in one line that names file and place, and takes
no longer for a file that was made to be slow.
"""

from haqa_bench.documents.json_files import parse_json, read_json
from haqa_bench.documents.texts import check_name, decoded, read_bytes, read_text, shown
from haqa_bench.documents.values import Document, JsonObject, canonical, sha256
from haqa_bench.documents.yaml_files import read_value, read_yaml
from haqa_bench.errors import HaqaError

__all__ = [
    "Document",
    "JsonObject",
    "canonical",
    "check_format",
    "check_name",
    "decoded",
    "parse_json",
    "read_bytes",
    "read_json",
    "read_text",
    "read_value",
    "read_yaml",
    "sha256",
    "shown",
]


def check_format(where: object, card: JsonObject, newest: int) -> None:
    """Raises HaqaError for a file whose card says a format that this version does not know yet.

    What has no number is of the first format.
    """
    found = card.get("format", 1)
    if not isinstance(found, int) or found > newest:
        what = f"is of format {found}, and this version knows none above {newest}"
        raise HaqaError(where, what, "Read it with a newer haqa-bench")
