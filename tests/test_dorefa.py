"""DoReFa's quantizers and networks, against float64."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from haqa_bench.tracks.qat.worker import (  # noqa: E402
    dorefa,
    resnet,
)
from haqa_bench.tracks.qat.worker.dorefa import Bits  # noqa: E402
from haqa_bench.tracks.qat.worker.rounding import rounded  # noqa: E402

WIDTHS = [1, 2, 3, 4, 8]


@pytest.fixture
def weights():
    return torch.randn(64, 16, 3, 3, generator=torch.Generator().manual_seed(7))


def expected(w, bits, rescale):
    """The formulas of PAPER.md in float64."""
    w = w.double().numpy()
    if bits == 1:
        return np.where(w < 0, -1, 1) * np.abs(w).mean()
    largest = np.abs(np.tanh(w)).max()
    levels = 2**bits - 1
    quantized = 2 * np.round(levels * (np.tanh(w) / (2 * largest) + 0.5)) / levels - 1
    return quantized * largest if rescale else quantized


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("bits", WIDTHS)
def test_weights_are_what_the_formula_says(weights, bits, rescale):
    found = dorefa.quantized_weights(weights, bits, rescale).double().numpy()
    wanted = expected(weights, bits, rescale)

    step = 2 / (2**bits - 1)
    tie = (
        np.abs(found - wanted) > step / 2
    )  # float32 may round a value half-way between two levels to the other one
    assert tie.sum() <= 2
    assert np.abs(found - wanted)[~tie].max() < 1e-6


@pytest.mark.parametrize("bits", WIDTHS)
def test_weights_have_as_many_values_as_their_bits_allow(weights, bits):
    values = dorefa.quantized_weights(weights, bits, rescale=False).unique()

    assert len(values) == 2**bits if bits < 8 else 200 < len(values) <= 256
    levels = (values.double() / values.double().abs().max() + 1) / 2 * (2**bits - 1)
    assert torch.allclose(levels, levels.round(), atol=1e-4)


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_gradient_of_weights_passes_the_rounding(weights, bits, rescale):
    weights.requires_grad_()
    outer = torch.randn(weights.shape, generator=torch.Generator().manual_seed(8))

    (dorefa.quantized_weights(weights, bits, rescale) * outer).sum().backward()

    w = weights.detach().double()
    largest = 1.0 if rescale else w.tanh().abs().max()
    assert torch.allclose(
        weights.grad.double(), outer.double() * (1 - w.tanh() ** 2) / largest, atol=1e-6
    )


def test_the_gradient_of_binary_weights_passes_as_it_is(weights):
    weights.requires_grad_()

    dorefa.quantized_weights(weights, 1, rescale=False).sum().backward()

    assert torch.equal(weights.grad, torch.ones_like(weights))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_activations_and_their_gradient_are_what_the_formula_says(bits):
    x = torch.linspace(-0.5, 1.5, 4001, requires_grad=True)

    found = dorefa.Activation(bits)(x)
    found.sum().backward()

    exact = x.detach().double().numpy()
    wanted = np.round((2**bits - 1) * np.clip(exact, 0, 1)) / (2**bits - 1)
    tie = np.abs((2**bits - 1) * np.clip(exact, 0, 1) % 1 - 0.5) < 1e-5
    assert np.abs(found.detach().double().numpy() - wanted)[~tie].max() < 1e-6
    assert torch.equal(x.grad, ((x >= 0) & (x <= 1)).float())
    assert len(found.unique()) == 2**bits


@pytest.mark.parametrize(("name", "bits"), [("w2a2", (2, 2)), ("W4A8", (4, 8)), ("FP32", (32, 32))])
def test_a_bit_width_is_read_from_its_name(name, bits):
    assert Bits.of(name) == bits


@pytest.mark.parametrize(("network", "parameters"), [("resnet20", 272_000), ("resnet32", 466_000)])
def test_networks_have_their_size(network, parameters):
    found = resnet.build(network, 10, resnet.Quantization(Bits(2, 2), False, False))

    assert sum(p.numel() for p in found.parameters()) == pytest.approx(parameters, rel=0.02)
    assert found(torch.randn(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("ends", [False, True])
def test_the_first_and_the_last_layer_are_quantized_only_where_asked(ends):
    network = resnet.build("resnet20", 10, resnet.Quantization(Bits(2, 4), False, ends))
    layers = [m for m in network.modules() if isinstance(m, dorefa.Conv | dorefa.Linear)]

    quantized = [m.bits == 2 for m in layers]

    assert quantized[1:-1] == [True] * (len(layers) - 2)
    assert quantized[0] == quantized[-1] == ends


def test_full_precision_quantizes_nothing():
    network = resnet.build("resnet20", 10, resnet.Quantization(Bits(32, 32), False, False)).eval()
    x = torch.randn(2, 3, 32, 32)
    seen = []
    for module in network.modules():
        if isinstance(module, dorefa.Activation):
            module.register_forward_hook(
                lambda _m, inputs, output: seen.append(torch.equal(output, inputs[0].relu()))
            )

    network(x)

    assert seen
    assert all(seen)
    conv = next(m for m in network.modules() if isinstance(m, dorefa.Conv))
    assert dorefa.quantized_weights(conv.weight, conv.bits, False) is conv.weight


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounding_to_nearest_is_off_by_half_a_step_at_most(weights, bits):
    found = rounded(weights, bits)

    step = weights.abs().flatten(1).amax(1) / (2 ** (bits - 1) - 1)
    assert ((found - weights).abs().flatten(1).amax(1) <= step / 2 + 1e-6).all()
    assert all(len(row.unique()) <= 2**bits - 1 for row in found.flatten(1))
