"""NVIDIA's compiler of CUDA C++, NVRTC: no GPU is needed for it, nor a driver."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cuda.bindings import nvrtc

from haqa_bench.backends.workers.frame import Refused, Unusable
from haqa_bench.errors import Status

DONE = nvrtc.nvrtcResult.NVRTC_SUCCESS
INVALID = nvrtc.nvrtcResult.NVRTC_ERROR_INVALID_OPTION


def compiled(name: str, source: str, headers: Mapping[str, str], options: Sequence[str]) -> bytes:
    """Machine code (a cubin) where the options name an architecture such as `sm_90`; of
    `compute_90`, PTX, which is text.

    Raises:
        Refused: it does not compile; the reason is the compiler's first error.
        Unusable: NVRTC is not there, or knows no such architecture.
    """
    texts, names = [t.encode() for t in headers.values()], [n.encode() for n in headers]
    made = asked(nvrtc.nvrtcCreateProgram, source.encode(), name.encode(), len(names), texts, names)
    try:
        told = [option.encode() for option in options]
        (outcome,) = nvrtc.nvrtcCompileProgram(made, len(told), told)
        if outcome == INVALID:
            raise Unusable("NVRTC", f"{version()} takes no such options: {' '.join(options)}")
        if outcome != DONE:
            raise Refused(_first_error(_log(made)), Status.COMPILE_ERROR)
        if any(option.startswith("--gpu-architecture=compute_") for option in options):
            return _text(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, made)
        return _text(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, made)
    finally:
        nvrtc.nvrtcDestroyProgram(made)


def version() -> str:
    """NVRTC's version, as `13.0`."""
    outcome, major, minor = nvrtc.nvrtcVersion()
    return f"{major}.{minor}" if outcome == DONE else "of an unknown version"


def asked(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function of NVRTC gives.

    Raises:
        Unusable: it gives an error, or there is no NVRTC.
    """
    try:
        outcome, *found = function(*arguments)
    except RuntimeError as error:  # the library is loaded by the first call
        raise Unusable("NVRTC", f"cannot be loaded: {_line(str(error))}") from None
    if outcome != DONE:
        raise Unusable("NVRTC", f"{function.__name__}: {outcome.name}")
    return found[0] if found else None


def _text(size_of: Callable[..., Any], fill: Callable[..., Any], made: object) -> bytes:
    found = bytes(asked(size_of, made))
    asked(fill, made, found)
    return found


def _log(made: object) -> str:
    log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, made)
    return log.decode("utf-8", "replace").rstrip("\0")


def _first_error(log: str) -> str:
    """As `gemv.cl(12): error: ...`, without folders."""
    lines = [line for line in log.splitlines() if "error" in line.lower()]
    return (lines or ["the compiler gave no reason"])[0].strip()


def _line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0]
