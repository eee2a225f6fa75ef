"""What `compare` prints beside medians: ties, ledgers, curves, fronts."""

import csv
import io

import pytest
from support import SUITE, evaluator_of, plan, record, row_texts

from haqa_bench import suite
from haqa_bench.project import open_run
from haqa_bench.report.found.studies import StudyResult
from haqa_bench.report.tables import comparison, curves, spent
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.space import key_of
from haqa_bench.store import journal


def results(method, *bests):
    same = ("", "maximize", "tokens/s")
    return [
        StudyResult("cell", method, method, seed, *same, best, best, 120.0, 3)
        for seed, best in enumerate(bests)
    ]


def verdict(ours, theirs, floor):
    found = comparison.table(
        [*results("random", *theirs), *results("mine", *ours)],
        "random",
        {"cell": floor} if floor else {},
    )
    return dict(zip(found.headings, found.cells[1], strict=True))["Against random"]


def test_medians_within_the_noise_floor_are_a_tie_whatever_the_test_says():
    ours, theirs = [101.0 + n / 100 for n in range(8)], [100.0 + n / 100 for n in range(8)]

    assert verdict(ours, theirs, floor=0.02) == "tie (n = 8)"
    assert verdict(ours, theirs, floor=0.0) == "better (p = 0.008, n = 8)"
    assert verdict(theirs, ours, floor=0.0) == "worse (p = 0.008, n = 8)"


def test_without_a_test_nothing_is_better():
    assert verdict([120.0] * 3, [100.0] * 3, floor=0.02) == "ahead in 3 of 3, undecided (n = 3)"


@pytest.fixture
def ran(project):
    record(project)
    list(runner.run(plan(project), project / "run", Serial()))
    return project / "run"


def made(maker, folder, *how):
    with open_run(folder) as run:
        return row_texts(maker(run, *how))


def test_the_ledgers_count_what_was_spent(ran):
    found = {row["Method"]: row for row in made(spent.table, ran)}

    assert found["default"]["Proposals"] == "1"
    assert found["random"]["Evaluations"] == "5"
    assert (found["haqa"]["Proposals"], found["haqa"]["Evaluations"]) == ("5", "3.5")
    assert (found["haqa"]["Tokens in"], found["haqa"]["Dollars"]) == (
        "16",
        "unknown",
    )  # nobody has named a price
    assert (found["random"]["Tokens in"], found["random"]["Dollars"]) == ("", "")


def test_curves_are_the_best_so_far_over_studies_at_each_amount(ran):
    found = [row for row in made(curves.table, ran, "proposals") if row["Method"] == "random"]

    bests = [float(row["Median best"]) for row in found]
    assert [row["Proposals"] for row in found] == ["1", "2", "3", "4", "5"]
    assert bests == sorted(bests)
    assert bests[0] == 60.0
    assert {row["n"] for row in found} == {"2"}
    assert float(found[0]["Median regret"]) == pytest.approx(
        0.25
    )  # the default's 60 of the optimum's 80


def test_a_study_that_has_ended_stays_where_it_is(ran):
    default = [row for row in made(curves.table, ran, "evaluations") if row["Method"] == "default"]

    assert len(default) == 5
    assert {row["Median best"] for row in default} == {"60"}


def test_curves_come_as_csv_through_the_command(ran, cli):
    done = cli("compare", ran, "--curves", "evaluations", "--format", "csv")

    header, *lines = csv.reader(io.StringIO(done.stdout))
    assert done.returncode == 0, done.stderr
    assert header[:4] == ["Cell", "Method", "Evaluations", "Evaluations, printed"]
    assert len(lines) == 15


def test_a_run_of_an_earlier_version_is_one_clear_line(ran, cli):
    path = next((ran / "journal").rglob("default-s0.jsonl"))
    head, *trials = journal.read_lines(path)
    path.unlink()
    journal.Journal(path).append(head | {"format": 2}, *trials)

    done = cli("db", "rebuild", ran)

    assert done.returncode == 2
    assert "was written by an earlier version. Run the suite again with --fresh" in done.stderr


def test_every_proposal_has_its_exact_rank(project):
    evaluator = evaluator_of(project)

    ranks = {key: outcome.rank for key, outcome in evaluator.outcomes.items()}
    assert ranks[key_of({"format": "IQ4_NL", "n_threads": 2})] == 1
    assert ranks[key_of({"format": "Q4_1", "n_threads": 2})] == 2
    assert (
        ranks[key_of({"format": "Q4_0", "n_threads": 2})] is None
    )  # quick, but it breaks the constraint
    assert ranks[key_of({"format": "IQ4_NL", "n_threads": 1})] is None  # crashed


SEVERAL = SUITE.replace(
    "unit: tokens/s\n",
    "unit: tokens/s\n      also: [{metric: perplexity, unit: '1', direction: minimize}]\n",
).replace(
    "  - name: haqa\n    optimizer: haqa\n    chat: {model: test-model, temperature: 0.0}\n",
    "".join(
        f"  - {{name: {name}, optimizer: {name}}}\n" for name in ("tpe", "gp", "nsga2", "local")
    ),
)


def test_several_goals_are_compared_by_the_front_that_was_found(project, cli):
    path = project / "suites/small.yaml"
    path.write_text(SEVERAL)

    done = cli("run", path, "--json")
    compared = cli("compare", next((project / "results/runs/small").iterdir()))

    assert done.returncode == compared.returncode == 0, done.stderr + compared.stderr
    fronts = compared.stdout.partition("Fronts of several goals")[2].partition("\n\n- ")[0]
    assert all(f"\n{name} " in fronts for name in ("random", "tpe", "gp", "nsga2", "local"))
    assert "100.0 %" in fronts


def test_an_agent_is_told_of_further_goals(project):
    from haqa_bench.optimizers.agent.prompt import Prompts

    path = project / "suites/small.yaml"
    plain = Prompts(project / "prompts").static(suite.load(path, project).cells[0])
    path.write_text(SEVERAL)
    several = Prompts(project / "prompts").static(suite.load(path, project).cells[0])

    assert several.startswith(plain)
    assert "minimize perplexity" in several.removeprefix(plain)
