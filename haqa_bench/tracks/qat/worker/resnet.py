"""The networks of table 1, with DoReFa's layers.

ResNet-20 and -32 are the CIFAR form (He et al., 3 stages of n blocks, 16, 32 and 64 channels) with
batch norm and activation before each convolution, as in the public DoReFa implementations: what is
added up in a residual stream is then never clipped. ResNet-50 is torchvision's, its layers
exchanged. The first convolution and the last layer stay at full precision unless `ends` are
quantized too; the image itself is not quantized.
"""

from typing import NamedTuple

from torch import Tensor, nn

from haqa_bench.tracks.qat.worker.dorefa import FULL, Activation, Bits, Conv, Linear

BLOCKS = {"resnet20": 3, "resnet32": 5}


class Quantization(NamedTuple):
    """How a network is quantized: bits, whether weights are rescaled by max|tanh|, and whether the
    first and last layer are too.
    """

    bits: Bits
    rescale: bool
    ends: bool

    @property
    def end_bits(self) -> int:
        """Bits of the first and the last layer's weights."""
        return self.bits.weights if self.ends else FULL


def build(name: str, classes: int, how: Quantization) -> nn.Module:
    """The network of that name: `resnet20`, `resnet32` (32 x 32 pixels) or `resnet50` (224 x 224),
    from n x 3 x h x w to n x classes.
    """
    return _torchvision(classes, how) if name == "resnet50" else Cifar(BLOCKS[name], classes, how)


class Cifar(nn.Sequential):
    """ResNet of 6 n + 2 layers for 32 x 32 pixels."""

    def __init__(self, n: int, classes: int, how: Quantization) -> None:
        layers: list[nn.Module] = [Conv(3, 16, 3, 1, how.end_bits, how.rescale)]
        inputs = 16
        for outputs in (16, 32, 64):
            for number in range(n):
                layers.append(Block(inputs, outputs, 2 if number == 0 and outputs > 16 else 1, how))
                inputs = outputs
        ends = [
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            Linear(64, classes, how.end_bits, how.rescale),
        ]
        super().__init__(*layers, *ends)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a 1 x 1 convolution where the size changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, how: Quantization) -> None:
        super().__init__()
        weights, act = how.bits.weights, how.bits.activations
        self.norm1, self.act1 = nn.BatchNorm2d(inputs), Activation(act)
        self.conv1 = Conv(inputs, outputs, 3, stride, weights, how.rescale)
        self.norm2, self.act2 = nn.BatchNorm2d(outputs), Activation(act)
        self.conv2 = Conv(outputs, outputs, 3, 1, weights, how.rescale)
        self.shortcut = (
            None
            if stride == 1
            else nn.Sequential(
                Conv(inputs, outputs, 1, stride, weights, how.rescale), nn.BatchNorm2d(outputs)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """n x inputs x h x w to n x outputs x h/stride x w/stride."""
        inner = self.act1(self.norm1(x))
        beside: Tensor = x if self.shortcut is None else self.shortcut(inner)
        out: Tensor = self.conv2(self.act2(self.norm2(self.conv1(inner))))
        return out + beside


def _torchvision(classes: int, how: Quantization) -> nn.Module:
    from torchvision.models import resnet50

    network: nn.Module = resnet50(num_classes=classes)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            first = parent is network and name == "conv1"
            if isinstance(child, nn.Conv2d):
                conv = Conv(
                    child.in_channels,
                    child.out_channels,
                    child.kernel_size[0],
                    child.stride[0],
                    how.end_bits if first else how.bits.weights,
                    how.rescale,
                )
                conv.load_state_dict(child.state_dict())
                setattr(parent, name, conv)
            elif isinstance(child, nn.ReLU) and parent is not network:
                setattr(parent, name, Activation(how.bits.activations))
            elif isinstance(child, nn.Linear):
                linear = Linear(child.in_features, child.out_features, how.end_bits, how.rescale)
                linear.load_state_dict(child.state_dict())
                setattr(parent, name, linear)
    return network
