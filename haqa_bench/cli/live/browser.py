"""Opens a page in the browser of whoever calls, where there is one."""

import os

from haqa_bench.cli.terminal import echo


def show(url: str) -> None:
    """Opens a page; says where it is, on stderr, where no browser is found."""
    import webbrowser

    if _takes_terminal() or not webbrowser.open(url):
        echo(f"No browser was found here: open {url} in yours.", err=True)


def _takes_terminal() -> bool:
    """Whether all that is found is a browser of text, and nobody chose it."""
    import webbrowser

    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    return type(found) is webbrowser.GenericBrowser and "BROWSER" not in os.environ
