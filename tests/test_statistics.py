"""Statistics against values worked out by hand, and the comparison that is made of them."""

import pytest
from support import SUITE, plan

from haqa_bench.errors import HaqaError
from haqa_bench.project import open_run
from haqa_bench.report import formats, statistics
from haqa_bench.report.found.studies import results
from haqa_bench.report.tables import comparison
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial


def test_an_interval_holds_the_median_and_fewer_than_six_values_have_none():
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 100.0]
    low, high = statistics.median_interval(values)

    assert low <= 3.5 <= high
    assert (low, high) == statistics.median_interval(values)
    assert statistics.median_interval(values[:5]) is None


def test_the_interquartile_mean_leaves_out_both_ends():
    assert statistics.interquartile_mean([0.0, 0.0, *[10.0, 20.0] * 2, 900.0, 1000.0]) == 15.0
    assert statistics.interquartile_mean([0.0, 10.0, 20.0, 1000.0]) is None


def test_the_probability_of_improvement_counts_ties_half():
    assert statistics.probability_of_improvement([2.0, 3.0], [1.0, 2.0]) == (1 + 0.5 + 1 + 1) / 4
    assert statistics.probability_of_improvement([1.0], [1.0]) == 0.5


def test_no_test_below_six_pairs_and_holm_corrects_the_others():
    found = statistics.holm(
        {
            "always better": [(float(i + 1), 0.0) for i in range(6)],
            "half": [(1.0, 0.0), (0.0, 2.0), (3.0, 0.0), (0.0, 4.0), (5.0, 0.0), (0.0, 6.0)],
            "five": [(1.0, 0.0)] * 5,
            "equal": [(1.0, 1.0)] * 8,
        }
    )

    assert found["always better"] == pytest.approx(
        3 * 2 / 2**6
    )  # the exact two-sided p of six of six, times three tests
    assert found["half"] == 1.0
    assert found["five"] is None
    assert found["equal"] == 1.0


def test_ranks_average_ties_and_put_failures_last():
    blocks = [
        {"a": 3.0, "b": 2.0, "c": None},
        {"a": 1.0, "b": 1.0, "c": 5.0},
        {"a": 9.0, "b": 8.0, "c": 7.0},
    ]

    found = statistics.ranking(blocks, ["a", "b", "c"])

    assert found.ranks == {"a": (1 + 2.5 + 1) / 3, "b": (2 + 2.5 + 2) / 3, "c": (3 + 1 + 3) / 3}
    assert found.p is not None
    assert statistics.ranking(blocks[:2], ["a", "b", "c"]).p is None


@pytest.fixture
def folder(project):
    methods = "methods:\n" + "".join(
        f"  - {{name: {m}, optimizer: {m}}}\n" for m in ("local", "tpe")
    )
    text = SUITE.replace("methods:\n", methods).replace(
        "seeds: [0, 1]", "seeds: [0, 1, 2, 3, 4, 5, 6]"
    )
    (project / "suites/small.yaml").write_text(text)
    what = plan(project)
    what = what._replace(studies=[s for s in what.studies if not s.method.chat])
    list(runner.run(what, what.folder, Serial()))
    return what.folder


def compared(folder, against):
    with open_run(folder) as run:
        return comparison.table(results(run), against, {})


def test_a_comparison_gives_regret_intervals_and_tests(folder):
    table = compared(folder, "random")

    by_method = {row[1]: dict(zip(table.headings, row, strict=True)) for row in table.cells}
    assert list(by_method) == ["default", "local", "random", "tpe"]
    assert by_method["default"]["Regret"] == "25.0 %"  # 60 of 80
    assert by_method["default"]["Found best"] == "0 of 7"
    assert by_method["tpe"]["n"] == "7"
    assert by_method["random"]["p (Holm)"] == ""
    assert float(by_method["default"]["p (Holm)"]) <= 1
    assert "no Friedman test below three cells" in "\n".join(table.notes)
    assert "All values: replayed." in table.details
    assert formats.markdown(table) == formats.markdown(compared(folder, "random"))


def test_comparing_with_a_method_that_was_not_run_names_those_that_were(folder):
    with pytest.raises(HaqaError, match=r"no study of 'haqa'.*default, local, random, tpe"):
        compared(folder, "haqa")


def test_the_command_compares_a_run(folder, cli):
    said = cli("compare", folder, "--against", "tpe").stdout

    assert "Methods at equal numbers of proposals, against tpe" in said
    assert cli("compare", folder, "--against", "nobody").returncode == 2
