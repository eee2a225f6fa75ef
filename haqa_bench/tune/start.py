"""How a configuration is started by llama.cpp's own programs, and what it takes then."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from haqa_bench.arithmetic.device_memory import DevicePlan
from haqa_bench.arithmetic.memory import OWN, Prediction
from haqa_bench.backends import gguf_models
from haqa_bench.backends.llama_cpp_memory import plan_for_device, predict
from haqa_bench.backends.llama_jobs import Settings, with_defaults
from haqa_bench.documents import JsonObject
from haqa_bench.space import Configuration
from haqa_bench.tracks.deploy import llama_tools
from haqa_bench.tracks.serve import command, memory
from haqa_bench.tracks.serve.jobs import ServerSettings
from haqa_bench.tracks.serve.settings import DRAFTED
from haqa_bench.tracks.serve.settings import with_defaults as served
from haqa_bench.tune.wish import Wish


class Start(NamedTuple):
    """How a configuration is started: its file, llama.cpp's settings, its server's where that is
    asked, the draft model that guesses, the tokens that the whole cache has room for, what the host
    has to hold, and each device with layers on it, in MB, and llama.cpp's own command lines.
    """

    file: Path
    settings: Settings
    server: ServerSettings | None
    draft: Path | None
    n_ctx: int
    taken: JsonObject
    commands: Mapping[str, str]


EARLIER = 8192
"""MiB of earlier prompts' caches that llama-server and llama-cli keep where nothing is said."""


def start_of(wish: Wish, path: Path, configuration: Configuration) -> Start:
    """The start of a configuration; its file is made where it is not there yet."""
    name = str(configuration["format"])
    file = gguf_models.Formats(path, imatrix=wish.imatrix).path(name)
    start = _started(wish, file, configuration)
    taken = _taken(start)
    beside = _earlier(wish.limit, taken)
    if start.server:
        of = str(file), start.settings, start.server, start.n_ctx, wish.draft
        lines = {command.NAME: command.shown(*of, beside=beside)}
    else:
        lines = llama_tools.commands(file, start.settings, start.n_ctx, beside)
    made = llama_tools.quantize(path, name, wish.imatrix)
    return start._replace(taken=taken, commands={**made, **lines})


def _started(wish: Wish, file: Path, configuration: Configuration) -> Start:
    """The same, without what it takes and command lines."""
    if wish.serving is None:
        return Start(file, with_defaults(configuration), None, None, wish.n_ctx, {}, {})
    settings, server = served(configuration)
    n_ctx = command.total_context(wish.n_ctx, wish.serving.users, server)
    draft = Path(wish.draft) if server.speculation == DRAFTED else None
    return Start(file, settings, server, draft, n_ctx, {}, {})


def _earlier(limit: int, taken: JsonObject) -> list[str]:
    """What holds the caches of earlier prompts to what is left of the `limit` in bytes; nothing
    where there is room for as much as llama.cpp's programs keep by themselves.
    """
    left = max(int((limit - 1e6 * taken["safe_mb"]) / 2**20), 0)
    return [] if left >= EARLIER else ["-cram", str(left)]


def _taken(start: Start) -> JsonObject:
    """What the host has to hold, in MB, and what each device, where there are layers on one."""
    if start.settings.n_gpu_layers == 0:
        host = _without_devices(start)
        return {"peak_mb": host.peak / 1e6, "safe_mb": host.safe / 1e6}
    plans, devices = [_planned(start.file, start.settings, start.n_ctx)], Counter[str]()
    if start.draft:
        plans.append(_planned(start.draft, memory.drafting(start.settings), start.n_ctx))
    for share in (share for plan in plans for share in plan.devices):
        devices[share.place] += share.safe
    return {
        "peak_mb": sum(plan.host.peak for plan in plans) / 1e6,
        "safe_mb": sum(plan.host.safe for plan in plans) / 1e6,
        "device_safe_mb": {place: size / 1e6 for place, size in devices.items()},
    }


def _without_devices(start: Start) -> Prediction:
    if start.server:
        of = start.file, start.draft, start.settings, start.server
        return memory.foreseen(*of, start.n_ctx)
    return predict(start.file, [OWN], start.settings, start.n_ctx)[OWN].memory


def _planned(file: Path, settings: Settings, n_ctx: int) -> DevicePlan:
    return plan_for_device(file, [OWN], settings, n_ctx)[OWN].memory
