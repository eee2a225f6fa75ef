"""What is printed, for a terminal that obeys what it reads.

A model's reply, a card or a suite may hold escape sequences, which set the clipboard or hide what
was written, and marks that turn the direction of text. They are shown, as JSON writes them, so that
printed JSON stays what it was.
"""

import re
import sys

import click

from haqa_bench.errors import HaqaError

CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of text
    "\u2028\u2029\ud800-\udfff\U000e0000-\U000e007f]"  # lines, halves of pairs, unseen tags
)


def echo(text: object = "", err: bool = False, nl: bool = True) -> None:
    """Prints text, control characters as \\u001b; tabs and newlines are layout and stay.

    Raises:
        HaqaError: the output is full or closed, other than by a reader who has read enough.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = visible(str(text)).encode(encoding, "backslashreplace").decode(encoding)
    try:
        click.echo(shown, err=err, nl=nl)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise full(error) from None


def full(error: OSError) -> HaqaError:
    """What to tell where output cannot be written."""
    return HaqaError("the output", error.strerror or str(error), "Send it where there is room")


def visible(text: str) -> str:
    """Text whose control characters are written as JSON escapes."""
    return CONTROLS.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
