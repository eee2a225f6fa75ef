"""Winners trained anew and tested: each seed, each task, each task's items."""

from collections.abc import Sequence

from haqa_bench.report.evidence.recorded.confirmed import Tested
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Part, Reading, Step
from haqa_bench.report.found.tests import MAIN, NORMAL_95


def of(ledger: Ledger, cell: str, configuration: str) -> Sequence[Tested]:
    """The tests of a configuration, by seed."""
    return ledger.confirmed(cell).tests.get(configuration, ())


def accuracy(test: Tested) -> Step:
    """The test accuracy with a seed: of images, or the mean over tasks; as it was told, where no
    item is known.
    """
    tasks = [_task(test, name) for name in _tasks(test)]
    about = f"seed {test.seed}, {test.date}"
    if not tasks:
        main = next(name for name in MAIN if name in test.values)
        told = Reading(test.values[main], "%", main, test.where, source="measured")
        return step("mean", about, [told], "%", test.where)
    if len(tasks) == 1:
        return tasks[0]._replace(about=about)
    return step("mean", about, tasks, "%", test.where)


def _tasks(test: Tested) -> list[str]:
    main = next(name for name in MAIN if name in test.values)
    return [main] if main in test.items else [n for n in test.items if n.endswith("_acc")]


def _task(test: Tested, name: str) -> Step:
    items = test.items[name]
    about = f"{len(items)} items, 1 where the answer is right"
    return step(
        "share of right items",
        name,
        [Reading(items, about=about, source="measured")],
        "%",
        test.where,
    )


def mean(ledger: Ledger, cell: str, configuration: str, about: str) -> Step:
    """The test accuracy of a configuration: the mean over its seeds."""
    return step("mean", about, [accuracy(t) for t in of(ledger, cell, configuration)], "%")


def task_mean(ledger: Ledger, cell: str, configuration: str, name: str, about: str) -> Step:
    """What a configuration has right of one task, by its metric: the mean over its seeds."""
    known = [test for test in of(ledger, cell, configuration) if name in test.items]
    parts = [_task(test, name)._replace(about=f"seed {test.seed}, {test.date}") for test in known]
    return step("mean", about, parts, "%")


def differences(ledger: Ledger, cell: str, configuration: str, default: str) -> list[Step]:
    """With each seed that both have, the configuration's accuracy less the default's."""
    ours, theirs = ({t.seed: t for t in of(ledger, cell, c)} for c in (configuration, default))
    return [
        step("difference", f"seed {seed}", [accuracy(ours[seed]), accuracy(theirs[seed])], "points")
        for seed in sorted(ours.keys() & theirs.keys())
    ]


def error(ledger: Ledger, cell: str, configuration: str, default: str) -> Step:
    """How far the choice of items alone may move the difference: one standard error, in points."""
    ours, theirs = ({t.seed: t for t in of(ledger, cell, c)} for c in (configuration, default))
    seeds = sorted(ours.keys() & theirs.keys())
    tasks: list[Part] = [
        step("item variance", name, _items(name, [(ours[s], theirs[s]) for s in seeds]))
        for name in _tasks(ours[seeds[0]])
    ]
    return step("standard error", "standard error over items", tasks, "points")


def _items(name: str, both: Sequence[tuple[Tested, Tested]]) -> list[Part]:
    return [
        Reading(test.items[name], about=f"{whose}, seed {test.seed}", where=test.where)
        for pair in both
        for test, whose in zip(pair, ("the configuration", "the default"), strict=True)
    ]


def better(ledger: Ledger, cell: str, default: str, winners: Sequence[tuple[str, Step]]) -> Step:
    """How many winners, each by its configuration and its difference from the default, are ahead
    with every seed of the default's, and by more than the 95 % interval over items.
    """
    parts: list[Part] = []
    for configuration, found in winners:
        if not found.parts:
            continue
        seeds = len(of(ledger, cell, default))
        by_seed = [part.value for part in found.parts]
        ahead = sum(isinstance(v, float) and v > 0 for v in by_seed)
        around = error(ledger, cell, configuration, default).value
        limit = NORMAL_95 * around if isinstance(around, float) else None
        known = limit is not None and isinstance(found.value, float) and found.value > limit
        enough = ahead == seeds and known
        told = "is not known" if limit is None else f"is {limit:.2f} points"
        reason = f"ahead with {ahead} of {seeds} seeds; the interval over items {told}"
        parts.append(
            Reading(
                found.value, "points", found.about.partition(", its")[0], used=enough, reason=reason
            )
        )
    return step("count", "winners that are better than the default", parts)
