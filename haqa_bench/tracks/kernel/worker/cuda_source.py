"""A kernel's OpenCL C as CUDA C++: what opencl.cuh, a header, cannot say is written otherwise here.

The kernels stay as they are. What changes is the text that the compiler gets, by five forms:

    __attribute__((opencl_unroll_hint(4)))           CUDA_UNROLL(4), a pragma
    __attribute__((reqd_work_group_size(64, 1, 1)))  CUDA_GROUP(64, 1, 1), launch bounds
    __local float *near                              float *near; an array stays shared memory
    (float4)(a, b, c, d)                             float4(a, b, c, d)
    a > b ? a : b                                    larger_of(a, b): C++ has no choice by element

Any other choice by a vector does not compile: `select` says the same in both languages.
"""

import re
from collections.abc import Mapping
from pathlib import Path

SHIM = "opencl.cuh"
_TYPES = "float|char|uchar|short|ushort|int|uint|long|ulong"
_INNER = r"((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)"
_NAME = r"[A-Za-z_][\w.]*(?:\[\w+\])*"
_FORMS = (
    (rf"__attribute__\(\(opencl_unroll_hint\({_INNER}\)\)\)", r"CUDA_UNROLL(\1)"),
    (rf"__attribute__\(\(reqd_work_group_size\({_INNER}\)\)\)", r"CUDA_GROUP(\1)"),
    (r"\b__(?:local|constant)\b(?=(?:[ \t]+\w+)+[ \t]*\*)", ""),
    (rf"\(\s*((?:{_TYPES})(?:2|4|8|16))\s*\)\s*\(", r"\1("),
    (rf"({_NAME}) > ({_NAME}) \? \1 : \2(?![\w.\[(])", r"larger_of(\1, \2)"),
    (rf"({_NAME}) < ({_NAME}) \? \1 : \2(?![\w.\[(])", r"smaller_of(\1, \2)"),
)


def as_cuda(text: str) -> str:
    """OpenCL C as `opencl.cuh` understands it; lines keep their numbers."""
    for form, other in _FORMS:
        text = re.sub(form, other, text)
    return text


def program(name: str, text: str) -> str:
    """The whole program of a kernel: its own text, in the namespace of OpenCL's names, whose lines
    count as those of `name`.
    """
    return f'#include "{SHIM}"\nnamespace opencl {{\n#line 1 "{name}"\n{as_cuda(text)}\n}}\n'


def headers(folder: Path) -> Mapping[str, str]:
    """What a kernel of that folder may include, by name."""
    found = sorted([*folder.glob("*.h"), *folder.glob("*.clh")])
    own = {path.name: as_cuda(path.read_text("utf-8")) for path in found}
    return {SHIM: (Path(__file__).parents[1] / "cl" / SHIM).read_text("utf-8"), **own}


def options(defines: Mapping[str, float], groups: tuple[int, ...], architecture: str) -> list[str]:
    """What NVRTC is told: the macros, the numbers of work-groups and the device's architecture.

    A product and a sum may become one operation, as -cl-mad-enable allows OpenCL. What would go
    wrong in silence is an error: a statement without effect (174, a vector literal by another name
    than its type's), a pragma that belongs to nothing (607) and an unknown attribute (1097).
    """
    numbers = {f"CUDA_GROUPS_{d}": n for d, n in enumerate((*groups, 1, 1)[:3])}
    macros = [
        f"-D{key}={f'{value:.9g}f' if isinstance(value, float) else int(value)}"
        for key, value in sorted({**defines, **numbers}.items())
    ]
    return [
        f"--gpu-architecture={architecture}",
        "--std=c++17",
        "--device-as-default-execution-space",
        "--diag-error=174,607,1097",
        *macros,
    ]
