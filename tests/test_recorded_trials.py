"""Recorded trials of cells with ranges: measured once, replayed byte for byte, and never lost."""

import json
import os
import re
import shutil
import signal

import pytest
from support import row_texts, tables_of
from trainer import CELL, RANGES, Trainer, Unheld, planned

from haqa_bench.errors import HaqaError, TrialMiss
from haqa_bench.project import Project, open_run
from haqa_bench.report import formats
from haqa_bench.run import complete, runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.store import journal, manifest, trials
from haqa_bench.tracks.recorded_trials import tried as of_recording
from haqa_bench.trial import Source

QUICK = re.sub(r"  - \{name: (default|gp|tpe), .*\n", "", RANGES).replace(
    "proposals: 6", "proposals: 4"
)
"""Without what takes long to think, or to import."""
SEEDS = QUICK.replace("seeds: [0]", "seeds: [0, 1]")


def live(project, trainer, text=RANGES, **changes):
    """Runs the suite with a trainer, and gives what its studies said at their end."""
    plan = planned(project, text, measure="live", **changes)
    events = list(runner.run(plan, plan.folder, Serial({CELL: trainer})))
    return [event.note for event in events if isinstance(event, runner.Event) and not event.trial]


def replayed(project, text=RANGES, name="replayed"):
    plan = planned(project, text)
    list(runner.run(plan, project / name, Serial()))
    return project / name


def recorded(project):
    return trials.read(project / "results/trials/qat" / f"{CELL}.jsonl")


def journals(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "journal").rglob("*.jsonl"))
    }


def dumped(folder):
    with open_run(folder) as run:
        names = [row[0] for row in run._connection.execute("SHOW TABLES").fetchall()]
        rows = {n: run._connection.execute(f"SELECT * FROM {n}").fetchall() for n in names}
    return {name: sorted(map(repr, found)) for name, found in rows.items()}


def values(folder, source):
    """The journals without what says that a run is live."""
    text = "".join(data.decode() for data in journals(folder).values())
    text = re.sub(r', "chain": "\w+"|"machine": "[^"]*", ', "", text)
    return text.replace(f'"source": "{source}"', '"source": ""')


def test_every_method_that_was_measured_live_replays_to_the_same_numbers(project):
    plan = planned(project, measure="live")
    list(runner.run(plan, plan.folder, Serial({CELL: Trainer()})))

    again = replayed(project)

    assert values(again, "replayed") == values(plan.folder, "measured")
    sources = {m["source"] for m in lines_of(again, "measurements")}
    assert sources == {"replayed"}
    assert {m["source"] for m in lines_of(plan.folder, "measurements")} == {"measured"}


def lines_of(folder, name):
    entries = [json.loads(x) for data in journals(folder).values() for x in data.splitlines()]
    return [one for entry in entries for one in entry.get(name, ())]


def test_a_replay_is_the_same_byte_for_byte(tried):
    first, second = replayed(tried, name="one"), replayed(tried, name="two")

    assert journals(first) == journals(second)
    assert dumped(first) == dumped(second)
    printed = [formats.several(tables_of(one, tried), "text", True) for one in (first, second)]
    assert printed[0] == printed[1]
    assert "Source: replayed" in printed[0]


def test_nothing_of_a_replay_claims_an_optimum_or_a_rank(tried):
    again = replayed(tried)

    assert {entry["optimum"] for entry in heads(again)} == {None}
    assert all(trial.get("rank") is None for trial in every_trial(again))
    rows = row_texts(tables_of(again, tried)["table1"])
    assert not any("Of the way" in row or "Rank" in row for row in rows)


def heads(folder):
    return [json.loads(data.splitlines()[0]) for data in journals(folder).values()]


def every_trial(folder):
    return [json.loads(x) for data in journals(folder).values() for x in data.splitlines()[1:]]


def test_a_failure_replays_with_its_status_its_reason_and_its_seconds(project):
    text = RANGES.replace("default: 0.1}", "default: 0.9}")
    live(project, Trainer(), text)

    first = next(t for t in every_trial(replayed(project, text)) if t["number"] == 0)

    assert (first["status"], first["reason"]) == ("diverged", "the loss is nan at step 3 of 9")
    assert (first["seconds"], first["measurements"]) == (2.5, [])


def test_a_configuration_is_measured_once_for_all_methods_and_runs(project):
    first, second = Trainer(), Trainer()

    told = live(project, first, QUICK)
    shutil.rmtree(project / "results" / "runs")
    live(project, second, QUICK)

    assert len({json.dumps(c, sort_keys=True) for c in first.calls}) == len(first.calls)
    assert not second.calls
    assert told[1] == "1 of its configurations were measured before, and not measured again"


def test_a_fresh_run_measures_again_what_was_recorded_before_it(tried):
    before, trainer = recorded(tried), Trainer()

    live(tried, trainer, fresh=True)

    assert len(trainer.calls) == len(before.trials)
    assert recorded(tried).trials.keys() == before.trials.keys()


def test_what_is_taken_says_when_it_was_measured(tried):
    path = recorded(tried).path
    entries = journal.read_finished(path)
    for entry in entries[1:]:
        entry["date"] = "2026-01-02"
    manifest.write(path, journal.finished(entries))
    plan = planned(tried, measure="live")
    list(runner.run(plan, plan.folder, Serial({CELL: Trainer()})))

    told = [t["facts"] for t in every_trial(plan.folder) if t["status"] == "ok"]
    assert {facts["measured"] for facts in told} == {"2026-01-02"}
    assert {m["source"] for m in lines_of(plan.folder, "measurements")} == {"measured"}
    assert recorded(tried).days == ["2026-01-02"]


def test_a_kill_loses_the_training_in_flight_alone(project):
    whole = Trainer()
    live(project, whole, QUICK)
    expected = recorded(project).path.read_bytes()
    keys = [json.dumps(c, sort_keys=True) for c in whole.calls]

    for number in range(len(keys)):
        shutil.rmtree(project / "results")
        done = killed_in_training(project, number)
        after = Trainer()
        live(project, after, QUICK)
        assert done == keys[: number + 1]  # the last was in flight
        assert [json.dumps(c, sort_keys=True) for c in after.calls] == keys[number:]
        assert recorded(project).path.read_bytes() == expected


def killed_in_training(project, number):
    """Runs in a process that is killed in the training `number`; what it had begun to train."""
    log = project / "trained.txt"
    log.unlink(missing_ok=True)

    def called(configuration):
        with log.open("a") as file:
            file.write(json.dumps(configuration, sort_keys=True) + "\n")
        if len(log.read_text().splitlines()) > number:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        live(project, Trainer(called), QUICK)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    return log.read_text().splitlines()


def test_a_run_that_is_interrupted_records_what_it_has_measured(project):
    def called(configuration, calls=[]):  # noqa: B006
        calls.append(configuration)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live(project, Trainer(called))

    assert len(recorded(project).trials) == 3


def test_a_miss_names_the_nearest_and_what_to_do(tried):
    text = RANGES.replace("seeds: [0]", "seeds: [1]")

    with pytest.raises(TrialMiss) as caught:
        replayed(tried, text)

    line = str(caught.value)
    assert line.startswith(str(recorded(tried).path))
    assert "\n" not in line
    assert re.search(r'no recorded trial is of \{"batch_size":\d+,"learning_rate":', line)
    assert re.search(r"nearest: .*learning_rate [\d.e-]+ for [\d.e-]+.*\(distance 0\.\d+\)", line)
    assert line.endswith(
        "Measure it with --measure live, or let a model of the recorded ones answer: "
        "--measure surrogate"
    )


def test_a_miss_ends_the_command_as_a_cassette_s_does(tried, cli):
    (tried / "suites/ranges.yaml").write_text(RANGES.replace("seeds: [0]", "seeds: [1]"))

    done = cli("run", tried / "suites/ranges.yaml")

    assert done.returncode == 2
    assert done.stderr.startswith("haqa-bench: ")
    assert done.stderr.count("\n") == 1


def test_a_cell_that_has_no_trials_yet_says_how_to_record_them(project, cli):
    (project / "suites/ranges.yaml").write_text(RANGES)

    done = cli("run", project / "suites/ranges.yaml")

    assert done.returncode == 2
    assert "no recorded trials yet, and a space with a range has no table" in done.stderr
    assert f"haqa-bench run ranges --cells {CELL} --measure live" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_flipped_byte_is_refused(tried, at):
    path = recorded(tried).path
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 1
    path.write_bytes(data)

    with pytest.raises(HaqaError, match=r"is not what was recorded"):
        replayed(tried)
    (tried / manifest.NAME).unlink()
    with pytest.raises(HaqaError):
        trials.read(path)


def test_a_file_that_was_cut_is_refused(tried):
    path = recorded(tried).path
    whole = path.read_bytes()
    (tried / manifest.NAME).unlink()

    for kept in (whole.splitlines(True)[:-1], whole.splitlines(True)[:3], [whole[:-20]], []):
        path.write_bytes(b"".join(kept))
        with pytest.raises(HaqaError, match=re.escape(str(path))):
            replayed(tried)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": "invalid"}, "a configuration that was measured is not invalid"),
        ({"readings": []}, "measured and without readings"),
        ({"seconds": -1.0}, "seconds"),
        ({"date": "yesterday"}, "date"),
        ({"configuration": {"learning_rate": 9.0}}, "no configuration: batch_size: missing"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_line_that_is_no_trial_is_refused(tried, change, told):
    path = recorded(tried).path
    entries = journal.read_finished(path)
    manifest.write(path, journal.finished([*entries[:-1], {**entries[-1], **change}]))

    with pytest.raises(HaqaError, match=re.escape(told)) as caught:
        replayed(tried)
    assert f"{path}:" in str(caught.value)


def test_a_configuration_that_is_recorded_twice_is_refused(tried):
    path = recorded(tried).path
    entries = journal.read_finished(path)
    manifest.write(path, journal.finished([*entries, entries[-1]]))

    with pytest.raises(HaqaError, match="a configuration is recorded twice"):
        replayed(tried)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("high: 1.0, log", "search space"),
        ("epochs: 1,", "workload"),
        ("network: resnet20", "model"),
    ],
)
def test_trials_of_another_cell_are_refused(tried, change, told):
    new = {"high: 1.0, log": "high: 2.0, log", "epochs: 1,": "epochs: 2,"}
    text = RANGES.replace(change, new.get(change, "network: resnet32"))

    with pytest.raises(HaqaError, match=f"was recorded of another {told} than {CELL} has now"):
        replayed(tried, text)


def test_what_is_said_of_a_parameter_makes_no_other_space(tried):
    text = RANGES.replace("default: 0.1}", "default: 0.1, about: how far a step goes}")

    replayed(tried, text)


def test_another_machine_is_refused_before_it_measures(tried):
    trainer = Trainer()
    trainer.machine = "another machine"

    with pytest.raises(HaqaError) as caught:
        live(tried, trainer)

    assert not trainer.calls
    told = "was recorded on another machine: a test machine, and this is another machine"
    assert told in str(caught.value)
    assert str(caught.value).endswith("or start anew with --fresh")


def test_another_build_is_refused_and_named(tried, monkeypatch):
    monkeypatch.setattr("haqa_bench.run.versions.of_track", lambda cell: {"torch": "1.0"})

    with pytest.raises(HaqaError, match=r"with another build: .* and here is "):
        live(tried, Trainer())


def test_a_fresh_run_takes_the_place_of_another_machine_s(tried):
    trainer = Trainer()
    trainer.machine = "another machine"

    live(tried, trainer, fresh=True)

    assert recorded(tried).header.machine == "another machine"


def test_a_run_that_goes_on_elsewhere_is_refused(project):
    killed_in_training(project, 3)
    trainer = Trainer()
    trainer.machine = "another machine"

    with pytest.raises(HaqaError, match="was begun on another machine"):
        live(project, trainer, QUICK)


def test_a_fresh_run_that_was_cut_goes_on_fresh(tried, monkeypatch):
    count = len(recorded(tried).trials)
    calls = []

    def called(configuration):
        calls.append(configuration)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live(tried, Trainer(called), fresh=True)
    rest = Trainer()
    live(tried, rest)

    assert len(rest.calls) == count - 2


def test_two_runs_at_once_lose_nothing_of_each_other(project):
    one = planned(project, SEEDS, measure="live")
    halves = [one._replace(studies=one.studies[::2]), one._replace(studies=one.studies[1::2])]

    children = []
    for plan in halves:
        child = os.fork()
        if child == 0:
            list(runner.run(plan, plan.folder, Unheld({CELL: Trainer()})))
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]

    assert len(journals(replayed(project, SEEDS))) == len(one.studies)


def test_check_reads_trials_and_seal_takes_them(tried, cli):
    def faults():
        done = cli("check", "--project", tried)
        return [line for line in (done.stdout + done.stderr).splitlines() if CELL in line]

    assert not faults()
    path = recorded(tried).path
    entries = journal.read_finished(path)
    path.write_bytes(journal.finished(entries[:-1]))
    assert faults()
    assert cli("check", "--seal", "--project", tried).stderr.count("results/trials") == 0
    assert not faults()
    (tried / "suites/ranges.yaml").write_text(RANGES.replace("epochs: 1,", "epochs: 2,"))
    assert any("another workload" in fault for fault in faults())


def test_recorded_trials_of_the_package_are_read_where_a_project_has_none(
    tried, tmp_path_factory, monkeypatch
):
    own = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("HAQA_BENCH_SHIPPED", str(tried))
    (own / "suites").mkdir()
    plan = planned(own)

    list(runner.run(plan, plan.folder, Serial()))

    assert not Project(own).own.trials(plan.suite.cells[0]).exists()
    assert complete.is_complete(plan.folder) is False  # which the command says, at its end


def test_a_live_run_elsewhere_leaves_what_the_package_brings_alone(
    tried, tmp_path_factory, monkeypatch
):
    own, brought = tmp_path_factory.mktemp("own"), recorded(tried).path.read_bytes()
    monkeypatch.setenv("HAQA_BENCH_SHIPPED", str(tried))
    (own / "suites").mkdir()
    trainer = Trainer()
    trainer.machine = "another machine"

    live(own, trainer)

    assert not (tried / "results/runs").exists()
    assert recorded(own).header.machine == "another machine"
    assert recorded(tried).path.read_bytes() == brought


def test_values_are_estimated_from_samples(tried):
    trial = next(t for t in recorded(tried).trials.values() if t.readings)

    found = {m.name: m for m in trial.outcome(Source.REPLAYED).measurements}

    loss = found["train_loss"]
    assert loss.value == sum(loss.samples) / 2


def test_what_a_killed_run_measured_is_taken_by_another(project):
    done = killed_in_training(project, 2)[:-1]

    other, trainer = (
        QUICK.replace("{name: local, optimizer: local}", "{name: d, optimizer: default}"),
        Trainer(),
    )
    told = live(project, trainer, other)

    assert len(recorded(project).trials) == len(trainer.calls) + len(done)
    assert not {json.dumps(c, sort_keys=True) for c in trainer.calls} & set(done)
    assert any("measured before" in note for note in told)
    replayed(project, other)


def test_the_best_that_was_recorded_is_known(tried):
    cell = planned(tried).suite.cells[0]

    every = of_recording(recorded(tried), cell)

    best = cell.objective.best(every)
    assert every[0].configuration == cell.space.default
    assert best.value("valid_accuracy") == max(
        t.value("valid_accuracy") for t in every if t.status == "ok"
    )
