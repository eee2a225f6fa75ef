"""A fork of a recorded study: its first rounds as they were recorded, the others by somebody
else.

Nobody is asked for the first: the recorded study's own agent proposes them again, from its
cassette, with its thoughts, and they cost what they cost then.
"""

from collections.abc import Mapping, Sequence

from haqa_bench.documents import JsonObject, read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.llm import cassette as cassettes
from haqa_bench.protocols import ChatModel, Optimizer, Proposal
from haqa_bench.run import proposing
from haqa_bench.run.plan import Plan
from haqa_bench.run.pricing import Priced, Till
from haqa_bench.run.proposing import Asked, Promised
from haqa_bench.space import Scalar
from haqa_bench.study import Study
from haqa_bench.trial import Trial


class Forked:
    """An optimizer that begins as another study did: `origin` has the rounds before `begins`."""

    def __init__(self, own: Promised, origin: Asked, begins: int) -> None:
        self.own, self.origin, self.begins = own.optimizer, origin, begins
        forked: dict[str, Scalar] = {"fork_of": origin.study.method.name, "fork_round": begins}
        self.settings: Mapping[str, Scalar] = {**own.settings, **forked}
        self.start_up = own.start_up

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        of_origin = len(history) < self.begins
        return self.origin.ask(history) if of_origin else self.own.ask(history)


def proposer(plan: Plan, study: Study, chat: ChatModel | None) -> Promised:
    """The optimizer of a study, which says what its LLMs cost where it has several; of a fork, with
    the recorded study before it.

    Raises:
        PluginFailed: an optimizer cannot be made.
        HaqaError: options are wrong, or the recorded study cannot be read.
    """
    till = Till(chat, study.prices) if chat and study.method.chats else None
    made = proposing.made(study, till or chat, plan.places.prompts)
    if till:
        made = made._replace(optimizer=Priced(made.optimizer, till))
    if study.origin is None:
        return made
    found = Forked(made, Asked(study.origin, _recorded(plan, study.origin)), study.begins)
    return Promised(found, found.settings, found.start_up)


def _recorded(plan: Plan, origin: Study) -> Optimizer:
    return proposer(plan, origin, replaying(plan, origin)).optimizer


def replaying(plan: Plan, study: Study) -> cassettes.ReplayChatModel:
    """The recording of a study as what answers it.

    Raises:
        HaqaError: it is missing or damaged, or of a fork of another recording than there is.
    """
    known = cassettes.read(plan.places.cassette(study))
    if known.card.get("fork") != card(plan, study):
        what = "is of a fork of another recording than there is now"
        raise HaqaError(known.path, what, "Restore the one that it is of, or record it again")
    if plan.measure == "recorded":
        return cassettes.ReplayChatModel(known, study.id, "request")
    return cassettes.ReplayChatModel(known, study.id, "place")


def card(plan: Plan, study: Study) -> JsonObject | None:
    """What a fork's card says of the recording that it begins as; None of what is no fork."""
    if study.origin is None:
        return None
    path = plan.places.cassette(study.origin)
    place = {"cassette": plan.places.said(path), "sha256": sha256(read_bytes(path))}
    return {"study": study.origin.id, "round": study.begins, **place}


def check(plan: Plan) -> None:
    """Raises HaqaError for a fork whose recorded study is not there, or does not go so far."""
    for fork in (s for study in plan.studies for s in study.line):
        origin, where = fork.origin, f"method '{fork.method.name}': fork"
        if origin is None:
            continue
        path = plan.places.cassette(origin)
        if not origin.method.runs_on(origin.cell):
            what = f"{origin.method.name} does not run on {origin.cell.id}"
            raise HaqaError(where, what, "Say `cells:` or `tracks:` as that method does")
        if not path.is_file():
            todo = "Record that first with --agent live, or give the fork `seeds:` that were"
            raise HaqaError(where, f"{origin.id} is not recorded", todo)
        last = max((e.position.round for e in cassettes.read(path).exchanges), default=0)
        last = min(max(last, origin.begins), origin.cell.budget.proposals - 1)
        if fork.begins > last:
            what = f"round {fork.begins} is out of range: {origin.id} has rounds 1 to {last}"
            raise HaqaError(where, what, "Name one of those")
