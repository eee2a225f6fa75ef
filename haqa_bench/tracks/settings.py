"""What a space may hold is told at the door."""

from collections.abc import Collection, Iterable

from haqa_bench.errors import HaqaError, nearest


def check_names(where: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuses settings that are not known.

    Raises:
        HaqaError: there is such a setting; names the first, and those that are known.
    """
    if unknown := sorted(set(given) - set(known)):
        raise HaqaError(
            where, f"unknown setting '{unknown[0]}'", nearest(unknown[0], sorted(known))
        )
