"""DoReFa's quantizers (arXiv 1606.06160; formulas as in tensorpack's dorefa.py) and layers that use
them.

A number of k bits is one of 2^k levels in [0, 1]: q_k(x) = round((2^k - 1) x) / (2^k - 1). Rounding
has no useful gradient, so the gradient passes it as if it were not there (straight-through).
Weights, k >= 2: w' = tanh(w) / (2 max|tanh(w)|) + 1/2, then w_q = 2 q_k(w') - 1, times max|tanh(w)|
where they are rescaled, as a public PyTorch port does. k = 1: sign(w) mean|w|. Activations:
q_k(clip(a, 0, 1)), which takes the place of ReLU.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

FULL = 32
"""Bits from which nothing is quantized."""


class Bits(NamedTuple):
    """Bits of weights and of activations."""

    weights: int
    activations: int

    @staticmethod
    def of(name: str) -> "Bits":
        """From a bit-width's name: w2a2, or FP32."""
        if name.upper() == "FP32":
            return Bits(FULL, FULL)
        weights, _, activations = name.lower().removeprefix("w").partition("a")
        return Bits(int(weights), int(activations))


class _Round(torch.autograd.Function):
    """To the nearest of `levels` + 1 levels in [0, 1]; the gradient passes."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, levels: int) -> Tensor:
        return torch.round(x * levels).div_(levels)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor | tuple[Tensor | None, ...]:
        return gradients[0], None


class _Sign(torch.autograd.Function):
    """sign(x) mean|x|, of which 0 counts as positive; the gradient passes."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        mean = x.abs().mean()
        return torch.where(x < 0, -mean, mean)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor | tuple[Tensor | None, ...]:
        return gradients[0]


class _Clip(torch.autograd.Function):
    """q_k(clip(x, 0, 1)) in one, which keeps one byte for each value instead of two floats:
    activations are most of the memory.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, levels: int) -> Tensor:
        clipped = x.clamp(0, 1)
        ctx.save_for_backward(clipped == x)
        return clipped.mul_(levels).round_().div_(levels)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor | tuple[Tensor | None, ...]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None


def quantized(x: Tensor, bits: int) -> Tensor:
    """q_k of values in [0, 1]: the nearest of 2^bits levels."""
    return x if bits >= FULL else _Round.apply(x, 2**bits - 1)


def quantized_weights(w: Tensor, bits: int, rescale: bool) -> Tensor:
    """Weights of any shape in 2^bits distinct values, symmetric about 0. The maximum is taken as a
    constant, as in the port.
    """
    if bits >= FULL:
        return w
    if bits == 1:
        return _Sign.apply(w)
    squashed = torch.tanh(w)
    largest = squashed.detach().abs().max()
    found = 2 * quantized(squashed / (2 * largest) + 0.5, bits) - 1
    return found * largest if rescale else found


class Activation(nn.Module):
    """q_k(clip(a, 0, 1)); ReLU at full precision."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, x: Tensor) -> Tensor:
        """Activations of any shape."""
        return functional.relu(x) if self.bits >= FULL else _Clip.apply(x, 2**self.bits - 1)


class Conv(nn.Conv2d):
    """A convolution without bias, of quantized weights."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int, bits: int, rescale: bool
    ) -> None:
        super().__init__(inputs, outputs, size, stride, size // 2, bias=False)
        self.bits, self.rescale = bits, rescale

    def forward(self, x: Tensor) -> Tensor:
        """n x inputs x height x width to n x outputs x height/stride x width/stride."""
        return self._conv_forward(x, quantized_weights(self.weight, self.bits, self.rescale), None)


class Linear(nn.Linear):
    """A linear layer of quantized weights; the bias is not."""

    def __init__(self, inputs: int, outputs: int, bits: int, rescale: bool) -> None:
        super().__init__(inputs, outputs)
        self.bits, self.rescale = bits, rescale

    def forward(self, x: Tensor) -> Tensor:
        """n x inputs to n x outputs."""
        return functional.linear(
            x, quantized_weights(self.weight, self.bits, self.rescale), self.bias
        )
