"""The end-to-end table: every number traced by hand from a small run."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from endpoint import Endpoint, reply
from support import action, plan, row_texts, run, tables_of

from haqa_bench.report import formats
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial

GOLDEN = Path(__file__).parent / "golden" / "figure5.md"

# Study 0: Q4_0 is quick but breaks the constraint, IQ4_NL x 2 gives 80, then two repeats. Study 1
# never beats the default's 60.
REPLIES = [
    *(action("Q4_0", 2), action("IQ4_NL", 2), action("IQ4_NL", 2), action("Q4_0", 2)),
    *("?", "?", action("IQ4_NL", 1), action("IQ4_NL", 1), action("Q4_1", 2)),
]


@pytest.fixture
def table(project):
    with Endpoint([reply(r) for r in REPLIES]) as endpoint:
        run(
            project, "--agent", "live", "--base-url", endpoint.base_url, "--answered-by", "a script"
        )
    what = plan(project)
    list(runner.run(what, what.folder, Serial()))
    return tables_of(what.folder, project)["figure5"]


def test_the_table_is_what_the_trials_say(table):
    found = formats.markdown(table)

    if os.environ.get("GOLDEN") == "accept":
        GOLDEN.write_text(found, "utf-8")
    assert found == GOLDEN.read_text("utf-8")


def test_an_agent_no_better_than_random_is_told_so(table):
    (note,) = [note for note in table.notes if note.startswith("haqa against")]
    (each,) = [note for note in table.details if note.startswith("haqa against")]

    assert note == (
        "haqa against random search, in cells: undecided on 1 (ahead in 0 of 2 pairs of seeds; "
        "n = 2 is too few)."
    )
    assert each.startswith(
        "haqa against random search: net-int4-epyc-zen4-2core ahead in 0 of 2, undecided (n = 2). "
    )


def test_who_answered_and_what_disagrees_stand_below(table):
    notes = "\n".join(table.remarks)

    assert "haqa was answered by: a script." in notes
    assert "Published, Figure 5: The abstract says 2.3x end to end." in notes
    assert "Published, P: " in notes


def test_csv_and_json_hold_numbers_in_full_beside_what_is_printed(table):
    rows = list(csv.DictReader(io.StringIO(formats.comma_separated(table, "figure5"))))
    told = json.loads(formats.as_json(table, "figure5"))

    assert told["format"] == 2
    for row, known, printed in zip(rows, told["rows"], row_texts(table), strict=True):
        assert row["id"] == known["id"]
        for column in told["columns"]:
            name = column["name"]
            value = known["values"][name]
            assert value["text"] == row.get(f"{name}, printed", row[name]) == printed[name]
            if f"{name}, printed" in row and value["number"] is not None:
                assert float(row[name]) == value["number"]
    assert told["rows"][0]["values"]["tokens/s"]["unit"] == "tokens/s"


def test_a_study_without_any_result_prints_none_not_zero(project):
    from support import rows as made_up

    from haqa_bench import suite
    from haqa_bench.store import tables

    cell = suite.load(project / "suites/small.yaml", project).cells[0]
    path = next((project / "results/tables").rglob("*.parquet"))
    failed = [r | {"status": "oom", "reason": "x", "readings": []} for r in made_up(cell)]
    tables.write(path, tables.read(path).card, failed)
    what = plan(project)
    what = what._replace(studies=[s for s in what.studies if not s.method.chat])
    list(runner.run(what, what.folder, Serial()))

    table = tables_of(what.folder, project)["figure5"]

    assert [row[4:10] for row in table.cells] == [
        ["0", "none", "", "none", "", "unknown"],
        ["2", "none", "none", "none", "default kept", "unknown"],
    ]
