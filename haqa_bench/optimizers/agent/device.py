"""What a conversation tells of the hardware: an object, as the paper's has one."""

from collections.abc import Mapping

from haqa_bench.documents import JsonObject
from haqa_bench.hardware import Figure, Hardware
from haqa_bench.optimizers.agent.filters import number


def told(hardware: Hardware, native: bool) -> JsonObject:
    """What the profile of a device knows, and nothing that it does not; without `native`, not which
    number formats the device computes in, and how fast.
    """
    sizes = {"cores": hardware.cores, "memory": hardware.memory}
    found: JsonObject = {"device": hardware.title, "kind": hardware.kind}
    found |= _known({**sizes, "memory_bandwidth": hardware.bandwidth})
    found |= {"caches": caches} if (caches := _known(hardware.caches)) else {}
    if hardware.instruction_sets:
        found["instruction_sets"] = list(hardware.instruction_sets)
    if native:
        found["native_number_formats"] = list(hardware.native_formats)
        found |= {"peak_rates": rates} if (rates := _known(hardware.rates)) else {}
    return found


def _known(figures: Mapping[str, Figure]) -> dict[str, str]:
    return {
        name: f"{number(figure.value)} {figure.unit}"
        for name, figure in figures.items()
        if figure.value is not None
    }
