"""Round-to-nearest quantization of a network that was trained at full precision, without tuning:
what QAT is to beat.

Weights: symmetric, one step for each output channel, so that its largest weight is the largest
level. Activations behind each ReLU: one step for each layer, so that the largest value that
`images` give is the largest level. First and last layer stay as they are.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from haqa_bench.tracks.qat.worker.dorefa import FULL, Activation, Bits, Conv


class Rounded(nn.Module):
    """ReLU, then the nearest of 2^bits levels between 0 and the largest value that was seen before
    `frozen`.
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits, self.largest, self.frozen = bits, 0.0, False

    def forward(self, x: Tensor) -> Tensor:
        """Activations of any shape."""
        x = functional.relu(x)
        if not self.frozen:
            self.largest = max(self.largest, float(x.max()))
            return x
        step = self.largest / (2**self.bits - 1) or 1.0
        return (x / step).round().clamp(max=2**self.bits - 1) * step


@torch.no_grad()
def round_to_nearest(network: nn.Module, bits: Bits, images: Tensor) -> None:
    """Quantizes a full-precision network in place; `images` (n x 3 x h x w) are what activations
    are measured on.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Activation):
                setattr(module, name, Rounded(bits.activations))
    convolutions = [m for m in network.modules() if isinstance(m, Conv)]
    for conv in convolutions[1:]:
        conv.weight.copy_(rounded(conv.weight, bits.weights))
    network.eval()
    network(images.to(next(network.parameters()).device))
    for module in network.modules():
        if isinstance(module, Rounded):
            module.frozen = bits.activations < FULL


def rounded(weights: Tensor, bits: int) -> Tensor:
    """Weights (outputs x ...) at the nearest of 2^bits - 1 levels, symmetric about 0, for each
    output.
    """
    if bits >= FULL:
        return weights
    most = 2 ** (bits - 1) - 1
    step = (
        (weights.abs().flatten(1).amax(1) / most)
        .clamp(min=1e-12)
        .view(-1, *[1] * (weights.dim() - 1))
    )
    return (weights / step).round().clamp(-most, most) * step
