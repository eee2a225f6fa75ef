"""What llama.cpp says a model would take, and what it really takes: `python -m
haqa_bench.backends.workers.llama_cpp_memory < job.json > result.json`.

`simulate` loads nothing but the file's header: llama.cpp plans all its buffers (`no_alloc`), and
its quantizer says what each tensor would become (`dry_run`). `peak` runs the model over a whole
context, and reads the most memory that the process ever had.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import llama_cpp as llama

from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends.jobs import Done
from haqa_bench.backends.llama_jobs import (
    FormatSizes,
    Peak,
    PeakBytes,
    Settings,
    Simulate,
    Simulated,
    WriteHollow,
)
from haqa_bench.backends.llama_tensors import Tensor, repacks
from haqa_bench.backends.workers.decoding import Run, made_up_prompt
from haqa_bench.backends.workers.frame import Unusable
from haqa_bench.backends.workers.llama_cpp import (
    context_params,
    load,
    new_context,
    open_context,
)
from haqa_bench.backends.workers.llama_logged import LOG, refused, work_logged
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.backends.workers.quantizing import run_quantizer

MIB = 2**20
TENSOR = re.compile(
    r"\] +(\S+) +- \[ *(\d+), *(\d+), *(\d+), *(\d+)\], type = +(\S+), size = +[\d.]+ "
    r"MiB(?: -> +[\d.]+ MiB \((\w+)\))?"
)
CACHE = re.compile(r"^llama_(?:kv_cache|memory_recurrent)\w*: +size = +([\d.]+) MiB", re.MULTILINE)
COMPUTE = re.compile(r"compute buffer size = +([\d.]+) MiB")
OUTPUT = re.compile(r"output buffer size = +([\d.]+) MiB")
HEADS = re.compile(r"^print_info: n_head +=[ \[]*([\d, ]+)", re.MULTILINE)
F16 = 2
SPARE = 8
"""Tokens generated after the prompt, when a peak is measured."""


def simulate(job: Simulate) -> Simulated:
    """Bytes by part: those that all formats share, and weights and their repacked copy of each."""
    model = load(job.model, job.settings, simulated=True)
    params = context_params(job.settings, job.n_ctx)
    params.n_outputs_max = job.n_outputs
    new_context(model, params)
    log = "".join(LOG)
    runtime = peak_bytes()
    files = {name: tensors(job.model, name) for name in job.formats}
    if not all(files.values()):
        raise refused("the file holds no weights")
    return Simulated(
        cache=_sum(CACHE, log),
        compute=_sum(COMPUTE, log),
        output=_sum(OUTPUT, log),
        runtime=runtime,
        n_ctx_train=llama.llama_model_n_ctx_train(model),
        work=work_bytes(next(iter(files.values())), job.settings, job.n_ctx, log),
        formats={name: sizes(found, job.settings) for name, found in files.items()},
    )


def sizes(found: Sequence[Tensor], settings: Settings) -> FormatSizes:
    """What tensors take, and what of them a CPU holds twice: where the file is mapped and weights
    may be repacked.
    """
    twice = settings.mmap and settings.repack
    return FormatSizes(
        weights=sum(t.size for t in found),
        repacked=sum(t.size for t in found if twice and repacks(t)),
        types=_types(found),
        multiplied=_multiplied(found),
    )


def tensors(model: str, name: str) -> list[Tensor]:
    """The tensors of a GGUF file as llama.cpp's quantizer would write them in format `name`, or,
    for 'own', as they are.
    """
    LOG.clear()
    run_quantizer(model, "", "Q8_0" if name == OWN else name, dry_run=True)
    found = []
    for label, *sizes, kind, new_kind in TENSOR.findall("".join(LOG)):
        shape = tuple(int(n) for n in sizes)
        kind = new_kind if new_kind and name != OWN else kind
        found.append(Tensor(label, shape, kind, stored(kind, shape)))
    return found


def stored(kind: str, shape: Sequence[int]) -> int:
    """The bytes of a tensor in one of ggml's types: llama.cpp's log rounds them."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType  # no part of what a model takes

    try:
        weights, size = GGML_QUANT_SIZES[GGMLQuantizationType[kind.upper()]]
    except KeyError:
        raise refused(f"the package gguf knows no tensors of type {kind}") from None
    return math.prod(shape) // weights * size


def work_bytes(found: Sequence[Tensor], settings: Settings, n_ctx: int, log: str) -> int:
    """The largest input of a matrix product: of a layer's widest matrix, or, without the fused
    kernel, attention over all positions.
    """
    widest = max(t.shape[0] for t in found if t.shape[1] > 1) * settings.n_ubatch * F16
    fused = settings.flash_attn != "off" and "set to disabled" not in log
    heads = max((int(n) for n in re.findall(r"\d+", "".join(HEADS.findall(log)))), default=0)
    return widest if fused else max(widest, n_ctx * heads * min(settings.n_ubatch, n_ctx) * F16)


def peak(job: Peak) -> PeakBytes:
    """The most memory that a process ever has which fills a context of `n_ctx` tokens."""
    model = load(job.model, job.settings)
    context = open_context(model, job.settings, job.n_ctx)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    prompt = made_up_prompt(vocabulary, job.n_ctx - SPARE - 1)
    Run(context, vocabulary, job.settings.n_batch).generate(prompt, SPARE)
    return PeakBytes(peak_bytes())


def write_hollow(job: WriteHollow) -> Done:
    """A model without weights."""
    from haqa_bench.backends.workers import hollow  # gguf is no part of what a model takes

    try:
        hollow.write(job.dimensions, Path(job.target), job.architecture)
    except OSError as error:
        raise Unusable(job.target, f"a model of such sizes: {error.strerror}") from None
    return Done()


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
    work_logged(simulate, peak, write_hollow)
