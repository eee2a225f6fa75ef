"""Trains the network of full precision that cells fine-tune, in a process of its own:
`python -m haqa_bench.tracks.qat.worker.pretrain < job.json > result.json`.

Each epoch draws from a seed of its own, so that one which is gone on with is the one that it would
have been.
"""

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from haqa_bench.backends.workers.frame import work
from haqa_bench.backends.workers.training import Curve, factor
from haqa_bench.tracks.qat.jobs import Pretrain, Pretrained, epochs_file
from haqa_bench.tracks.qat.worker import resnet
from haqa_bench.tracks.qat.worker.dorefa import FULL, Bits
from haqa_bench.tracks.qat.worker.image_sets import ImageSet, opened
from haqa_bench.tracks.qat.worker.steps import Losses, Plain, step_of
from haqa_bench.tracks.qat.worker.train import (
    device_here,
    evaluated,
    generator_of,
    optimizer_of,
    placed,
)

UNQUANTIZED = resnet.Quantization(Bits(FULL, FULL), rescale=False, ends=False)
KINDS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class State(TypedDict):
    """What is kept after each epoch."""

    asked: dict[str, object]
    weights: dict[str, Tensor]
    optimizer: dict[str, object]
    losses: list[float]
    seconds: float


def run(job: Pretrain) -> Pretrained:
    """Trains what is left of the epochs, then tries the network and writes it."""
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    device = device_here()
    data = opened(job.data, Path(job.path), job.held_out, None, device)
    network = placed(resnet.build(job.network, data.classes, UNQUANTIZED), device)
    optimizer = optimizer_of(network, job.settings)
    losses, seconds = _gone_on(job, network, optimizer)
    for number in range(len(losses), round(job.settings.epochs) * job.cycles):
        started = time.perf_counter()
        losses.append(epoch(network, optimizer, data, job, number))
        seconds += time.perf_counter() - started
        _keep(job, network, optimizer, losses, seconds)
    held_out, test = (evaluated(network, data.trying(test)) for test in (False, True))
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, job.output)
    return Pretrained(
        held_out_accuracy=100 * int(held_out.sum()) / len(held_out),
        test_accuracy=100 * int(test.sum()) / len(test),
        losses=tuple(losses),
        seconds=seconds,
        images=data.count,
        torch=torch.__version__,
    )


def epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: ImageSet,
    job: Pretrain,
    number: int,
) -> float:
    """Trains for one epoch, the `number`-th from 0; its mean loss in nats.

    Raises:
        Diverged: the loss is no number, or stays above twice what guessing gives.
    """
    settings, where = job.settings, next(network.parameters()).device
    generator = generator_of(data, job.seed * 100_003 + number)
    each = data.count // min(settings.batch_size, data.count)
    epochs = round(settings.epochs)
    steps, before = each * epochs, each * (number % epochs)
    curve = Curve(steps, 2 * math.log(data.classes))
    plain = Plain(network, optimizer, KINDS[job.precision], settings.label_smoothing)
    losses = Losses(curve, where)
    step = None
    network.train()
    batches = data.training(settings.batch_size, settings.augmentation, generator)
    for at, (images, labels) in zip(range(each), batches):  # noqa: B905 - they have no end
        images, labels = images.to(where), labels.to(where)
        step = step or step_of(plain, images, labels)[0]
        scale = factor(settings.schedule, before + at, steps, settings.warmup)
        losses.add(step(images, labels, settings.learning_rate * scale))
    losses.flush()
    return sum(curve.losses) / len(curve.losses)


def _asked(job: Pretrain) -> dict[str, object]:
    """What decides the weights; a state of anything else is not gone on with."""
    return {name: value for name, value in asdict(job).items() if name not in _NOT_ASKED}


_NOT_ASKED = ("memory_bytes", "threads", "cycles", "state", "output", "path")


def _gone_on(
    job: Pretrain, network: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[list[float], float]:
    """Loads what was trained before: its losses and seconds."""
    path = Path(job.state)
    if not path.is_file():
        return [], 0.0
    where = next(network.parameters()).device
    state: State = torch.load(path, weights_only=True, map_location=where)
    if state["asked"] != _asked(job):
        return [], 0.0
    network.load_state_dict(state["weights"])
    groups = optimizer.state_dict()["param_groups"]  # on a GPU, with a rate that lies there
    optimizer.load_state_dict({**state["optimizer"], "param_groups": groups})
    epochs_file(job.state).write_text(str(len(state["losses"])))
    return list(state["losses"]), state["seconds"]


def _keep(
    job: Pretrain,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    losses: list[float],
    seconds: float,
) -> None:
    state = State(
        asked=_asked(job),
        weights=network.state_dict(),
        optimizer=optimizer.state_dict(),
        losses=losses,
        seconds=seconds,
    )
    partial = Path(f"{job.state}.new")
    torch.save(state, partial)
    partial.replace(job.state)
    epochs_file(job.state).write_text(str(len(losses)))


if __name__ == "__main__":
    work(run)
