"""The deploy track: what a llama.cpp configuration gives (paper: figure 5, table 4).

A cell runs on this machine, on one reached over ssh or adb where its hardware's profile says so,
or on none: then a declared roofline answers. Which, is nobody's business but this track's.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from haqa_bench.arithmetic.formats import IMATRIX
from haqa_bench.cell import Block, Cell, Model
from haqa_bench.hardware import Hardware
from haqa_bench.protocols import LiveEvaluator, Metric
from haqa_bench.tracks import End, Rule, Track
from haqa_bench.tracks.deploy.settings import (
    QUALITY,
    SETTINGS,
    check_made,
    check_random,
    check_words,
    lacking_dimensions,
    lacking_file,
    lacking_settings,
)
from haqa_bench.tracks.deploy.workload import DeployWorkload, RooflineWorkload
from haqa_bench.tracks.metrics import (
    KEPT_QUALITY,
    OTHERS_SHARE,
    PEAK_DEVICE_MEMORY,
    PEAK_MEMORY,
    SWITCHES,
    by_name,
)
from haqa_bench.tracks.texts import beside

AnyWorkload = DeployWorkload | RooflineWorkload
METRICS = by_name(
    Metric(
        "end_to_end_tokens_per_s",
        "tokens/s",
        "maximize",
        "generated tokens over the whole time, prompt included",
    ),
    Metric(
        "generation_tokens_per_s",
        "tokens/s",
        "maximize",
        "tokens generated one after another, without the time that the prompt takes",
        prompted=True,
    ),
    Metric(
        "prompt_tokens_per_s",
        "tokens/s",
        "maximize",
        "tokens of the prompt over the time that they take",
        prompted=True,
    ),
    PEAK_MEMORY,
    PEAK_DEVICE_MEMORY,
    Metric(
        "bits_per_weight",
        "bits",
        "maximize",
        "of the file, block scales included: the more, the nearer to the weights as they were",
        2,
    ),
    Metric("perplexity", "1", "minimize", "of the quality text", 3, prompted=True),
    *KEPT_QUALITY,
    Metric("first_token_ms", "ms", "minimize", "until the first token is chosen"),
    Metric(
        "energy_j_per_token",
        "J",
        "minimize",
        "of the processor's packages and GPUs for each generated token, prompt included",
        2,
    ),
    Metric("load_ms", "ms", "minimize", "until the model is loaded"),
    Metric("llama_generation_tokens_per_s", "tokens/s", "maximize", "as llama.cpp counts"),
    Metric("llama_prompt_tokens_per_s", "tokens/s", "maximize", "as llama.cpp counts"),
    OTHERS_SHARE,
    SWITCHES,
)
REPACKED = ("Q4_0", "IQ4_NL", "Q8_0")
"""Formats that llama.cpp rearranges for wide vectors at load: the fast ones on a CPU with them."""
REPACKED_WHY = "a format repacked for wide vectors"
WIDE = {"avx2", "avx512f", "dotprod", "asimddp", "i8mm"}


class DeployTrack(Track[AnyWorkload]):
    """See Track."""

    name = "deploy"
    tuned = "llama.cpp: format and settings"
    extras = ("deploy",)
    title = "Best end-to-end tokens/s found, against llama.cpp's default"
    workload = AnyWorkload  # type: ignore[assignment] # a union is no type to mypy, but to pydantic
    metrics = METRICS
    published = "figure5"
    published_bit_widths = "table4"

    def check(self, block: Block[AnyWorkload], name: str, model: Model) -> None:
        """See Track."""
        if isinstance(block.workload, RooflineWorkload):
            lacking_dimensions(name, model)
        else:
            lacking_file(name, model)
            lacking_settings(block.space)
            check_words(block.space)
            check_made(block.space, block.workload.imatrix)
        if model.synthetic:
            check_random(block, name)

    def settings(self, workload: AnyWorkload) -> Collection[str]:
        """See Track."""
        return ("format",) if isinstance(workload, RooflineWorkload) else SETTINGS

    def suffix(self, workload: AnyWorkload) -> str:
        """See Track."""
        deep = not isinstance(workload, RooflineWorkload) and workload.depth
        return f"depth{deep}" if deep else ""

    def texts(self, workload: AnyWorkload, suite_folder: Path) -> Mapping[str, str]:
        """See Track."""
        if isinstance(workload, RooflineWorkload) or not workload.quality_text:
            return {}
        return {QUALITY: beside(workload.quality_text, suite_folder, "the quality text")}

    def simulates(self, workload: AnyWorkload, hardware: Hardware) -> bool:
        """See Track."""
        return isinstance(workload, RooflineWorkload)

    def evaluator(self, cell: Cell[AnyWorkload]) -> LiveEvaluator:
        """See Track."""
        from haqa_bench.tracks.deploy import devices

        return devices.evaluator(cell)

    def limits(self, workload: AnyWorkload) -> str:
        """See Track."""
        if isinstance(workload, RooflineWorkload):
            return super().limits(workload)
        return f"at most {workload.timeout_s:g} s and {workload.memory_gb:g} GB each"

    def forecast(self, cell: Cell[AnyWorkload]) -> str:
        """See Track."""
        if isinstance(cell.workload, RooflineWorkload):
            return ""
        from haqa_bench.tracks.deploy.devices import forecast

        return forecast(cell)

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """See Track."""
        if hardware.devices:
            yield Rule("n_gpu_layers", End.MOST, "as many layers on devices as fit")
            yield Rule("n_cpu_moe", End.LEAST, "as few experts on the host as fit")
        if hardware.cores.value is not None:
            for name in ("n_threads", "n_threads_batch"):
                yield Rule(name, int(hardware.cores.value), "as many threads as cores")
        if WIDE & set(hardware.instruction_sets):
            for value in REPACKED:
                yield Rule("format", value, REPACKED_WHY)
                yield Rule("format", f"{value}{IMATRIX}", REPACKED_WHY)
        elif hardware.kind != "cpu":
            why = "generating a token reads all weights: the fewest bytes"
            yield Rule("format", "Q4_0", why)
            yield Rule("format", f"Q4_0{IMATRIX}", why)
        yield Rule("flash_attn", "on", "fused attention moves fewer bytes")
        yield Rule("mmap", False, "weights that are read into memory wait for no page of a file")
        for name in ("type_k", "type_v"):
            why = "a short context's cache is small: unpacking it costs more than it saves"
            yield Rule(name, "f16", why)


DEPLOY = DeployTrack()
