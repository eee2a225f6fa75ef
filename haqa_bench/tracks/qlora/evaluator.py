"""The qlora track: what hyperparameters of QLoRA fine-tuning give (paper: table 2)."""

import os
import random
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from haqa_bench.arithmetic.memory import Step
from haqa_bench.backends import gguf_models
from haqa_bench.backends.device import threads
from haqa_bench.backends.forks import Forks
from haqa_bench.backends.jobs import Example
from haqa_bench.backends.llama_jobs import Answer
from haqa_bench.backends.llama_jobs import Settings as LlamaSettings
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell, Model
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, Reference, Subject
from haqa_bench.space import Configuration
from haqa_bench.tasks import instructions, lm_eval
from haqa_bench.tasks.folder import cache
from haqa_bench.tracks.qlora import base_models, results
from haqa_bench.tracks.qlora.jobs import (
    SETTINGS,
    TRAIN,
    Exchange,
    Merge,
    Plan,
    Quantized,
    Split,
    TaskItems,
    Tokenize,
    Train,
    Trained,
    read_split,
    with_defaults,
    write_split,
)
from haqa_bench.tracks.qlora.track import AVERAGE, BITS
from haqa_bench.tracks.qlora.workload import QloraWorkload
from haqa_bench.tracks.repeats import MeasuredHere, timed
from haqa_bench.tracks.settings import check_names
from haqa_bench.tracks.training import FULL_PRECISION

SPLIT_SEED = 0
TOKENIZE_TIMEOUT_S = 3600
PROMPTS = 10
ANSWERED = 32
ROOM = 2048
"""How many prompts, and at most how many tokens of each answer, an exported model is compared on,
in a context of so many.
"""


class Agreement(NamedTuple):
    """Greedy answers of the merged model in transformers and of its GGUF file in llama.cpp: how
    many are the same, and share of tokens.
    """

    prompts: int
    same: int
    tokens: Sequence[float]


class Merged(NamedTuple):
    """What a merged model answers to prompts, and the facts of its training."""

    said: Sequence[Exchange]
    facts: Mapping[str, str]


class QloraEvaluator(MeasuredHere):
    """Trains and tries each configuration, in a process of its own.

    Metrics: held_out_loss (nats a token, over the answers of examples held out), train_loss (nats,
    the last twentieth of the steps) and peak_memory_mb (10^6 bytes). A test gives average_accuracy
    (%, the mean of the tasks' acc), and acc and acc_norm of each task, instead; where methods are
    fed back the tasks, a trial gives average_accuracy, and acc of each with its standard error.
    """

    def __init__(self, cell: Cell[QloraWorkload]) -> None:
        self.cell, self.workload = cell, cell.workload
        if cell.bit_width.upper() not in BITS:
            raise HaqaError(
                cell.id,
                f"bitsandbytes has no bit-width {cell.bit_width}",
                f"Known: {', '.join(BITS)}",
            )
        self.bits = BITS[cell.bit_width.upper()]
        self.base = base_models.find(cell.model)
        self.local = threading.local()

    @cached_property
    def items(self) -> list[instructions.Instruction]:
        """What is tuned on and held out, together."""
        return instructions.load(self.workload.data)

    @cached_property
    def data_sha256(self) -> str:
        """Of the instructions."""
        return sha256([item.model_dump() for item in self.items])

    @cached_property
    def tasks(self) -> lm_eval.Tasks:
        """What winners are tested on."""
        return lm_eval.find(self.workload.tasks)

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {"model": self.base.identity, "data_sha256": self.data_sha256}

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. `repeat` is the seed of the adapter, of the order of examples and of
        dropout.
        """
        work = self.workload
        if work.feedback == "tasks":
            wanted = self._task_items(work.items, skipped=0)
            return self._trained_for(configuration, repeat, wanted, results.fed_back)
        if any(goal.metric == AVERAGE for goal in self.cell.objective.goals):
            wanted = self._task_items(work.tuning_items, skipped=work.items or 0)
            return self._tried(configuration, repeat, wanted)
        examples = self._tokenized()
        return timed(lambda: self._held_out_loss(configuration, repeat, examples))

    def test(self, configuration: Configuration, repeat: int) -> Outcome:
        """See TestedEvaluator."""
        return self._tried(configuration, repeat, self._task_items(self.workload.items, skipped=0))

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """See ReferenceEvaluator."""
        return self._tried(reference, repeat, self._task_items(self.workload.items, skipped=0))

    def exported(self, configuration: Configuration, repeat: int, target: Path) -> Agreement:
        """Trains `configuration`, and writes the model with its adapter merged to the GGUF file
        `target`.

        Raises:
            EvaluationFailed: it cannot be trained.
            HaqaError: the model did not come from a GGUF file, whose form the new one takes.
        """
        prompts = [item.prompt for item in self.items[:PROMPTS]]
        said = self.merged(configuration, repeat, target, prompts).said
        job = Answer(
            model=str(target),
            settings=LlamaSettings(n_threads=threads(), n_threads_batch=threads()),
            n_ctx=ROOM,
            n_generate=ANSWERED,
            prompts=tuple(one.prompt for one in said),
        )
        answers = run_job(job, self.workload.timeout_s).answers
        pairs = [(one.answer, answer) for one, answer in zip(said, answers, strict=True)]
        return Agreement(
            prompts=len(pairs),
            same=sum(one == other for one, other in pairs),
            tokens=[share_in_common(one, other) for one, other in pairs],
        )

    def merged(
        self, configuration: Configuration, repeat: int, target: Path, prompts: Sequence[str] = ()
    ) -> Merged:
        """Trains `configuration`, and writes the model with its adapter merged to the GGUF file
        `target`; then lets it answer `prompts`.

        Raises:
            EvaluationFailed: it cannot be trained.
            HaqaError: the model did not come from a GGUF file, whose form the new one takes.
        """
        if self.base.gguf is None:
            raise HaqaError(
                self.base.name,
                "did not come from a GGUF file",
                "Merge with peft, and convert with llama.cpp's convert_hf_to_gguf.py",
            )
        with tempfile.TemporaryDirectory() as adapter:
            job = self._job(configuration, repeat, self._tokenized())
            trained = self._train(replace(job, adapter=adapter))
            merging = Merge(
                model=self.base.name,
                adapter=adapter,
                donor=str(self.base.gguf),
                target=str(target),
                prompts=tuple(prompts),
                n_generate=ANSWERED,
                threads=threads(),
            )
            said = run_job(merging, self.workload.timeout_s).said
        return Merged(said, results.with_losses(trained))

    def held_out(self) -> Sequence[Example]:
        """The examples held out, in tokens."""
        return read_split(self._tokenized()).held_out

    def _held_out_loss(self, configuration: Configuration, seed: int, examples: Path) -> Outcome:
        found = self._train(self._job(configuration, seed, examples))
        return results.held_out(found)

    def _task_items(self, items: int | None, skipped: int) -> TaskItems:
        return TaskItems(tuple(self.tasks.names), dict(self.tasks.files), items, skipped)

    def _tried(self, configuration: Subject, seed: int, tasks: TaskItems) -> Outcome:
        return self._trained_for(configuration, seed, tasks, results.tested)

    def _trained_for(
        self, subject: Subject, seed: int, tasks: TaskItems, told: Callable[[Trained], Outcome]
    ) -> Outcome:
        job = replace(self._job(subject, seed, self._tokenized()), tasks=tasks)
        return timed(lambda: told(self._train(job)))

    def _job(self, configuration: Subject, seed: int, examples: Path) -> Train:
        work = self.workload
        bits = None if configuration == FULL_PRECISION else self.bits
        settings = None if isinstance(configuration, Reference) else with_defaults(configuration)
        return Train(
            memory_bytes=int(work.memory_gb * 1e9),
            quantized=Quantized(self.base.name, bits, work.compute),
            settings=settings,
            examples=str(examples),
            steps=settings.steps(work.examples) if settings else 0,
            seed=seed,
            threads=threads(),
        )

    def _train(self, job: Train) -> Trained:
        """On a CPU, forked from a process that holds the quantized model, one for each thread of a
        sweep; a GPU allows no fork.
        """
        if self.cell.hardware.kind != "cpu" or job.quantized.bits is None:
            return run_job(job, self.workload.timeout_s)
        if not hasattr(self.local, "forks"):
            self.local.forks = Forks(TRAIN, job.quantized)
        forks: Forks = self.local.forks
        return forks.run(job, self.workload.timeout_s)

    def _tokenized(self) -> Path:
        """The examples in tokens, made once: those held out are the same for every seed and
        configuration.
        """
        work = self.workload
        key = sha256(
            [self.base.identity, self.data_sha256, work.max_length, work.held_out, SPLIT_SEED]
        )
        path = cache() / "tokens" / f"{key[:16]}.json"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            write_split(partial, self._split())
            partial.replace(path)
        return path

    def _split(self) -> Split:
        work = self.workload
        items = tuple((item.prompt, item.output) for item in self.items)
        job = Tokenize(model=self.base.name, items=items, max_length=work.max_length)
        examples = list(run_job(job, TOKENIZE_TIMEOUT_S).examples)
        random.Random(SPLIT_SEED).shuffle(examples)
        if len(examples) <= work.held_out:
            raise HaqaError(
                work.data, f"{len(examples)} examples are too few to hold {work.held_out} out"
            )
        return Split(tuple(examples[: work.held_out]), tuple(examples[work.held_out :]))


def plan_step(model: str, given: object, max_length: int) -> Step:
    """What a training step would hold, for haqa_bench.arithmetic.memory.training.

    `model` is a GGUF file as gguf_models.find takes it, or transformers' config.json, or its
    folder; `given`, an object of settings.

    Raises:
        HaqaError: the model or a setting is none.
    """
    known = [name for name in SETTINGS if name != "max_steps"]
    if not isinstance(given, dict):
        raise HaqaError(
            "--training", "not an object of settings", f"Known: {', '.join(sorted(known))}"
        )
    check_names("--training", given, known)
    try:
        job = Plan(
            model=base_models.find(_source(model)).name,
            compute="bfloat16",
            settings=with_defaults(given),
            length=max_length,
        )
        return run_job(job, TOKENIZE_TIMEOUT_S)
    except EvaluationFailed as failure:
        raise HaqaError(model, failure.reason) from None


def _source(model: str) -> Model:
    """The model of a suite that a user's word for one stands for."""
    path = gguf_models.expanded(model)
    if path.is_dir() or path.suffix == ".json":
        folder = path.parent if path.suffix == ".json" else path
        return Model(architecture="llama", parameters=0, transformers=str(folder))
    return Model(architecture="llama", parameters=0, gguf=model)


def share_in_common(one: Sequence[int], other: Sequence[int]) -> float:
    """The share of tokens that two answers have in common, from the first on."""
    same = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        same += 1
    return same / max(len(one), len(other), 1)
