"""What a browser is given: the page of one run or several as they stand, the list of all runs, and
the frame around either, which asks every two seconds whether it has changed.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from haqa_bench.cli.live.snapshot import readable, state
from haqa_bench.errors import HaqaError
from haqa_bench.project import project_above, run_folders
from haqa_bench.report.page import page
from haqa_bench.run.listed import Listed, listed
from haqa_bench.tune import written
from haqa_bench.tune.answer import answer

if TYPE_CHECKING:
    from jinja2 import Template

ENDED = "haqa-bench view has ended."
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; frame-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
)


class Shown(Protocol):
    """Something to look at: `state` changes when `html` would. `ended` is what a reader is told
    when nobody serves it any more.
    """

    @property
    def ended(self) -> str:
        """In a sentence."""
        ...

    def at(self, place: str) -> "Shown | None":
        """What stands at a place below it, itself at none; None where nothing is."""
        ...

    def state(self) -> str:
        """What tells that it has changed."""
        ...

    def html(self) -> str:
        """All of it, as it stands."""
        ...


class Runs(NamedTuple):
    """The page of some runs; `project` is the one given."""

    folders: Sequence[Path]
    project: Path | None

    @property
    def ended(self) -> str:
        """As of a command that shows what others do."""
        return ENDED

    def at(self, place: str) -> "Runs | None":
        """Nothing is below it."""
        return None if place else self

    def state(self) -> str:
        """Of all their files, and of what a tuning recommends at its end."""
        homes = {project_above(folder, self.project).folder for folder in self.folders}
        ends = [home / written.NAME for home in sorted(homes)]
        return "".join(state(folder, ends) for folder in self.folders)

    def html(self) -> str:
        """The page that is written elsewhere too, or why there is none yet."""
        try:
            with page.opened(self.folders, self.project, readable, answer) as sources:
                return page.html(sources)
        except HaqaError as fault:
            return _told(str(fault))
        except OSError as fault:  # removed while it was read
            return _told(f"{fault.filename}: {fault.strerror}")


class Every(NamedTuple):
    """The list of a project's runs, by suite, the latest first."""

    project: Path | None

    @property
    def ended(self) -> str:
        """As of a command that shows what others do."""
        return ENDED

    def at(self, place: str) -> "Shown | None":
        """The page of a run, below its suite and folder."""
        if place == "":
            return self
        folder = self.folders().get(place.removeprefix("run/"))
        return Runs((folder,), self.project) if folder and place.startswith("run/") else None

    def folders(self) -> Mapping[str, Path]:
        """Every run there is now, by suite and folder."""
        found = run_folders(project_above(Path.cwd(), self.project))
        return {f"{folder.parent.name}/{folder.name}": folder for folder in found}

    def state(self) -> str:
        """Of all of them."""
        found = map(state, self.folders().values())
        return hashlib.sha256("".join(found).encode()).hexdigest()

    def html(self) -> str:
        """The list, with a link to each."""
        runs = [run for folder in self.folders().values() if (run := _listed(folder))]
        first = {run.suite: place for place, run in reversed([*enumerate(runs)])}
        runs.sort(key=lambda run: first[run.suite])
        suites = [(suite, list(of)) for suite, of in groupby(runs, lambda run: run.suite)]
        return _render("runs.html", suites=suites, said="")


def shell(title: str, home: str, ended: str) -> tuple[str, str]:
    """The frame around a page, and its policy; `home` leads to the list of all runs, where there is
    one; `ended` is what it says when nobody serves it any more.
    """
    script, style = _read("shell.js"), _read("shell.css")
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    told = {"title": title, "home": home, "ended": ended, "script": script, "style": style}
    return _render("shell.html", **told), policy


def _listed(folder: Path) -> Listed | None:
    """A run; None of one that was removed meanwhile."""
    try:
        return listed(folder)
    except FileNotFoundError:
        return None


def _told(said: str) -> str:
    return _render("runs.html", suites=[], said=said)


def _render(name: str, **values: object) -> str:
    return _template(name).render(**values)


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read(name))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return files("haqa_bench.cli.live").joinpath(name).read_text("utf-8")
