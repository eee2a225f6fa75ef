"""Runs llama.cpp, in a process of its own: `python -m haqa_bench.backends.workers.llama_cpp <
job.json > result.json`.

A process each, because llama.cpp aborts on some settings instead of returning an error, and because
peak memory belongs to a process. The C interface is called directly, so that what is timed is
`llama_decode` and nothing of a wrapper. Times:

    time to first token   prompt decoded, first token chosen
    prompt tokens/s       n_prompt over the time its decoding took
    generation tokens/s   tokens after the first, over the time their decoding took
    end-to-end tokens/s   all generated tokens over the whole time, prompt and choice of tokens
    included

Greedy choice, fixed prompt tokens: every configuration does the same work. `llama_perf_context` is
read beside each sample.
"""

import ctypes
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import llama_cpp as llama
import numpy as np

from haqa_bench.arithmetic.memory import CACHE_TYPES
from haqa_bench.backends import llama_placed
from haqa_bench.backends.jobs import Done, Example
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
    Quantize,
    Sample,
    Settings,
)
from haqa_bench.backends.llama_log import all_said, cause_of, other_kind, said
from haqa_bench.backends.workers import ggml_devices
from haqa_bench.backends.workers.frame import Action, Refused, work
from haqa_bench.backends.workers.load import (
    cpu_times,
    involuntary_switches,
    others_share,
    peak_bytes,
)
from haqa_bench.errors import Status

LOG: list[str] = []
ERRORS: list[str] = []
"""What llama.cpp logged as an error since it was last asked for something."""
SPLITS = {"none": 0, "layer": 1, "row": 2}
FLASH = {"auto": -1, "off": 0, "on": 1}


WARM = 8
"""Tokens generated at most to warm up."""
ERROR = 4  # ggml's level
IGNORED = -100
"""The label of a token that is not scored."""
NO_MEMORY = ("allocate", "bad_alloc", "insufficient memory")


def work_logged(*actions: Action) -> None:
    """A worker's work, with llama.cpp's log kept."""
    keep = llama.llama_log_callback(on_log)
    llama.llama_log_set(keep, ctypes.c_void_p(0))
    work(*actions)


def on_log(level: int, text: bytes, _: object) -> None:
    """Keeps llama.cpp's log. Its errors go to stderr too: should it abort, they are the reason."""
    LOG.append(text.decode(errors="replace"))
    if level == ERROR:
        ERRORS.append(LOG[-1])
        print(LOG[-1], end="", file=sys.stderr, flush=True)


def refused(reason: str) -> Refused:
    """That llama.cpp would not take the model or the setting, or, if its log says so, that memory
    ran out.
    """
    log = "".join(LOG)
    want = any(words in log for words in NO_MEMORY)
    return Refused(reason, Status.OOM if want else Status.REFUSED)


def quantize(job: Quantize) -> Done:
    """Writes a file in another format with llama.cpp's quantizer."""
    params = llama.llama_model_quantize_default_params()
    params.ftype = file_type(job.format)
    params.allow_requantize, params.pure = True, job.pure
    run_quantizer(job.source, job.target, params)
    return Done()


def run_quantizer(source: str, target: str, params: "llama.llama_model_quantize_params") -> None:
    """llama.cpp's quantizer, or Refused with llama.cpp's own complaint."""
    ERRORS.clear()
    code = llama.llama_model_quantize(
        os.fsencode(source), os.fsencode(target), ctypes.byref(params)
    )
    if code != 0:
        raise refused(f"llama.cpp's quantizer returned {code}: {cause_of(ERRORS)}")


def file_type(name: str) -> int:
    """llama.cpp's number for a format, or Refused."""
    number: int | None = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{name.upper()}", None)
    if number is None:
        raise refused(f"llama.cpp has no format '{name}'")
    return number


def measure(job: Measure) -> Measured:
    """Loads, warms up, takes `repeats` samples, and reads everything back."""
    started = time.perf_counter()
    model = load(job.model, job.settings)
    context = open_context(model, job.settings, job.n_ctx, 0 if job.text or job.examples else 1)
    load_s = time.perf_counter() - started
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    prompt = made_up_prompt(vocabulary, job.n_prompt)
    run = Run(context, vocabulary, job.settings.n_batch, job.depth, job.filled)
    run.generate(prompt[: job.warm_up], min(WARM, job.n_generate))
    used = DeviceMemory(llama_placed.read("".join(LOG)))
    samples = []
    for _ in range(job.repeats):
        samples.append(run.generate(prompt, job.n_generate))
        used.look()
    peak = peak_bytes()
    return Measured(
        load_s=load_s,
        samples=tuple(samples),
        peak_bytes=peak,
        perplexity=run.perplexity(model, job.text, job.quality_tokens) if job.text else None,
        held_out_loss=run.held_out_loss(job.examples) if job.examples else None,
        facts=facts(context) | ({"depth": str(job.depth)} if job.depth else {}) | used.facts,
        device_bytes=used.peak,
    )


class DeviceMemory:
    """How much of its devices' memory a model has: what is less free than before it was loaded,
    or llama.cpp's own buffers, where a backend does not count, or counts less.
    """

    def __init__(self, placed: llama_placed.Placed) -> None:
        self.names = [device.name for device in placed.devices]
        self.before = sum(device.free for device in placed.devices)
        self.buffers = sum(placed.taken(name) for name in self.names)
        self.gone = 0
        self.look()

    def look(self) -> None:
        """Asks the devices once more. Nothing is timed meanwhile."""
        if self.names:
            self.gone = max(self.gone, self.before - ggml_devices.free_bytes(self.names))

    @property
    def peak(self) -> int | None:
        """In bytes; None without devices."""
        return max(self.gone, self.buffers) if self.names else None

    @property
    def facts(self) -> dict[str, str]:
        """What is known, in words."""
        if not self.names:
            return {}
        told = "the memory that was no longer free" if self.gone > self.buffers else "its buffers"
        return {
            "device_buffers_mb": f"{self.buffers / 1e6:.1f}",
            "device_memory_gone_mb": f"{self.gone / 1e6:.1f}",
            "device_memory_by": told,
        }


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


def made_up_prompt(vocabulary: int, n_prompt: int) -> list[int]:
    """The same `n_prompt` tokens each time, spread over the vocabulary."""
    return [(7919 * i + 13) % vocabulary for i in range(1, n_prompt + 1)]


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
    on_devices = _on_devices(params, settings)
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


def _on_devices(params: "llama.llama_model_params", settings: Settings) -> list[object]:
    """Sets what goes to which device; what must live until the model is loaded. Where no layer
    does, no device has a part in it: else one would compute long prompts.
    """
    if settings.n_gpu_layers == 0:
        nobody = (ctypes.c_void_p * 1)()
        params.devices = ctypes.addressof(nobody)
        return [nobody]
    _check_devices(settings)
    kept: list[object] = []
    if settings.shares:
        shares = (ctypes.c_float * llama.llama_max_devices())(*settings.shares)
        params.tensor_split = shares
        kept.append(shares)
    if settings.overrides:
        patterns = ggml_devices.overrides(settings.overrides)
        params.tensor_buft_overrides = ctypes.addressof(patterns)
        kept.append(patterns)
    return kept


def _check_devices(settings: Settings) -> None:
    """Raises Refused where devices are named that are not here. That there is none at all is
    `fewer_layers`.
    """
    names = [device.name for device in ggml_devices.offloadable()]
    here = f"here is {', '.join(names)}" if len(names) == 1 else f"here are {', '.join(names)}"
    if names and len(settings.shares) > len(names):
        raise Refused(f"tensor_split: '{settings.tensor_split}' is for more devices: {here}")
    if names and settings.main_gpu >= len(names):
        raise Refused(f"main_gpu: there is no device {settings.main_gpu}: {here}, counted from 0")


def open_context(
    model: "llama.llama_model_p", settings: Settings, n_ctx: int, n_outputs: int = 1
) -> "llama.llama_context_p":
    """A context with the settings, in which at most `n_outputs` tokens of a batch have logits (0:
    all), or Refused with llama.cpp's own complaint. A device reserves memory for them.
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
    if fault := llama_placed.fault(placed, settings):
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


class Run:
    """Decodes on one context, after the `depth` tokens that the file `filled` holds."""

    def __init__(
        self,
        context: "llama.llama_context_p",
        vocabulary: int,
        n_batch: int,
        depth: int = 0,
        filled: str = "",
    ) -> None:
        self.context, self.vocabulary, self.n_batch = context, vocabulary, n_batch
        self.depth, self.filled = depth, filled
        if depth:
            self.restore()

    def rewind(self) -> None:
        """Leaves what lies in the cache before each sample, and nothing else."""
        memory = llama.llama_get_memory(self.context)
        if not self.depth:
            llama.llama_memory_clear(memory, True)
        elif not llama.llama_memory_seq_rm(memory, 0, self.depth, -1):  # a sliding window's
            self.restore()

    def restore(self) -> None:
        """Reads the cache's contents from their file."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        none, count = (llama.llama_token * 1)(), ctypes.c_size_t(0)
        ERRORS.clear()
        if not llama.llama_state_seq_load_file(
            self.context, os.fsencode(self.filled), 0, none, 1, ctypes.byref(count)
        ):
            raise refused(f"the cache's contents cannot be read: {cause_of(ERRORS)}")

    def generate(self, prompt: Sequence[int], n_generate: int) -> Sample:
        """One sample, in seconds; beside it llama.cpp's own timing and what others took of the
        machine.
        """
        self.rewind()
        llama.llama_perf_context_reset(self.context)
        before, switches = cpu_times(), involuntary_switches()
        start = time.perf_counter()
        self.decode(prompt)
        prompt_end = time.perf_counter()
        token = self.greedy()
        first = time.perf_counter()
        decoding = 0.0
        for _ in range(n_generate - 1):
            begin = time.perf_counter()
            self.decode([token])
            decoding += time.perf_counter() - begin
            token = self.greedy()
        end = time.perf_counter()
        perf = llama.llama_perf_context(self.context)
        return Sample(
            prompt_s=prompt_end - start,
            first_token_s=first - start,
            generate_s=decoding,
            total_s=end - start,
            llama_prompt_s=perf.t_p_eval_ms / 1000,
            llama_generate_s=perf.t_eval_ms / 1000,
            others_share=others_share(before, cpu_times(), end - start),
            involuntary_switches=involuntary_switches() - switches,
        )

    def answer(
        self, prompt: Sequence[int], n_generate: int, vocabulary: "llama.llama_vocab_p"
    ) -> list[int]:
        """The tokens that follow `prompt` greedily, an end included."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        found: list[int] = []
        while len(found) < n_generate and not (
            found and llama.llama_vocab_is_eog(vocabulary, found[-1])
        ):
            self.decode(found[-1:] or prompt)
            found.append(self.greedy())
        return found

    def decode(self, tokens: Sequence[int]) -> None:
        """Decodes `tokens`, at most n_batch at a time: a longer llama_decode aborts the process."""
        for begin in range(0, len(tokens), self.n_batch):
            part = tokens[begin : begin + self.n_batch]
            array = (llama.llama_token * len(part))(
                *part
            )  # named, since the batch only points at it
            code = llama.llama_decode(self.context, llama.llama_batch_get_one(array, len(part)))
            if code != 0:
                raise refused(f"llama_decode returned {code}: {cause_of(ERRORS)}")
        llama.llama_synchronize(self.context)

    def greedy(self) -> int:
        """The likeliest next token."""
        logits = llama.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self.vocabulary,)).argmax())

    def perplexity(self, model: "llama.llama_model_p", text: str, n_tokens: int) -> float:
        """exp of the mean negative log likelihood of the second half of the first `n_tokens` of
        `text`, one window.
        """
        tokens = tokenize(model, text)[:n_tokens]
        if len(tokens) < n_tokens:
            raise refused(
                f"the quality text has {len(tokens)} tokens, quality_tokens asks for {n_tokens}"
            )
        losses = self._losses(tokens, n_tokens // 2)
        return math.exp(sum(losses) / len(losses))

    def held_out_loss(self, examples: Sequence[Example]) -> float:
        """The mean negative log likelihood, in nats, of the tokens of all `examples` that have a
        label; an example's follow each other.
        """
        losses = [
            loss
            for e in examples
            for loss in self._losses(
                e.input_ids, next(i for i, x in enumerate(e.labels) if x != IGNORED) - 1
            )
        ]
        return sum(losses) / len(losses)

    def _losses(self, tokens: Sequence[int], first: int) -> list[float]:
        """The negative log likelihoods of the tokens that follow those from the `first` on, in a
        fresh context.
        """
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        return [
            loss
            for begin in range(0, len(tokens), self.n_batch)
            for loss in self._of_batch(tokens, begin, min(begin + self.n_batch, len(tokens)), first)
        ]

    def _of_batch(self, tokens: Sequence[int], begin: int, end: int, first: int) -> list[float]:
        """Decodes one batch; the negative log likelihoods of the next tokens of those of its
        positions that are scored.
        """
        scored = [p for p in range(begin, end) if first <= p < len(tokens) - 1]
        batch = llama.llama_batch_init(end - begin, 0, 1)
        batch.n_tokens = end - begin
        for i, position in enumerate(range(begin, end)):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = (
                tokens[position],
                position,
                1,
                position in scored,
            )
            batch.seq_id[i][0] = 0
        code = llama.llama_decode(self.context, batch)
        llama.llama_batch_free(batch)
        if code != 0:
            raise refused(f"llama_decode returned {code}: {cause_of(ERRORS)}")
        return [self._loss(position - begin, tokens[position + 1]) for position in scored]

    def _loss(self, row: int, token: int) -> float:
        """-log p(token) after the `row`-th token of the last batch."""
        logits = np.ctypeslib.as_array(
            llama.llama_get_logits_ith(self.context, row), shape=(self.vocabulary,)
        )
        top = float(logits.max())
        return top + math.log(np.exp(logits - top).sum(dtype=np.float64)) - float(logits[token])


def tokenize(model: "llama.llama_model_p", text: str) -> list[int]:
    """The tokens of `text`, with the model's beginning-of-text token where it has one."""
    data, vocabulary = text.encode(), llama.llama_model_get_vocab(model)

    def into(size: int) -> list[int]:
        room = (llama.llama_token * size)()
        count = llama.llama_tokenize(vocabulary, data, len(data), room, size, True, False)
        return list(room[:count]) if count >= 0 else into(-count)  # as many are needed

    return into(len(data) + 8)


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
