"""A reader of YAML that builds what JSON has, and stops where a file has more.

Imported when the first YAML file is read: a command that reads none need not wait for it.
"""

import math
import re
from collections import Counter
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError

from haqa_bench.documents.json_files import MAX_DEPTH

MAX_VALUES = 30_000
LARGEST = 2**53
DEEP = f"is nested deeper than {MAX_DEPTH}"
_DIGITS = 60
"""A whole number of more is beyond LARGEST in any base; Python refuses to read long ones."""
_TAG = "tag:yaml.org,2002:{}"
_PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")
_LONE = re.compile("[\ud800-\udfff]")


class Refused(MarkedYAMLError):
    """What is YAML, and has no place in a file of this project."""


class Bounded(Composer):
    """Stops at too many values, too deep ones, tags, and keys that are no text."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self.nodes = self.level = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node."""
        event = self.parser.peek_event()
        self.nodes += 1
        if self.nodes > MAX_VALUES:
            _stop(f"holds more than {MAX_VALUES:,} values; split the file", event)
        if self.level >= MAX_DEPTH:
            _stop(DEEP, event)
        if getattr(event, "tag", None) not in (None, "!"):
            _stop("has a tag; leave it out, or put text in quotes", event)
        self.level += 1
        node = super().compose_node(parent, index)
        self.level -= 1
        is_key = index is None and parent is not None
        if is_key and not isinstance(node.value, str):
            _stop("has a key that is a list or a mapping", event)
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        """The next mapping, whose keys differ as text: 1 and '1' are the same in JSON."""
        node = super().compose_mapping_node(anchor)
        keys = Counter(key.value for key, _ in node.value)
        if twice := next((key for key, _ in node.value if keys[key.value] > 1), None):
            _stop(f"has a duplicate key '{twice.value[:40]}'", twice)
        return node


class Plain(SafeConstructor):
    """Builds what JSON has, and nothing else."""

    def refuse(self, node: Any) -> Any:
        """A date, a lone `<<`, or what else YAML would make something of."""
        _stop(f"has a {str(node.tag).rpartition(':')[2]}; put text in quotes", node)

    def whole(self, node: Any) -> int:
        """A whole number that a double can hold."""
        number = self.construct_yaml_int(node) if len(node.value) < _DIGITS else LARGEST + 1
        if abs(number) > LARGEST:
            what = f"the whole number {node.value[:40]} is beyond 2^53; put text in quotes"
            _stop(what, node)
        return number

    def finite(self, node: Any) -> float:
        """A number that is one."""
        number: float = self.construct_yaml_float(node)
        if not math.isfinite(number):
            _stop(f"{node.value[:40]} is not a finite number; put text in quotes", node)
        return number

    def text(self, node: Any) -> str:
        """Text that has an encoding."""
        words = str(self.construct_scalar(node))
        if not words.isascii() and _LONE.search(words):
            _stop("has half of a surrogate pair, which is no character", node)
        return words


Plain.yaml_constructors = {
    **{name: SafeConstructor.yaml_constructors[name] for name in map(_TAG.format, _PLAIN)},
    _TAG.format("int"): Plain.whole,
    _TAG.format("float"): Plain.finite,
    _TAG.format("str"): Plain.text,
    None: Plain.refuse,
}


class Reader(YAML):
    """Puts both together."""

    def __init__(self) -> None:
        super().__init__(typ="safe", pure=True)
        self.Composer, self.Constructor = Bounded, Plain


def _stop(what: str, at: Any) -> NoReturn:
    raise Refused(None, None, what, at.start_mark)
