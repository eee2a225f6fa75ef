"""Measures on the machines of a Ray cluster. A cell's hardware is a Ray resource of its profile's
name, so that a configuration is measured on a machine that has it, one at a time for each unit that
the machine offers:

    ray start --address=HEAD:6379 --resources='{"epyc-zen4-2core": 1}'

Studies run here, in threads: the LLM is asked, keys are kept and journals and cassettes are written
by this process alone. Only measuring goes out, as a stateless task, which Ray begins again on
another such machine when the one it runs on dies.
"""

import json
import logging
import os
import queue
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

from haqa_bench import tracks
from haqa_bench.backends import device
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.installed import extra, missing
from haqa_bench.protocols import Evaluator, LiveEvaluator, Outcome, Reference, Whole, runs_live
from haqa_bench.run import versions
from haqa_bench.run.executors import runs
from haqa_bench.run.measuring import evaluator_faults
from haqa_bench.run.plan import Plan
from haqa_bench.run.study import Entry, entries, evaluator_of
from haqa_bench.space import Configuration
from haqa_bench.study import Study
from haqa_bench.trial import Trial

PATIENCE_S = 60.0
"""How long a measurement waits for somebody else's on the same machine to end."""
RETRIES = 5
"""How often a measurement is begun again whose machine died."""
NODE = 8
"""Letters of a machine's number in the cluster that tell it from the others."""


class RayCluster:
    """As many studies at once as `workers`; `address` is that of a running cluster. `evaluators` as
    in Serial.
    """

    def __init__(
        self, address: str, workers: int, evaluators: Mapping[str, Evaluator] | None = None
    ) -> None:
        self.address, self.workers, self.evaluators = address, workers, dict(evaluators or {})
        self._remote: dict[tuple[str, str], Remote] = {}
        self._making = threading.Lock()

    def run(
        self, plan: Plan, jobs: Sequence[tuple[Study, Sequence[Trial]]]
    ) -> Iterator[tuple[Study, Entry]]:
        """See Executor."""
        connect(self.address)
        for cell in {study.cell.id: study.cell for study, _ in jobs}.values():
            check_resource(cell)
        home: queue.Queue[tuple[Study, Entry | BaseException | None]] = queue.Queue()
        stop = threading.Event()

        def work(study: Study, trials: Sequence[Trial]) -> None:
            try:
                evaluator = partial(self.evaluator, plan, study.cell)
                for entry in () if stop.is_set() else entries(plan, study, trials, evaluator):
                    home.put((study, entry))
                    if stop.is_set():
                        return
                home.put((study, None))
            except BaseException as fault:
                home.put((study, fault))

        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for study, trials in jobs:
                    pool.submit(work, study, trials)
                yield from _arrived(home, len(jobs))
            finally:
                stop.set()

    def evaluator(self, plan: Plan, cell: Cell) -> Evaluator:
        """See Executor."""
        with self._making, evaluator_faults(cell):
            if runs(cell) not in self._remote:
                connect(self.address)
                check_resource(cell)
                self._remote[runs(cell)] = Remote(
                    cell, self.evaluators.get(cell.id) or _made_from(plan, cell)
                )
            return self._remote[runs(cell)]

    def hold(self, plan: Plan) -> AbstractContextManager[None]:
        """See Executor. Each measurement holds the machine that it is taken on."""
        return nullcontext()


def _arrived(
    home: "queue.Queue[tuple[Study, Entry | BaseException | None]]", studies: int
) -> Iterator[tuple[Study, Entry]]:
    """What the threads send, until all studies are done; the fault of one that failed."""
    while studies:
        study, entry = home.get()
        if isinstance(entry, BaseException):
            raise entry
        if entry is None:
            studies -= 1
        else:
            yield study, entry


def connect(address: str) -> None:
    """Joins a running cluster.

    Raises:
        HaqaError: Ray is not installed, or no cluster answers there.
    """
    try:
        import ray
    except ImportError:
        raise missing("Ray", "--executor ray", extra("distributed")) from None
    if ray.is_initialized():
        return
    check_answer(address)
    os.environ.setdefault(
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"
    )  # what Ray is going to do anyway; else it warns of it, at length
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as fault:
        raise HaqaError(
            f"--address {address}",
            f"no Ray cluster answers: {str(fault).splitlines()[0]}",
            "Start one with: ray start --head",
        ) from None


def check_answer(address: str) -> None:
    """Raises HaqaError when nobody listens at HOST:PORT: Ray itself would try for minutes, and
    print as long.
    """
    host, _, port = address.rpartition(":")
    if not host or "://" in address:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as fault:
        raise HaqaError(
            f"--address {address}",
            f"no Ray cluster answers: {fault}",
            "Start one with: ray start --head",
        ) from None


def check_resource(cell: Cell) -> None:
    """Raises HaqaError for a cell whose hardware no machine of the cluster offers."""
    import ray

    if ray.cluster_resources().get(cell.hardware.name, 0) < 1:
        start = f"""ray start --address=HEAD:6379 --resources='{{"{cell.hardware.name}": 1}}'"""
        raise HaqaError(
            cell.id,
            f"no machine of the cluster offers '{cell.hardware.name}'",
            f"Start Ray there with: {start}",
        )


class Live(NamedTuple):
    """What a live evaluator is made from on the machine that measures: its cell, as JSON."""

    cell: str


class Remote:
    """An evaluator whose measurements are taken on a machine that has the cell's hardware."""

    def __init__(self, cell: Cell, made_from: Evaluator | Live) -> None:
        import ray

        task = ray.remote(_call).options(
            num_cpus=0, resources={cell.hardware.name: 1}, max_retries=RETRIES
        )
        self._ray, self._task, self._from = ray, task, ray.put(made_from)
        self.whole: Whole | None = None if isinstance(made_from, Live) else made_from.whole
        self.machine: str = (
            self._called("machine") if isinstance(made_from, Live) else made_from.machine
        )

    @cached_property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return dict(self._called("made_of"))

    @cached_property
    def build(self) -> Mapping[str, str]:
        """See BuiltEvaluator."""
        return dict(self._called("build"))

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return self._outcome("measure", dict(configuration))

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""
        return self._outcome("sample", dict(configuration), repeat)

    def test(self, configuration: Configuration, repeat: int) -> Outcome:
        """See TestedEvaluator."""
        return self._outcome("test", dict(configuration), repeat)

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """See ReferenceEvaluator."""
        return self._outcome("refer", reference, repeat)

    def _outcome(self, what: str, *arguments: object) -> Outcome:
        return outcome_of(self._called(what, *arguments))

    def _called(self, what: str, *arguments: object) -> Any:
        return self.answer(what, *arguments).found

    def answer(self, what: str, *arguments: object) -> "Answer":
        """What the evaluator says on a machine of the cluster, and which one that was."""
        found: Answer = self._ray.get(self._task.remote(self._from, what, *arguments))
        return found


class Answer(NamedTuple):
    """What an evaluator said, and the machine that it said it on: as that calls itself, and the
    first letters of its number in the cluster, which is drawn when it joins.
    """

    found: Any
    machine: str
    node: str


def outcome_of(found: Any) -> Outcome:
    """An outcome as it came from another machine.

    Raises:
        EvaluationFailed: it was none there.
    """
    if isinstance(found, EvaluationFailed):
        raise found
    outcome: Outcome = found
    return outcome


def _made_from(plan: Plan, cell: Cell) -> Evaluator | Live:
    return Live(cell.model_dump_json()) if plan.measure == "live" else evaluator_of(plan, cell)


def _call(made_from: Evaluator | Live, what: str, *arguments: object) -> Answer:
    """On the machine that measures. A failed evaluation is given back, since it is data; what is
    raised is a fault.
    """
    import ray

    node = ray.get_runtime_context().get_node_id()[:NODE]
    runs = isinstance(made_from, Live)
    evaluator = _live(made_from.cell) if isinstance(made_from, Live) else made_from
    told = {"build": partial(_build, made_from), "made_of": partial(_made_of, evaluator)}
    asked = told[what] if what in told else getattr(evaluator, what)
    with device.exclusive(PATIENCE_S) if runs else nullcontext():
        try:
            found = asked(*arguments) if callable(asked) else asked
        except EvaluationFailed as failure:
            found = failure
        return Answer(found, evaluator.machine, node)


def _build(made_from: Evaluator | Live) -> Mapping[str, str]:
    """The libraries of the machine that measures."""
    if not isinstance(made_from, Live):
        return {}
    return versions.of_track(tracks.typed_cell(json.loads(made_from.cell)))


def _made_of(evaluator: Evaluator) -> Mapping[str, str]:
    return evaluator.made_of if runs_live(evaluator) else {}


@lru_cache
def _live(cell: str) -> LiveEvaluator:
    found = tracks.typed_cell(json.loads(cell))
    return tracks.of(found).evaluator(found)
