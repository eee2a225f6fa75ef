"""How much of a model's quality a format and a cache keep: its predictions are held against those
of the most precise file at hand.

What the reference expects is kept in a file below the cache folder, `expected/`, since it is read
for each format. Threads and batches have no part in it, so each format with each cache is held
against it once.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

import psutil

from haqa_bench import disk
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends.gguf_models import AnyFormats, Formats
from haqa_bench.backends.llama_jobs import ONE_THREAD, Settings
from haqa_bench.backends.process import run_job
from haqa_bench.backends.quality_jobs import Compare, Compared, Refer, Referred
from haqa_bench.backends.wire import dump, load
from haqa_bench.documents import sha256
from haqa_bench.store import facts
from haqa_bench.tasks.folder import cache

TIMEOUT_S = 14_400.0
FEWEST = 6
"""Windows that give an interval."""


class Quality(NamedTuple):
    """A format, with its cache, against the reference."""

    found: Compared

    @property
    def divergence(self) -> float:
        """The mean Kullback-Leibler divergence, in nats."""
        return fmean(self.found.divergences)

    @property
    def same(self) -> float:
        """The share of tokens whose likeliest next token is the reference's."""
        return fmean(self.found.same)

    @property
    def readings(self) -> Mapping[tuple[str, str], list[float]]:
        """The metrics, by name and unit."""
        return {
            ("kl_divergence", "nats"): [self.divergence],
            ("same_first_token", "1"): [self.same],
            ("perplexity", "1"): [self.found.perplexity],
        }

    @property
    def facts(self) -> Mapping[str, str]:
        """Intervals, over windows, and the reference's perplexity."""
        return {
            "kl_divergence_95": interval_95(self.found.divergences),
            "same_first_token_95": interval_95(self.found.same),
            "reference_perplexity": f"{self.found.reference_perplexity:.3f}",
        }


def interval_95(values: tuple[float, ...]) -> str:
    """The 95 % interval of the mean of windows, by Student's t: '0.0312 to 0.0402'; nothing of
    fewer than six.
    """
    if len(values) < FEWEST:
        return ""
    from scipy.stats import t  # half a second, for live runs alone

    half = t.ppf(0.975, len(values) - 1) * stdev(values) / sqrt(len(values))
    return facts.said_ends(fmean(values) - half, fmean(values) + half)


class Guard:
    """Holds formats against the reference, each once."""

    def __init__(
        self,
        formats: AnyFormats,
        reference: str,
        text: str,
        windows: int,
    ) -> None:
        """`reference` is the GGUF file of a more precise model, empty for the model's own file."""
        self.formats, self.text, self.windows = formats, text, windows
        self.reference = Formats(Path(reference)) if reference else formats
        self._found: dict[tuple[str, str, str], Quality] = {}

    def of(self, name: str, settings: Settings) -> Quality:
        """The quality of a format with a cache.

        Raises:
            EvaluationFailed: llama.cpp refuses, or the reference is of another model.
        """
        key = name, settings.type_k, settings.type_v
        if key not in self._found:
            itself = self.reference is self.formats and key == (OWN, "f16", "f16")
            self._found[key] = self._itself() if itself else self._compared(name, settings)
        return self._found[key]

    def _itself(self) -> Quality:
        """Of the reference: nothing is lost, by definition."""
        _, perplexity = self._expected()
        none, every = (0.0,) * self.windows, (1.0,) * self.windows
        return Quality(Compared(none, every, perplexity, perplexity))

    def _compared(self, name: str, settings: Settings) -> Quality:
        expected, _ = self._expected()
        job = Compare(
            model=str(self.formats.path(name)),
            settings=_quiet(settings),
            text=self.text,
            reference=str(expected),
        )
        return Quality(run_job(job, TIMEOUT_S))

    def _expected(self) -> tuple[Path, float]:
        """The file of what the reference expects, computed where that was not done yet, and the
        reference's perplexity.
        """
        made = (
            self.reference.sha256,
            sha256(self.text.encode()),
            self.windows,
            facts.installed_build(),
        )
        path = cache() / "expected" / f"{sha256(list(made))[:16]}.npy"
        beside = path.with_suffix(".json")
        if not (path.is_file() and beside.is_file()):
            with disk.written(path) as partial:
                job = Refer(
                    model=str(self.reference.path(OWN)),
                    settings=_quiet(ONE_THREAD),
                    text=self.text,
                    windows=self.windows,
                    target=str(partial),
                )
                disk.write(beside, dump(run_job(job, TIMEOUT_S)))
        return path, load(beside.read_text("utf-8"), Referred).perplexity


def _quiet(settings: Settings) -> Settings:
    """With all cores, since nothing is timed."""
    cores = psutil.cpu_count(logical=False) or 1
    return replace(settings, n_threads=cores, n_threads_batch=cores)
