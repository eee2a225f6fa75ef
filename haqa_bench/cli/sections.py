"""Under which heading an option stands in the help of a command that has many. Which one is said
here, by name, since an option means the same in every command.
"""

from collections.abc import Iterable, Mapping

import click

MOST = 12
"""Of more options than this, help makes sections."""
REST = "Other options"
SECTIONS: Mapping[str, str] = {
    "What to run": "--cells --methods --seed --seeds --add-method --with --suite --all --table "
    "--layout --only --memory --min-quality --objective --budget --method --fresh --dry-run "
    "--record-proposals --hardware --formats --size --reference --imatrix",
    "Who answers": "--agent --chat-model --base-url --chat-timeout --chat-deadline --chat-retries "
    "--chat-command --chat-question --chat-env --allow-commands --answered-by --llm "
    "--model --prompts --round",
    "How it is measured": "--measure --workers --confirm-later --executor --address "
    "--n-ctx --n-prompt --n-generate --n-ubatch --type-k --type-v --flash-attn --mmap --training "
    "--max-length --passes --best --within --order-seed --minutes --floor --remove-files --device "
    "--n-gpu-layers --depth",
    "What is asked of the server": "--users --slo --prompt-lengths --answer-lengths --requests "
    "--speculate --draft",
    "What is in the file": "--cell --parameters --metrics --status --ok --repeats-by --unit "
    "--limit --goal --default --delimiter --decimal --study --name --about --replace",
    "How it is printed": "--format --json --wide --columns --digits --published --standalone "
    "--quiet --exit-code --watch",
    "Where things lie": "--output --figures --html --text --data-dir --runs --project",
}
_SECTION_OF = {name: title for title, names in SECTIONS.items() for name in names.split()}


def of(option: click.Option) -> str:
    """The heading over an option; REST for one that has none here."""
    return next((_SECTION_OF[name] for name in option.opts if name in _SECTION_OF), REST)


def ordered(options: Iterable[click.Option]) -> dict[str, list[click.Option]]:
    """Options by heading, in the order of headings; what has none comes last."""
    found: dict[str, list[click.Option]] = {title: [] for title in [*SECTIONS, REST]}
    for option in options:
        found[of(option)].append(option)
    return {title: there for title, there in found.items() if there}
