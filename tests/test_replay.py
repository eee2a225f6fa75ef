"""Recording and replaying: what must be equal, what must be refused, and what a kill may not
lose.
"""

import os
import random
import shutil
import signal
import socket

import pytest
from endpoint import Endpoint, reply
from support import ANSWERS, SUITE, plan, record, run, tables_of, write_table

from haqa_bench.errors import CassetteMiss, HaqaError
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.report import formats
from haqa_bench.run import identity, runner
from haqa_bench.run import study as studies
from haqa_bench.run.executors.local import Serial
from haqa_bench.store import manifest


def notes(events):
    return [event.note for event in events if isinstance(event, runner.Event)]


def tables(project, folder):
    return formats.markdown(tables_of(folder, project)["figure5"])


@pytest.fixture
def recorded(project):
    record(project)
    return project


def test_a_replay_gives_the_recorded_studies_again(recorded):
    live = next((recorded / "results/runs/small").glob("live-*"))

    list(runner.run(plan(recorded), recorded / "again", Serial()))

    assert tables(recorded, recorded / "again") == tables(recorded, live)
    for journal in (live / "journal").glob("*/*.jsonl"):
        assert (
            recorded / "again/journal" / journal.parent.name / journal.name
        ).read_bytes() == journal.read_bytes()


def test_two_replays_are_byte_equal_whatever_the_order_of_studies(recorded):
    straight = plan(recorded)
    shuffled = straight._replace(
        studies=random.Random(1).sample(straight.studies, len(straight.studies))
    )

    list(runner.run(straight, recorded / "one", Serial()))
    list(runner.run(shuffled, recorded / "two", Serial()))

    assert tables(recorded, recorded / "one") == tables(recorded, recorded / "two")
    assert straight.folder == shuffled.folder


def test_a_replay_killed_at_any_trial_goes_on_to_the_same_tables(recorded):
    whole = recorded / "whole"
    events = len(list(runner.run(plan(recorded), whole, Serial())))

    for number in range(events):
        cut = recorded / f"cut{number}"
        killed_after(number, plan(recorded), cut)
        list(runner.run(plan(recorded), cut, Serial()))
        assert tables(recorded, cut) == tables(recorded, whole)
        for journal in (whole / "journal").glob("*/*.jsonl"):
            assert (
                cut / "journal" / journal.parent.name / journal.name
            ).read_bytes() == journal.read_bytes()
        shutil.rmtree(cut)


def killed_after(number, what, folder):
    """Runs in a process of its own that kills itself with SIGKILL at the event `number`."""
    child = os.fork()
    if child == 0:
        for count, _ in enumerate(runner.run(what, folder, Serial())):
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_a_recording_killed_at_any_trial_asks_nothing_twice(project):
    record(project)
    cassettes = sorted((project / "cassettes").rglob("*.jsonl"))
    expected = [
        [line for line in path.read_text().splitlines() if '"exchange"' in line]
        for path in cassettes
    ]

    for number in range(16, 28):  # the events of the two agent studies
        shutil.rmtree(project / "results" / "runs")
        shutil.rmtree(project / "cassettes")
        with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
            live = plan(project, agent="live", base_url=endpoint.base_url, answered_by="a script")
            killed_after(number, live, live.folder)
            list(runner.run(live, live.folder, Serial()))
            assert len(endpoint.requests) == len(ANSWERS)
        assert not list((project / "cassettes").rglob("*.partial"))
        again = [
            [line for line in path.read_text().splitlines() if '"exchange"' in line]
            for path in cassettes
        ]
        assert [[without_latency(line) for line in lines] for lines in again] == [
            [without_latency(line) for line in lines] for lines in expected
        ]


def without_latency(line):
    line = line.partition(', "chain"')[0]
    return line.partition('"latency_s"')[0] + line.partition('"latency_s"')[2].partition(",")[2]


def test_a_replay_opens_no_socket(recorded, monkeypatch):
    def refused(*_, **__):
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket, "socket", refused)

    run(recorded)


def test_a_changed_template_misses_with_a_diff(recorded):
    template = recorded / "prompts" / "dynamic.j2"
    template.write_text(template.read_text().replace("Propose the next", "Now propose the next"))

    with pytest.raises(
        CassetteMiss,
        match=r"(?s)round 1, attempt 1.*nearest: recorded round 1.*-.*Propose the "
        r"next.*\+.*Now propose",
    ):
        run(recorded)


def test_a_changed_temperature_misses_with_a_diff(recorded):
    path = recorded / "suites" / "small.yaml"
    path.write_text(SUITE.replace("temperature: 0.0", "temperature: 0.5"))

    with pytest.raises(CassetteMiss, match=r"(?s)-temperature: 0\.0.*\+temperature: 0\.5"):
        run(recorded)


def test_a_changed_measurement_misses_with_a_diff(recorded):
    write_table(recorded, scale=1.5)

    with pytest.raises(
        CassetteMiss, match=r"(?s)-Trial 0.*tokens_per_s 60 .*\+Trial 0.*tokens_per_s 90 "
    ):
        run(recorded)


def test_a_miss_is_told_on_stderr_with_exit_code_2(recorded, cli):
    write_table(recorded, scale=1.5)

    done = cli("run", recorded / "suites" / "small.yaml")

    assert done.returncode == 2
    assert done.stderr.startswith("haqa-bench: ")
    assert "Traceback" not in done.stderr


def test_proposals_measured_anew_report_the_drift_of_their_prompts(recorded):
    write_table(recorded, scale=1.5)
    what = plan(recorded, agent="cassette", measure="live")
    table = studies.evaluator_of(what._replace(measure="recorded"), what.suite.cells[0])

    events = list(runner.run(what, recorded / "anew", Serial({what.suite.cells[0].id: table})))

    told = [note for note in notes(events) if note]
    assert [note.partition(" (")[0] for note in told] == [
        f"{n} of {n} prompts differ from the recording" for n in (5, 6)
    ]


def test_unused_exchanges_are_reported(recorded):
    path = recorded / "suites" / "small.yaml"
    path.write_text(SUITE.replace("proposals: 5", "proposals: 4"))
    what = plan(recorded, agent="cassette", measure="live")
    table = studies.evaluator_of(what._replace(measure="recorded"), what.suite.cells[0])

    events = list(runner.run(what, recorded / "fewer", Serial({what.suite.cells[0].id: table})))

    assert any("recorded exchanges were not asked for" in note for note in notes(events))


def test_a_key_in_the_environment_never_reaches_the_disk(project, monkeypatch):
    key = "sk-haqa-secret-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", key)

    endpoint = record(project)

    assert any(key in str(headers) for headers in endpoint.headers)
    assert all(
        key.encode() not in path.read_bytes() for path in project.rglob("*") if path.is_file()
    )


def test_a_second_run_in_the_same_folder_is_refused(recorded):
    first = runner.run(plan(recorded), recorded / "one", Serial())
    next(first)

    with pytest.raises(HaqaError, match="another process is running this"):
        next(runner.run(plan(recorded), recorded / "one", Serial()))
    first.close()


def test_a_missing_cassette_says_how_to_record_it(project):
    with pytest.raises(HaqaError, match=r"no such cassette.*--agent live"):
        run(project)


def test_a_cassette_cut_in_the_middle_of_a_line_is_refused_naming_the_line(recorded):
    path = next((recorded / "cassettes").rglob("haqa-s0.jsonl"))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 100])

    with pytest.raises(HaqaError, match=r"haqa-s0\.jsonl: is not what was recorded"):
        run(recorded)
    (recorded / manifest.NAME).unlink()
    with pytest.raises(HaqaError, match=r"haqa-s0\.jsonl:\d+: damaged line"):
        run(recorded)


def test_an_edited_cassette_is_refused_naming_the_line(recorded):
    path = next((recorded / "cassettes").rglob("haqa-s0.jsonl"))
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 7', 1))

    with pytest.raises(HaqaError, match=r"haqa-s0\.jsonl: is not what was recorded"):
        run(recorded)
    (recorded / manifest.NAME).unlink()
    with pytest.raises(HaqaError, match=r"haqa-s0\.jsonl:\d+: damaged line"):
        run(recorded)


def test_a_journal_with_a_damaged_line_is_refused_naming_the_line(recorded):
    run(recorded)
    journal = next((recorded / "results/runs/small").glob("cassette-*/journal/*/random-s0.jsonl"))
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:2], lines[2][:40] + "\n", *lines[3:]]))

    with pytest.raises(HaqaError, match=r"random-s0\.jsonl:3: damaged line"):
        run(recorded)


def test_a_missing_table_says_how_to_measure_it(recorded):
    next((recorded / "results/tables").rglob("*.parquet")).unlink()

    with pytest.raises(HaqaError, match=r"\.parquet: no response table yet"):
        run(recorded)


def test_a_table_that_lacks_a_configuration_is_refused(recorded):
    path = recorded / "suites" / "small.yaml"
    path.write_text(SUITE.replace("choices: [1, 2]", "choices: [1, 2, 4]"))

    with pytest.raises(HaqaError, match="3 of 9 configurations are missing"):
        run(recorded)


def test_what_other_code_computed_is_another_run(project, monkeypatch):
    before = plan(project).folder

    monkeypatch.setattr(identity, "source", lambda: "of another version")

    assert plan(project).folder != before  # neither gone on with, nor printed as the new one


def test_a_journal_that_other_code_began_is_not_gone_on_with(project, monkeypatch):
    drawing = plan(project)
    drawing = drawing._replace(studies=[s for s in drawing.studies if s.method.name == "random"])
    folder = drawing.folder
    list(runner.run(drawing, folder, Serial()))

    monkeypatch.setattr(identity, "source", lambda: "of another version")

    with pytest.raises(HaqaError, match=r"random-s0\.jsonl: was begun with other code: source was"):
        list(runner.run(drawing, folder, Serial()))


def test_a_study_is_not_gone_on_with_with_other_settings(project, monkeypatch):
    drawing = plan(project)
    drawing = drawing._replace(studies=[s for s in drawing.studies if s.method.name == "random"])
    folder = drawing.folder
    list(runner.run(drawing, folder, Serial()))
    journal = next((folder / "journal").rglob("random-s0.jsonl"))
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))

    monkeypatch.setattr(
        RandomSearch, "settings", property(lambda self: {"draws": 2}), raising=False
    )
    monkeypatch.setattr(RandomSearch, "__init__", lambda self, study: None)

    with pytest.raises(HaqaError, match="was begun with other settings: draws was None, and is 2"):
        list(runner.run(drawing, folder, Serial()))
