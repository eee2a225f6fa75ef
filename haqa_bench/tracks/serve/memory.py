"""What llama-server takes with a configuration, as llama.cpp plans it: the cache of all slots and a
draft model included.
"""

from collections import Counter
from dataclasses import replace
from functools import reduce
from pathlib import Path

from haqa_bench.arithmetic.memory import LAYERS_MAX, OWN, Prediction
from haqa_bench.backends.llama_cpp_memory import plan_here, predict
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.tracks.serve import command
from haqa_bench.tracks.serve.jobs import ServerSettings
from haqa_bench.tracks.serve.settings import DRAFTED

DRAFT_CACHE = "f16"
"""Of a draft model's keys and values, which a space says nothing of."""


def foreseen(
    model: Path, draft: Path | None, settings: Settings, server: ServerSettings, n_ctx: int
) -> Prediction:
    """What it takes where no layer lies on a device. `n_ctx` are the tokens of the whole cache;
    `draft` is a draft model's file, which is loaded only where it is to guess.

    Raises:
        EvaluationFailed: llama.cpp refuses a model or a setting.
    """
    files = loaded(model, draft, settings, server)
    return reduce(_together, (_predicted(file, its, server, n_ctx) for file, its in files))


def loaded(
    model: Path, draft: Path | None, settings: Settings, server: ServerSettings
) -> list[tuple[Path, Settings]]:
    """The files that it loads, each with its settings: a draft model only where it is to guess."""
    if draft is None or server.speculation != DRAFTED:
        return [(model, settings)]
    return [(model, settings), (draft, drafting(settings))]


def on_devices(
    model: Path, draft: Path | None, settings: Settings, server: ServerSettings, n_ctx: int
) -> Counter[str]:
    """Bytes that it takes of each device, the cache of all slots, a draft model and the margin
    included; none where nobody can say.
    """
    files = loaded(model, draft, settings, server)
    taken = Counter[str]()
    for plan in filter(None, (plan_here(file, its, n_ctx) for file, its in files)):
        taken.update({share.place: share.safe for share in plan.devices})
    return taken


def copied(file: Path, stored: int, settings: Settings, n_ctx: int) -> int:
    """Bytes of a file that stores so many of weights, that lie on devices alone; none where nobody
    can say.
    """
    plan = plan_here(file, settings, n_ctx)
    return plan.copied(stored) if plan else 0


def drafting(settings: Settings) -> Settings:
    """The settings of a draft model beside a model's own. All its layers lie on devices where any
    of the model's do, as llama-server has it.
    """
    return replace(
        settings,
        type_k=DRAFT_CACHE,
        type_v=DRAFT_CACHE,
        n_gpu_layers=LAYERS_MAX if settings.n_gpu_layers else 0,
        cpu_moe=False,
        n_cpu_moe=0,
        override_tensor="",
    )


def _predicted(file: Path, settings: Settings, server: ServerSettings, n_ctx: int) -> Prediction:
    """A token of each slot, and all that are guessed for it, have logits."""
    outputs = server.parallel * (1 + command.guessed(server))
    return predict(file, [OWN], settings, n_ctx, min(settings.n_batch, outputs))[OWN].memory


def _together(one: Prediction, other: Prediction) -> Prediction:
    """Of two models in one process."""
    added = Prediction(*(a + b for a, b in zip(one, other, strict=True)))
    return added._replace(runtime=max(one.runtime, other.runtime))
