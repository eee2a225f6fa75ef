"""The types of what is given on the command line: paths that can be named, numbers with an end."""

import math
import os
from pathlib import Path

import click

from haqa_bench.documents import shown

MOST = 1_000_000
"""Of anything that is counted: seeds, workers, trials."""
LARGEST = 2**31 - 1
"""What C libraries and JSON take for a whole number."""
COUNT = click.IntRange(1, MOST)
SEED = click.IntRange(0, LARGEST)


class FilePath(click.Path):
    """A path, not empty, whose name is UTF-8: reports name it, and DuckDB opens it."""

    def __init__(
        self,
        exists: bool = False,
        file_okay: bool = True,
        dir_okay: bool = True,
        suffixes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(exists, file_okay, dir_okay, path_type=Path)
        self.suffixes = suffixes

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """The path.

        Raises:
            click.BadParameter: it is empty, has another suffix than those that are written, or
            bytes that are no UTF-8.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not os.fspath(value):
            self.fail("is empty; name a file or a folder", param, ctx)
        if shown(path) != str(path):
            self.fail(f"'{shown(path)}' is not UTF-8: rename it", param, ctx)
        if self.suffixes and path.suffix not in self.suffixes and not path.is_dir():
            wanted = ", ".join(suffix or "none, for a folder" for suffix in self.suffixes)
            self.fail(f"'{path}' has another suffix than what is written ({wanted})", param, ctx)
        return path


class Finite(click.FloatRange):
    """A number within its range; NaN is within none."""

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number.

        Raises:
            click.BadParameter: it is no number, or out of range.
        """
        number = float(super().convert(value, param, ctx))  # type: ignore[arg-type] # click takes text
        if not math.isfinite(number):
            self.fail(f"{value} is not a number", param, ctx)
        return number
