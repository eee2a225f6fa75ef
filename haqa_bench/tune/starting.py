"""How a recommendation is started with the programs that people use, beside llama.cpp's own."""

from pathlib import Path

from haqa_bench.backends.llama_jobs import Settings

LAYERS_OF_ALL = 999
"""What Ollama takes for every layer."""


def modelfile(file: Path, settings: Settings, n_ctx: int) -> str:
    """Ollama's Modelfile. Fused attention and the cache's format are none of its parameters:
    `ollama_environment` has them.
    """
    parameters = {
        "num_ctx": n_ctx,
        "num_thread": settings.n_threads,
        "num_batch": settings.n_batch,
        "num_gpu": settings.n_gpu_layers if settings.n_gpu_layers >= 0 else LAYERS_OF_ALL,
    }
    lines = [f"FROM {file.absolute()}"]
    lines += [f"PARAMETER {name} {value}" for name, value in parameters.items()]
    return "\n".join(lines) + "\n"


def ollama_environment(settings: Settings) -> dict[str, str]:
    """Variables that `ollama serve` has to be started with; one format serves keys and values."""
    found = {"OLLAMA_FLASH_ATTENTION": "0" if settings.flash_attn == "off" else "1"}
    if settings.type_k == settings.type_v != "f16":
        found["OLLAMA_KV_CACHE_TYPE"] = settings.type_k
    return found


def ollama(name: str, settings: Settings) -> list[str]:
    """The command lines for Ollama, the Modelfile being in the current folder."""
    variables = " ".join(f"{k}={v}" for k, v in ollama_environment(settings).items())
    return [
        f"{variables} ollama serve",
        f"ollama create {name} -f Modelfile && ollama run {name}",
    ]


def lm_studio(file: Path, settings: Settings, n_ctx: int) -> str:
    """What to set in LM Studio's load settings, by their names there."""
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
    return f"lms import {file.name}, then: {settings_told}"
