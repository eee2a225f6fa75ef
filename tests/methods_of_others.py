"""Optimizers as other packages write them: they work, in types of their own, or leave doubts."""

import sys

import numpy as np

from haqa_bench.protocols import Proposal


class Grid:
    """All but the default, in the grid's order; `change` makes of a value what it gives."""

    settings: dict = {}  # noqa: RUF012
    start_up = 0
    only_choices = True

    def __init__(self, study):
        self.space = study.cell.space

    def change(self, value):
        return value

    def ask(self, history):
        grid = [c for c in self.space.grid() if c != self.space.default]
        chosen = grid[(len(history) - 1) % len(grid)]
        return Proposal({name: self.change(value) for name, value in chosen.items()})


class Unsaid(Grid):
    """Lists what a range has not, and does not say so."""

    only_choices = False


class Numpy(Grid):
    settings = {"sigma": np.float64(0.5), "n": np.int64(3)}  # noqa: RUF012
    start_up = np.int64(0)

    def change(self, value):
        return np.int64(value) if isinstance(value, int) else np.str_(value)


class Floats(Grid):
    def change(self, value):
        return float(value) if isinstance(value, int) else value


class Texts(Grid):
    """Wrong in every proposal."""

    def change(self, value):
        return str(value)


class Chatty(Grid):
    def __init__(self, study):
        print("made")
        super().__init__(study)

    def ask(self, history):
        print("asked")
        sys.stdout.write("again\n")
        return super().ask(history)


class Fickle(Grid):
    asked = 0

    def ask(self, history):
        Fickle.asked += 1
        grid = list(self.space.grid())
        return Proposal(grid[Fickle.asked % len(grid)])


class Meddler(Grid):
    """Changes the space that it was handed."""

    def ask(self, history):
        found = super().ask(history)
        self.space.root.clear()
        return found


class Broken(Grid):
    def ask(self, history):
        raise ValueError("no")
