"""The style of an agent's prompts, as its suite says it: `options: {style: paper}`, or the agent
`haqa-paper`.
"""

from pathlib import Path
from typing import Any

from haqa_bench.errors import HaqaError, nearest
from haqa_bench.optimizers.agent.conversation import Conversation
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.optimizers.agent.rewriting import Rewriting, RewritingConversation
from haqa_bench.optimizers.held import rewrites
from haqa_bench.optimizers.options import settled
from haqa_bench.space import Scalar
from haqa_bench.study import HAQA, PAPER, PAPERS, REWRITES, Study

HISTORY = 10
"""How many earlier rounds a conversation shows. Paper: the user sets it; ours: all of its ten."""
REWRITERS = (HAQA, PAPERS)
"""The agents that may be let rewrite a source, by `options: {rewrites: true}`."""
OWN = ("style", "history")
"""The options of an agent; those of the samplers that it is composed with are theirs."""


def prompts(study: Study, templates: Path, **shown: bool) -> Prompts:
    """The prompts of a study's agent, in the style and of the length that its options say; `shown`
    is what they hold or leave out, as Prompts takes it.

    Raises:
        HaqaError: an option is unknown or wrong.
    """
    own = study.method.own
    options = _options(study)
    free = rewrites(study)
    if options["style"] == HAQA:
        return (Rewriting if free else Prompts)(templates, **shown, own=own)
    return (RewritingConversation if free else Conversation)(
        templates, **shown, own=own, history=options["history"]
    )


def _options(study: Study) -> dict[str, Any]:
    style, where = study.method.style, f"method '{study.method.name}': options"
    if style not in (HAQA, PAPER):
        raise HaqaError(where, f"unknown style '{style}'", nearest(style, [HAQA, PAPER]))
    more: dict[str, Scalar] = {"history": HISTORY} if style == PAPER else {}
    if study.method.optimizer in REWRITERS:
        more[REWRITES] = False
    found = settled(study, style=style, **more)
    if style == PAPER and found["history"] < 1:
        raise HaqaError(where, f"history: {found['history']} rounds", "Show one at least")
    return found


def apart(study: Study, own: bool) -> Study:
    """A study with the options of its agent alone, or with the others alone."""
    kept = {n: v for n, v in study.method.options.items() if (n in OWN) == own}
    return study._replace(method=study.method.model_copy(update={"options": kept}))
