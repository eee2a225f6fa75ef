"""The form of a pack: what its files cannot tell, written by whoever measured."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from haqa_bench.documents import Document, read_yaml

NAME = "FORM.yaml"
LICENCES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "ODbL-1.0", "MIT", "Apache-2.0")
"""By their SPDX names, under which others may use what was measured."""
ANONYMOUS = "anonymous"
SHORTEST = 10
"""Letters of an answer in words; fewer say nothing."""
Text = Annotated[str, Field(max_length=2000)]


class Form(Document):
    """The answers, empty where they are still to be given."""

    contributor: Text
    licence: Text
    machine: Text
    what_else_ran: Text
    consent_to_publish: bool

    @property
    def gaps(self) -> dict[str, str]:
        """What is still to be answered, by question, with what is wanted."""
        wanted = {
            "contributor": "" if self.contributor.strip() else f"a name, or '{ANONYMOUS}'",
            "licence": "" if self.licence in LICENCES else f"one of {', '.join(LICENCES)}",
            "machine": _told(self.machine),
            "what_else_ran": _told(self.what_else_ran),
            "consent_to_publish": "" if self.consent_to_publish else "true, or keep the pack",
        }
        return {question: answer for question, answer in wanted.items() if answer}


def _told(answer: str) -> str:
    return "" if len(answer.strip()) >= SHORTEST else f"a sentence of {SHORTEST} letters or more"


BLANK = f"""\
# Fill this in by hand, then run: haqa-bench table check PACK
# Who may be named beside the results: a name, or anonymous.
contributor: ""
# Under which licence others may use the data: {", ".join(LICENCES)}.
licence: ""
# The machine in words: desktop, laptop or server; cooling, power plan, virtual or not.
machine: ""
# What else ran while it measured, such as "nothing: a console right after boot".
what_else_ran: ""
# true: all of this pack may be published with the project.
consent_to_publish: false
"""


def read(path: Path) -> Form:
    """The form in a file.

    Raises:
        HaqaError: unreadable, or no such form; names the line.
    """
    return read_yaml(path, Form)
