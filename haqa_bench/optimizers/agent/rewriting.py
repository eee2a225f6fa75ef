"""What an agent is told that may rewrite a source, in either style: the source as it comes, what
must stay of it, and the best version so far, whole, as is one that failed in the last trial, which
its author may mend; others by their names and what came of them.

An action may name an earlier version instead of repeating it: `"CODE": "code 3f2a91c0"`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.optimizers.agent.conversation import Conversation
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.parameters.code import AS_IT_COMES, is_source, named, normalised, shown
from haqa_bench.protocols import Message
from haqa_bench.space import Scalar
from haqa_bench.study import HAQA, REWRITE, REWRITES
from haqa_bench.trial import Status, Trial


class Rewriting(Prompts):
    """The templates of an agent that may rewrite, in the style `haqa`."""

    @property
    def said(self) -> Mapping[str, Scalar]:
        """See Prompts."""
        return {**super().said, REWRITES: True}

    def messages(self, cell: Cell, history: Sequence[Trial]) -> list[Message]:
        """See Prompts. Sources are named in what is told of each trial; the best one's stands whole
        at the end, then that of the last trial, where it failed.
        """
        *before, asked = super().messages(cell, [_named(trial) for trial in history])
        told = self._filled(f"{REWRITE}/best.j2", "", **self._versions(cell, history))
        return [*before, Message(role=asked.role, content=f"{asked.content}\n\n{told}")]

    def _versions(self, cell: Cell, history: Sequence[Trial]) -> dict[str, object]:
        """The words of best.j2: the best version, and the one that failed in the last trial."""
        best, last = cell.objective.best(history), history[-1]
        found = _source(cell, best)
        failed = AS_IT_COMES if last.status is Status.OK else _source(cell, last)
        failed = AS_IT_COMES if failed == found else failed
        return {
            "best": best,
            "source": found,
            "version": shown(found),
            "last": last,
            "failed": failed,
            "failed_version": shown(failed),
            "code": cell.space.code,
            "called": "trial" if self.style == HAQA else "round",
        }

    def words(self, cell: Cell) -> dict[str, object]:
        """See Prompts: the source as it comes."""
        code = {"code": cell.space.code, "source": tracks.of(cell).source(cell.workload)}
        return {**super().words(cell), **code}

    def frame(self, cell: Cell) -> str:
        """See Prompts."""
        return f"{REWRITE}/{tracks.of(cell).frame(cell.workload) or cell.track}.j2"

    def fills(self, cell: Cell, at_once: bool) -> list[str]:
        """See Prompts."""
        own = {"repair.j2": f"{REWRITE}/repair.j2"}
        found = [own.get(name, name) for name in super().fills(cell, at_once)]
        return [*found, f"{REWRITE}/best.j2"]

    def repair(self, problem: str, ranges: bool = False) -> str:
        """See Prompts."""
        return self._filled(f"{REWRITE}/repair.j2", problem=problem, ranges=ranges)

    def completed(self, cell: Cell, action: object, history: Sequence[Trial]) -> object:
        """See Prompts: with the source that an action names or leaves out; one that is equal to the
        source as it comes is that.
        """
        name = cell.space.code
        if not isinstance(action, dict) or name is None:
            return action
        given: Any = action.get(name, AS_IT_COMES)
        if not isinstance(given, str):
            return action
        known = {shown(source): source for t in history if (source := _source(cell, t))}
        found = normalised(known.get(given.strip(), given))
        same = found == tracks.of(cell).source(cell.workload)
        return {**action, name: AS_IT_COMES if same else found}


class RewritingConversation(Rewriting, Conversation):
    """The templates of an agent that may rewrite, in the style `paper`."""


def _named(trial: Trial) -> Trial:
    """A trial with its source's name in place of it."""
    if trial.configuration is None or not any(map(is_source, trial.configuration.values())):
        return trial
    return trial.model_copy(update={"configuration": named(trial.configuration)})


def _source(cell: Cell, trial: Trial | None) -> str:
    """The source of a trial; empty for the one that comes, and without a configuration."""
    name = cell.space.code
    if trial is None or trial.configuration is None or name is None:
        return AS_IT_COMES
    return str(trial.configuration[name])
