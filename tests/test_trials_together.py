"""Recorded trials together with what else a live run has: agents, workers, tests of winners."""

import json
import re

import pytest
from endpoint import Endpoint, reply
from plugged import installed
from support import row_texts, tables_of
from trainer import CELL, RANGES, Trainer, Unheld, planned

from haqa_bench.errors import TrialMiss
from haqa_bench.run import runner
from haqa_bench.store import trials

AGENT = RANGES.replace(
    "  - {name: gp, optimizer: gp}\n  - {name: tpe, optimizer: tpe}",
    "  - {name: haqa, optimizer: haqa, chat: {model: m, temperature: 0.0}}",
)
QUICK = """\
from trainer import Trainer
from haqa_bench.cell import Workload
from haqa_bench.tracks import Track
from haqa_bench.tracks.qat.track import QAT


class Quick(Track):
    name, title, workload, confirmed = "quick", "Best of the quick", Workload, "tests"
    metrics = QAT.metrics

    def evaluator(self, cell):
        return Trainer()


QUICK = Quick()
"""


@pytest.fixture
def agents(project):
    """A project whose prompts know ranges."""
    (project / "prompts/qat.j2").write_text("Choose a rate.\n")
    return project


def answers(*rates):
    given = [{"learning_rate": r, "batch_size": 16, "schedule": "cosine"} for r in rates]
    return [reply(json.dumps({"thought": "", "action": action})) for action in given]


def asked(project, replies, **changes):
    with Endpoint(replies) as endpoint:
        told = {"agent": "live", "base_url": endpoint.base_url, "answered_by": "a script"}
        plan = planned(project, AGENT, **{**told, **changes})
        list(runner.run(plan, plan.folder, Unheld({CELL: Trainer()} if is_live(plan) else {})))
    return plan


def is_live(plan):
    return plan.measure == "live"


def test_a_live_agent_on_live_trials_replays_byte_for_byte(agents):
    live = asked(agents, answers(0.01, 0.02, 0.5, 0.03, 0.04), measure="live")

    replay = planned(agents, AGENT)
    list(runner.run(replay, replay.folder, Unheld()))

    (one,) = live.folder.glob("journal/*/haqa-s0.jsonl")
    (two,) = replay.folder.glob("journal/*/haqa-s0.jsonl")
    assert rates(one) == rates(two) == [0.1, 0.01, 0.02, 0.5, 0.03, 0.04]
    assert two.read_text().count('"status": "diverged"') == 1


def rates(path):
    lines = map(json.loads, path.read_text().splitlines())
    return [line["configuration"]["learning_rate"] for line in lines if line["kind"] == "trial"]


def test_recorded_proposals_are_measured_on_another_machine(agents):
    asked(agents, answers(0.01, 0.02, 0.5, 0.03, 0.04), measure="live")
    trainer = Trainer()
    trainer.machine = "another machine"

    plan = planned(agents, AGENT, measure="live", fresh=True)
    list(runner.run(plan, plan.folder, Unheld({CELL: trainer})))

    assert trials.read(agents / f"results/trials/qat/{CELL}.jsonl").header.machine == (
        "another machine"
    )


def test_a_live_agent_on_recorded_trials_misses_what_it_alone_proposes(agents):
    asked(agents, answers(0.01, 0.02, 0.5, 0.03, 0.04), measure="live")

    with pytest.raises(TrialMiss, match=r"no recorded trial is of .*0\.0777"):
        asked(agents, answers(0.01, 0.0777, 0.5, 0.03, 0.04), measure="recorded")


def test_winners_are_tested_with_new_seeds(tried, cli, monkeypatch):
    monkeypatch.setattr("haqa_bench.tracks.qat.evaluator.QatEvaluator", lambda *_: Trainer())
    path = tried / "suites/ranges.yaml"
    assert cli("run", path).returncode == 0

    done = cli("confirm", "ranges", "--project", tried)

    assert done.returncode == 0
    assert cli("run", path).returncode == 0
    plan = planned(tried)
    rows = {r["Method"]: r for r in row_texts(tables_of(plan.folder, tried)["table1"])}
    assert rows["random"]["n"] == "1"
    assert rows["default"]["n"] == "2"
    assert "not yet" not in rows["random"]["Test accuracy, %"]


def test_two_workers_train_at_once_and_the_default_once_for_all(project, cli_process, tmp_path):
    text = AGENT.replace("track: qat", "track: quick").replace(
        "workload: {data: cifar10, images: 64, epochs: 1, held_out: 100, timeout_s: 300.0}",
        "workload: {}",
    )
    text = re.sub(r"  - {name: haqa.*\n", "", text)
    text = text.replace("proposals: 6", "proposals: 3").replace("seeds: [0]", "seeds: [0, 1]")
    loaded_from = project / "suites/ranges.yaml"
    loaded_from.write_text(text)
    there = installed(tmp_path / "site", QUICK, {"tracks": {"quick": "faulty_methods:QUICK"}})
    there["PYTHONPATH"] += f":{__file__.rpartition('/')[0]}"

    live = ("run", loaded_from, "--measure", "live", "--workers", "2")
    done = cli_process(*live, **there)
    again = cli_process("run", loaded_from, "--workers", "2", **there)

    assert (done.returncode, again.returncode) == (0, 0), done.stderr + again.stderr
    (path,) = (project / "results/trials/quick").glob("*.jsonl")
    assert len(trials.read(path).trials) == 9  # the default, and two of each of four studies


STAMPING = """\
import os
import time


class Stamping(Trainer):
    def measure(self, configuration):
        stamp("begins")
        time.sleep(0.3)
        stamp("ends")
        return super().measure(configuration)


def stamp(what):
    with open(os.environ["STAMPS"], "a") as file:
        file.write(f"{what} {os.getpid()}\\n")


QUICK = Quick()
"""
TIMED = (
    QUICK.replace(', "tests"', ', "pairs"')
    .replace("return Trainer()", "return Stamping()")
    .replace("QUICK = Quick()\n", STAMPING)
)


def test_agents_and_methods_that_compute_are_timed_in_turn(project, cli_process, tmp_path):
    path, stamps = project / "suites/ranges.yaml", tmp_path / "stamps"
    text = AGENT.replace("track: qat", "track: quick").replace("proposals: 6", "proposals: 4")
    text = text.replace("seeds: [0]", "seeds: [0, 1]").replace("{tests: 2}", "{pairs: 6, floor: 6}")
    path.write_text(re.sub(r"workload: {.*}", "workload: {}", text))
    (project / "prompts/quick.j2").write_text("Choose a rate.\n")
    there = installed(tmp_path / "site", TIMED, {"tracks": {"quick": "faulty_methods:QUICK"}})
    there["PYTHONPATH"] += f":{__file__.rpartition('/')[0]}"
    there |= {"STAMPS": str(stamps), "OPENAI_API_KEY": "none"}
    live = ("run", path, "--measure", "live", "--workers", "2")

    with Endpoint(answers(*(0.001 * n for n in range(1, 7)))) as endpoint:
        asking = ("--agent", "live", "--base-url", endpoint.base_url, "--answered-by", "a script")
        done = cli_process(*live, "--methods", "haqa,random", *asking, **there)

    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in stamps.read_text().splitlines()]
    assert len({process for _, process in lines}) == 2
    assert [what for what, _ in lines] == ["begins", "ends"] * (len(lines) // 2)
    assert len(lines) == 2 * 13  # the default once for all four


def test_page_and_explain_say_where_recorded_trials_are_from(tried, cli):
    assert cli("run", tried / "suites/ranges.yaml").returncode == 0

    told = cli("explain", "ranges", f"table1:{CELL}/random/valid-accuracy", "--project", tried)
    page = cli("report", "ranges", "--html", tried / "page.html", "--project", tried)

    assert told.returncode == page.returncode == 0, told.stderr + page.stderr
    name = f"results/trials/qat/{CELL}.jsonl"
    assert name in told.stdout
    assert "a test machine" in told.stdout
    assert name in (tried / "page.html").read_text()


def test_a_sweep_of_a_range_says_what_records_it(tried, cli):
    done = cli("tabulate", tried / "suites/ranges.yaml")

    assert done.returncode == 2
    assert "no response table holds it: its space has a range" in done.stderr
    assert "haqa-bench run SUITE --measure live" in done.stderr


def test_python_replays_recorded_trials(tried):
    import haqa_bench as hb

    cell = hb.load_suite(tried / "suites/ranges.yaml").cells[0]

    done = hb.run_study("random", cell)

    assert len(done) == 6
    assert {m.source for t in done for m in t.measurements} == {"replayed"}
    with pytest.raises(hb.HaqaError, match="its space has a range: trials of it are recorded"):
        cell.table  # noqa: B018


def test_a_dry_run_says_what_is_recorded_already(tried, cli):
    done = cli("run", tried / "suites/ranges.yaml", "--measure", "live", "--dry-run")

    assert "recorded there, and not measured again: 19 configurations, 12 s each" in done.stdout


def test_on_another_machine_the_same_cells_are_measured_under_its_name(tried, cli, monkeypatch):
    trainer = Trainer()
    trainer.machine = "another machine"
    monkeypatch.setattr("haqa_bench.tracks.qat.evaluator.QatEvaluator", lambda *_: trainer)
    profile = (tried / "hardware/epyc-zen4-2core.yaml").read_text()
    (tried / "hardware/mine.yaml").write_text(profile.replace("epyc-zen4-2core", "mine"))
    recorded = (tried / f"results/trials/qat/{CELL}.jsonl").read_bytes()
    live = ("run", tried / "suites/ranges.yaml", "--measure", "live", "--methods", "random")

    refused = cli(*live, "--cells", "*epyc*")
    unknown = cli(*live, "--hardware", "nobodys")
    done = cli(*live, "--cells", "*epyc*", "--hardware", "mine")

    assert refused.returncode == unknown.returncode == 2
    assert "measure here as another machine (--hardware NAME, of hardware/)" in refused.stderr
    assert "nobodys" in unknown.stderr
    assert done.returncode == 0, done.stderr
    assert (tried / f"results/trials/qat/{CELL}.jsonl").read_bytes() == recorded
    mine = trials.read(tried / "results/trials/qat/net-w2a2-mine-qat.jsonl")
    assert (mine.header.machine, len(mine.trials)) == ("another machine", 6)
    again = cli("run", tried / "suites/ranges.yaml", "--methods", "random", "--hardware", "mine")
    assert again.returncode == 0, again.stderr
