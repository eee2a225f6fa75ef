"""A run of this process, shown while it goes on.

The page is made when the run says so, between two measurements, by the process that measures; a
browser that looks at it then gets a moment to fetch and draw it. While something is measured, all
that is done for the page is to say every two seconds that it is the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

from haqa_bench.cli.live.browser import show
from haqa_bench.cli.live.pages import Runs
from haqa_bench.cli.live.server import Server, Site
from haqa_bench.cli.terminal import echo

LOOKS_S = 5.0
"""A browser that has asked since then is looking: it asks every two seconds, unless it is
hidden.
"""
FETCHES_S, DRAWS_S = 5.0, 1.0
"""What it gets at most to fetch a new page, and to draw it: guesses, for a page below 5 MB."""


class Watched:
    """The page of a run, as it was when it was last renewed."""

    def __init__(self, folder: Path, project: Path) -> None:
        self._runs = Runs((folder,), project)
        self.ended = f"The tuning has ended. To open it again: haqa-bench view {folder}"
        self._looked = float("-inf")
        self._fetched = Event()
        self._make()

    def at(self, place: str) -> "Watched | None":
        """Nothing is below it."""
        return None if place else self

    def state(self) -> str:
        """Of the page as it was made."""
        self._looked = monotonic()
        return self._state

    def html(self) -> str:
        """The page as it was made."""
        self._fetched.set()
        return self._html

    def renew(self) -> None:
        """Makes the page anew where its run has changed, and waits for a browser that looks."""
        if self._runs.state() == self._state:
            return
        self._make()
        if monotonic() - self._looked < LOOKS_S:
            self.wait()

    def wait(self) -> None:
        """Until a browser has the page and has drawn it; but not for long."""
        if self._fetched.wait(FETCHES_S):
            sleep(DRAWS_S)

    def _make(self) -> None:
        state, html = self._runs.state(), self._runs.html()
        self._html = html  # before its state, by which others know that it is new
        self._state = state
        self._fetched.clear()


@contextmanager
def watched(folder: Path, project: Path) -> Iterator[Callable[[], None]]:
    """Serves the page of a run, and opens it; what makes it anew. It is made a last time where all
    went well, and served no longer.
    """
    page = Watched(folder, project)
    with Server(Site(page), 0) as server, _serving(server):
        echo(f"Watch it at {server.url}", err=True)
        opened = show(server.url)
        yield page.renew
        page.renew()
        if opened:
            page.wait()


@contextmanager
def _serving(server: Server) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
