"""A surrogate answers for methods that were not recorded: simulated, with its error, and nowhere
else.
"""

import json
import re

import pytest
from endpoint import Endpoint, reply
from support import row_texts, tables_of
from test_recorded_trials import every_trial, journals, live, recorded
from trainer import CELL, RANGES, Trainer, loaded, planned

from haqa_bench.errors import EvaluationFailed
from haqa_bench.report import formats
from haqa_bench.run import runner, surrogate
from haqa_bench.run.executors.local import Serial
from haqa_bench.trial import Source

OTHERS = RANGES.replace("seeds: [0]", "seeds: [5]")


def simulated(project, text=OTHERS, **changes):
    plan = planned(project, text, measure="surrogate", **changes)
    list(runner.run(plan, plan.folder, Serial()))
    return plan


def made(project, text=RANGES):
    plan = planned(project, text, measure="surrogate")
    return surrogate.made(plan, plan.suite.cells[0])


def test_a_method_that_was_not_recorded_runs_on_the_surrogate(tried):
    plan = simulated(tried)

    found = [m for trial in every_trial(plan.folder) for m in trial["measurements"]]
    assert {m["source"] for m in found} == {"simulated"}
    assert {m["name"] for m in found} == {"valid_accuracy"}
    assert len(journals(plan.folder)) == 5


def test_every_table_of_the_run_says_what_simulated_it_and_how_far_off(tried):
    plan = simulated(tried)

    for table in tables_of(plan.folder, tried).values():
        every = [formats.several({"one": table}, "text", wide) for wide in (True, False)]
        words, short = (" ".join(printed.split()) for printed in every)
        assert f"{CELL}: simulated, not measured, by a Gaussian process of" in words
        assert re.search(r"leave-one-out error of valid_accuracy \d+\.?\d* %", words)
        assert "Source: replayed" not in words
        assert "simulated, not measured, by a Gaussian process of" in short
    assert {r["Source"] for r in row_texts(tables_of(plan.folder, tried)["table1"])} == {
        "simulated"
    }


def test_the_first_lines_say_it_too(tried, cli):
    loaded(tried, OTHERS)

    done = cli("run", tried / "suites/ranges.yaml", "--measure", "surrogate", "--methods", "random")

    assert done.returncode == 0
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{CELL} is simulated by a Gaussian process of ")
    assert "results/trials/qat/" in first
    assert "leave-one-out error of valid_accuracy" in first


def test_it_is_the_same_each_time(tried):
    one, two = simulated(tried), tried / "again"
    list(runner.run(planned(tried, OTHERS, measure="surrogate"), two, Serial()))

    assert journals(one.folder) == journals(two)


def test_it_learns_what_was_recorded(tried):
    model, errors = made(tried), []

    for trial in recorded(tried).trials.values():
        if trial.readings:
            (found,) = model.measure(trial.configuration).measurements
            errors.append(abs(found.value - trial.readings[0].samples[0]))

    assert max(errors) < 4


def test_its_error_is_of_trials_that_it_was_not_fitted_to(tried):
    told = made(tried).told

    error, of_mean = map(float, re.findall(r"error of \w+ ([\d.]+) %.*?; ([\d.]+) where", told)[0])
    assert 0 < error < of_mean


def test_a_failure_is_predicted_where_failures_were_recorded(tried):
    model = made(tried)

    one = model.failed[0].configuration
    with pytest.raises(EvaluationFailed, match="predicted: a Gaussian process") as caught:
        model.measure({**one, "learning_rate": 1.0})
    assert caught.value.status == "diverged"


def test_too_few_trials_are_refused_in_one_line(project, cli):
    live(project, Trainer(), RANGES.replace("proposals: 6", "proposals: 2"))

    done = cli("run", project / "suites/ranges.yaml", "--measure", "surrogate")

    assert done.returncode == 2
    assert "were measured: a surrogate needs 10" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_cell_with_a_table_needs_none(project, cli):
    done = cli(
        "run", project / "suites/small.yaml", "--measure", "surrogate", "--methods", "random"
    )

    assert done.returncode == 2
    assert "has a response table, which answers every configuration exactly" in done.stderr


def test_nothing_of_it_is_recorded(tried, cli):
    before = {p: p.read_bytes() for p in tried.rglob("*") if p.is_file()}

    simulated(tried)

    after = {p: p.read_bytes() for p in tried.rglob("*") if p.is_file()}
    new = {p.relative_to(tried).parts[:2] for p in after.keys() - before.keys()}
    assert not {part for part in new if part[0] in ("cassettes",)}
    assert all(after[path] == data for path, data in before.items() if path.suffix == ".jsonl")


def test_its_winners_are_not_confirmed(tried, cli):
    plan = simulated(tried)

    done = cli("confirm", plan.folder, "--project", tried)

    assert done.returncode == 2
    assert f"the numbers of {CELL} are a surrogate's: no winner of it was measured" in done.stderr


def test_its_run_is_no_contribution(tried, cli):
    plan = simulated(tried)

    done = cli("contribute", plan.folder, "--project", tried, "--output", tried / "pack.zip")

    assert done.returncode == 2


def test_its_proposals_are_not_recorded(tried, cli):
    loaded(tried, OTHERS)

    done = cli(
        *("run", tried / "suites/ranges.yaml", "--measure", "surrogate", "--record-proposals"),
    )

    assert done.returncode == 2
    assert "no study here computes its proposals in a replay" in done.stderr


def test_an_llm_that_is_told_of_it_is_recorded_with_the_run_alone(tried):
    text = OTHERS.replace(
        "  - {name: gp, optimizer: gp}",
        "  - {name: haqa, optimizer: haqa, chat: {model: m, temperature: 0.0}}",
    )
    (tried / "prompts/qat.j2").write_text("Choose a rate.\n")
    answer = {"learning_rate": 0.02, "batch_size": 16, "schedule": "cosine"}
    with Endpoint([reply(json.dumps({"thought": "", "action": answer}))] * 12) as endpoint:
        plan = simulated(tried, text, agent="live", base_url=endpoint.base_url)

    assert len(list(plan.folder.rglob("haqa-s5.jsonl"))) == 2
    assert not (tried / "cassettes").exists()
    assert Source.SIMULATED in {
        m["source"] for trial in every_trial(plan.folder) for m in trial["measurements"]
    }
