"""Compiles and launches kernels inside the sandbox: a program of its own, which imports nothing of
this package and knows neither references nor seeds (worker/session.py starts it).

It reads commands, a line of JSON each, and answers each with a line. Buffers lie in memory that is
shared with whoever asks. Nothing that it says is believed: a kernel is native code in this process
and may have changed it.
"""

import base64
import ctypes
import json
import os
import platform
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pyopencl as cl

Told = Mapping[str, Any]
HEADERS = "/headers"
CACHE = Path(os.environ.get("POCL_CACHE_DIR", "/tmp/pocl"))
KILL, ALLOW = 0x80000000, 0x7FFF0000
"""What seccomp(2) does about a call: ends the process, or lets it be."""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH of linux/audit.h."""
SECCOMP = {"x86_64": 317, "aarch64": 277}
EVERYWHERE = (*range(425, 434), 438, 442)
"""io_uring, new ways to mount, pidfd_getfd: the same numbers on all processors."""
NEVER = {
    # sockets; ptrace, process_vm; clocks; mounts, namespaces, keys, modules, bpf, perf
    "x86_64": (
        *(*range(41, 56), 288, 101, 310, 311, 159, 164, 227, 305, 135, 155, 161, 165, 166),
        *(167, 168, 169, 175, 176, 246, 248, 249, 250, 272, 298, 303, 304, 308, 313, 320, 321, 323),
    ),
    "aarch64": (
        *(*range(198, 213), 242, 117, 270, 271, 171, 170, 112, 266, 92, 41, 51, 40, 39, 224, 225),
        *(142, 105, 106, 104, 217, 218, 219, 97, 241, 264, 265, 268, 273, 294, 280, 282),
    ),
}
"""Calls that no kernel needs, by their numbers."""
PROCESSES = {"x86_64": (56, 57, 58, 59, 322, 435), "aarch64": (220, 221, 281, 435)}
"""Calls that start a process, a thread or a program; only linking a kernel needs them."""


def forbid(calls: Sequence[int]) -> None:
    """Ends this process, with SIGSYS, as soon as any thread of it makes one of these calls.

    Raises:
        OSError: the kernel takes no filter.
    """
    machine = platform.machine()
    steps = [(0x20, 0, 0, 4), (0x15, 1, 0, ARCHITECTURES[machine]), (0x06, 0, 0, KILL)]
    steps += [(0x20, 0, 0, 0)]
    if machine == "x86_64":  # the calls of x32
        steps += [(0x35, len(calls) + 1, 0, 0x40000000)]
    steps += [(0x15, len(calls) - at, 0, call) for at, call in enumerate(calls)]
    steps += [(0x06, 0, 0, ALLOW), (0x06, 0, 0, KILL)]
    code = b"".join(
        np.array([(c, t, f, k)], dtype="<u2,u1,u1,<u4").tobytes() for c, t, f, k in steps
    )
    text = ctypes.create_string_buffer(code)

    class Program(ctypes.Structure):
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    program = Program(len(steps), ctypes.addressof(text))
    if libc.syscall(SECCOMP[machine], 1, 1, ctypes.byref(program)) != 0:  # all threads
        raise OSError(ctypes.get_errno(), "seccomp")


class Launcher:
    """What was built and may be launched, by name."""

    def __init__(self, shared: mmap | None) -> None:
        self.shared = shared
        self.programs: dict[str, cl.Program] = {}
        self.launches: dict[str, Callable[[], cl.Event]] = {}

    def open(self, told: Told) -> Told:
        """Opens the device."""
        devices = [d for platform in cl.get_platforms() for d in platform.get_devices()]
        wanted = str(told["device"]).lower()
        found = [d for d in devices if wanted in f"{d.platform.name} {d.name}".lower()]
        if not found:
            there = ", ".join(d.name for d in devices) or "none"
            return {"error": f"no OpenCL device '{told['device']}' in the sandbox; there: {there}"}
        self.device = found[0]
        self.context = cl.Context([self.device])
        self.queue = cl.CommandQueue(
            self.context, properties=cl.command_queue_properties.PROFILING_ENABLE
        )
        return {
            "cpu": bool(self.device.type & cl.device_type.CPU),
            "units": self.device.max_compute_units,
            "facts": {
                "device": self.device.name.strip(),
                "platform": self.device.platform.name.strip(),
                "driver": self.device.driver_version.strip(),
                "opencl": self.device.version.strip(),
                "pyopencl": cl.VERSION_TEXT,
            },
        }

    def build(self, told: Told) -> Told:
        """Compiles a source."""
        options = ["-I", HEADERS, *told["options"]]
        try:
            self.programs[told["name"]] = cl.Program(self.context, told["source"]).build(options)
        except cl.RuntimeError as error:
            lines = [line for line in str(error).splitlines() if "error" in line.lower()]
            named = [line for line in lines if "error:" in line]
            return {"error": (named or lines or ["the compiler gave no reason"])[0].strip()[:500]}
        return {}

    def launch(self, told: Told) -> Told:
        """Makes a launch of a program's kernel ready."""
        try:
            kernel = cl.Kernel(self.programs[told["program"]], told["kernel"])
        except cl.Error:
            return {"error": f"it has no kernel '{told['kernel']}'"}
        if kernel.num_args != len(told["buffers"]):
            wanted, has = len(told["buffers"]), kernel.num_args
            return {"error": f"the kernel '{told['kernel']}' has {has} arguments, not {wanted}"}
        buffers = [self._buffer(one) for one in told["buffers"]]
        sizes = (tuple(told["global"]), tuple(told["local"]))
        self.launches[told["name"]] = lambda: kernel(self.queue, *sizes, *buffers)
        return {}

    def _buffer(self, told: Told) -> cl.Buffer:
        """A buffer of shared memory at `at`, or one of this process' own, filled with ones."""
        flags, size = cl.mem_flags.READ_WRITE, int(told["bytes"])
        if self.shared is not None and told.get("at") is not None:
            part = np.frombuffer(self.shared, np.uint8, size, told["at"])
            return cl.Buffer(self.context, flags | cl.mem_flags.USE_HOST_PTR, hostbuf=part)
        made = cl.Buffer(self.context, flags, size)
        cl.enqueue_fill_buffer(self.queue, made, np.array([1.0], np.float32), 0, size).wait()
        return made

    def run(self, told: Told) -> Told:
        """Launches, one after another; the device's times, in microseconds."""
        events = []
        try:
            for name in told["of"]:
                event = self.launches[name]()
                event.wait()
                events.append(event)
        except cl.Error as error:
            return {"error": str(error)[:500]}
        return {"us": [(event.profile.end - event.profile.start) / 1000 for event in events]}

    def files(self, _: Told) -> Told:
        """What the compiler left in its cache, for another sandbox."""
        there = [path for path in CACHE.rglob("*") if path.is_file() and not path.is_symlink()]
        text = {
            str(path.relative_to(CACHE)): base64.b64encode(path.read_bytes()).decode()
            for path in there
        }
        return {"files": text}

    def take(self, told: Told) -> Told:
        """Puts files into the compiler's cache."""
        for name, text in told["files"].items():
            path = CACHE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(text))
        return {}

    def lock(self, _: Told) -> Told:
        """From now on, this process starts nothing."""
        forbid(PROCESSES[platform.machine()])
        return {}


def limit(told: Told) -> None:
    """Sets what this process, and what it starts, may have; none of it can be raised again."""
    for what, most in (
        (resource.RLIMIT_DATA, told["memory_bytes"]),
        (resource.RLIMIT_AS, told["address_bytes"]),
        (resource.RLIMIT_FSIZE, 64 * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_NPROC, 64),
    ):
        if most >= 0 and (most or what == resource.RLIMIT_CORE):
            resource.setrlimit(what, (most, most))


def main() -> None:
    """Obeys commands until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a kernel prints is no answer
    first = json.loads(sys.stdin.readline())
    shared = mmap(first["memory"], first["shared_bytes"]) if first["shared_bytes"] else None
    limit(first)
    forbid((*NEVER[platform.machine()], *EVERYWHERE))
    launcher = Launcher(shared)
    answers.write(json.dumps({"id": first["id"]}) + "\n")
    for line in sys.stdin:
        told = json.loads(line)
        answer = getattr(launcher, told["do"])(told)
        answers.write(json.dumps({"id": told["id"], **answer}) + "\n")


if __name__ == "__main__":
    main()
