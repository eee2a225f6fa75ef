"""How a recommendation is started with the programs that people use, beside llama.cpp's own."""

import shlex
from dataclasses import fields
from pathlib import Path

from haqa_bench.backends import gguf_files
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.tracks.serve.jobs import ServerSettings

LAYERS_OF_ALL = 999
"""What Ollama takes for every layer."""
UNNAMED = ("n_cpu_moe", "tensor_split", "kv_unified", "cont_batching", "speculation", "draft_max")
"""Settings that a tuning tries and Ollama has no name for."""


def whole(file: Path, folder: Path) -> Path:
    """The one file that Ollama and LM Studio take: a model's own, or, where it is split, what is to
    be made of its parts in a folder.
    """
    ending = gguf_files.ending(file)
    return file if ending == ".gguf" else folder / f"{file.name.removesuffix(ending)}.gguf"


def merged(file: Path, folder: Path) -> dict[str, str]:
    """How llama.cpp's own program makes it; nothing where the model is one file."""
    made = whole(file, folder)
    if made == file:
        return {}
    words = ["llama-gguf-split", "--merge", str(file.absolute()), str(made.absolute())]
    return {"llama-gguf-split": shlex.join(words)}


def modelfile(file: Path, settings: Settings, n_ctx: int) -> str:
    """Ollama's Modelfile. Fused attention, the cache's format and slots are none of its parameters:
    `ollama_environment` has them. Its num_batch is what llama.cpp computes at once, n_ubatch.
    """
    parameters = {
        "num_ctx": n_ctx,
        "num_thread": settings.n_threads,
        "num_batch": settings.n_ubatch,
        "num_gpu": settings.n_gpu_layers if settings.n_gpu_layers >= 0 else LAYERS_OF_ALL,
    }
    lines = [f"FROM {file.absolute()}"]
    lines += [f"PARAMETER {name} {value}" for name, value in parameters.items()]
    return "\n".join(lines) + "\n"


def ollama_environment(settings: Settings, server: ServerSettings | None) -> dict[str, str]:
    """Variables that `ollama serve` has to be started with; one format serves keys and values."""
    found = {"OLLAMA_FLASH_ATTENTION": "0" if settings.flash_attn == "off" else "1"}
    if settings.type_k == settings.type_v != "f16":
        found["OLLAMA_KV_CACHE_TYPE"] = settings.type_k
    if server:
        found["OLLAMA_NUM_PARALLEL"] = str(server.parallel)
    return found


def ollama(name: str, settings: Settings, server: ServerSettings | None) -> list[str]:
    """The command lines for Ollama, the Modelfile being in the current folder: the first goes on
    until it is ended, so the second is for another terminal.
    """
    variables = " ".join(f"{k}={v}" for k, v in ollama_environment(settings, server).items())
    return [
        f"{variables} ollama serve",
        f"ollama create {name} -f Modelfile && ollama run {name}",
    ]


def untold(settings: Settings, server: ServerSettings | None) -> list[str]:
    """What Ollama cannot be told, of what is not llama.cpp's own default."""
    found = []
    if settings.type_k != settings.type_v:
        found.append(f"type_k {settings.type_k} with type_v {settings.type_v}")
    for part in (settings, server) if server else (settings,):
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name in UNNAMED and value != field.default:
                said = str(value).lower() if isinstance(value, bool) else value
                found.append(f"{field.name} {said}")
    return found


def lm_studio(file: Path, settings: Settings, n_ctx: int) -> str:
    """The line that links the file into LM Studio, where it stays where it is, and what to set in
    the load settings, by their names there.
    """
    told = {
        "Context Length": str(n_ctx),
        "GPU Offload": str(settings.n_gpu_layers),
        "CPU Thread Pool Size": str(settings.n_threads),
        "Evaluation Batch Size": str(settings.n_batch),
        "Flash Attention": "off" if settings.flash_attn == "off" else "on",
        "K Cache Quantization Type": settings.type_k,
        "V Cache Quantization Type": settings.type_v,
        "Try mmap()": "on" if settings.mmap else "off",
    }
    settings_told = ", ".join(f"{name} {value}" for name, value in told.items())
    line = shlex.join(["lms", "import", "--symbolic-link", str(file.absolute())])
    return f"{line}, then: {settings_told}"
