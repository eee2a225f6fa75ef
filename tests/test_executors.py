"""However many workers, wherever they measure, and whoever dies: the same bytes."""

import os
import re
import shlex
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from ruamel.yaml import YAML
from support import REPOSITORY, SUITE, TRAINING_SUITE, evaluator_of, plan

from haqa_bench import suite
from haqa_bench.backends import device
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.run import runner, sweep
from haqa_bench.run.executors.local import Serial, Workers
from haqa_bench.run.plan import Plan
from haqa_bench.run.proposing import Asked
from haqa_bench.run.study import entries
from haqa_bench.store import tables


@pytest.fixture
def classical(project):
    """Four methods that need no LLM, on two seeds."""
    path = project / "suites/small.yaml"
    lines = "".join(
        f"  - {{name: {name}, optimizer: {name}}}\n" for name in ("local", "tpe", "nsga2")
    )
    path.write_text(
        SUITE.replace(
            "  - name: haqa\n    optimizer: haqa\n    chat: {model: test-model, "
            "temperature: 0.0}\n",
            lines,
        )
    )
    return project


def journals(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "journal").rglob("*.jsonl"))}


def ran(plan: Plan, folder: Path, executor) -> dict[str, bytes]:
    list(runner.run(plan, folder, executor))
    return journals(folder)


def test_any_number_of_workers_gives_the_same_bytes(classical):
    alone = ran(plan(classical), classical / "alone", Serial())

    assert len(alone) == 10
    assert ran(plan(classical), classical / "three", Workers(3)) == alone


def test_a_worker_that_is_killed_loses_no_trial(classical):
    alone = ran(plan(classical), classical / "alone", Serial())
    killed = 0

    for event in runner.run(plan(classical), classical / "killed", Workers(2)):
        if event.trial is not None and not killed:
            workers = [
                p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())
            ]
            workers[-1].kill()
            killed += 1

    assert killed == 1
    assert journals(classical / "killed") == alone


def test_a_fault_in_a_worker_is_the_user_s_one_clear_line(project):
    with pytest.raises(HaqaError, match="no such cassette"):
        list(runner.run(plan(project), project / "run", Workers(2)))


def test_of_studies_that_are_timed_one_computes_or_is_measured_at_a_time(classical, monkeypatch):
    spans, table, asked = [], evaluator_of(classical), plan(classical)
    monkeypatch.setattr("haqa_bench.run.study.COMPUTED_S", 0.001)

    def slowly(call):
        def called(*words):
            began = time.monotonic()
            time.sleep(0.002)
            found = call(*words)
            spans.append((began, time.monotonic()))
            return found

        return called

    monkeypatch.setattr(Asked, "ask", slowly(Asked.ask))
    monkeypatch.setattr(type(table), "measure", slowly(type(table).measure))
    studies = [
        threading.Thread(
            target=lambda study=study: list(
                entries(asked, study, [], lambda: table, classical / "turn.lock")
            )
        )
        for study in asked.studies[:3]
    ]
    for study in studies:
        study.start()
    for study in studies:
        study.join()

    assert len(spans) > 10
    assert all(one[1] <= other[0] for one, other in pairwise(sorted(spans)))


def test_trainings_run_beside_one_another_and_hold_the_machine_together(project):
    (project / "suites" / "train.yaml").write_text(TRAINING_SUITE.replace("BITS", "w2a2"))
    loaded = suite.load(project / "suites" / "train.yaml", project)
    live = Plan(suite=loaded, project=project, studies=loaded.studies(), measure="live")

    with (
        Workers(2).hold(live),
        pytest.raises(HaqaError, match="is being measured by another run"),
        Serial().hold(live),
    ):
        pass


def test_a_second_run_that_would_measure_this_machine_is_refused(classical):
    live = plan(classical, measure="live")

    with (
        device.exclusive(),
        pytest.raises(HaqaError, match=r"is being measured by another run \(process \d+"),
    ):
        list(
            runner.run(
                live, classical / "run", Serial({live.suite.cells[0].id: evaluator_of(classical)})
            )
        )


def test_a_note_of_a_killed_run_of_another_user_keeps_nobody_from_measuring(monkeypatch, tmp_path):
    """It lies in a folder in which only its owner may remove it."""
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "haqa-bench-device.json").mkdir()  # cannot be removed as a file, nor written

    with device.exclusive():
        pass


class Slow:
    """Measures slowly, so that it can be killed while it does; marks where it began."""

    whole = None
    machine = "a slow one"

    def __init__(self, table, marks):
        self.table, self.marks = table, marks

    def measure(self, configuration):
        (self.marks / f"{time.time_ns()}").touch()
        time.sleep(0.6)
        return self.table.measure(configuration)

    sample = None


class Sampled:
    """Takes its time for a sample, as a table has it."""

    whole = None
    machine = "a machine of the cluster"
    made_of: ClassVar = {"model_sha256": "0" * 64}

    def __init__(self, table, seconds=0.2):
        self.table, self.seconds = table, seconds

    def sample(self, configuration, repeat):
        time.sleep(self.seconds)
        return self.table.measure(configuration)

    measure = None


@pytest.mark.filterwarnings("ignore")
class TestRay:
    """A real cluster on this machine: a head without the hardware, and two nodes that offer it."""

    @pytest.fixture(scope="class")
    def whole_cluster(self):
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
            patched.setattr("tempfile.tempdir", None)
            patched.delenv("TMPDIR", raising=False)  # Ray's sockets need short paths
            ours = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
            patched.setenv("PYTHONPATH", ours)
            import ray
            from ray.cluster_utils import Cluster

            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
            yield cluster
            ray.shutdown()
            cluster.shutdown()

    @pytest.fixture
    def cluster(self, whole_cluster, monkeypatch):
        """Each test adds nodes of its own, and takes them away."""
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.delenv("TMPDIR")
        yield whole_cluster
        for node in list(whole_cluster.worker_nodes):
            whole_cluster.remove_node(node, allow_graceful=False)

    def test_a_cell_whose_hardware_no_machine_offers_is_one_clear_line(self, classical, cluster):
        from haqa_bench.run.executors.ray_cluster import RayCluster

        with pytest.raises(HaqaError, match="no machine of the cluster offers 'epyc-zen4-2core'"):
            list(runner.run(plan(classical), classical / "ray", RayCluster(cluster.address, 1)))

    def test_a_node_that_dies_while_it_measures_loses_no_trial_and_changes_no_byte(
        self, classical, cluster
    ):
        from haqa_bench.run.executors.ray_cluster import RayCluster

        what = plan(classical)
        what = what._replace(studies=[s for s in what.studies if s.method.name == "random"])
        marks = classical / "marks"
        marks.mkdir()
        slow = Slow(evaluator_of(classical), marks)
        alone = ran(what, classical / "alone", Serial({what.suite.cells[0].id: slow}))
        before = len(list(marks.iterdir()))
        nodes = [cluster.add_node(num_cpus=1, resources={"epyc-zen4-2core": 1}) for _ in range(2)]
        cluster.wait_for_nodes()
        executor, killed = RayCluster(cluster.address, 2, {what.suite.cells[0].id: slow}), False

        for event in runner.run(what, classical / "ray", executor):
            if event.trial is not None and not killed:
                deadline = time.monotonic() + 10
                while len(list(marks.iterdir())) < before + 4 and time.monotonic() < deadline:
                    time.sleep(0.01)  # until each node is in the middle of its second trial
                cluster.remove_node(nodes[0], allow_graceful=False)
                killed = True

        assert killed
        assert journals(classical / "ray") == alone
        assert (
            len(list(marks.iterdir())) > 2 * before
        )  # what the dead node had begun was begun again

    @pytest.mark.long
    def test_a_sweep_uses_both_nodes_and_a_node_that_dies_loses_no_row(self, classical, cluster):
        from haqa_bench.run.executors.ray_sweep import spread

        cell, target = plan(classical).suite.cells[0], classical / "table.parquet"
        nodes = [cluster.add_node(num_cpus=1, resources={"epyc-zen4-2core": 1}) for _ in range(2)]
        cluster.wait_for_nodes()
        measures = spread(cell, cluster.address, Sampled(evaluator_of(classical)))
        one, rows = sweep.open_sweep(cell, target, measures), []

        def done():
            rows.append(one.journal.entries[-1]["facts"].get("node"))
            if len(set(filter(None, rows))) == 2 and len(nodes) == 2:
                cluster.remove_node(nodes.pop(), allow_graceful=False)

        sweep.sweep([one], passes=2, seed=0, done=done, workers=8, apart=True)

        assert len(nodes) == 1, "both nodes have had work"
        assert len(rows) == 2 * cell.space.size
        found = tables.read(target)
        tables.check(found, cell)
        told = [entry.facts for entry in found.entries.values() if entry.status == "ok"]
        assert {facts["measured_on"] for facts in told} == {"a machine of the cluster"}
        failed = next(entry for entry in found.entries.values() if entry.status == "crashed")
        assert re.search(r"exit code 1 \(on node [0-9a-f]{8}\)", failed.reason)


def test_a_sweep_by_several_machines_that_was_cut_goes_on_where_it_was(classical):
    cell, target = plan(classical).suite.cells[0], classical / "table.parquet"
    measures = Sampled(evaluator_of(classical), 0.0)
    first, counted = sweep.open_sweep(cell, target, measures), []

    def cut():
        counted.append(0)
        if len(counted) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.sweep([first], passes=2, seed=0, done=cut, workers=8, apart=True)
    again = sweep.open_sweep(cell, target, measures)
    assert len(again.journal.entries) == 1 + 4
    sweep.sweep([again], passes=2, seed=0, done=lambda: None, workers=8, apart=True)
    assert len(tables.read(target).entries) == cell.space.size


def test_a_sweep_of_a_cluster_that_does_not_answer_is_one_clear_line(classical, cli_process):
    done = cli_process(
        "tabulate", classical / "suites/small.yaml", "--executor", "ray", "--address", "127.0.0.1:1"
    )

    assert done.returncode == 2
    assert done.stderr.startswith("haqa-bench: --address 127.0.0.1:1: no Ray cluster answers")


@pytest.mark.filterwarnings("ignore")
def test_the_cluster_file_that_is_documented_is_one_of_ray_s():
    from ray.autoscaler._private.util import prepare_config, validate_config

    text = (REPOSITORY / "examples/cluster/ray.yaml").read_text()
    told = YAML(typ="safe").load(text)

    validate_config(prepare_config(told))

    *_, start = told["worker_start_ray_commands"]
    assert shlex.split(start)[-1] == '--resources={"my-machine": 1}'


def test_a_cluster_that_does_not_answer_is_one_clear_line(classical, cli_process):
    done = cli_process(
        "run", classical / "suites/small.yaml", "--executor", "ray", "--address", "127.0.0.1:1"
    )

    assert done.returncode == 2
    assert done.stderr.startswith("haqa-bench: --address 127.0.0.1:1: no Ray cluster answers")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_failed_evaluation_and_a_fault_cross_a_process_border():
    import pickle

    failure = pickle.loads(pickle.dumps(EvaluationFailed("oom", "too large", 3.0)))
    fault = pickle.loads(pickle.dumps(HaqaError("here", "this is wrong", "Do that")))

    assert (failure.status, failure.reason, failure.seconds) == ("oom", "too large", 3.0)
    assert str(fault) == "here: this is wrong. Do that"
