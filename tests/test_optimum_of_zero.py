"""Metrics whose best value is 0, or below: nothing crashes, and no share of it is told."""

import json

import foreign
import pytest
from foreign import CELL, result, t4

from haqa_bench.trial import Constraint, Measurement, Source, Status, Trial


@pytest.fixture(params=[0.4, 0.6], ids=["zero", "below zero"])
def signed(project, cli, request):
    """A project with a table of differences in nats, of which the best is 0, or -0.2."""

    def one(place, time):
        value = round(time - request.param, 6)
        return result(
            *place, times=None, measurements=[{"name": "d", "value": value, "unit": "nats"}]
        )

    path = foreign.write_suite(project, "d", "nats")
    file = foreign.written(
        project, t4(**{f"c{b}_{t}": one((b, t), x) for (b, t), x in foreign.TIMES.items()})
    )
    done = cli("table", "import", path, file, "--cell", CELL)
    assert done.returncode == 0, done.stderr
    return project


def test_every_report_is_made_and_regret_is_unknown(signed, cli):
    ran = cli("run", signed / "suites/foreign.yaml", "--json")
    where = ("foreign", "--project", signed)
    compared = cli("compare", *where, "--format", "json")
    curves = cli("compare", *where, "--curves", "proposals", "--format", "csv")
    page = cli("report", *where, "--html", signed / "page.html")

    for done in (ran, compared, curves, page):
        assert done.returncode == 0, done.stderr
    rows = {
        r["values"]["Method"]["text"]: r["values"]
        for r in next(t for t in json.loads(compared.stdout) if "Regret" in str(t["columns"]))[
            "rows"
        ]
    }
    assert {row["Regret"]["text"] for row in rows.values()} == {"unknown"}
    assert rows["random"]["Found best"]["text"] == "3 of 3"  # six draws of six configurations
    assert rows["default"]["Found best"]["text"] == "0 of 3"
    assert "inf" not in curves.stdout + ran.stdout
    assert "nan" not in curves.stdout + ran.stdout


@pytest.mark.parametrize("column", ["regret", "found-best"])
def test_explain_does_the_sum_again(signed, cli, column):
    cli("run", signed / "suites/foreign.yaml")

    done = cli("explain", "foreign", f"comparison:{CELL}/random/{column}", "--project", signed)

    assert done.returncode == 0, done.stdout + done.stderr


def trial(value):
    measured = Measurement(
        name="m", value=value, unit="", source=Source.MEASURED, samples=(value,), used=1
    )
    return Trial(number=0, configuration={}, status=Status.OK, measurements=(measured,))


FAILED = {"number": 0, "configuration": {}, "status": Status.CRASHED}


@pytest.mark.parametrize(
    ("default", "value", "kept"),
    [
        (0.0, 0.0, True),
        (0.0, 0.1, False),
        (-1.0, -2.0, True),
        (-1.0, -0.5, False),
        (2.0, 2.1, True),
    ],
)
def test_a_limit_of_a_default_that_is_0_or_below_is_kept_or_broken(default, value, kept):
    limit = Constraint(metric="m", at_most_times_default=1.1)

    assert (limit.excess(trial(value), trial(default)) <= 0) is kept


@pytest.mark.parametrize(
    ("form", "default", "value", "over"),
    [
        ("at_most", 0.0, 4.0, 0.0),
        ("at_most", 0.0, 5.0, 0.25),
        ("at_most", 8.0, 7.0, -0.125),  # no worse than the default
        ("at_most", 8.0, 9.0, 0.125),
        ("at_least", 9.0, 4.0, 0.0),
        ("at_least", 9.0, 3.0, 0.25),
        ("at_least", 2.0, 2.0, 0.0),
        ("at_least", 2.0, 1.0, 0.5),
    ],
)
def test_a_limit_that_is_a_number_is_no_limit_below_the_default(form, default, value, over):
    limit = Constraint(metric="m", **{form: 4.0})

    assert limit.excess(trial(value), trial(default)) == over
    assert bool(limit.violation(trial(value), trial(default))) is (over > 0)
    assert limit.violation(trial(default), trial(default)) == ""


def test_a_limit_of_0_and_one_without_a_default_are_kept_or_broken():
    nothing, unknown = Constraint(metric="m", at_most=0.0), Trial(**FAILED)

    assert nothing.violation(trial(0.1), unknown).startswith("m 0.1, limit: at most 0, or")
    assert nothing.violation(trial(0.0), unknown) == ""
    assert nothing.excess(unknown, trial(0.0)) is None


@pytest.mark.parametrize("forms", [{}, {"at_most": 1.0, "at_least": 0.5}])
def test_a_constraint_has_one_form(forms):
    with pytest.raises(
        ValueError, match="m: give one limit of at_most_times_default, at_most, at_least; "
    ):
        Constraint(metric="m", **forms)


def test_a_form_that_is_not_given_enters_no_hash():
    limit = Constraint(metric="m", at_most_times_default=1.1)

    assert limit.model_dump() == {"metric": "m", "at_most_times_default": 1.1}
