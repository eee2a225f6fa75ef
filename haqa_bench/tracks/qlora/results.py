"""What a training found, as the metrics and facts of a trial or of a test."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from haqa_bench.protocols import Outcome
from haqa_bench.store import facts
from haqa_bench.tracks.qlora.jobs import Trained
from haqa_bench.tracks.qlora.track import ACC, AVERAGE, STDERR
from haqa_bench.tracks.repeats import estimated

Readings = dict[tuple[str, str], Sequence[float]]


def held_out(found: Trained) -> Outcome:
    """The loss on examples held out, in nats a token."""
    nats, tokens = sum(x.nats for x in found.losses), sum(x.tokens for x in found.losses)
    readings = {("held_out_loss", "nats"): [nats / tokens], **_of_training(found)}
    return Outcome(estimated(readings), with_losses(found))


def tested(found: Trained) -> Outcome:
    """The average accuracy, and acc and acc_norm of each task, in %."""
    readings: Readings = {}
    told = dict(found.facts)
    for name, scores in found.tasks.items():
        for metric, right in ((ACC, scores.acc), (f"{ACC}_norm", scores.acc_norm)):
            if right:
                readings[f"{name}{metric}", "%"] = [100 * mean(right)]
                told |= facts.of_answers(f"{name}{metric}", right)
        told[f"{name}_items"] = str(len(scores.items))
    return _with_average(found, readings, told)


def fed_back(found: Trained) -> Outcome:
    """What lm-eval's table of results says: acc of each task and its standard error, in %; and
    their average.
    """
    readings: Readings = {}
    told = dict(found.facts)
    for name, scores in found.tasks.items():
        readings[f"{name}{ACC}", "%"] = [100 * mean(scores.acc)]
        readings[f"{name}{STDERR}", "%"] = [100 * standard_error(scores.acc)]
        told |= {
            **facts.of_answers(f"{name}{ACC}", scores.acc),
            f"{name}_items": str(len(scores.items)),
        }
    return _with_average(found, readings, told)


def standard_error(right: Sequence[int]) -> float:
    """Of the share of items that are right, as lm-eval reckons it; 0 of a single item."""
    return stdev(right) / len(right) ** 0.5 if len(right) > 1 else 0.0


def with_losses(found: Trained) -> dict[str, str]:
    """A training's facts, and the loss of each example held out, in nats a token."""
    losses = " ".join(f"{loss.nats / max(loss.tokens, 1):.4g}" for loss in found.losses)
    return {**found.facts, "held_out_losses": losses}


def _with_average(found: Trained, readings: Readings, told: Mapping[str, str]) -> Outcome:
    average = mean(readings[f"{name}{ACC}", "%"][0] for name in found.tasks)
    whole = {(AVERAGE, "%"): [average], **readings, **_of_training(found)}
    return Outcome(estimated(whole), told)


def _of_training(found: Trained) -> Readings:
    readings: Readings = {}
    if found.train_loss is not None:
        readings["train_loss", "nats"] = [found.train_loss]
    readings["peak_memory_mb", "MB"] = [found.peak_bytes / 1e6]
    return readings
