"""The keys of many configurations at once, and the choices that they name: what
`haqa_bench.space.key_of` says of each, by columns.
"""

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from haqa_bench.listed import code_type, places_of
from haqa_bench.space import Scalar, SearchSpace, key_of

AT_ONCE = 100_000
"""How many keys are taken apart at a time."""
Codes = NDArray[np.unsignedinteger]
BETWEEN = ',"'
"""What stands between two parameters of a key, and may stand in a text."""


def keys_of(space: SearchSpace) -> pa.Array:
    """The keys of all configurations of a space, in its order."""
    codes = space.codes()
    if codes is None or not space.root:
        return pa.array(map(key_of, space.grid()), pa.string())
    columns = [
        pa.array(texts, pa.string()).take(pa.array(codes[:, place]))
        for place, texts in _texts(space).items()
    ]
    return pc.binary_join_element_wise(*columns, BETWEEN)


def codes_of(space: SearchSpace, keys: pa.Array) -> Codes:
    """The configurations that keys name, as haqa_bench.listed.Listing has them.

    Raises:
        ValueError: one names no configuration of a space without its limits.
    """
    found = np.empty((len(keys), len(space.root)), code_type(space.choices))
    for at in range(0, len(keys), AT_ONCE):
        part = keys[at : at + AT_ONCE]
        known = _at_once(space, part)
        found[at : at + AT_ONCE] = _one_by_one(space, part) if known is None else known
    return found


def _texts(space: SearchSpace) -> Mapping[int, list[str]]:
    """What a key says between two `,"` of each choice, by the place of its parameter; in the order
    of the key.
    """
    names = sorted(enumerate(space.root), key=lambda one: one[1])
    every = {
        place: [key_of({name: choice})[2:-1] for choice in space.listable[name].choices]
        for place, name in names
    }
    first, last = names[0][0], names[-1][0]
    every[first] = [f'{{"{text}' for text in every[first]]
    every[last] = [f"{text}}}" for text in every[last]]
    return every


def _at_once(space: SearchSpace, keys: pa.Array) -> Codes | None:
    """See `codes_of`; None where a part of a key is not what a choice is written as."""
    if not space.root:
        return None
    parts = pc.split_pattern(keys, BETWEEN)
    if not pc.all(pc.equal(pc.list_value_length(parts), len(space.root)), min_count=0).as_py():
        return None
    encoded = parts.flatten().dictionary_encode()
    said = encoded.indices.to_numpy().reshape(len(keys), -1)
    texts = encoded.dictionary.to_pylist()
    found = np.empty(said.shape, code_type(space.choices))
    for column, (place, known) in enumerate(_texts(space).items()):
        codes = {text: code for code, text in enumerate(known)}
        of_text = np.array([codes.get(text, -1) for text in texts], np.int64)[said[:, column]]
        if (of_text < 0).any():
            return None
        found[:, place] = of_text
    return found


def _one_by_one(space: SearchSpace, keys: pa.Array) -> list[list[int]]:
    """See `codes_of`."""
    places = {name: places_of(p.choices) for name, p in space.listable.items()}
    return [_codes(places, key) for key in keys.to_pylist()]


def _codes(places: Mapping[str, Mapping[tuple[type, Scalar], int]], key: str) -> list[int]:
    found = json.loads(key)
    if not isinstance(found, dict) or found.keys() != places.keys():
        raise ValueError(f"{key} has not the parameters of the space, {', '.join(places)}")
    for name, value in found.items():
        if isinstance(value, list | dict) or (type(value), value) not in places[name]:
            raise ValueError(f"{key} is no configuration: {name} is none of the choices")
    if key_of(found) != key:
        raise ValueError(f"{key} is not written as the key of a configuration")
    return [known[type(found[name]), found[name]] for name, known in places.items()]
