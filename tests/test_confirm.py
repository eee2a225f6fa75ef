"""Winners measured again in pairs with the default: how the pairs are taken, and what is made of
them.
"""

import json
from collections import Counter

import pytest
from support import DEFAULT, WINNER, Device, Live, evaluator_of, plan, reading, tables_of

from haqa_bench import suite
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome
from haqa_bench.report import formats
from haqa_bench.run import confirm, runner
from haqa_bench.run.executors import local
from haqa_bench.run.executors.local import Serial
from haqa_bench.space import key_of
from haqa_bench.store import confirmed, database, journal, manifest
from haqa_bench.tracks.deploy.workload import Lengths
from haqa_bench.trial import Status


@pytest.fixture
def cell(project):
    return suite.load(project / "suites/small.yaml", project).cells[0]


def taken(cell, device, path, *winners):
    list(confirm.record(cell, device, [cell.space.default, *winners], path))
    return confirm.read(path, cell)


def test_every_configuration_meets_the_default_and_so_does_the_default(cell, tmp_path):
    device = Device(lambda c, _: 80.0 if c == WINNER else 60.0)

    found = taken(cell, device, tmp_path / "p.jsonl", WINNER)

    assert [sum(p.configuration == key_of(c) for p in found) for c in (WINNER, DEFAULT)] == [
        8,
        24,
    ]
    assert {(p.default, p.tuned) for p in found if p.configuration == key_of(WINNER)} == {
        (60.0, 80.0)
    }
    assert {(p.default, p.tuned) for p in found if p.configuration == key_of(DEFAULT)} == {
        (60.0, 60.0)
    }


def test_pairs_are_interleaved_and_each_side_goes_first_at_times(cell, tmp_path):
    device = Device(lambda c, _: 1.0)

    found = taken(cell, device, tmp_path / "p.jsonl", WINNER)

    assert [p.pair for p in found] == sorted(p.pair for p in found)
    assert {p.first for p in found} == {"default", "tuned"}
    for number, pair in enumerate(found):
        sides = {"default": DEFAULT, "tuned": json.loads(pair.configuration)}
        assert device.calls[2 * number] == sides[pair.first]


def test_disturbed_pairs_are_taken_again_up_to_twice_as_many(cell, tmp_path):
    bad = Device(lambda c, _: 1.0, others=lambda call: 0.3 if call < 8 else 0.0)
    hopeless = Device(lambda c, _: 1.0, others=lambda call: 0.3)

    assert (
        len(taken(cell, bad, tmp_path / "bad.jsonl")) == 28
    )  # four disturbed ones more than the 24 that were asked for
    assert len(taken(cell, hopeless, tmp_path / "hopeless.jsonl")) == 48


@pytest.mark.parametrize(
    ("others", "pairs", "kept"),
    [((0.0, 0.3, 0.0), 8, (50.0, 70.0)), ((0.3, 0.3, 0.0), 16, (70.0,))],
    ids=["one of three", "two of three"],
)
def test_samples_that_others_disturbed_are_left_out_of_a_pair(
    cell, tmp_path, monkeypatch, others, pairs, kept
):
    device = Device(None)
    found = (
        reading("end_to_end_tokens_per_s", "tokens/s", 50.0, 60.0, 70.0),
        reading("others_share", "1", *others),
    )
    monkeypatch.setattr(device, "sample", lambda c, repeat: Outcome(found, {}))

    found = [
        p
        for p in taken(cell, device, tmp_path / "p.jsonl", WINNER)
        if json.loads(p.configuration) == WINNER
    ]

    assert (len(found), {p.tuned_samples for p in found}) == (pairs, {kept})


def test_what_was_stopped_goes_on(cell, tmp_path):
    first, second = Device(lambda c, _: 1.0), Device(lambda c, _: 1.0)
    for number, _ in enumerate(
        confirm.record(cell, first, [DEFAULT, WINNER], tmp_path / "p.jsonl")
    ):
        if number == 5:
            break

    found = taken(cell, second, tmp_path / "p.jsonl", WINNER)

    assert len(found) == 32
    assert len(first.calls) == 10
    assert len(first.calls) + len(second.calls) == 64


def test_a_failure_of_either_side_is_kept_without_a_value(cell, tmp_path):
    def speed(configuration, call):
        if configuration == WINNER:
            raise EvaluationFailed(Status.TIMEOUT, "too slow")
        return 60.0

    found = taken(cell, Device(speed), tmp_path / "p.jsonl", WINNER)

    failed = [p for p in found if p.configuration == key_of(WINNER)]
    assert len(failed) == 8
    assert {p.failed for p in failed} == {"tuned: timeout: too slow"}
    assert all(p.tuned is None for p in failed)


def test_a_default_that_fails_from_the_first_is_not_tried_again_and_again(cell, tmp_path):
    def never(configuration, call):
        raise EvaluationFailed(Status.TIMEOUT, "too slow")

    def later(configuration, call):
        if call > 3:
            never(configuration, call)
        return 60.0

    def at_first(configuration, call):
        if call < 1:
            never(configuration, call)
        return 60.0

    for _ in range(2):  # the default with itself twice, and with the winner until it failed twice
        found = taken(cell, Device(never), tmp_path / "p.jsonl", WINNER)
        assert Counter(p.configuration for p in found)[key_of(DEFAULT)] == 2
        assert len(found) < 10
    for speed in (later, at_first):
        assert len(taken(cell, Device(speed), tmp_path / f"{speed.__name__}.jsonl")) == 24


def test_pairs_of_another_workload_or_machine_are_not_mixed(cell, tmp_path):
    taken(cell, Device(lambda c, _: 1.0), tmp_path / "p.jsonl")
    longer = cell.model_copy(update={"workload": cell.workload.model_copy(update={"n_prompt": 64})})
    elsewhere = Device(lambda c, _: 1.0)
    elsewhere.machine = "another machine"

    with pytest.raises(HaqaError, match="another cell or workload"):
        confirm.read(tmp_path / "p.jsonl", longer)
    with pytest.raises(HaqaError, match="another workload, default or machine"):
        taken(cell, elsewhere, tmp_path / "p.jsonl")


def test_winners_are_confirmed_at_lengths_of_their_own(cell, tmp_path):
    lengths = Lengths(n_prompt=16, n_generate=8)
    work = cell.workload.model_copy(update={"confirm": lengths, "told": ("a fact",)})
    told = cell.model_copy(update={"workload": work})

    taken(told, Device(lambda c, _: 1.0), tmp_path / "p.jsonl")

    card, _ = confirmed.read(tmp_path / "p.jsonl", finished=True)
    assert (card.workload["n_prompt"], card.workload["n_generate"]) == (16, 8)
    assert not {"confirm", "told"} & card.workload.keys()
    assert confirm.read(tmp_path / "p.jsonl", told)
    with pytest.raises(HaqaError, match="another cell or workload"):
        confirm.read(tmp_path / "p.jsonl", cell)


def test_a_run_makes_an_evaluator_for_its_pairs_where_they_are_of_other_lengths(
    project, monkeypatch
):
    work, made = plan(project, measure="live"), []
    monkeypatch.setattr(local, "evaluator_of", lambda _, cell: made.append(cell) or len(made))
    cell = work.suite.cells[0]
    lengths = Lengths(n_prompt=16, n_generate=8)
    longer = cell.model_copy(
        update={"workload": cell.workload.model_copy(update={"confirm": lengths})}
    )

    one = Serial()
    numbers = [one.evaluator(work, c) for c in (longer, longer.confirming, longer)]

    assert numbers == [1, 2, 1]
    assert [c.workload.n_prompt for c in made] == [cell.workload.n_prompt, 16]


def test_a_cell_may_say_how_often_its_default_meets_itself(cell, tmp_path):
    few = cell.measurement.model_copy(update={"pairs": 7, "floor": 6})

    found = taken(
        cell.model_copy(update={"measurement": few}), Device(lambda c, _: 1.0), tmp_path / "p.jsonl"
    )

    assert len(found) == 6
    assert "floor" not in cell.measurement.model_dump()


def table_of(project, speed):
    """The end-to-end table of a live run of random search whose pairs are by `speed`."""
    what = plan(project, measure="live")
    what = what._replace(
        studies=[s for s in what.studies if s.method.name in ("default", "random")]
    )
    live = Live(evaluator_of(project), speed)
    list(runner.run(what, what.folder, Serial({what.suite.cells[0].id: live})))
    return tables_of(what.folder, project)["figure5"], what.folder


@pytest.mark.parametrize(("method", "met"), [("default", False), ("random", True)])
def test_with_a_reserve_the_default_meets_itself_only_beside_a_winner(project, method, met):
    path = project / "suites/small.yaml"
    path.write_text(
        path.read_text().replace("{proposals: 5}", "{proposals: 5, seconds: 10_000, reserve: 1}")
    )
    what = plan(project, measure="live")
    what = what._replace(studies=[s for s in what.studies if s.method.name == method])
    cell = what.suite.cells[0]
    live = Live(evaluator_of(project), lambda c, call: 60.0 * (1.4 if c == WINNER else 1.0))

    list(runner.run(what, what.folder, Serial({cell.id: live})))

    lines = [
        line
        for file in (what.folder / "confirmed").rglob("*.jsonl")
        for line in journal.read_lines(file)
    ]
    own = [e for e in lines if e.get("configuration") == key_of(cell.space.default)]
    assert bool(own) == met


def test_a_live_run_measures_its_winners_again_and_says_on_what(project):
    table, folder = table_of(
        project, lambda c, call: 60.0 * (1.4 if c == WINNER else 1.0) * (1 + 0.001 * (call % 3))
    )

    (random,) = [
        dict(zip(table.headings, row, strict=True)) for row in table.cells if "random" in row
    ]
    assert {json.loads(c)["format"] for _, c in database.winners(folder)} == {"IQ4_NL", "Q4_1"}
    assert random["Confirmed"] == "1.399x (2 of 2)"
    (note,) = [
        note for note in table.details if note.startswith("Pairs were measured on a test machine")
    ]
    assert "net-int4-epyc-zen4-2core 0.2 %" in note
    assert "net-int4-epyc-zen4-2core: measured now on a test machine." in table.notes


def test_a_winner_that_does_not_win_again_is_no_winner(project):
    table, _ = table_of(project, lambda c, call: 60.0 * (1 + 0.01 * (call * 7 % 5)))

    assert "default (tie)" in formats.markdown(table)


def test_recorded_pairs_are_replayed_with_the_table(project, cli):
    _, folder = table_of(project, lambda c, call: 60.0 * (1.4 if c == WINNER else 1.0))
    recorded = project / "results/confirmed/deploy/net-int4-epyc-zen4-2core.jsonl"
    lines = journal.read_lines(next((folder / "confirmed").rglob("*.jsonl")))
    manifest.write(recorded, journal.finished(lines))

    done = cli("run", project / "suites/small.yaml", "--methods", "random")

    assert "1.400x (2 of 2)" in done.stdout
    assert "Source: replayed." in " ".join(done.stdout.split())


def test_winners_without_pairs_are_not_yet_measured_again(project, cli):
    assert "  not yet  " in cli("run", project / "suites/small.yaml", "--methods", "random").stdout


def test_the_winners_of_some_methods_alone_may_be_asked_for(project, cli):
    _, folder = table_of(project, lambda c, call: 60.0)
    default, tuned = (database.winners(folder, {name}) for name in ("default", "random"))

    assert [json.loads(winner) for _, winner in default] == [DEFAULT]
    assert tuned
    assert {*default, *tuned} == set(database.winners(folder))
    assert database.winners(folder, ()) == []

    refused = cli("confirm", folder, "--methods", "randon")
    assert refused.returncode == 2
    assert "'randon' matches nothing. Did you mean 'random'?" in refused.stderr


def test_confirm_needs_a_run(project, cli):
    done = cli("confirm", project / "suites")

    assert done.returncode == 2
    assert "no run of that name" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_verify_is_the_name_of_the_version_before_and_works_with_a_note(project, cli):
    done = cli("verify", project / "suites")

    assert done.stderr.splitlines()[0] == "haqa-bench verify is called haqa-bench confirm now."
    assert "no run of that name" in done.stderr


def test_what_is_recorded_is_gone_on_with_and_never_replaced_by_less(cell, tmp_path):
    path, device = tmp_path / "p.jsonl", Device(lambda c, _: 1.0)
    taken(cell, device, path)
    first = path.read_bytes()
    for _ in confirm.record(cell, device, [DEFAULT, WINNER], path):
        break
    assert path.read_bytes() == first  # whole until the new one is

    assert len(taken(cell, device, path, WINNER)) == 32
    longer = path.read_bytes()
    path.with_suffix(confirm.PARTIAL).write_bytes(journal.continued(path)[:-200])

    with pytest.raises(HaqaError, match=r"does not begin with what p\.jsonl holds"):
        taken(cell, device, path, WINNER)
    assert path.read_bytes() == longer
