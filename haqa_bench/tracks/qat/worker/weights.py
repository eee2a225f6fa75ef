"""Reads the weights that a network begins with, and checks them before they are believed."""

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from haqa_bench.backends.workers.frame import Unusable
from haqa_bench.tracks.qat.jobs import Weights

TODO = "Train it anew with haqa-bench pretrain --fresh, or restore it"


def take(network: nn.Module, weights: Weights) -> None:
    """Gives a network the weights of a file.

    Raises:
        Unusable: it is missing or damaged, or of another network.
    """
    found, wanted = _read(weights), network.state_dict()
    for name in sorted(wanted.keys() | found.keys()):
        here, there = _shape(wanted.get(name)), _shape(found.get(name))
        if here != there:
            what = f"is of another network: {name} is {there}, and {here} here"
            raise Unusable(weights.path, what, TODO)
    network.load_state_dict(found)


def _read(weights: Weights) -> dict[str, Tensor]:
    try:
        data = Path(weights.path).read_bytes()
    except OSError as error:
        raise Unusable(weights.path, error.strerror or str(error), TODO) from None
    if hashlib.sha256(data).hexdigest() != weights.sha256:
        raise Unusable(weights.path, "is not the network that the suite's lock names", TODO)
    try:
        found: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError) as error:
        raise Unusable(weights.path, f"is damaged: {error}", TODO) from None
    return found


def _shape(tensor: Tensor | None) -> str:
    if tensor is None:
        return "missing"
    return f"{'x'.join(map(str, tensor.shape)) or 'one'} of {str(tensor.dtype).split('.')[-1]}"
