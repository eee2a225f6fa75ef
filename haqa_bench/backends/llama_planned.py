"""What llama.cpp's log says of a plan: on which device each layer, its cache and each buffer would
lie, and so, with the tensors of a format, how much of it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.arithmetic.device_memory import HOST
from haqa_bench.backends.llama_jobs import Place
from haqa_bench.backends.llama_placed import BUFFER, DEVICE, LAYER, MIB, is_of
from haqa_bench.backends.llama_tensors import Tensor, repacks

DECLARED = "device"
"""The device of a machine that has none."""
OVERRIDDEN = re.compile(r"^tensor (\S+) \(.*?\) buffer type overridden to (\S+)", re.MULTILINE)
CACHED = re.compile(
    r"^llama_(?:kv_cache|memory_recurrent)\w*[:,] +"
    r"(?:layer +(\d+): dev = (\S+)|size = +([\d.]+) MiB)",
    re.MULTILINE,
)
BLOCK = re.compile(r"^blk\.(\d+)\.")


class Assigned(NamedTuple):
    """Where each layer lies, the last being the output layer; the devices with what they are; and
    tensors that a setting puts elsewhere.
    """

    layers: Mapping[int, str]
    devices: Mapping[str, str]
    moved: Mapping[str, str]

    def of_buffer(self, name: str) -> str:
        """Where a buffer of llama.cpp's lies, by its name: CUDA0 on CUDA0, CUDA_Host on the
        host.
        """
        return next((device for device in self.devices if is_of(name, device)), HOST)

    def of_tensor(self, name: str) -> str:
        """Where a tensor lies. What is neither of a layer nor of the output is looked up in."""
        if name in self.moved:
            return self.moved[name]
        if block := BLOCK.match(name):
            return self.layers[int(block[1])]
        return self.layers[max(self.layers)] if name.startswith("output") else HOST


def assigned(log: str) -> Assigned:
    """As llama.cpp's log says."""
    known = {name: about for name, about, _ in DEVICE.findall(log)}
    layers = {int(n): name if name in known else HOST for n, name in LAYER.findall(log)}
    devices = {name: about for name, about in known.items() if name in layers.values()}
    found = Assigned(layers, devices, {})
    moved = {name: found.of_buffer(buffer) for name, buffer in OVERRIDDEN.findall(log)}
    return found._replace(moved=moved)


def declared(found: Assigned, n_gpu_layers: int) -> Assigned:
    """The same with a device that llama.cpp does not know: it would hold the last `n_gpu_layers`
    layers, all where that is -1.
    """
    count = len(found.layers) if n_gpu_layers < 0 else min(n_gpu_layers, len(found.layers))
    first = len(found.layers) - count
    layers = {n: DECLARED if n >= first else HOST for n in found.layers}
    return Assigned(layers, {DECLARED: ""}, {})


def placed(
    found: Assigned, log: str, files: Mapping[str, Sequence[Tensor]], copied: bool
) -> list[Place]:
    """Every device, and the host last."""
    cache, buffers = caches(found, log), work_buffers(found, log)
    return [
        Place(
            name=place,
            about=found.devices.get(place, ""),
            layers=sum(where == place for where in found.layers.values()),
            weights={name: _weights(found, of, place) for name, of in files.items()},
            repacked={
                name: _copies(found, of) if copied and place == HOST else 0
                for name, of in files.items()
            },
            cache=cache.get(place, 0),
            compute=buffers.get((place, "compute"), 0),
            output=buffers.get((place, "output"), 0),
        )
        for place in (*found.devices, HOST)
    ]


def caches(found: Assigned, log: str) -> dict[str, int]:
    """Bytes of keys and values by place. The layers of a cache, of which a model with sliding
    windows has two, take the same each.
    """
    sizes: dict[str, float] = {}
    waiting: list[str] = []
    for layer, _, size in CACHED.findall(log):
        if layer:
            waiting.append(found.layers[int(layer)])
            continue
        for place in waiting:
            sizes[place] = sizes.get(place, 0.0) + float(size) * MIB / len(waiting)
        waiting = []
    return {place: round(size) for place, size in sizes.items()}


def work_buffers(found: Assigned, log: str) -> dict[tuple[str, str], int]:
    """Bytes of buffers for intermediate results and for logits, by place and part. Of a machine
    without devices, the results are where the layers are.
    """
    sizes: dict[tuple[str, str], float] = {}
    for name, part, size in BUFFER.findall(log):
        if part not in ("compute", "output"):
            continue  # llama.cpp plans weights and caches without sizes
        place = DECLARED if DECLARED in found.devices and part == "compute" else ""
        key = place or found.of_buffer(name), part
        sizes[key] = sizes.get(key, 0.0) + float(size) * MIB
    return {key: round(size) for key, size in sizes.items()}


def _weights(found: Assigned, of: Sequence[Tensor], place: str) -> int:
    """Bytes of the tensors of a place; where the embedding is the output layer too, its copy."""
    own = sum(t.size for t in of if found.of_tensor(t.name) == place)
    last = found.layers[max(found.layers)]
    if any(t.name == "output.weight" for t in of) or place != last or place == HOST:
        return own
    return own + sum(t.size for t in of if t.name == "token_embd.weight")


def _copies(found: Assigned, of: Sequence[Tensor]) -> int:
    """Bytes of the host's matrices that a CPU holds twice."""
    return sum(t.size for t in of if repacks(t) and found.of_tensor(t.name) == HOST)
