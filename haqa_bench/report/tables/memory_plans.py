"""What stands beside the choices under memory limits: what fits with other lengths of the context,
and the peaks of real processes beside what was predicted.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import median

from haqa_bench.project import Run
from haqa_bench.report import traits
from haqa_bench.report.found.answers import Answer
from haqa_bench.report.tables.memory_limits import SIZES, size
from haqa_bench.report.tables.table import Column, Form, Key, Table, Value, value, words
from haqa_bench.store.facts import PeakFact
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload

FITS = "Fits {:g} GB"
MODEL = Column("Model", role="key", place="heading")
HARDWARE = Column("Hardware", role="key", place="heading")
PEAKS = (
    MODEL,
    HARDWARE,
    Column("Format", role="key"),
    Column("Predicted, MB", "MB", 0, "the peak of a process, as it was planned"),
    Column("Measured, MB", "MB", 0, "the median peak of the processes that were measured"),
    Column("n", about="processes that were measured", role="n"),
    Column("Off by", "%", 1, "the measured peak less the predicted one, of the predicted one"),
    Column(
        "Not measured since",
        role="words",
        about="what a prediction refused, and the sum",
        place="wide",
    ),
    Column("Source", role="source", about="of the measured peak", place="wide"),
)


def tables(run: Run, found: Sequence[Answer]) -> dict[str, Table]:
    """By name; each where a cell has something for it."""
    firsts = [next(iter(of)) for _, of in groupby(found, lambda answer: answer.cell)]
    works = {a.cell: work for a in firsts if (work := traits.limits(run.cells[a.cell]))}
    at, peaks = [a for a in firsts if a.at], [a for a in firsts if a.peaks]
    made = {"table5-contexts": _contexts(run, at, works)} if at else {}
    return made | ({"table5-peaks": _peaks(run, peaks)} if peaks else {})


def _contexts(run: Run, found: Sequence[Answer], works: Mapping[str, MemoryWorkload]) -> Table:
    bits = list(dict.fromkeys(name for a in found for name in works[a.cell].bit_widths))
    limits = sorted({limit for a in found for limit in works[a.cell].limits_gb})
    about = "the most precise bit-width whose peak and margin are at most the limit"
    rows = [(a, n_ctx, sizes) for a in found for n_ctx, sizes in _lengths(a, works[a.cell])]
    return Table(
        title="What fits, by the length of the context",
        columns=[
            MODEL,
            HARDWARE,
            Column("Context", "tokens", 0, role="key"),
            *(Column(f"{name}, MB", "MB", 0, SIZES) for name in bits),
            *(Column(FITS.format(limit), role="words", about=about) for limit in limits),
        ],
        rows=[
            [
                words(run.cells[a.cell].model_name),
                words(run.cells[a.cell].hardware.name),
                value(n_ctx, Form("{number}", 0, ","), unit="tokens"),
                *(size(sizes.get(name)) for name in bits),
                *(words(_fits(works[a.cell], sizes, limit)) for limit in limits),
            ]
            for a, n_ctx, sizes in rows
        ],
        keys=[Key(a.cell, part=f"{n_ctx}_tokens") for a, n_ctx, _ in rows],
        notes=["Source: simulated. MB has the margin of 5 %; 1 GB is 10^9 bytes."],
    )


def _lengths(answer: Answer, work: MemoryWorkload) -> Sequence[tuple[int, Mapping[str, float]]]:
    return sorted([(work.n_ctx, answer.safe_mb), *answer.at.items()], key=lambda at: at[0])


def _fits(work: MemoryWorkload, sizes: Mapping[str, float], limit: float) -> str:
    return next((name for name in work.bit_widths if sizes[name] <= 1000 * limit), NOTHING)


def _peaks(run: Run, found: Sequence[Answer]) -> Table:
    rows = [(a, name, peak) for a in found for name, peak in a.peaks.items()]
    where = dict.fromkeys(a.peaks_of for a in found if a.peaks_of)
    return Table(
        title="Peaks of memory, measured beside predicted",
        columns=PEAKS,
        rows=[
            [
                words(run.cells[a.cell].model_name),
                words(run.cells[a.cell].hardware.name),
                words(name),
                *_peak(peak),
            ]
            for a, name, peak in rows
        ],
        keys=[Key(a.cell, part=name) for a, name, _ in rows],
        notes=[
            *(f"Measured on {told}." for told in where),
            *(
                f"{run.cells[a.cell].model_name} at {name} is not measured: {peak.reason}."
                for a, name, peak in rows
                if peak.reason
            ),
            "1 MB is 10^6 bytes, and no margin.",
        ],
    )


def _peak(peak: PeakFact) -> list[Value]:
    whole = Form("{number}", 0, ",")
    predicted = value(peak.predicted_mb, whole, unit="MB", source="simulated")
    if not peak.measured_mb:
        return [predicted, words(""), words(""), words(""), words(peak.reason), words("")]
    taken, n = median(peak.measured_mb), len(peak.measured_mb)
    off = 100 * (taken / peak.predicted_mb - 1)
    return [
        predicted,
        value(taken, whole, unit="MB", n=n, source="measured"),
        Value(n, text=str(n)),
        value(off, Form("{number} %", 1, "+"), unit="%", n=n),
        words(""),
        words("measured"),
    ]
