"""Plug-ins run with the user's rights, and may fail in any way: each fault is told in one line."""

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from types import ModuleType

from haqa_bench.errors import EvaluationFailed, HaqaError, PluginFailed
from haqa_bench.plugins import loose
from haqa_bench.plugins.places import places

LONGEST = 300
"""Characters of a fault that are told, since a plug-in may say anything."""
AGAIN = "Install it, or what it needs, again"


def load(where: str, path: str, folder: Path | None = None) -> object:
    """The object at "module:attribute", or at "file.py:attribute" below a folder.

    Raises:
        PluginFailed: it cannot be imported, for whatever reason.
    """
    module, _, attribute = path.partition(":")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found = loose.module(folder / module) if folder else importlib.import_module(module)
    except HaqaError:
        raise
    except (Exception, SystemExit) as fault:
        told = f"cannot be loaded: {told_of(fault, path, folder)}"
        todo = "Mend the file, or install what it imports" if folder else AGAIN
        raise PluginFailed(where, told, todo) from fault
    return _attribute(where, found, attribute, folder)


def _attribute(where: str, module: ModuleType, attribute: str, folder: Path | None) -> object:
    try:
        found: object = attrgetter(attribute)(module)
    except AttributeError as fault:
        own = [n for n, one in vars(module).items() if _is_method(one, module)]
        there = f"; it has {', '.join(own)}" if own else ""
        told = f"cannot be loaded: it has no '{attribute}'{there}"
        todo = "Name what is in the file" if folder else AGAIN
        raise PluginFailed(where, told, todo) from fault
    return found


def _is_method(one: object, module: ModuleType) -> bool:
    own = isinstance(one, type) and one.__module__ == module.__name__
    return own and callable(getattr(one, "ask", None))


@contextlib.contextmanager
def faults(where: str, who: str, path: str, folder: Path | None = None) -> Iterator[None]:
    """Tells whatever a plug-in raises in one line, with its own last frame.

    Raises:
        PluginFailed: in place of any exception but HaqaError and EvaluationFailed.
    """
    try:
        yield
    except (HaqaError, EvaluationFailed):
        raise
    except (Exception, SystemExit) as fault:
        raise PluginFailed(where, f"{who}: {told_of(fault, path, folder)}") from fault


def told_of(fault: BaseException, path: str, folder: Path | None = None) -> str:
    """What a plug-in's code raised, in one line, with the line of its own where it was raised."""
    try:
        words = " ".join(str(fault).split())
    except Exception:  # a plug-in's own fault may fail to say what it is
        words = ""
    text = f"{type(fault).__name__}: {words}" if words else type(fault).__name__
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return cut + _last_frame(fault, path, folder)


def _last_frame(fault: BaseException, path: str, folder: Path | None) -> str:
    """Where in the plug-in's own code it happened, as a person finds it; empty if nowhere there."""
    own = _own(path, folder)
    for frame in reversed(traceback.extract_tb(fault.__traceback__)):
        for place in own:
            if Path(frame.filename).is_relative_to(place):
                file = Path(frame.filename).relative_to(place.parent).as_posix()
                return f" ({file}:{frame.lineno}, in {frame.name})"
    return ""


def _own(path: str, folder: Path | None) -> list[Path]:
    """The files, or folders, of a plug-in's own code."""
    if folder is None:
        return places(path)
    return list(loose.files(folder / path.partition(":")[0]).values())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Lets what plug-ins, and the libraries and programs that they call, print to stdout go to
    stderr. Of the whole process: not for threads to enter.
    """
    sys.stdout.flush()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # a process may have no stdout, or no stderr
            kept = os.dup(1)
            stack.callback(os.close, kept)
            os.dup2(2, 1)
            stack.callback(os.dup2, kept, 1)
        yield
