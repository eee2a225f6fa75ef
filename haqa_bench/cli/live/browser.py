"""Opens a page in the browser of whoever calls, where there is one."""

import os

from haqa_bench.cli.terminal import echo


def show(url: str) -> None:
    """Opens a page; says where it is, on stderr, where no browser is found."""
    import webbrowser

    if not _has_window() or not webbrowser.open(url):
        echo(f"No browser was found here: open {url} in yours.", err=True)


def _has_window() -> bool:
    """Whether there is a browser that does not take the terminal, or one that somebody chose."""
    import webbrowser

    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    return "BROWSER" in os.environ or type(found) is not webbrowser.GenericBrowser
