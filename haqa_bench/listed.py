"""Configurations that are listed one by one, held as the places of their choices: a million of them
take a few megabytes, and are found without a walk.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scalar = bool | int | float | str
Row = tuple[Scalar, ...]
"""The values of a configuration, in the order of the parameters."""


class Listing(Sequence[Row]):
    """Configurations in their order. `choices` are those of each parameter; `codes` has a row for
    each configuration, and in it the place of its choice among those of each parameter.
    """

    def __init__(
        self, choices: Sequence[Sequence[Scalar]], codes: "NDArray[np.unsignedinteger]"
    ) -> None:
        self.choices, self.codes = tuple(tuple(of_one) for of_one in choices), codes

    @classmethod
    def of(cls, choices: Sequence[Sequence[Scalar]], rows: Iterable[Row]) -> "Listing":
        """Rows whose values are all among the choices, type included.

        Raises:
            KeyError: one is not.
        """
        import numpy as np

        places = [places_of(of_one) for of_one in choices]
        found = [[p[type(v), v] for p, v in zip(places, row, strict=True)] for row in rows]
        return cls(choices, np.array(found, code_type(choices)).reshape(-1, len(places)))

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, number: int) -> Row: ...
    @overload
    def __getitem__(self, number: slice) -> "Listing": ...
    def __getitem__(self, number: int | slice) -> "Row | Listing":
        if isinstance(number, slice):
            return Listing(self.choices, self.codes[number])
        return self._row(self.codes[number].tolist())

    def __iter__(self) -> Iterator[Row]:
        for start in range(0, len(self), 4096):
            yield from map(self._row, self.codes[start : start + 4096].tolist())

    def __contains__(self, row: object) -> bool:
        return isinstance(row, tuple) and self.place(row) is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Listing):
            return NotImplemented
        same = self.choices == other.choices and self.codes.shape == other.codes.shape
        return same and bool((self.codes == other.codes).all())

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def place(self, row: Row) -> int | None:
        """Where a configuration stands, whose values keep their types: 1 is not True."""
        import numpy as np

        try:
            codes = [p[type(v), v] for p, v in zip(self._places, row, strict=True)]
        except KeyError:
            return None
        ids, order = self._sorted
        wanted = self._ids(np.array([codes]))[0]
        alike = order[slice(*(int(ids.searchsorted(wanted, side)) for side in ("left", "right")))]
        return next((int(at) for at in alike if self.codes[at].tolist() == codes), None)

    @cached_property
    def twice(self) -> bool:
        """Whether a configuration is listed twice."""
        import numpy as np

        ids, order = self._sorted
        suspects = np.flatnonzero(ids[1:] == ids[:-1])
        if not len(suspects):
            return False
        near = np.union1d(order[suspects], order[suspects + 1])
        return len(np.unique(self.codes[near], axis=0)) < len(near)

    def missing(self) -> "Listing":
        """The combinations of choices that are not listed, the last parameter's going round first;
        for a list that lacks few.
        """
        import numpy as np

        sizes = [len(of_one) for of_one in self.choices]
        there = np.ravel_multi_index(tuple(self.codes.T.astype(np.intp)), sizes)
        every = np.setdiff1d(np.arange(np.prod(sizes)), there)
        return Listing(self.choices, np.stack(np.unravel_index(every, sizes), axis=1))

    def _row(self, codes: Sequence[int]) -> Row:
        return tuple([of_one[code] for of_one, code in zip(self.choices, codes, strict=True)])

    @cached_property
    def _places(self) -> list[Mapping[tuple[type, Scalar], int]]:
        return [places_of(of_one) for of_one in self.choices]

    @cached_property
    def _sorted(self) -> "tuple[NDArray[np.uint64], NDArray[np.intp]]":
        """The numbers of all rows in order of size, and whose each is."""
        ids = self._ids(self.codes)
        order = ids.argsort(kind="stable")
        return ids[order], order

    def _ids(self, codes: "NDArray[np.integer]") -> "NDArray[np.uint64]":
        """A number of each row that few others share: a sum of odd multiples, modulo 2^64."""
        import numpy as np

        odd = np.random.default_rng(0).integers(0, 2**63, len(self.choices), np.uint64) * 2 + 1
        ids = np.zeros(len(codes), np.uint64)
        for column, multiple in zip(codes.T, odd, strict=True):
            ids += column.astype(np.uint64) * multiple
        return ids


def places_of(choices: Sequence[Scalar]) -> Mapping[tuple[type, Scalar], int]:
    """Where each choice stands, by type and value: 1, 1.0 and True are three."""
    return {(type(choice), choice): place for place, choice in enumerate(choices)}


def code_type(choices: Sequence[Sequence[Scalar]]) -> "np.dtype[np.unsignedinteger]":
    """The smallest whole number that can say each place."""
    import numpy as np

    return np.min_scalar_type(max((len(of_one) for of_one in choices), default=1) - 1)
