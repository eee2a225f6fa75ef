"""llama.cpp's settings that a space of the deploy track may have, and what a model must have."""

from haqa_bench.arithmetic.formats import form_of
from haqa_bench.arithmetic.memory import NEEDED
from haqa_bench.backends import llama_jobs
from haqa_bench.cell import Block, Model
from haqa_bench.space import SearchSpace

BEFORE_LOSS = ("end_to_end_tokens_per_s", "generation_tokens_per_s", "prompt_tokens_per_s")
"""Of the deploy track's metrics, those that the joint track shows before its loss."""
SPEEDS = (*BEFORE_LOSS, "peak_memory_mb", "peak_device_memory_mb", "first_token_ms", "load_ms")
"""What the values of weights have no part in."""
SETTINGS = ("format", *llama_jobs.SETTINGS)
IN_WORDS = {
    "tensor_split": llama_jobs.fault_of_split,
    "override_tensor": llama_jobs.fault_of_override,
}
"""Settings that are words of a form, and what is wrong with one."""
NEEDED_SETTINGS = ("format", "n_threads")
"""Without a default."""
QUALITY = "quality_text"
"""The text of a cell that perplexity is computed of."""
AGAINST_REFERENCE = ("kl_divergence", "same_first_token")
OF_QUALITY = ("perplexity", "held_out_loss", *AGAINST_REFERENCE)
"""Metrics that say what a model has learnt."""
RANDOM_QUALITY = "its weights are random: speed and memory are its model's, quality is nobody's"
RANDOM_TODO = "Leave the quality text and limits on quality out, or give the model's own GGUF file"


def lacking_dimensions(name: str, model: Model) -> None:
    """Raises ValueError for a model without the sizes that llama.cpp's plan of it needs."""
    if missing := [size for size in NEEDED if size not in model.dimensions]:
        needed = ", ".join(NEEDED)
        raise ValueError(f"the model '{name}' has no dimension '{missing[0]}'; needed: {needed}")


def lacking_file(name: str, model: Model) -> None:
    """Raises ValueError for a model that llama.cpp cannot run."""
    if model.gguf is None and not model.synthetic:
        what = "is to be deployed, but has no gguf, and is not synthetic"
        raise ValueError(f"the model '{name}' {what}")


def refuse_synthetic(name: str, model: Model) -> None:
    """Raises ValueError for a model of random weights, in tracks that fine-tune."""
    if model.synthetic:
        raise ValueError(f"the model '{name}' is synthetic: random weights are not fine-tuned")


def check_random(block: Block, name: str) -> None:
    """Raises ValueError where quality is asked of a model of random weights."""
    asked = [goal.metric for goal in block.objective.goals]
    asked += [limit.metric for limit in block.objective.constraints]
    if getattr(block.workload, QUALITY, "") or getattr(block.workload, "quality_windows", 0):
        asked.append(QUALITY)
    if found := [metric for metric in asked if metric in (*OF_QUALITY, QUALITY)]:
        raise ValueError(f"{found[0]}: the model '{name}' is synthetic, {RANDOM_QUALITY}")


def lacking_settings(space: SearchSpace) -> None:
    """Raises ValueError for a space without a setting that has no default."""
    if missing := [name for name in NEEDED_SETTINGS if name not in space.root]:
        raise ValueError(f"space: '{missing[0]}' is missing")


def check_made(space: SearchSpace, imatrix: str) -> None:
    """Raises ValueError for a format that is made with an importance matrix where there is none."""
    parameter = space.listable.get("format")
    for name in parameter.choices if parameter and not imatrix else ():
        if form_of(str(name)).imatrix:
            raise ValueError(f"space: format: {name} needs the file of an imatrix in the workload")


def check_words(space: SearchSpace) -> None:
    """Raises ValueError for a choice that is no split of layers, or no pattern of tensors."""
    for name, fault_of in IN_WORDS.items():
        parameter = space.listable.get(name)
        for value in parameter.choices if parameter else ():
            if fault := fault_of(value) if isinstance(value, str) else f"{name}: {value!r} is none":
                raise ValueError(f"space: {fault}")
