"""The memory track: decisions under limits, held against what fits. What fits is recorded;
llama.cpp's plan itself: test_live.py.
"""

import pytest
from support import REPOSITORY, printed_rows

from haqa_bench import suite
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.documents import read_yaml
from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.rules import Rules
from haqa_bench.suite import file_type
from haqa_bench.tracks.memory import evaluator as memory
from haqa_bench.tracks.memory import recording
from haqa_bench.tracks.memory.recording import Recorded
from haqa_bench.trial import Source

pytestmark = pytest.mark.usefixtures("developers_runs_stay")
GB = 10**9
SUITE = (REPOSITORY / "suites/memory.yaml").read_text("utf-8")


@pytest.fixture
def cell():
    return suite.load(REPOSITORY / "suites/memory.yaml", REPOSITORY).cells[0]


def sizes(fp16: float, int8: float, int4: float) -> dict[str, Prediction]:
    return {
        name: Prediction(
            weights=round(size * GB / 1.05),
            repacked=0,
            cache=0,
            compute=0,
            output=0,
            work=0,
            runtime=0,
        )
        for name, size in (("FP16", fp16), ("INT8", int8), ("INT4", int4))
    }


def of(*gigabytes: float) -> Recorded:
    return Recorded(sizes(*gigabytes), {}, {})


def sheet(cell, **choices):
    return {name: choices.get(name, "none") for name in cell.space.root}


def test_the_most_precise_format_that_fits_is_right_and_none_where_none_does(cell):
    found = memory.MemoryEvaluator(cell, of(15, 9, 5.5))

    right = {
        f"within_{n}_gb": bits
        for n, bits in zip(
            (6, 8, 12, 16, 20, 24, 48), ["INT4"] * 2 + ["INT8"] + ["FP16"] * 4, strict=True
        )
    }
    best, default = found.measure(sheet(cell, **right)), found.measure(cell.space.default)

    assert [(m.name, m.value, m.source) for m in best.measurements] == [
        ("right_choices", 100.0, Source.SIMULATED),
        ("too_large", 0.0, Source.SIMULATED),
    ]
    assert [m.value for m in default.measurements] == [
        50.0,
        50.0,
    ]  # FP16 everywhere: right from 16 GB on, too large below
    assert best.facts["within_4_gb"] == "none"
    assert best.facts["FP16_safe_mb"] == "15000.0"


def test_a_choice_that_wastes_precision_is_wrong_but_not_too_large(cell):
    found = memory.MemoryEvaluator(cell, of(15, 9, 5.5)).measure(sheet(cell, within_48_gb="INT4"))

    assert [m.value for m in found.measurements] == [12.5, 0.0]  # right at 4 GB alone


def test_what_fits_is_read_from_the_record_and_a_changed_workload_is_told(cell):
    path = REPOSITORY / f"results/tables/memory/{cell.id}.parquet"
    found = recording.read(cell, path).sizes

    assert found["FP16"].weights == pytest.approx(2 * cell.model.parameters, rel=0.001)
    assert found["INT8"].weights == pytest.approx(34 / 32 * cell.model.parameters, rel=0.001)
    assert (
        found["FP16"].cache == 2 * 2 * 32 * 4096 * 2048
    )  # keys and values, bytes, layers, hidden, context
    longer = cell.model_copy(update={"workload": cell.workload.model_copy(update={"n_ctx": 4096})})
    larger = cell.model_copy(update={"model": cell.model.model_copy(update={"parameters": 1})})
    for other in (longer, larger):
        with pytest.raises(HaqaError, match="another cell, model or workload"):
            recording.read(other, path)


def test_the_rules_add_weights_and_cache_up_and_answer_once(cell):
    study = next(
        s
        for s in suite.load(REPOSITORY / "suites/memory.yaml", REPOSITORY).studies()
        if s.method.name == "rules"
    )
    rules = Rules(study)

    first = rules.ask([])

    assert first.configuration["within_4_gb"] == "none"
    assert first.configuration["within_12_gb"] == "INT8"
    assert first.configuration["within_48_gb"] == "FP16"
    assert not cell.space.problems(first.configuration)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("within_48_gb: *choice", "within_49_gb: *choice", "one decision a limit: within_4_gb"),
        (
            "choices: [none, INT4",
            "choices: [none, INT3",
            "'INT3' is none of FP16, INT4, INT8, none",
        ),
        (
            "{layers: 32, hidden: 4096, feed_forward: 11008,",
            "{hidden: 4096, feed_forward: 11008,",
            "has no dimension 'layers'",
        ),
    ],
)
def test_a_suite_that_cannot_be_decided_is_told(tmp_path, old, new, message):
    path = tmp_path / "memory.yaml"
    path.write_text(SUITE.replace(old, new))

    with pytest.raises(HaqaError, match=message):
        read_yaml(path, file_type())


def test_table_5_prints_with_the_published_choice_beside(whole_suites):
    table = whole_suites("memory").table("table5")

    rows = {(row["Model"], row["Limit"]): row for row in printed_rows(table)}
    assert len(rows) == 4 * 8
    assert {row["Source"] for row in printed_rows(table)} == {"simulated"}
    assert rows["LLaMA2-13B", "12 GB"]["Fits"] == "INT4"
    assert rows["LLaMA2-13B", "12 GB"]["Published"].startswith(
        "FP16 no, INT8 no, INT4 yes (NVIDIA A6000 48 GB; P)"
    )
    assert rows["LLaMA2-7B", "12 GB"]["Published"] == "UNKNOWN"
    assert rows["LLaMA2-13B", "16 GB"]["Published"] == "UNKNOWN"
    assert rows["LLaMA2-13B", "12 GB"]["default"] == "FP16+"
    (right,) = [note for note in table["notes"] if note.startswith("Right choices")]
    assert "rules 31 of 32 (4 answers)" in right
    assert any(note.startswith("haqa was answered by:") for note in table["notes"])


def test_table_4_prints_each_choice_with_its_source_and_what_was_published(whole_suites):
    table = whole_suites("formats").table("table4")

    rows = {(row["Model"], row["Hardware"]): row for row in printed_rows(table)}
    assert len(rows) == 7
    assert {row["Source"] for (_, device), row in rows.items() if device != "epyc-zen4-2core"} == {
        "simulated"
    }
    assert {row["Source"] for (_, device), row in rows.items() if device == "epyc-zen4-2core"} == {
        "replayed"
    }
    measured, phone = rows["SmolLM2-135M", "epyc-zen4-2core"], rows["openLLaMA-3B", "oneplus-11"]
    assert float(measured["INT8"]) < float(measured["INT4"])
    assert measured["Bits a weight"] == "8.51 and 5.37"
    assert measured["Order flips"] == "0.0 %"
    assert (
        phone["Order flips"] == phone["Another is faster"] == ""
    )  # what is simulated has no noise
    assert phone["Published"].startswith("FP16 5.11 tokens/s, INT8 5.25 tokens/s, INT4 4.95")
    assert any(note.startswith("Published, Table 4: INT4 weights take") for note in table["notes"])
    assert sum(note.startswith("The roofline on ") for note in table["notes"]) == 3


def test_the_format_that_each_method_chose_is_a_table_of_its_own(whole_suites):
    table = whole_suites("formats").table("table4-methods")

    ids = [row["id"].partition(":")[2] for row in table["rows"]]
    rows = dict(zip(ids, printed_rows(table), strict=True))
    for method in ("haqa", "haqa-no-native"):
        phone = rows[f"openllama-3b-any-oneplus-11/{method}"]
        assert (phone["Format"], phone["Regret"]) == ("Q8_0", "45.6 %")
    assert "haqa 8 INT4, 4 INT8; haqa-no-native 7 INT4, 5 INT8." in next(
        n for n in table["notes"] if "where no result is shown" in n
    )


def test_the_joint_cells_replay_byte_for_byte_and_tell_their_front_exactly(cli, whole_suites):
    one = whole_suites("joint")

    again = cli("run", REPOSITORY / "suites/joint.yaml")

    assert again.returncode == 0, again.stderr
    assert one.stdout.partition("Written to")[0] == again.stdout.partition("Written to")[0]
    shares = printed_rows(one.table("fronts"))
    assert len(shares) == 8
    assert {row["Front"] for row in shares} == {"table"}
    assert {row["Points of the front found"].partition(" of ")[2] for row in shares} == {"8"}
    assert all(0 < float(row["Median hypervolume"].strip(" %")) <= 100 for row in shares)
