"""Tokens that lie in the cache before what is timed begins, as llama-bench's `-d` has them.

Reading them takes minutes where they are thousands. So a cache is filled once, and its contents are
kept as a file below the cache folder, `filled/`, which each process reads in a second: a file for
each model, format, depth and build, and for each way in which keys and values lie.
"""

from dataclasses import replace
from pathlib import Path

from haqa_bench import disk
from haqa_bench.backends.gguf_models import AnyFormats
from haqa_bench.backends.llama_jobs import Fill, Settings
from haqa_bench.backends.process import run_job
from haqa_bench.documents import sha256
from haqa_bench.store.facts import installed_build
from haqa_bench.tasks.folder import cache
from haqa_bench.tracks.deploy.workload import DeployWorkload

TIMEOUT_S = 14_400.0
"""For filling a cache once."""
BATCH, UBATCH = 2048, 512
"""llama.cpp's own, with which a cache is filled: where its contents lie does not depend on them."""


def filled(formats: AnyFormats, name: str, settings: Settings, work: DeployWorkload) -> Path:
    """The file of a cache's contents, made or not, of a model in the format `name`."""
    lies = (settings.type_k, settings.type_v, settings.flash_attn)
    made = (formats.sha256, name, work.depth, installed_build(), *lies)
    return cache() / "filled" / f"{sha256(list(made))[:16]}.state"


def fill(formats: AnyFormats, name: str, settings: Settings, work: DeployWorkload) -> None:
    """Reads the tokens into a cache, and writes that file.

    Raises:
        EvaluationFailed: llama.cpp refuses the settings, or memory or the time runs out.
        HaqaError: there is no room for the file.
    """
    with disk.written(filled(formats, name, settings, work)) as partial:
        job = Fill(
            memory_bytes=int(work.memory_gb * 1e9),
            model=str(formats.path(name)),
            settings=replace(settings, n_batch=BATCH, n_ubatch=UBATCH),
            n_ctx=work.n_ctx,
            depth=work.depth,
            target=str(partial),
        )
        run_job(job, TIMEOUT_S)
