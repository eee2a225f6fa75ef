"""The qlora track: what hyperparameters of QLoRA fine-tuning give (paper: table 2)."""

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from haqa_bench.backends import base_models, gguf_models
from haqa_bench.backends.device import threads
from haqa_bench.backends.forks import Forks
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell, Model
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, Reference, Whole
from haqa_bench.space import Configuration
from haqa_bench.tasks import instructions, lm_eval
from haqa_bench.tasks.folder import cache
from haqa_bench.tracks.deploy.settings import DEFAULTS as LLAMA_CPP
from haqa_bench.tracks.qlora.track import AVERAGE, BITS, DEFAULTS
from haqa_bench.tracks.qlora.workload import QloraWorkload
from haqa_bench.tracks.repeats import estimated, repeated
from haqa_bench.tracks.training import FULL_PRECISION

WORKER = base_models.WORKER
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


class QloraEvaluator:
    """Trains and tries each configuration, in a process of its own.

    Metrics: held_out_loss (nats a token, over the answers of examples held out), train_loss (nats,
    the last twentieth of the steps) and peak_memory_mb (10^6 bytes). A test gives average_accuracy
    (%, the mean of the tasks' acc), and acc and acc_norm of each task, instead.
    """

    whole: Whole | None = None

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

    @cached_property
    def machine(self) -> str:
        """See Evaluator."""
        from haqa_bench.backends.machine import title

        return title(self.cell.hardware.kind)

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {"model": self.base.identity, "data_sha256": self.data_sha256}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return repeated(self.cell, self.sample, configuration)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. `repeat` is the seed of the adapter, of the order of examples and of
        dropout.
        """
        if any(goal.metric == AVERAGE for goal in self.cell.objective.goals):
            return self._tried(
                configuration, repeat, self.workload.tuning_items, self.workload.items or 0
            )
        result, seconds = self._run(configuration, repeat, {"tasks": None})
        nats, tokens = (sum(each) for each in zip(*result["losses"], strict=True))
        readings = {("held_out_loss", "nats"): [nats / tokens]} | self._readings(result)
        return Outcome(estimated(readings), _with_losses(result), seconds)

    def test(self, configuration: Configuration, repeat: int) -> Outcome:
        """See TestedEvaluator."""
        return self._tried(configuration, repeat, self.workload.items, 0)

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """See ReferenceEvaluator."""
        return self._tried(reference, repeat, self.workload.items, 0)

    def _tried(
        self, configuration: Configuration | Reference, repeat: int, items: int | None, skipped: int
    ) -> Outcome:
        wanted = {
            "names": list(self.tasks.names),
            "files": dict(self.tasks.files),
            "items": items,
            "skipped": skipped,
        }
        result, seconds = self._run(configuration, repeat, {"tasks": wanted})
        readings: dict[tuple[str, str], list[float]] = {}
        facts = dict(result["facts"])
        for name, scores in result["tasks"].items():
            for metric in ("acc", "acc_norm"):
                if metric in scores:
                    readings[f"{name}_{metric}", "%"] = [100 * mean(scores[metric])]
                    facts[f"{name}_{metric}"] = "".join(map(str, scores[metric]))
            facts[f"{name}_items"] = str(len(scores["items"]))
        average = mean(readings[f"{name}_acc", "%"][0] for name in result["tasks"])
        return Outcome(
            estimated({(AVERAGE, "%"): [average], **readings, **self._readings(result)}),
            facts,
            seconds,
        )

    def exported(self, configuration: Configuration, repeat: int, target: Path) -> Agreement:
        """Trains `configuration`, and writes the model with its adapter merged to the GGUF file
        `target`.

        Raises:
            EvaluationFailed: it cannot be trained.
            HaqaError: the model did not come from a GGUF file, whose form the new one takes.
        """
        said, _ = self.merged(
            configuration, repeat, target, [item.prompt for item in self.items[:PROMPTS]]
        )
        settings = {**LLAMA_CPP, "n_threads": threads(), "n_threads_batch": threads()}
        job: dict[str, Any] = {
            "do": "answer",
            "model": str(target),
            "settings": settings,
            "n_ctx": ROOM,
            "n_generate": ANSWERED,
            "memory_bytes": 0,
        }
        job["prompts"] = [s["prompt"] for s in said]
        answers = run_job(gguf_models.WORKER, job, self.workload.timeout_s)["answers"]
        same = [s["answer"] == answer for s, answer in zip(said, answers, strict=True)]
        return Agreement(
            len(same),
            sum(same),
            [tokenwise(s["answer"], answer) for s, answer in zip(said, answers, strict=True)],
        )

    def merged(
        self, configuration: Configuration, repeat: int, target: Path, prompts: Sequence[str] = ()
    ) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
        """Trains `configuration`, and writes the model with its adapter merged to the GGUF file
        `target`.

        What it answers to `prompts` (tokens of both), and the training's facts.

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
            result, _ = self._run(configuration, repeat, {"tasks": None, "save": adapter})
            job: dict[str, Any] = {
                "do": "merge",
                "model": self.base.name,
                "adapter": adapter,
                "donor": str(self.base.gguf),
                "target": str(target),
            }
            more = {
                "prompts": list(prompts),
                "n_generate": ANSWERED,
                "threads": threads(),
                "memory_bytes": 0,
            }
            said: list[dict[str, Any]] = run_job(WORKER, job | more, self.workload.timeout_s)[
                "said"
            ]
        return said, _with_losses(result)

    def held_out(self) -> list[dict[str, list[int]]]:
        """The examples held out, in tokens; labels are -100 where nothing is scored."""
        found: list[dict[str, list[int]]] = json.loads(self._tokenized().read_text("utf-8"))[
            "held_out"
        ]
        return found

    def _readings(self, result: Mapping[str, Any]) -> dict[tuple[str, str], list[float]]:
        trained = {("train_loss", "nats"): [result["train_loss"]]} if "train_loss" in result else {}
        return {**trained, ("peak_memory_mb", "MB"): [result["peak_bytes"] / 1e6]}

    def _run(
        self, configuration: Configuration | Reference, seed: int, what: Mapping[str, Any]
    ) -> tuple[dict[str, Any], float]:
        job = {
            "do": "train",
            "model": self.base.name,
            "bits": None if configuration == FULL_PRECISION else self.bits,
            "compute": self.workload.compute,
            "settings": None
            if isinstance(configuration, Reference)
            else {**DEFAULTS, **configuration},
            "save": None,
            "examples": str(self._tokenized()),
            "seen": self.workload.examples,
            "seed": seed,
            "threads": threads(),
            "memory_bytes": int(self.workload.memory_gb * 1e9),
            **what,
        }
        started = time.perf_counter()
        try:
            result = self._train(job)
        except EvaluationFailed as failure:
            failure.seconds = time.perf_counter() - started
            raise
        return result, time.perf_counter() - started

    def _train(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """On a CPU, forked from a process that holds the quantized model, one for each thread of a
        sweep; a GPU allows no fork.
        """
        if self.cell.hardware.kind != "cpu" or job["bits"] is None:
            return run_job(WORKER, dict(job), self.workload.timeout_s)
        if not hasattr(self.local, "forks"):
            self.local.forks = Forks(
                WORKER, {name: job[name] for name in ("model", "bits", "compute")}
            )
        result: dict[str, Any] = self.local.forks.run(dict(job), self.workload.timeout_s)
        return result

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
            items = [[item.prompt, item.output] for item in self.items]
            job = {
                "do": "tokenize",
                "model": self.base.name,
                "items": items,
                "max_length": work.max_length,
                "threads": 1,
                "memory_bytes": 0,
            }
            examples = run_job(WORKER, job, TOKENIZE_TIMEOUT_S)["examples"]
            random.Random(SPLIT_SEED).shuffle(examples)
            if len(examples) <= work.held_out:
                raise HaqaError(
                    work.data, f"{len(examples)} examples are too few to hold {work.held_out} out"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            partial.write_text(
                json.dumps(
                    {"held_out": examples[: work.held_out], "train": examples[work.held_out :]}
                ),
                "utf-8",
            )
            partial.replace(path)
        return path


def planned(model: str, settings: Any, max_length: int) -> dict[str, int]:
    """What a training step of `settings` would hold, for haqa_bench.arithmetic.memory.training:
    counts of weights, and bytes.

    `model` is a GGUF file as gguf_models.find takes it, or transformers' config.json, or its
    folder.

    Raises:
        HaqaError: the model or a setting is none.
    """
    if not isinstance(settings, dict) or (unknown := sorted(settings.keys() - DEFAULTS.keys())):
        what = (
            f"unknown setting '{unknown[0]}'"
            if isinstance(settings, dict)
            else "not an object of settings"
        )
        raise HaqaError("--training", what, f"Known: {', '.join(sorted(DEFAULTS))}")
    path = Path(model).expanduser()
    config = path.is_dir() or path.suffix == ".json"
    source = Model(
        architecture="llama",
        parameters=0,
        gguf=None if config else model,
        transformers=str(path.parent if path.suffix == ".json" else path) if config else None,
    )
    chosen = {**DEFAULTS, **settings}
    job = {
        "do": "plan",
        "model": base_models.find(source).name,
        "compute": "bfloat16",
        "settings": chosen,
        "batch": chosen["per_device_train_batch_size"],
        "length": max_length,
        "threads": 1,
        "memory_bytes": 0,
    }
    try:
        return run_job(WORKER, job, TOKENIZE_TIMEOUT_S)
    except EvaluationFailed as failure:
        raise HaqaError(model, failure.reason) from None


def _with_losses(result: Mapping[str, Any]) -> dict[str, str]:
    """A training's facts, and the loss of each example held out, in nats a token."""
    return {
        **result["facts"],
        "held_out_losses": " ".join(
            f"{loss / max(count, 1):.4g}" for loss, count in result["losses"]
        ),
    }


def tokenwise(one: Sequence[int], other: Sequence[int]) -> float:
    """The share of tokens that two answers have in common, from the first on."""
    same = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        same += 1
    return same / max(len(one), len(other), 1)
