"""Opens a page in the browser of whoever calls, where there is one."""

import os

from haqa_bench.cli.terminal import echo


def show(url: str) -> bool:
    """Opens a page; where no browser is found, says where it is, on stderr. Whether it is open."""
    import webbrowser

    if not _takes_terminal() and webbrowser.open(url):
        return True
    echo(f"No browser was found here: open {url} in yours.", err=True)
    return False


def _takes_terminal() -> bool:
    """Whether all that is found is a browser of text, and nobody chose it."""
    import webbrowser

    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    return type(found) is webbrowser.GenericBrowser and "BROWSER" not in os.environ
