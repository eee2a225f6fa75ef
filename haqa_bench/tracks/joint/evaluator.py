"""The joint track: what fine-tuning and deployment give together (paper: one loop over accuracy and
speed).

A configuration's part that trains makes a model, once; every deployment of it is then that model in
a format, run by llama.cpp.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from haqa_bench import curves
from haqa_bench.backends.wire import build
from haqa_bench.cell import Cell, Workload
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration, Scalar, SearchSpace
from haqa_bench.tasks.folder import cache
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.tracks.joint.workload import JointWorkload
from haqa_bench.tracks.qlora import evaluator as qlora
from haqa_bench.tracks.qlora.jobs import SETTINGS as TRAINING
from haqa_bench.tracks.qlora.workload import QloraWorkload
from haqa_bench.tracks.repeats import repeated

SEED = 0
TRAINED, RUN = "qlora", "deploy"
Part = TypeVar("Part", bound=Workload)


class Trained(NamedTuple):
    """A model made by training: what runs it, the training's facts, and the seconds that it
    took.
    """

    deployment: DeployEvaluator
    facts: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Made:
    """What is kept beside a model: what made it, its training's facts, and the seconds it took."""

    settings: Mapping[str, Scalar]
    facts: Mapping[str, str]
    seconds: float


class JointEvaluator:
    """Trains, merges and runs each configuration; models are kept in the cache by what they were
    made of.

    Metrics: those of the deploy track but perplexity, and held_out_loss (nats a token, over the
    answers of examples held out) of the quantized file as llama.cpp runs it. A trial takes the
    seconds of its training too, kept or not.
    """

    whole: Whole | None = None

    def __init__(self, cell: Cell[JointWorkload]) -> None:
        self.cell, self.workload = cell, cell.workload
        self.trainer = qlora.QloraEvaluator(_training(cell))
        self.deployed = _deployment(cell)
        self._trained: dict[str, Trained | EvaluationFailed] = {}

    @cached_property
    def machine(self) -> str:
        """See Evaluator."""
        return self.trainer.machine

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return self.trainer.made_of

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return repeated(self.cell, self.sample, configuration)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. Training has one seed: what is repeated is the deployment."""
        trained = self._model(
            {name: value for name, value in configuration.items() if name in TRAINING}
        )
        try:
            outcome = trained.deployment.sample(
                {n: v for n, v in configuration.items() if n not in TRAINING}, repeat
            )
        except EvaluationFailed as failure:
            raise failure.after((failure.seconds or 0.0) + trained.seconds) from None
        facts = {**_of_training(trained.facts), **outcome.facts}
        return outcome._replace(facts=facts, seconds=(outcome.seconds or 0.0) + trained.seconds)

    def _model(self, settings: Configuration) -> Trained:
        work = self.workload.model_dump(mode="json", include={"training", "train_bits"})
        key = sha256([self.trainer.base.identity, self.trainer.data_sha256, work, dict(settings)])
        if key not in self._trained:
            try:
                self._trained[key] = self._kept(settings, cache() / "trained" / key[:16])
            except EvaluationFailed as failure:
                if failure.status != Status.DIVERGED:
                    raise
                self._trained[key] = failure
        found = self._trained[key]
        if isinstance(found, EvaluationFailed):
            facts = _of_training(found.facts)
            raise EvaluationFailed(found.status, found.reason, found.seconds, facts)
        return found

    def _kept(self, settings: Configuration, folder: Path) -> Trained:
        """The model in `folder`, made where it is not there yet."""
        model, about = folder / "model.gguf", folder / "training.json"
        if not about.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            started, partial = time.perf_counter(), model.with_suffix(".partial")
            _, facts = self.trainer.merged(settings, SEED, partial)
            partial.replace(model)
            made = Made(dict(settings), facts, time.perf_counter() - started)
            partial.write_text(json.dumps(vars(made)), "utf-8")
            partial.replace(about)
        kept = build(Made, json.loads(about.read_text("utf-8")))
        deployment = DeployEvaluator(self.deployed, model, self.trainer.held_out())
        return Trained(deployment, kept.facts, kept.seconds)


def _of_training(facts: Mapping[str, str]) -> dict[str, str]:
    """What a training told, apart from what its model does."""
    return {f"{curves.TRAINING}{name}": fact for name, fact in facts.items()}


def _training(cell: Cell[JointWorkload]) -> Cell[QloraWorkload]:
    """The cell that the training would be by itself. Its settings make a model, all others
    run it.
    """
    return _part(cell, cell.workload.training, TRAINED, cell.workload.train_bits)


def _deployment(cell: Cell[JointWorkload]) -> Cell[DeployWorkload]:
    """The cell that the deployment would be by itself."""
    return _part(cell, cell.workload.deployment, RUN, cell.bit_width)


def _part(cell: Cell, workload: Part, track: str, bit_width: str) -> Cell[Part]:
    trains = track == TRAINED
    space = {n: p for n, p in cell.space.root.items() if (n in TRAINING) == trains}
    changed = {"track": track, "space": SearchSpace(space), "bit_width": bit_width}
    kept = {name: getattr(cell, name) for name in type(cell).model_fields}
    return Cell(**kept | changed | {"workload": workload})
