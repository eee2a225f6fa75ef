"""What stands behind each printed number: every sum is done again from what `explain` tells."""

import json
import re
import shutil

import duckdb
import pytest
from again import OF_PARTS, OF_VALUES, again
from support import REPOSITORY
from whole_suites import NAMES

from haqa_bench.project import Project, open_run
from haqa_bench.report import explain
from haqa_bench.report.evidence import as_json, columns, told
from haqa_bench.report.evidence.place import Place
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.evidence.rules import RULES
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import id_of

INT4 = "figure5:smollm2-135m-int4-epyc-zen4-2core/haqa"
UNKNOWN = ("unknown", "not yet", "none", "default is best")


def tables_of(run):
    project = Project(REPOSITORY)
    return {**catalogue.tables(run, project), **catalogue.compared(run, project)}


def places(ledger, made):
    """Everything that is printed in rows that have names."""
    for name, table in made.items():
        for key, row in zip(table.keys, table.rows, strict=bool(table.keys)):
            for column, value in zip(table.columns, row, strict=True):
                if value.text:
                    yield Place(ledger, name, key, column, value)


@pytest.mark.parametrize("name", NAMES)
def test_every_column_of_every_table_declares_its_evidence(whole_suites, name):
    with open_run(whole_suites(name).folder) as run:
        undeclared = [
            f"{table_name}: {column.name}"
            for table_name, table in tables_of(run).items()
            for column in table.columns
            if columns.declared(table_name, column) is None
        ]

    assert undeclared == []


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long if n == "kernels" else ()) for n in NAMES]
)
def test_every_printed_number_is_the_sum_of_what_explain_tells(whole_suites, name):
    wrong = []
    with open_run(whole_suites(name).folder) as run:
        for place in places(Ledger(run, Project(REPOSITORY)), tables_of(run)):
            found = columns.evidence(place)
            trees = as_json.evidence(found)
            if not differing(place.printed, trees) and told.lines(found):
                continue
            if place.printed.text not in UNKNOWN:
                wrong.append((id_of(place.table, place.key, place.column.name), place.printed))

    assert wrong == []


def differing(printed, trees):
    """Which of the number and its ends are not what the trees make."""
    words = [tree for tree in trees["besides"] if isinstance(tree["value"], str)]
    return [
        name
        for name in ("number", "low", "high")
        if (wanted := getattr(printed, name)) is not None
        and again(trees[name]) != pytest.approx(wanted, rel=1e-9, abs=1e-12)
    ] + [tree for tree in words if "rule" in tree and str(again(tree)) not in printed.text]


def test_the_rules_are_a_closed_set_and_each_is_a_sentence():
    assert set(RULES) == {*OF_VALUES, *OF_PARTS}
    assert all(len(rule.sentence.split()) > 1 for rule in RULES.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_explained_by_its_numbers_and_their_ids(whole_suites, name):
    with open_run(whole_suites(name).folder) as run:
        made, ledger = tables_of(run), Ledger(run, Project(REPOSITORY))
        for table_name, table in made.items():
            number = explain.Number(table_name, table, len(table.rows) - 1, None)
            found = explain.explain(ledger, explain.find(made, number.id))

            assert found.number == number
            assert found.agrees
            ids = [one.number.id for one in found.row]
            assert [explain.find(made, one) for one in ids] == [one.number for one in found.row]


def explained(cli, run, number, *options):
    return cli("explain", run, number, "--project", REPOSITORY, *options)


def test_the_samples_that_count_and_those_left_out_are_told_with_the_estimator(cli, whole_suites):
    done = explained(cli, whole_suites("llama").folder, f"{INT4}/speed-up")

    assert done.returncode == 0, done.stderr
    assert "printed: 1.306x" in done.stdout
    assert "done again: it agrees" in done.stdout
    assert "the upper quartile of 6 of 8" in done.stdout
    assert "113.367, 111.206, 112.603, 111.367, 99.1612, 105.849 tokens/s" in done.stdout
    left_out = "left out, others took 30.4 % of the machine, more than 5 %: 43.1868 tokens/s"
    assert left_out in done.stdout
    assert "the upper quartile (75th percentile) of samples during which other" in done.stdout
    line = re.search(r"proposed in: (cassettes/llama/\S+/haqa-s0\.jsonl):(\d+)", done.stdout)
    recorded = json.loads((REPOSITORY / line[1]).read_text("utf-8").splitlines()[int(line[2]) - 1])
    assert '"Q4_0"' in recorded["reply"]["content"]


def test_a_confirmed_gain_is_explained_by_its_pairs(cli, whole_suites):
    done = explained(cli, whole_suites("llama").folder, f"{INT4}/confirmed", "--json")

    assert done.returncode == 0, done.stderr
    winner = json.loads(done.stdout)["evidence"]["number"]["parts"][0]
    pairs = winner["parts"][0]["parts"]
    ratios = [round(pair["value"], 3) for pair in pairs]
    assert sorted(ratios) == [1.335, 1.361, 1.365, 1.398, 1.403, 1.426, 1.428, 1.689]


def test_a_test_accuracy_is_explained_by_seeds_tasks_and_items(cli, whole_suites):
    number = "T2:SmolLM2-135M/INT4/nsga2/test-accuracy"
    done = explained(cli, whole_suites("llama").folder, number)

    assert done.returncode == 0, done.stderr
    assert re.search(r"seed 1000, 2026-11-\d\d: \S+ %, the mean of 8", done.stdout)
    assert "boolq_acc: 52 %, the share of right items" in done.stdout


def test_what_a_model_takes_is_explained_part_by_part(cli, whole_suites):
    number = "T5:LLaMA2-7B/8 GB/int8-mb"
    done = explained(cli, whole_suites("memory").folder, number)

    assert done.returncode == 0, done.stderr
    assert "weights: " in done.stdout
    assert "cache: " in done.stdout
    assert "with a margin of 5 %" in done.stdout


def test_nothing_unknown_is_printed_raw(cli, whole_suites):
    for name, number in (("memory", "T5:LLaMA2-7B/8 GB/fits"), ("llama", f"{INT4}/tokens-s")):
        printed = explained(cli, whole_suites(name).folder, number).stdout

        assert "None" not in printed
        assert "2026-11-24, 2026-11-24" not in printed


def test_a_sum_that_disagrees_is_told_and_the_exit_code_is_1(cli, whole_suites, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole_suites("llama").folder, run)
    with duckdb.connect(str(run / "trials.duckdb")) as connection:
        connection.execute(
            "UPDATE measurements SET samples = [1.0, 2.0, 3.0] "
            "WHERE name = 'end_to_end_tokens_per_s' AND study LIKE '%/haqa/seed%'"
        )

    done = explained(cli, run, f"{INT4}/tokens-s")

    assert done.returncode == 1
    assert "DISAGREES: the number is 112.29" in done.stdout


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (f"{INT4}/speedup", "has no column 'speedup'. Near: speed-up"),
        ("F5:SmolLM2-135M/INT4/haqa/of-optimumm", "has no column 'of-optimumm'. Near: of-optimum"),
        ("1.306x", "no id, but it is printed. Its id: figure5:smollm2-135m-int4"),
        ("77", "no id. An id is TABLE:CELL/METHOD/COLUMN"),
        ("T9:x", "no table 'table9' in this run. Did you mean 'table2'?"),
        ("F5:haqa", "2 rows have it. Near: figure5:"),
    ],
)
def test_an_id_that_is_none_leads_to_one(cli, whole_suites, number, message):
    done = explained(cli, whole_suites("llama").folder, number)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
