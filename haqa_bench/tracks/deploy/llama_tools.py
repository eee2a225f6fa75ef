"""llama.cpp's own programs: the settings as their options, and llama-bench's JSON as samples."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from haqa_bench.arithmetic.formats import form_of
from haqa_bench.arithmetic.memory import CACHE_TYPES, OWN
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.tracks.deploy.workload import DeployWorkload

FLASH = {"auto": (), "on": ("-fa", "1"), "off": ("-fa", "0")}
"""Of llama-bench, which takes 0 and 1 in every build, auto not in all; not said, it is auto where
there is one.
"""
BUILT = (
    "build_commit",
    "build_number",
    "backends",
    "cpu_info",
    "gpu_info",
    "model_type",
    "test_time",
    "flash_attn",
)
"""What llama-bench tells of its build and its devices."""
TOLD = ("n_threads", "n_batch", "n_ubatch", "type_k", "type_v", "n_gpu_layers")
"""The settings that it tells back."""
HOSTS = {"cpu", "blas", "openblas", "mkl", "accelerate"}
"""Backends of no device that layers are put on."""
SPOKEN = 8
"""Tokens that llama-cli has to say, to show that it runs."""
ONE_SLOT = "-np 1"
"""Of llama-server, which else keeps room for four conversations: what is measured is one."""


class Bench(NamedTuple):
    """What llama-bench found: seconds of each repeat of the prompt, of the generation and of both
    together; and what really ran.
    """

    prompt_s: Sequence[float]
    generate_s: Sequence[float]
    total_s: Sequence[float]
    facts: Mapping[str, str]


def options(settings: Settings) -> list[str]:
    """The settings of a configuration that llama-server, llama-cli and llama-bench name alike; of
    several GPUs, only where one is used.
    """
    named: dict[str, object] = {"-ngl": settings.n_gpu_layers}
    if settings.n_gpu_layers:
        named |= {"-sm": settings.split_mode, "-mg": settings.main_gpu}
    named |= {"-t": settings.n_threads, "-b": settings.n_batch, "-ub": settings.n_ubatch}
    named |= {"-ctk": settings.type_k, "-ctv": settings.type_v}
    return [word for flag, value in named.items() for word in (flag, str(value))]


def bench(program: str, model: str, settings: Settings, work: DeployWorkload) -> list[str]:
    """llama-bench's command line: the prompt alone, tokens alone, and both; as JSON."""
    tests = [
        "-p",
        str(work.n_prompt),
        "-n",
        str(work.n_generate),
        "-pg",
        f"{work.n_prompt},{work.n_generate}",
        "-r",
        str(work.repeats),
    ]
    tests += ["-d", str(work.depth)] if work.depth else []
    loaded = [] if settings.mmap else ["-lm", "none"]
    loaded += [] if settings.repack else ["--repack", "0"]
    loaded += _split(settings, "/")
    if settings.overrides:
        loaded += ["-ot", ";".join(f"{name}={kind}" for name, kind in settings.overrides)]
    return [
        program,
        "-m",
        model,
        *tests,
        *options(settings),
        *FLASH[settings.flash_attn],
        *loaded,
        "-o",
        "json",
    ]


def cli(program: str, model: str, settings: Settings, n_ctx: int) -> list[str]:
    """llama-cli's command line: a few tokens, greedily, then it ends."""
    said = [
        "-p",
        "Once upon a time",
        "-n",
        str(SPOKEN),
        "--temp",
        "0",
        "-st",
        "--no-display-prompt",
    ]
    return [program, "-m", model, *said, *more(settings, n_ctx), *options(settings)]


def parse_bench(output: str, settings: Settings, work: DeployWorkload) -> Bench:
    """llama-bench's JSON.

    Raises:
        EvaluationFailed: it is none, or says that other settings than these took effect.
    """
    wanted_tests = (
        (work.n_prompt, 0),
        (0, work.n_generate),
        (work.n_prompt, work.n_generate),
    )
    try:
        found: list[dict[str, Any]] = json.loads(output)
        tests = {(test["n_prompt"], test["n_gen"]): test for test in found}
        prompt_s, generate_s, total_s = (
            [ns / 1e9 for ns in tests[sizes]["samples_ns"]] for sizes in wanted_tests
        )
    except (ValueError, TypeError, KeyError) as error:
        raise EvaluationFailed(
            Status.CRASHED,
            f"llama-bench gave no such JSON as expected: {type(error).__name__}: {error}",
        ) from None
    both = tests[wanted_tests[-1]]
    _check(both, settings)
    facts = {name: str(both[name]) for name in (*BUILT, *TOLD) if name in both}
    return Bench(prompt_s, generate_s, total_s, facts)


def _check(told: Mapping[str, object], settings: Settings) -> None:
    """Raises EvaluationFailed where llama-bench says that something else ran than was asked for."""
    wanted = {name: getattr(settings, name) for name in TOLD}
    other = {name: told[name] for name, value in wanted.items() if told.get(name, value) != value}
    if "n_gpu_layers" in other or (settings.n_gpu_layers and _no_device(told)):
        here = "no device" if _no_device(told) else f"{told['n_gpu_layers']} layers"
        reason = f"{settings.n_gpu_layers} layers are to be on a device: llama-bench has {here}"
        raise EvaluationFailed(Status.FEWER_LAYERS, reason)
    if other:
        said = ", ".join(f"{name} = {value}" for name, value in other.items())
        raise EvaluationFailed(Status.SETTING_IGNORED, f"other settings took effect: {said}")


def commands(
    model: Path,
    settings: Settings,
    n_ctx: int,
    beside: Sequence[str] = (),
) -> dict[str, str]:
    """How llama.cpp's server, its command line and llama-cpp-python are started with these
    settings; the former two with some words `beside`.
    """
    alone = apart(settings)
    words = ["-m", str(model), *more(settings, n_ctx), *options(settings), *alone, *beside]
    line = shlex.join(words)
    arguments = {
        "model_path": str(model),
        "n_ctx": n_ctx,
        **{
            name: getattr(settings, name)
            for name in (
                "n_gpu_layers",
                "main_gpu",
                "n_threads",
                "n_threads_batch",
                "n_batch",
                "n_ubatch",
            )
        },
        **({"tensor_split": list(settings.shares)} if settings.shares else {}),
        "flash_attn": settings.flash_attn != "off",
        "type_k": CACHE_TYPES[settings.type_k],
        "type_v": CACHE_TYPES[settings.type_v],
        "swa_full": False,
        **({"op_offload": False} if alone else {}),  # it has no argument that names no device
        **({} if settings.mmap else {"use_mmap": False}),
    }
    call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    found = {
        "llama-server": f"llama-server {line} {ONE_SLOT}",
        "llama-cli": f"llama-cli {line}",
    }
    if not settings.repack or settings.overrides:  # its Llama has no such arguments
        return found
    return {**found, "llama-cpp-python": f"llama_cpp.Llama({call})"}


def quantize(source: Path, name: str, imatrix: str) -> dict[str, str]:
    """How llama.cpp's own program makes the file of a format; nothing for the model's own file."""
    if name == OWN:
        return {}
    form = form_of(name)
    words = ["llama-quantize", "--allow-requantize"]
    words += ["--imatrix", imatrix] if form.imatrix else []
    for pattern, kind in form.tensors.items():
        words += ["--tensor-type", f"{pattern}={kind.lower()}"]
    target = f"{source.stem}-{name}.gguf"
    return {"llama-quantize": shlex.join([*words, str(source.absolute()), target, form.format])}


def more(settings: Settings, n_ctx: int) -> list[str]:
    """What llama-bench has another name for, or none."""
    experts = ["-cmoe"] if settings.cpu_moe else []
    experts += ["-ncmoe", str(settings.n_cpu_moe)] if settings.n_cpu_moe else []
    return [
        "-c",
        str(n_ctx),
        "-tb",
        str(settings.n_threads_batch),
        "-fa",
        settings.flash_attn,
        *([] if settings.mmap else ["-lm", "none"]),
        *([] if settings.repack else ["--no-repack"]),
        *_split(settings, ","),
        *experts,
        *(["-ot", settings.override_tensor] if settings.override_tensor else []),
    ]


def apart(settings: Settings) -> list[str]:
    """Where no layer is to lie on a device: that none has a part in anything, as in what is
    measured. Else a program that knows one computes long prompts there.
    """
    return ["-dev", "none"] if settings.n_gpu_layers == 0 else []


def _split(settings: Settings, between: str) -> list[str]:
    """The devices' shares, which llama-bench writes 3/1."""
    text = settings.tensor_split.replace(",", between)
    return ["-ts", text] if text else []


def _no_device(told: Mapping[str, object]) -> bool:
    """Whether llama-bench says which backends it was built with, and that the CPU's is all."""
    words = re.findall(r"\w+", str(told.get("backends", "")).lower())
    return bool(words) and set(words) <= HOSTS
