"""Runs llama.cpp, in a process of its own: `python -m haqa_bench.backends.workers.llama_cpp <
job.json > result.json`.

A process each, because llama.cpp aborts on some settings instead of returning an error, and because
peak memory belongs to a process.
"""

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import llama_cpp as llama

from haqa_bench.arithmetic.memory import CACHE_TYPES
from haqa_bench.backends import llama_placed
from haqa_bench.backends.jobs import Done
from haqa_bench.backends.llama_jobs import (
    Answer,
    Answers,
    Contents,
    Fill,
    FindDevices,
    FoundDevices,
    Inspect,
    Measure,
    Measured,
    Settings,
)
from haqa_bench.backends.llama_log import all_said, cause_of, other_kind, said
from haqa_bench.backends.llama_placed import NOTHING
from haqa_bench.backends.workers import energy, ggml_devices, offloading
from haqa_bench.backends.workers.decoding import Run, made_up_prompt
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.backends.workers.llama_logged import ERRORS, LOG, refused, work_logged
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.backends.workers.quantizing import quantize

SPLITS = {"none": 0, "layer": 1, "row": 2}
FLASH = {"auto": -1, "off": 0, "on": 1}


WARM = 8
"""Tokens generated at most to warm up."""


def measure(job: Measure) -> Measured:
    """Loads, warms up, takes `repeats` samples, and reads everything back."""
    started = time.perf_counter()
    model = load(job.model, job.settings)
    n_outputs = 0 if job.text or job.examples else 1
    context = open_context(model, job.settings, job.n_ctx, n_outputs, job.planned)
    load_s = time.perf_counter() - started
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    prompt = made_up_prompt(vocabulary, job.n_prompt)
    run = Run(context, vocabulary, job.settings.n_batch, job.depth, job.filled)
    run.generate(prompt[: job.warm_up], min(WARM, job.n_generate))
    used = offloading.DeviceMemory(llama_placed.read("".join(LOG)))
    samples = []
    meter = energy.meter(job.settings.n_gpu_layers != 0)
    for _ in range(job.repeats):
        before = meter.joules()
        sample = run.generate(prompt, job.n_generate)
        after = meter.joules()
        taken = None if before is None or after is None else after - before
        samples.append(replace(sample, energy_j=taken))
        used.look()
    peak = peak_bytes()
    return Measured(
        load_s=load_s,
        samples=tuple(samples),
        peak_bytes=peak,
        perplexity=run.perplexity(model, job.text, job.quality_tokens) if job.text else None,
        held_out_loss=run.held_out_loss(job.examples) if job.examples else None,
        facts=facts(context)
        | ({"depth": str(job.depth)} if job.depth else {})
        | used.facts
        | meter.facts,
        device_bytes=used.peak,
    )


def find_devices(job: FindDevices) -> FoundDevices:
    """Which devices this llama.cpp knows."""
    found = tuple(held.found for held in ggml_devices.devices())
    return FoundDevices(found, llama.__version__)


def fill(job: Fill) -> Done:
    """Reads as many tokens, and writes the cache's contents to a file."""
    model = load(job.model, job.settings)
    context = open_context(model, job.settings, job.n_ctx)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    Run(context, vocabulary, job.settings.n_batch).decode(made_up_prompt(vocabulary, job.depth))
    none = (llama.llama_token * 1)()
    if not llama.llama_state_seq_save_file(context, os.fsencode(job.target), 0, none, 0):
        raise refused(f"the cache's contents cannot be written: {cause_of(ERRORS)}")
    return Done()


def answer(job: Answer) -> Answers:
    """What the model chooses greedily after each prompt, up to where it ends."""
    model = load(job.model, job.settings)
    context = open_context(model, job.settings, job.n_ctx)
    vocabulary = llama.llama_model_get_vocab(model)
    run = Run(context, llama.llama_vocab_n_tokens(vocabulary), job.settings.n_batch)
    return Answers(tuple(tuple(run.answer(p, job.n_generate, vocabulary)) for p in job.prompts))


def load(path: str, settings: Settings, simulated: bool = False) -> "llama.llama_model_p":
    """The model, or Refused with llama.cpp's own complaint; where it is simulated, without its
    weights.
    """
    params = llama.llama_model_default_params()
    params.n_gpu_layers, params.no_alloc = settings.n_gpu_layers, simulated
    params.split_mode, params.main_gpu = SPLITS[settings.split_mode], settings.main_gpu
    params.use_extra_bufts = settings.repack
    on_devices = offloading.set_devices(params, settings)
    params.load_mode = (
        llama.LLAMA_LOAD_MODE_MMAP
        if settings.mmap and not simulated
        else llama.LLAMA_LOAD_MODE_NONE
    )
    ERRORS.clear()
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    del on_devices  # llama.cpp has read it
    if not model:
        raise refused(cause_of(ERRORS) + other_kind("".join(LOG)))
    return model


def open_context(
    model: "llama.llama_model_p",
    settings: Settings,
    n_ctx: int,
    n_outputs: int = 1,
    planned: Mapping[str, int] = NOTHING,
) -> "llama.llama_context_p":
    """A context with the settings, in which at most `n_outputs` tokens of a batch have logits (0:
    all): a device reserves memory for them. Or Refused: with llama.cpp's own complaint, or where
    it did otherwise than asked and said nothing. `planned` are bytes of weights by device.
    """
    params = context_params(settings, n_ctx)
    params.n_outputs_max = n_outputs
    context = new_context(model, params)
    if n_ctx > settings.n_ubatch and said("".join(LOG), "llama_context: causal_attn") == "0":
        raise refused(
            f"the model reads a whole text at once: a context of {n_ctx} tokens needs an n_ubatch "
            f"of as many, not {settings.n_ubatch}"
        )
    placed = llama_placed.read("".join(LOG))
    if fault := llama_placed.fault(placed, settings, planned):
        raise Refused(fault.reason, fault.status, facts(context))
    return context


def new_context(
    model: "llama.llama_model_p", params: "llama.llama_context_params"
) -> "llama.llama_context_p":
    """A context, or Refused with llama.cpp's own complaint."""
    ERRORS.clear()
    context = llama.llama_init_from_model(model, params)
    if not context:
        raise refused(cause_of(ERRORS))
    return context


def context_params(settings: Settings, n_ctx: int) -> "llama.llama_context_params":
    """The settings as llama.cpp takes them; what is no setting, as its programs have it
    (docs/memory.md).
    """
    params = llama.llama_context_default_params()
    params.swa_full = False
    params.n_ctx, params.no_perf = n_ctx, False
    params.n_batch, params.n_ubatch = settings.n_batch, settings.n_ubatch
    params.n_threads, params.n_threads_batch = settings.n_threads, settings.n_threads_batch
    params.flash_attn_type = FLASH[settings.flash_attn]
    params.type_k, params.type_v = CACHE_TYPES[settings.type_k], CACHE_TYPES[settings.type_v]
    return params


def facts(context: "llama.llama_context_p") -> dict[str, str]:
    """What took effect, read back from llama.cpp."""
    log = "".join(LOG)
    placed = llama_placed.read(log)
    buffers = [line for line in log.splitlines() if "model buffer size" in line]
    return {
        "n_ctx": str(llama.llama_n_ctx(context)),
        "n_batch": str(llama.llama_n_batch(context)),
        "n_ubatch": str(llama.llama_n_ubatch(context)),
        "n_threads": str(llama.llama_n_threads(context)),
        "n_threads_batch": str(llama.llama_n_threads_batch(context)),
        "flash_attn": placed.flash_attn,
        "kv_cache": " and ".join(all_said(log, "llama_kv_cache: size")).replace("  ", " "),
        "mmap": str(any("_Mapped" in line for line in buffers)).lower(),
        "repacked": str(any("REPACK" in line for line in buffers)).lower(),
        "llama_cpp_python": llama.__version__,
        "system_info": llama.llama_print_system_info().decode().strip(" |"),
        **llama_placed.facts(placed),
    }


def inspect(job: Inspect) -> Contents:
    """What the GGUF files of a model really hold. A format's name can hide it."""
    from gguf import GGUFReader

    weights: Counter[str] = Counter()
    multiplied: Counter[str] = Counter()
    try:
        tensors = [tensor for file in job.files for tensor in GGUFReader(file).tensors]
    except (ValueError, KeyError, IndexError) as fault:  # a key or a size that is none
        raise refused(f"the package gguf cannot read it: {fault}") from None
    if not tensors:
        raise refused("the file holds no weights")
    tied = all(tensor.name != "output.weight" for tensor in tensors)
    for tensor in tensors:
        weights[tensor.tensor_type.name] += int(tensor.n_elements)
        if len(tensor.shape) > 1 and (tied or tensor.name != "token_embd.weight"):
            multiplied[tensor.tensor_type.name] += int(tensor.n_elements)
    blocks = {tensor.name.split(".")[1] for tensor in tensors if tensor.name.startswith("blk.")}
    return Contents(
        weights=dict(weights.most_common()),
        multiplied=dict(multiplied.most_common()),
        layers=len(blocks),
        stored_bytes=sum(int(tensor.n_bytes) for tensor in tensors),
        file_bytes=sum(Path(file).stat().st_size for file in job.files),
    )


if __name__ == "__main__":
    work_logged(quantize, inspect, fill, measure, answer, find_devices)
