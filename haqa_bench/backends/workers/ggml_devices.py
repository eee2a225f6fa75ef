"""ggml's devices, as the llama.cpp of this process knows them: names, memory, types of buffers.

llama-cpp-python does not bind these functions of ggml's C interface; they are found through
libllama, whose own ggml is the one that has a model's devices. A backend that is a library of its
own, such as Vulkan's, is loaded from where GGML_BACKEND_PATH says, as llama.cpp's programs do.
"""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import llama_cpp as llama

from haqa_bench.backends.llama_jobs import FoundDevice
from haqa_bench.backends.workers.frame import Refused, Unusable

BACKEND_PATH = "GGML_BACKEND_PATH"
UNLOADABLE = "Name a backend that was built for this llama.cpp (docs/devices.md), or none"
GPU, INTEGRATED = "gpu", "integrated gpu"
KINDS = ("cpu", GPU, INTEGRATED, "accelerator", "several")
"""By ggml's number of a device's type."""
POINTER, SIZE, TEXT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p


class Override(ctypes.Structure):
    """llama_model_tensor_buft_override: tensors whose name matches go into a type of buffers."""

    _fields_ = (("pattern", TEXT), ("buffer_type", POINTER))


class Held(NamedTuple):
    """A device's handle, and what it is."""

    handle: int
    found: FoundDevice


@cache
def load_backend() -> None:
    """Loads the backend that the environment names, once.

    Raises:
        Unusable: it cannot be loaded.
    """
    path = os.environ.get(BACKEND_PATH, "")
    if path and not _call("ggml_backend_load", POINTER, TEXT)(os.fsencode(path)):
        raise Unusable(
            path, f"llama.cpp cannot load this backend, which {BACKEND_PATH} names", UNLOADABLE
        )


def devices() -> list[Held]:
    """All devices, the CPU among them, with their memory as it is now."""
    load_backend()
    count = _call("ggml_backend_dev_count", SIZE)()
    get = _call("ggml_backend_dev_get", POINTER, SIZE)
    return [_held(get(i)) for i in range(count)]


def offloadable() -> list[FoundDevice]:
    """Devices that layers are put on: integrated GPUs only where there is no other."""
    found = [held.found for held in devices() if held.found.kind in (GPU, INTEGRATED)]
    return [one for one in found if one.kind == GPU] or found


def buffer_types() -> dict[str, int]:
    """The handle of each device's own type of buffers, by its name."""
    of = _call("ggml_backend_dev_buffer_type", POINTER, POINTER)
    name = _call("ggml_backend_buft_name", TEXT, POINTER)
    found = (of(held.handle) for held in devices())
    return {name(one).decode(): one for one in found if one}


def overrides(wanted: Sequence[tuple[str, str]]) -> ctypes.Array[Override]:
    """Patterns with the types of buffers that they go to, as llama.cpp takes them.

    Raises:
        Refused: there is no such type here.
    """
    known = buffer_types()
    for pattern, name in wanted:
        if name not in known:
            raise Refused(f"override_tensor: {pattern}={name}: here are {', '.join(known)}")
    rows = [Override(pattern.encode(), known[name]) for pattern, name in wanted]
    return (Override * (len(rows) + 1))(*rows)


def free_bytes(names: Sequence[str]) -> int:
    """What the devices of these names have free, in bytes."""
    return sum(held.found.free for held in devices() if held.found.name in names)


def _held(handle: int) -> Held:
    word = _words(handle)
    free, total = SIZE(), SIZE()
    _call("ggml_backend_dev_memory", None, POINTER, POINTER, POINTER)(
        handle, ctypes.addressof(free), ctypes.addressof(total)
    )
    kind = _call("ggml_backend_dev_type", ctypes.c_int, POINTER)(handle)
    registry = _call("ggml_backend_dev_backend_reg", POINTER, POINTER)(handle)
    found = FoundDevice(
        name=next(word),
        about=next(word),
        kind=KINDS[kind] if kind < len(KINDS) else f"type {kind}",
        backend=_call("ggml_backend_reg_name", TEXT, POINTER)(registry).decode(errors="replace"),
        total=total.value,
        free=free.value,
    )
    return Held(handle, found)


def _words(handle: int) -> Iterator[str]:
    for name in ("ggml_backend_dev_name", "ggml_backend_dev_description"):
        yield _call(name, TEXT, POINTER)(handle).decode(errors="replace")


@cache
def _call(name: str, result: object, *arguments: object) -> Callable[..., Any]:
    """A function of ggml's, of which ctypes knows no better type."""
    function = getattr(llama.llama_cpp._lib, name)
    function.restype, function.argtypes = result, list(arguments)
    found: Callable[..., Any] = function
    return found
