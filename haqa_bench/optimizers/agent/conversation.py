"""The style `paper`: the paper's conversation, in our own words.

Paper: a static message that stays, then chat turns; the first round proposes the defaults; each
round is told what is left, the current configuration, what was measured of it, and how the loss of
its training fell; what is shown of the history is cut to a length that the user sets. Ours: the
wording; that the best so far is never cut; that a round is told in the same words ever after.

An earlier reply is made anew from its trial's thought and configuration, so that a conversation
follows from the history alone.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.curves import losses
from haqa_bench.optimizers.agent import device
from haqa_bench.optimizers.agent.prompt import NONE, Prompts, metrics_of
from haqa_bench.protocols import Message
from haqa_bench.space import Scalar
from haqa_bench.study import PAPER, Own
from haqa_bench.trial import Status, Trial

UNSAID = {
    Status.INVALID: "(a reply without a valid proposal)",
    Status.CUT_OFF: "(a reply that was cut off before its proposal)",
}
"""What stands in place of a reply that held no configuration."""
FIRST = "The defaults come first."
"""The thought of round 0, which no LLM was asked for."""
ACC, ERROR = "_acc", "_stderr"
"""How the names of a task's accuracy, and of its standard error, end."""
FRAME = "any.j2"
"""The static message of tracks that bring no words of their own."""


class Score(NamedTuple):
    """What a task gave: accuracy and its standard error, in the unit that was measured."""

    task: str
    value: float
    error: float


class Conversation(Prompts):
    """The templates of an agent, for a conversation that shows `history` earlier rounds."""

    style = PAPER

    def __init__(
        self,
        folder: Path,
        hints: bool = True,
        react: bool = True,
        native: bool = True,
        own: Own = NONE,
        history: int = 10,
        asked: bool = True,
    ) -> None:
        super().__init__(folder, hints, react, native, own, asked)
        self.history = history

    @property
    def said(self) -> Mapping[str, Scalar]:
        """See Prompts."""
        return {"style": self.style, "history": self.history}

    def messages(self, cell: Cell, history: Sequence[Trial]) -> list[Message]:
        """See Prompts: the static message, then a turn of each side for each round."""
        static = Message(role="system", content=self.static(cell))
        if cell.simulated:
            return [static, Message(role="user", content=self.one_answer(cell))]
        shown = self._kept(cell, history)
        turns = [m for number in shown for m in self._turn(cell, history[: number + 1])]
        return [static, Message(role="user", content=self._begun(shown)), *turns]

    def words(self, cell: Cell) -> dict[str, object]:
        """See Prompts: the hardware as JSON."""
        return {"hardware": device.told(cell.hardware, self.shown["native"])}

    def frame(self, cell: Cell) -> str:
        """See Prompts. A track without words of its own has those of any."""
        name = super().frame(cell)
        known = name in self.own.texts or self.sandbox.place(name).parent.name == PAPER
        return name if known or tracks.of(cell).prompt() != tracks.public_prompt() else FRAME

    def _each_round(self, cell: Cell) -> list[str]:
        return ["one_answer.j2"] if cell.simulated else ["begin.j2", "turn.j2"]

    def _kept(self, cell: Cell, history: Sequence[Trial]) -> list[int]:
        """The rounds that are shown: the latest, and the best so far, whenever that was."""
        latest = {trial.number for trial in history[-self.history :]}
        best = cell.objective.best(history)
        return sorted(latest | ({best.number} if best else set()))

    def _begun(self, shown: Sequence[int]) -> str:
        """The user's first words; they say which rounds are left out."""
        cut = sorted(set(range(shown[-1])) - set(shown))
        return self._filled("begin.j2", cut=cut, shown=shown)

    def _turn(self, cell: Cell, history: Sequence[Trial]) -> list[Message]:
        """The reply of the last round of a history, and what came of it."""
        return [
            Message(role="assistant", content=self._reply(cell, history[-1])),
            Message(role="user", content=self._observed(cell, history)),
        ]

    def _reply(self, cell: Cell, trial: Trial) -> str:
        own = trial.thought or (FIRST if trial.number == 0 else "")
        thought = {"thought": own} if self.shown["react"] else {}
        if trial.configuration is None:
            said = [
                trial.thought if self.shown["react"] else "",
                UNSAID.get(trial.status, UNSAID[Status.INVALID]),
            ]
            return "\n".join(filter(None, said))
        action = {name: trial.configuration[name] for name in cell.space.root}
        return json.dumps({**thought, "action": action}, ensure_ascii=False)

    def _observed(self, cell: Cell, history: Sequence[Trial]) -> str:
        trial, scores = history[-1], _scores(history[-1])
        of_tasks = {f"{s.task}{ACC}{end}" for s in scores for end in ("", ERROR)}
        metrics = {n: u for n, u in metrics_of(cell, [trial]).items() if n not in of_tasks}
        return self._filled(
            "turn.j2",
            cell=cell,
            trial=trial,
            metrics=metrics,
            broken=cell.objective.violations(trial, history[0]),
            losses=losses(trial),
            scores=scores,
            left=cell.left(history, cell.budget.spent(history)),
            resource=cell.budget.resource,
            spent=cell.budget.spent(history).resource,
            OK=Status.OK,
            CUT_OFF=Status.CUT_OFF,
        )


def _scores(trial: Trial) -> list[Score]:
    """What each task gave, where the tasks are what is tuned on."""
    found = {m.name: m.value for m in trial.measurements}
    return [
        Score(name.removesuffix(ACC), value, found[f"{name}{ERROR}"])
        for name, value in found.items()
        if name.endswith(ACC) and f"{name}{ERROR}" in found
    ]
