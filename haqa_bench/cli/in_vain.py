"""Options that do nothing without another: who gives one alone expects what will not happen."""

import click
from click.core import ParameterSource

from haqa_bench.errors import HaqaError

NEEDED = {
    ("agent", "live"): (
        "chat_model",
        "base_url",
        "chat_timeout",
        "chat_deadline",
        "chat_retries",
        "chat_command",
        "chat_question",
        "chat_env",
        "allow_commands",
        "answered_by",
    ),
    ("measure", "live"): ("confirm_later",),
    ("where", "ray"): ("address",),
}
"""What an option needs: the parameter and its value, to the parameters that do nothing else."""


def check(context: click.Context) -> None:
    """Whether each option that was given does something.

    Raises:
        HaqaError: one does not, since another is missing.
    """
    options = {p.name: p.opts[-1] for p in context.command.params}
    for (needed, value), names in NEEDED.items():
        if needed not in options or context.params[needed] == value:
            continue
        for name in names:
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                what = f"does nothing without {options[needed]} {value}"
                raise HaqaError(options[name], what, "Add it, or leave this out")
