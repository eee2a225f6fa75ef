"""What the qlora track asks of processes, and what these tell."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from haqa_bench.arithmetic.memory import Step
from haqa_bench.backends.jobs import Done, Example, Job
from haqa_bench.backends.wire import Mismatch, build
from haqa_bench.errors import EvaluationFailed, Status

FILES = "haqa_bench.tracks.qlora.worker.files"
TRAIN = "haqa_bench.tracks.qlora.worker.train"
Compute = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of a training; where a space leaves one out, the published settings of artidoro/qlora.

    Without `max_steps`, as many steps as the examples that are to be seen make.
    """

    learning_rate: float = 2e-4
    per_device_train_batch_size: int = 1
    gradient_accumulation_steps: int = 16
    lora_r: int = 64
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    target_modules: Literal["all-linear", "attention", "q_v"] = "all-linear"
    lr_scheduler_type: str = "constant_with_warmup"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 0.3
    max_steps: int | None = None

    @property
    def effective_batch(self) -> int:
        """Examples of a step."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    def steps(self, seen: int | None) -> int:
        """How many steps a training has: `max_steps`, else those that `seen` examples make, but
        one at least.

        Raises:
            EvaluationFailed: neither says it, or there are to be none.
        """
        if self.max_steps is not None and self.max_steps < 1:
            raise EvaluationFailed(Status.REFUSED, f"max_steps {self.max_steps} trains nothing")
        if self.max_steps is None and seen is None:
            raise EvaluationFailed(Status.REFUSED, "neither max_steps nor examples say how long")
        return self.max_steps or max(1, round((seen or 0) / self.effective_batch))


SETTINGS = tuple(field.name for field in fields(Settings))


def with_defaults(configuration: Mapping[str, object]) -> Settings:
    """The settings of a configuration, defaults where it leaves one out.

    Raises:
        EvaluationFailed: a value is of another type, or none that is known.
    """
    try:
        return build(Settings, configuration)
    except Mismatch as fault:
        raise EvaluationFailed(Status.REFUSED, str(fault)) from None


@dataclass(frozen=True)
class Split:
    """Examples in tokens: those tuned on, and those held out."""

    held_out: tuple[Example, ...]
    train: tuple[Example, ...]


def read_split(path: Path) -> Split:
    """What `write_split` wrote."""
    return build(Split, json.loads(path.read_text("utf-8")))


def write_split(path: Path, split: Split) -> None:
    """Writes examples as JSON."""
    path.write_text(json.dumps(split, default=vars), "utf-8")


@dataclass(frozen=True)
class Quantized:
    """A model in a folder of transformers' (or the hub's name of one), its linear layers at `bits`,
    or, where that is None, as they are.
    """

    model: str
    bits: int | None
    compute: Compute


@dataclass(frozen=True)
class TaskItems:
    """Of lm-eval's tasks, `items` each, in an order drawn once, after as many as are `skipped`; all
    where it is None. `files` hold the items of tasks that lm-eval does not bring along.
    """

    names: tuple[str, ...]
    files: Mapping[str, str]
    items: int | None
    skipped: int


@dataclass(frozen=True)
class Scores:
    """The numbers of a task's items that were tried, and lm-eval's metrics of each, 1 or 0; empty
    where the task has no such metric.
    """

    items: tuple[int, ...]
    acc: tuple[int, ...] = ()
    acc_norm: tuple[int, ...] = ()


@dataclass(frozen=True)
class Loss:
    """Of an example held out: the sum over its answer's tokens, in nats, and how many they are."""

    nats: float
    tokens: int


@dataclass(frozen=True)
class Trained:
    """What a training found: losses of the examples held out, or scores where tasks were asked for;
    train_loss in nats, the last twentieth of the steps, None where nothing was trained.
    """

    losses: tuple[Loss, ...]
    tasks: Mapping[str, Scores]
    train_loss: float | None
    peak_bytes: int
    facts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Train(Job[Trained], worker=TRAIN):
    """Train an adapter in so many steps where there are settings, and keep it in the folder
    `adapter` where that is named; then find the losses of the examples held out, or the scores on
    `tasks`. `examples` is a file of a Split; where they are too few, they are seen again.
    """

    quantized: Quantized
    settings: Settings | None
    examples: str
    steps: int
    seed: int
    threads: int
    tasks: TaskItems | None = None
    adapter: str = ""


@dataclass(frozen=True, kw_only=True)
class Convert(Job[Done], worker=FILES):
    """Write the GGUF file `source` as a folder of transformers', weights unpacked to float32, with
    its tokenizer.
    """

    source: str
    target: str


@dataclass(frozen=True)
class Tokens:
    """Examples in tokens."""

    examples: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True)
class Tokenize(Job[Tokens], worker=FILES):
    """Turn `items`, pairs of prompt and answer, into tokens, the prompt's without labels; longer
    ones are cut to `max_length`.
    """

    model: str
    items: tuple[tuple[str, str], ...]
    max_length: int


@dataclass(frozen=True)
class Exchange:
    """A prompt and what a model answers, in tokens."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True)
class Said:
    """What a merged model answers."""

    said: tuple[Exchange, ...]


@dataclass(frozen=True, kw_only=True)
class Merge(Job[Said], worker=FILES):
    """Add an adapter's weights to the model's, unquantized, and write the sum as the GGUF file
    `target`, of which `donor` is the form; then answer `prompts` greedily, in float32, with at most
    `n_generate` tokens.
    """

    model: str
    adapter: str
    donor: str
    target: str
    prompts: tuple[str, ...]
    n_generate: int
    threads: int


@dataclass(frozen=True, kw_only=True)
class Plan(Job[Step], worker="haqa_bench.tracks.qlora.worker.plan"):
    """Say what a training step would hold, of a batch of examples of `length` tokens, without any
    memory.
    """

    model: str
    compute: Compute
    settings: Settings
    length: int
