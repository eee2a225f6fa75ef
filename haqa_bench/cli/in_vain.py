"""Options that do nothing without another, or beside it: who gives one expects what will not
happen.
"""

from collections.abc import Container, Iterable, Iterator

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
    ("objective", "serving"): ("users", "slo", "prompt_lengths", "answer_lengths", "requests"),
    ("method", "haqa"): ("base_url",),
}
"""What an option needs: the parameter and its value, to the parameters that do nothing else."""
BESIDE = {("objective", "serving"): ("n_prompt", "n_generate")}
"""The same of what an option must not have: beside it, they do nothing."""


def check(context: click.Context, but: Container[str] = ()) -> None:
    """Whether each option that was given does something; `but` some that do something else too.

    Raises:
        HaqaError: one does not, since another is missing, or is there.
    """
    options = {p.name: p.opts[-1] for p in context.command.params}
    for (needed, value), names in NEEDED.items():
        if needed in options and context.params[needed] != value:
            for name in _given(context, (name for name in names if name not in but)):
                what = f"does nothing without {options[needed]} {value}"
                raise HaqaError(options[name], what, "Add it, or leave this out")
    for (beside, value), names in BESIDE.items():
        if beside in options and context.params[beside] == value:
            for name in _given(context, names):
                what = f"does nothing with {options[beside]} {value}"
                raise HaqaError(options[name], what, "Leave it out")


def _given(context: click.Context, names: Iterable[str]) -> Iterator[str]:
    """The parameters that the command line names."""
    sources = ((name, context.get_parameter_source(name)) for name in names)
    return (name for name, source in sources if source is ParameterSource.COMMANDLINE)
