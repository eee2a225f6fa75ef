"""Who answered as the LLM, in words."""

from collections.abc import Sequence
from typing import Protocol


class Answered(Protocol):
    """A study, or several of a method."""

    @property
    def method(self) -> str:
        """What proposed."""
        ...

    @property
    def answered_by(self) -> str:
        """Who or what answered; empty where no LLM was asked."""
        ...


def who(found: Sequence[Answered]) -> dict[str, list[str]]:
    """The methods that each answered for, in the order of `found`."""
    methods: dict[str, dict[str, None]] = {}
    for one in found:
        if one.answered_by:
            methods.setdefault(one.answered_by, {})[one.method] = None
    return {name: list(of) for name, of in methods.items()}


def sentences(found: Sequence[Answered]) -> list[str]:
    """One for each who answered."""
    told = {name: sorted(methods) for name, methods in who(found).items()}
    return [
        f"{', '.join(methods)} {'were' if len(methods) > 1 else 'was'} answered by: {name}."
        for name, methods in sorted(told.items(), key=lambda item: item[1])
    ]
