"""What llama.cpp says a model would take, and what it really takes: `python -m
haqa_bench.backends.workers.llama_cpp_memory < job.json > result.json`.

`simulate` loads nothing but the file's header: llama.cpp plans all its buffers (`no_alloc`), and
its quantizer says what each tensor would become (`dry_run`). `peak` runs the model over a whole
context, and reads the most memory that the process ever had.
"""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import llama_cpp as llama

from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends.workers.llama_cpp import (
    LOG,
    Refused,
    Run,
    context_params,
    file_type,
    last_complaint,
    load,
    open_context,
    work_on,
)
from haqa_bench.backends.workers.load import peak_bytes

MIB = 2**20
TENSOR = re.compile(
    r"\] +(\S+) +- \[ *(\d+), *(\d+), *(\d+), *(\d+)\], type = +(\S+), size = +([\d.]+) MiB(?: -> +([\d.]+) MiB \((\w+)\))?"
)
CACHE = re.compile(r"^llama_(?:kv_cache|memory_recurrent)\w*: +size = +([\d.]+) MiB", re.MULTILINE)
COMPUTE = re.compile(r"compute buffer size = +([\d.]+) MiB")
OUTPUT = re.compile(r"output buffer size = +([\d.]+) MiB")
HEADS = re.compile(r"^print_info: n_head +=[ \[]*([\d, ]+)", re.MULTILINE)
REPACKED = {"q4_0", "q4_K", "q2_K", "iq4_nl"}
"""Types whose matrices an x86 CPU with AVX2 multiplies from a copy, rows interleaved by eight."""
ROWS = 8
F16 = 2
SPARE = 8
"""Tokens generated after the prompt, when a peak is measured."""


class Tensor(NamedTuple):
    """A tensor of a file in one format: its name, its sizes (inner first), its type there and its
    bytes.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    size: int


def main() -> None:
    """One job from stdin to one result on stdout."""
    work_on({"simulate": simulate, "peak": peak, "hollow": write_hollow})


def simulate(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes by part: those that all formats share, and weights and their repacked copy for each of
    `formats` ('own' is the file's).
    """
    settings = job["settings"]
    model = load(job["model"], settings, simulated=True)
    params = context_params(settings, job["n_ctx"])
    params.n_outputs_max = job["n_outputs"]
    if not llama.llama_init_from_model(model, params):
        raise Refused(last_complaint())
    log = "".join(LOG)
    runtime = peak_bytes()
    files = {name: tensors(job["model"], name) for name in job["formats"]}
    return {
        "cache": _sum(CACHE, log),
        "compute": _sum(COMPUTE, log),
        "output": _sum(OUTPUT, log),
        "runtime": runtime,
        "work": work(next(iter(files.values())), settings, job["n_ctx"], log),
        "weights": {name: sum(t.size for t in found) for name, found in files.items()},
        "repacked": {
            name: sum(t.size for t in found if settings["mmap"] and repacks(t))
            for name, found in files.items()
        },
        "types": {name: _types(found) for name, found in files.items()},
        "multiplied": {name: _multiplied(found) for name, found in files.items()},
    }


def tensors(model: str, name: str) -> list[Tensor]:
    """The tensors of a GGUF file as llama.cpp's quantizer would write them in format `name`, or,
    for 'own', as they are.
    """
    params = llama.llama_model_quantize_default_params()
    params.ftype = file_type("Q8_0" if name == OWN else name)
    params.allow_requantize = params.dry_run = True
    LOG.clear()
    code = llama.llama_model_quantize(model.encode(), b"", ctypes.byref(params))
    if code != 0:
        raise Refused(f"llama.cpp's quantizer returned {code}: {last_complaint()}")
    found = []
    for label, *sizes, kind, size, new_size, new_kind in TENSOR.findall("".join(LOG)):
        kind, size = (new_kind, new_size) if new_kind and name != OWN else (kind, size)
        found.append(Tensor(label, tuple(int(n) for n in sizes), kind, round(float(size) * MIB)))
    return found


def repacks(tensor: Tensor) -> bool:
    """Whether the CPU computes on a copy of it, beside the mapped file. The embedding is looked up
    in, not multiplied by.
    """
    return (
        tensor.type in REPACKED
        and tensor.shape[1] % ROWS == 0
        and not tensor.name.startswith("token_embd")
    )


def work(found: Sequence[Tensor], settings: dict[str, Any], n_ctx: int, log: str) -> int:
    """The largest input of a matrix product: of a layer's widest matrix, or, without the fused
    kernel, attention over all positions.
    """
    widest: int = max(t.shape[0] for t in found if t.shape[1] > 1) * settings["n_ubatch"] * F16
    fused = settings["flash_attn"] != "off" and "set to disabled" not in log
    heads = max((int(n) for n in re.findall(r"\d+", "".join(HEADS.findall(log)))), default=0)
    return widest if fused else max(widest, n_ctx * heads * min(settings["n_ubatch"], n_ctx) * F16)


def peak(job: dict[str, Any]) -> dict[str, Any]:
    """The most memory that a process ever has which fills a context of `n_ctx` tokens."""
    settings = job["settings"]
    model = load(job["model"], settings)
    context = open_context(model, settings, job["n_ctx"])
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    prompt = [(7919 * i + 13) % vocabulary for i in range(1, job["n_ctx"] - SPARE)]
    Run(context, vocabulary, settings["n_batch"]).generate(prompt, SPARE)
    return {"peak": peak_bytes()}


def write_hollow(job: dict[str, Any]) -> dict[str, Any]:
    """A model without weights, of the `dimensions` given, as the GGUF file `target`."""
    from haqa_bench.backends.workers import hollow  # gguf is no part of what a model takes

    hollow.write(job["dimensions"], Path(job["target"]))
    return {}


def _sum(pattern: re.Pattern[str], log: str) -> int:
    return round(sum(float(size) for size in pattern.findall(log)) * MIB)


def _types(found: Sequence[Tensor]) -> dict[str, int]:
    """Bytes by tensor type."""
    kinds = dict.fromkeys(t.type for t in found)
    return {kind: sum(t.size for t in found if t.type == kind) for kind in kinds}


def _multiplied(found: Sequence[Tensor]) -> dict[str, int]:
    """Weights of matrices by tensor type, without an embedding that is looked up alone."""
    tied = all(t.name != "output.weight" for t in found)
    counts: Counter[str] = Counter()
    for tensor in found:
        if tensor.shape[1] > 1 and (tied or tensor.name != "token_embd.weight"):
            counts[tensor.type.upper()] += math.prod(tensor.shape)
    return dict(counts)


if __name__ == "__main__":
    main()
