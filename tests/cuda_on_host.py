"""CUDA without a GPU: a kernel's CUDA form built for this CPU (cuda_host.hpp), and a driver that
runs it.
"""

import ctypes
import re
import subprocess
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

from cuda.bindings import driver

HERE = Path(__file__).parent
KERNELS = re.compile(r"__kernel[^{;]*?void\s+(\w+)\s*\(([^)]*)\)")


def built(folder, source, headers, options):
    """A library of the same program, headers and macros that NVRTC gets: of each kernel a function
    that launches it, and how many arguments it takes.
    """
    for name, text in headers.items():
        (folder / name).write_text(text)
    library = folder / f"kernel{len(list(folder.glob('*.so')))}.so"
    words = ["g++", "-std=c++17", "-w", "-fno-strict-aliasing", "-fPIC", "-shared", "-Dread=read_"]
    words += [f"-I{HERE}", f"-I{folder}", *(word for word in options if word.startswith("-D"))]
    text = f'#include "cuda_host.hpp"\n{source}\n'
    starts = "\n".join(start_of(*kernel) for kernel in kernels_of(text, words))
    (folder / "kernel.cpp").write_text(text + starts)
    done = subprocess.run(
        [*words, str(folder / "kernel.cpp"), "-o", str(library)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return library


def kernels_of(text, words):
    """The kernels of a program and their parameters, without those that macros leave out."""
    words = [*words, "-E", "-fdirectives-only", "-x", "c++", "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    return KERNELS.findall(done.stdout)


def start_of(name, parameters):
    """What launches a kernel, in C++; `run_NAME` says by its name what it is of."""
    return (
        f'extern "C" int arguments_of_{name} = {parameters.count(",") + 1};'
        f'extern "C" void run_{name}(void **with, unsigned n, unsigned x, unsigned y, unsigned z) '
        f"{{ launch((Kernel *)opencl::{name}, with, n, {{x, y, z}}); }}"
    )


def launched(library, name, groups, items, addresses):
    """Runs a kernel of a library on the memory at some addresses."""
    held = (ctypes.c_void_p * 4)(*addresses)
    getattr(library, f"run_{name}")(held, groups, *items)


class Driver:
    """CUDA's driver as far as the worker asks for it: calls must fit the real functions."""

    CUresult = driver.CUresult
    CUdevice_attribute = driver.CUdevice_attribute
    DONE = driver.CUresult.CUDA_SUCCESS

    def __init__(self, names=("NVIDIA H100 80GB HBM3",), cuda=13000):
        self.names, self.cuda, self.memory, self.now, self.fails = names, cuda, {}, 0.0, {}

    def __getattr__(self, name):
        kept = object.__getattribute__(self, f"_{name}")

        def function(*arguments):
            signature(getattr(driver, name)).bind(*arguments)
            if name in self.fails:
                return (self.fails[name],)
            found = kept(*arguments)
            return (self.DONE,) if found is None else (self.DONE, found)

        function.__name__ = name
        return function

    def _cuInit(self, flags):
        pass

    def _cuDriverGetVersion(self):
        return self.cuda

    def _cuDeviceGetCount(self):
        return len(self.names)

    def _cuDeviceGet(self, number):
        return number

    def _cuDeviceGetName(self, length, device):
        return self.names[device].encode().ljust(length, b"\0")

    def _cuDeviceGetPCIBusId(self, length, device):
        return b"0000:01:00.0".ljust(length, b"\0")

    def _cuDeviceGetAttribute(self, attribute, device):
        known = {"MAJOR": 9, "MINOR": 0, "COUNT": 2, "SIZE": 4096}
        return known[attribute.name.rsplit("_", 1)[1]]

    def _cuDevicePrimaryCtxRetain(self, device):
        return "context"

    def _cuCtxSetCurrent(self, context):
        assert context == "context"

    def _cuStreamCreate(self, flags):
        return "stream"

    def _cuModuleLoadData(self, image):
        return ctypes.CDLL(image.decode())

    def _cuModuleGetFunction(self, module, name):
        return module, name.decode()

    def _cuMemAlloc(self, size):
        made = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(made)] = made
        return ctypes.addressof(made)

    def _cuMemcpyHtoD(self, to, start, size):
        assert size <= len(self.memory[to])
        ctypes.memmove(to, start, size)

    def _cuMemcpyDtoH(self, to, start, size):
        assert size <= len(self.memory[start])
        ctypes.memmove(to, start, size)

    def _cuMemsetD32(self, to, value, count):
        ctypes.memmove(to, value.to_bytes(4, "little") * count, 4 * count)

    def _cuEventCreate(self, flags):
        return SimpleNamespace(at=None)

    def _cuEventRecord(self, event, stream):
        event.at = self.now

    def _cuEventSynchronize(self, event):
        assert event.at is not None

    def _cuEventElapsedTime(self, start, end):
        return end.at - start.at

    def _cuLaunchKernel(self, kernel, x, y, z, *rest):
        items, shared, stream, pointers, extra = rest[:3], *rest[3:]
        assert (y, z, shared, stream, extra) == (1, 1, 0, "stream", 0)
        library, name = kernel
        count = ctypes.c_int.in_dll(library, f"arguments_of_{name}").value
        addresses = ctypes.cast(pointers, ctypes.POINTER(ctypes.POINTER(ctypes.c_uint64)))
        held = [addresses[place][0] for place in range(count)]
        assert set(held) <= self.memory.keys()
        launched(library, name, x, items, held)
        self.now += 0.25  # ms
