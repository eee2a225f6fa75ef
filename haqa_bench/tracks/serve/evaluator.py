"""The serve track: what users get who ask llama.cpp's own server at once."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial

from haqa_bench.arithmetic.memory import OWN, Prediction
from haqa_bench.backends import gguf_files, gguf_models, llama_devices, llama_programs
from haqa_bench.backends.gguf_models import formats_of, require_llama_cpp
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration
from haqa_bench.store import facts
from haqa_bench.tracks.deploy.in_formats import InFormats, check_foreseen, check_peak, check_room
from haqa_bench.tracks.deploy.quality import Guard
from haqa_bench.tracks.repeats import estimated, timed
from haqa_bench.tracks.serve import command, memory, readings
from haqa_bench.tracks.serve.jobs import Load, ServerSettings
from haqa_bench.tracks.serve.settings import DRAFTED, TEXT, with_defaults
from haqa_bench.tracks.serve.workload import ServeWorkload

GRACE_S = 5.0
"""What a process may take longer than its server may: to say why it is given up."""
Key = tuple[str, Settings, ServerSettings]


class ServeEvaluator(InFormats):
    """Starts llama-server with each configuration, lets users ask it, and measures what they get.

    Metrics: those of the track (track.py). llama-server is a program of its own, and of its own
    build, which its facts tell; formats are made, and memory is planned, by llama-cpp-python.
    """

    def __init__(self, cell: Cell[ServeWorkload]) -> None:
        require_llama_cpp()
        self.cell, self.workload = cell, cell.workload
        self.program = llama_programs.found(command.NAME)
        self.text = cell.texts.get(TEXT, "")
        self.formats = formats_of(cell.model, cell.workload.imatrix)
        self.draft = gguf_models.find(cell.workload.draft) if cell.workload.draft else None
        if cell.workload.quality_windows:
            work = cell.workload
            self.guard = Guard(self.formats, work.reference, self.text, work.quality_windows)
        self._predictions: dict[Key, Prediction] = {}

    @cached_property
    def version(self) -> str:
        """What llama-server calls its version."""
        return llama_programs.version(self.program)

    @property
    def build(self) -> Mapping[str, str]:
        """See BuiltEvaluator: numbers of another llama-server are others."""
        return {"llama-server": self.version, "llama-cpp-python": facts.installed_build()}

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {
            "model_sha256": self.formats.sha256,
            "draft_sha256": self._draft_sha256,
            "text_sha256": sha256(self.text.encode()),
            **({"reference_sha256": self.guard.reference.sha256} if self.guard else {}),
            **self.made_with,
        }

    @cached_property
    def _draft_sha256(self) -> str:
        return gguf_files.identity(self.draft) if self.draft else ""

    def make(self, configuration: Configuration) -> None:
        """See MakingEvaluator; not what is foreseen not to fit."""
        name = str(configuration["format"])
        check_foreseen(self._foreseen(name, *with_defaults(configuration)), self._limit)
        self.formats.path(name)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""
        return timed(lambda: self._with_quality(configuration, repeat))

    def _with_quality(self, configuration: Configuration, repeat: int) -> Outcome:
        """A load; with the first of a configuration, how much quality its format and cache keep."""
        found = self._sample(configuration)
        name, (settings, _) = str(configuration["format"]), with_defaults(configuration)
        return found if repeat else self.held(found, name, settings)

    def _sample(self, configuration: Configuration) -> Outcome:
        name, (settings, server) = str(configuration["format"]), with_defaults(configuration)
        command.check(server)
        check_foreseen(self._foreseen(name, settings, server), self._limit)
        if settings.n_gpu_layers:
            check_room(self._on_devices(name, settings, server), llama_devices.free())
        served = run_job(self._job(name, settings, server), self.workload.timeout_s + GRACE_S)
        copied = partial(self._copied, name, settings, server)
        check_peak(served.peak_bytes, self.workload.memory_gb, copied)
        told = {
            "llama_server": self.version,
            **readings.facts(served),
            **self.of_file(name),
        }
        found = {**readings.readings(served, self.workload.slo), **self.bits(name)}
        return Outcome(estimated(found), told)

    def _on_devices(
        self, name: str, settings: Settings, server: ServerSettings
    ) -> Mapping[str, int]:
        """Bytes that a configuration takes of each device."""
        n_ctx = command.total_context(self.workload.n_ctx, self.workload.users, server)
        of = self.formats.header(name), self.draft, settings, server
        return memory.on_devices(*of, n_ctx)

    def _copied(self, name: str, settings: Settings, server: ServerSettings) -> int:
        """Bytes of mapped files that were read only to be copied to devices."""
        if not (settings.mmap and settings.n_gpu_layers):
            return 0
        n_ctx = command.total_context(self.workload.n_ctx, self.workload.users, server)
        stored = self.formats.contents(name).stored_bytes
        found = memory.copied(self.formats.header(name), stored, settings, n_ctx)
        if self.draft is None or server.speculation != DRAFTED:
            return found
        stored = gguf_models.Formats(self.draft).contents(OWN).stored_bytes
        return found + memory.copied(self.draft, stored, memory.drafting(settings), n_ctx)

    @property
    def _limit(self) -> int:
        return int(self.workload.memory_gb * 1e9)

    def _job(self, name: str, settings: Settings, server: ServerSettings) -> Load:
        work = self.workload
        return Load(
            memory_bytes=self._limit,
            program=self.program,
            model=str(self.formats.path(name)),
            settings=settings,
            server=server,
            n_ctx=command.total_context(work.n_ctx, work.users, server),
            users=work.asked,
            repeats=work.repeats,
            patience_s=work.timeout_s,
            draft=str(self.draft or ""),
            text=self.text,
        )

    def _foreseen(self, name: str, settings: Settings, server: ServerSettings) -> Prediction | None:
        """What a configuration takes, the cache of all slots and a draft model included; not known
        where layers are put on a GPU, which has memory of its own.
        """
        if settings.n_gpu_layers:
            return None
        alike = replace(settings, n_threads=1, n_threads_batch=1)
        key = name, alike, server
        if key not in self._predictions:
            n_ctx = command.total_context(self.workload.n_ctx, self.workload.users, server)
            header = self.formats.header(name)
            self._predictions[key] = memory.foreseen(header, self.draft, alike, server, n_ctx)
        return self._predictions[key]
