"""A response table read row by row, as it once was: what columns are held against."""

from bisect import bisect_left
from collections import defaultdict

import moocore
import numpy as np
import pyarrow.parquet as pq

from haqa_bench.arithmetic.estimate import undisturbed
from haqa_bench.protocols import Whole
from haqa_bench.space import key_of
from haqa_bench.store.entries import _entry
from haqa_bench.trial import Trial


def entries(path, source):
    """Every entry, by key."""
    passes = defaultdict(list)
    for row in pq.ParquetFile(path).read(use_threads=False).to_pylist():
        passes[row["configuration"]].append(row)
    return {key: _entry(rows, source) for key, rows in passes.items()}


def feasible(known, cell):
    """Every configuration that was measured and breaks no constraint."""
    default = _trial(known, cell.space.default)
    trials = [_trial(known, configuration) for configuration in cell.space.grid()]
    return [
        t
        for t in trials
        if cell.objective.score(t) is not None and not cell.objective.violations(t, default)
    ]


def ranks(kept, cell):
    """The exact rank of each, by key."""
    scores = {trial.key: cell.objective.score(trial) for trial in kept}
    ordered = sorted(-score for score in scores.values())
    return {key: 1 + bisect_left(ordered, -score) for key, score in scores.items()}


def whole(kept, cell):
    """What is known of the whole space."""
    objective = cell.objective
    if not kept:
        return None
    best = max(kept, key=lambda trial: objective.score(trial) or 0.0)
    known = [s for t in kept if (s := objective.scores(t))]
    front, worst = _front(known) if objective.also and known else ((), ())
    return Whole(best.value(objective.metric), front, worst, _by_format(objective, kept))


def _front(scores):
    kept = moocore.filter_dominated(np.array(scores), maximise=True)
    points = tuple(sorted(tuple(map(float, point)) for point in kept))
    return points, tuple(map(min, zip(*scores, strict=True)))


def _by_format(objective, kept):
    groups = {}
    for trial in kept:
        if "format" in trial.configuration:
            groups.setdefault(str(trial.configuration["format"]), []).append(trial)
    best = {n: max(of, key=lambda t: objective.score(t) or 0.0) for n, of in groups.items()}
    return {name: _samples(trial, objective.metric) for name, trial in best.items()}


def _samples(trial, metric):
    samples = {m.name: m.samples for m in trial.measurements}
    return tuple(undisturbed(samples[metric], samples.get("others_share", ())))


def _trial(known, configuration):
    entry = known[key_of(configuration)]
    return Trial(
        number=0,
        configuration=dict(configuration),
        status=entry.status,
        measurements=entry.measurements,
    )
