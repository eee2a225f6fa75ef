"""One step of training, as its device is fastest at it.

A step of a small network is hundreds of short launches, each of which takes a CPU longer than it
takes a GPU. So a GPU captures all launches of a step once, in a CUDA graph, and replays them: the
addresses of the batch, of the weights and of the rate stay, and what lies there changes. Losses
stay on the GPU too, and are read some at a time, since each reading waits for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from haqa_bench.backends.workers.frame import is_memory_fault
from haqa_bench.backends.workers.training import Curve

WARM_UP = 3
"""Steps before a capture, in which libraries choose and allocate."""
AT_ONCE = 50
"""Losses that a GPU keeps until they are read."""
Replay = Callable[[], None]
Recorder = Callable[[Replay], Replay]
"""Takes a step, which it may run; gives what does the same again."""


class Step(Protocol):
    """Trains on a batch at a learning rate; its loss in nats, on the device."""

    def __call__(self, images: Tensor, labels: Tensor, rate: float) -> Tensor:
        """One step."""


class Plain:
    """A step as it stands, computed in `precision`; `smoothing` is how much of each label is shared
    out among all classes.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        precision: torch.dtype = torch.float32,
        smoothing: float = 0.0,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self.precision, self.smoothing = precision, smoothing

    def __call__(self, images: Tensor, labels: Tensor, rate: float) -> Tensor:
        """See Step."""
        set_rate(self.optimizer, rate)
        return self.run(images, labels)

    def run(self, images: Tensor, labels: Tensor) -> Tensor:
        """The step at the rate that is set."""
        kind = self.precision
        with torch.autocast(images.device.type, kind, enabled=kind != torch.float32):
            answers = self.network(images)
        loss = functional.cross_entropy(answers.float(), labels, label_smoothing=self.smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Captured:
    """A step that was captured once, for batches like `images` and `labels`; neither weights nor
    the optimizer change meanwhile.
    """

    def __init__(self, plain: Plain, images: Tensor, labels: Tensor, record: Recorder) -> None:
        self.plain, self.images, self.labels = plain, images.clone(), labels.clone()
        self.loss = torch.zeros((), device=images.device)
        with _undone(plain.network, plain.optimizer):
            self.replay = record(self._run)

    def _run(self) -> None:
        self.loss.copy_(self.plain.run(self.images, self.labels))

    def __call__(self, images: Tensor, labels: Tensor, rate: float) -> Tensor:
        """See Step."""
        self.images.copy_(images, non_blocking=True)
        self.labels.copy_(labels, non_blocking=True)
        set_rate(self.plain.optimizer, rate)
        self.replay()
        return self.loss.clone()


def step_of(plain: Plain, images: Tensor, labels: Tensor) -> tuple[Step, str]:
    """The fastest step for batches like this one, and in words whether it is captured."""
    if images.device.type != "cuda":
        return plain, "no"
    try:
        return Captured(plain, images, labels, cuda_graph), "CUDA graph"
    except RuntimeError as error:
        if is_memory_fault(error):
            raise
        return plain, f"no: {str(error).splitlines()[0]}"


def cuda_graph(step: Replay) -> Replay:
    """See Recorder."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    replay: Replay = graph.replay
    return replay


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate; where it lies in a tensor, there."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


class Losses:
    """Hands losses to a curve: at once from a CPU, some at a time from a GPU."""

    def __init__(self, curve: Curve, device: torch.device) -> None:
        self.curve, self.most = curve, AT_ONCE if device.type == "cuda" else 1
        self.waiting: list[Tensor] = []

    def add(self, loss: Tensor) -> None:
        """Notes a step's loss.

        Raises:
            Diverged: see Curve.add.
        """
        self.waiting.append(loss)
        if len(self.waiting) == self.most:
            self.flush()

    def flush(self) -> None:
        """Hands over what waits.

        Raises:
            Diverged: see Curve.add.
        """
        waiting, self.waiting = self.waiting, []
        for loss in torch.stack(waiting).tolist() if waiting else ():
            self.curve.add(loss)


@contextmanager
def _undone(network: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """What is trained meanwhile is taken back, each number where it lies."""
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    before = {id(value): value.clone() for value in _numbers(optimizer)}
    yield
    network.load_state_dict(weights)
    for value in _numbers(optimizer):
        if id(value) in before:
            value.copy_(before[id(value)])
        else:
            value.zero_()  # as an optimizer begins


def _numbers(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """What an optimizer keeps of each weight."""
    kept = [value for state in optimizer.state.values() for value in state.values()]
    return [value for value in kept if isinstance(value, Tensor)]
