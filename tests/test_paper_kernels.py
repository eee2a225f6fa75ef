"""Table 3 in the paper's layout, of kernels that are held against llama.cpp's own: fifteen rows of
made-up trials, the published numbers beside.
"""

import shutil
from types import SimpleNamespace

import pytest
from command import InProcess
from support import REPOSITORY

from haqa_bench.documents import sha256
from haqa_bench.parameters import Choices
from haqa_bench.project import Project, open_run
from haqa_bench.protocols import Outcome
from haqa_bench.report.found.pairs import Pair, against, judged, pairs
from haqa_bench.report.found.studies import StudyResult
from haqa_bench.report.paper import against_peer, catalogue
from haqa_bench.report.tables.table import NOTHING
from haqa_bench.tracks.kernel.track import GGML, KernelTrack
from haqa_bench.tracks.repeats import estimated

GGML_US = 18.0
CONSTANTS_US = 40.0


class MadeUp:
    """Takes 40 us, less for the vectors that it takes; ggml takes 18."""

    whole, machine, kind = None, "made up", "cpu"
    made_of = {}  # noqa: RUF012 # no hash

    def __init__(self, cell):
        self.cell = cell

    def measure(self, configuration):
        """See Evaluator."""
        return self.sample(configuration, 0)

    def sample(self, configuration, repeat):
        """See Evaluator: the default's time, less a tenth of it for each doubling of VEC."""
        default = configuration == dict(self.cell.space.default)
        gain = 0.0 if default else 0.1 * configuration["VEC"].bit_length()
        return self._outcome(CONSTANTS_US * (1 - gain), (sha256(dict(configuration)), repeat))

    def refer(self, reference, repeat):
        """See ReferenceEvaluator."""
        assert reference == GGML
        return self._outcome(GGML_US, ("ggml", repeat))

    def _outcome(self, time_us, drawn):
        noise = 1 + (int(sha256(list(drawn))[:4], 16) / 65536 - 0.5) / 50
        readings = {("time_us", "us"): [time_us * noise], ("others_share", "1"): [0.0]}
        return Outcome(estimated(readings), {}, 0.1)


def ran(folder, *words, with_ggml=True):
    """A run of the suite, measured by what is made up, in a project of its own."""
    for name in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "suites/paper").mkdir(parents=True)
    shutil.copy(REPOSITORY / "suites/paper/kernels.yaml", folder / "suites/paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KernelTrack, "evaluator", lambda self, cell: MadeUp(cell))
        patch.setattr(KernelTrack, "references", lambda self, cell: (GGML,) if with_ggml else ())
        patch.setenv("HAQA_BENCH_SHIPPED", "")
        patch.setenv("HAQA_BENCH_PROGRESS", "off")
        patch.setenv("COLUMNS", "100")
        where = ("--project", folder, "--runs", folder / "runs")
        suite = folder / "suites/paper/kernels.yaml"
        done = InProcess()("run", suite, "--measure", "live", *words, *where)
    assert done.returncode == 0, done.stderr
    return next((folder / "runs/paper-kernels").iterdir()), done.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    methods = ("--with", "rules", "--methods", "default,rules,random")
    return ran(tmp_path_factory.mktemp("whole"), *methods)


@pytest.fixture(scope="module")
def table(whole):
    with open_run(whole[0]) as run:
        return catalogue.tables(run, Project(REPOSITORY))["table3"]


def rows_of(table):
    return [dict(zip(table.headings, row, strict=True)) for row in table.rows]


def test_table_3_has_fifteen_rows_with_the_published_beside(table):
    rows = rows_of(table)

    assert len(rows) == 15
    first, last = rows[0], rows[-1]
    assert (first["Kernel"].text, first["Input size"].text) == ("Softmax", "[1024,1,32]")
    assert first["Cell"].text == "llama2-7b-fp32-xeon-emr-2core-grid-softmax-1"
    assert first["Stands in"].text == "stand-in: other hardware"
    assert [first[name].number for name in ("Paper", "P HAQA", "P speed-up")] == [
        *(3.45, 2.57, 1.34)
    ]
    assert (last["Kernel"].text, last["Input size"].text) == ("MatMul", "[2048,128,2048]")
    assert last["P speed-up"].number == 1.63


def test_the_default_is_ggml_s_own_and_the_constants_are_a_column_of_their_own(table):
    for row in rows_of(table):
        assert row["ggml"].number == pytest.approx(GGML_US, rel=0.02)
        assert row["Usual"].number == pytest.approx(CONSTANTS_US, rel=0.02)
        assert row["rules"].number < 0.95 * CONSTANTS_US


def test_recorded_studies_with_code_replay_byte_for_byte_and_compile_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("haqa_bench.tracks.kernel.rewritten.run_job", None)
    monkeypatch.setattr("haqa_bench.tracks.kernel.evaluator.run_job", None)
    suite, journals = REPOSITORY / "suites/paper/kernels.yaml", []
    for name in ("one", "two"):
        where = ("--runs", tmp_path / name, "--quiet")
        assert InProcess()("run", suite, "--methods", "haqa-code", *where).returncode == 0
        found = sorted((tmp_path / name).rglob("haqa-code-s0.jsonl"))
        journals.append([path.read_bytes() for path in found])

    assert journals[0] == journals[1]
    assert len(journals[0]) == 15
    assert all(b"__kernel" in journal for journal in journals[0])


def test_the_gain_is_against_ggml_with_its_interval_by_the_pairs(table):
    for row in rows_of(table):
        gain = row["random / ggml"]
        expected = row["ggml"].number / row["random"].number
        assert gain.number == pytest.approx(expected, rel=0.03)
        assert gain.low < gain.number < gain.high
        assert gain.unit == "x"


def test_the_n_of_a_gain_is_the_pairs_behind_it(whole, table):
    with open_run(whole[0]) as run:
        known = pairs(run).verdicts
    for row in rows_of(table):
        of_cell = [found.pairs for (cell, _), found in known.items() if cell == row["Cell"].text]
        assert row["random / ggml"].n in of_cell
        assert row["random / ggml"].n >= min(of_cell) > 1  # one study a cell


def test_in_how_many_kernels_each_method_is_ahead_of_ggml_is_said(table):
    told = next(note for note in table.notes if note.startswith("Kernels in which"))

    gains = [row["random / ggml"] for row in rows_of(table)]
    behind = sum(gain.high < 1 for gain in gains)
    assert behind == 15
    assert f"random 0 and {behind} of 15" in told
    assert told.count(" of 15") == 2  # rules and random


def test_the_suite_prints_the_paper_s_layout_in_a_terminal_s_width(whole):
    lines = whole[1].splitlines()

    assert lines[0].startswith("Table 3: Time of kernels")
    assert any("[11008,64,1]" in line and "2.31x" in line for line in lines)
    assert sum(line.startswith("Table") for line in lines) == 1  # it is not parted
    assert max(len(line) for line in lines if not line.startswith("Written")) <= 100


@pytest.mark.parametrize("kind", ["text", "md", "csv", "json", "tex", "html"])
def test_the_table_is_printed_in_every_format(whole, kind):
    project = whole[0].parents[2]
    words = ("--layout", "paper", "--format", kind, "--wide", "--project", project)

    done = InProcess()("report", whole[0], *words)

    assert done.returncode == 0, done.stderr
    assert "2.31" in done.stdout
    assert "ggml" in done.stdout


def test_a_gain_whose_winner_lacks_pairs_is_not_yet_and_a_note_says_what_takes_them(
    whole, monkeypatch
):
    def only_of_ggml(name, kind, *values):
        found = rows(name, kind, *values)
        return [one for one in found if kind is not Pair or one.configuration == PEER]

    with open_run(whole[0]) as run:
        before = catalogue.tables(run, Project(REPOSITORY))["table3"]
        rows = run.rows
        monkeypatch.setattr(run, "rows", only_of_ggml)
        table = catalogue.tables(run, Project(REPOSITORY))["table3"]

    said = "not yet: a winner has no pairs with the usual constants; haqa-bench confirm RUN takes"
    assert {row["random / ggml"].text for row in rows_of(table)} == {"not yet"}
    assert any(note.startswith(said) for note in table.notes)
    assert not any(note.startswith(said) for note in before.notes)


def test_without_ggml_its_place_is_empty_and_says_so(tmp_path):
    words = ("--methods", "default,random", "--cells", "*grid-silu-64")
    folder, _ = ran(tmp_path, *words, with_ggml=False)
    with open_run(folder) as run:
        table = catalogue.tables(run, Project(REPOSITORY))["table3"]

    rows = {row["Input size"].text: row for row in rows_of(table)}
    assert len(rows) == 15
    assert rows["[11008,64,1]"]["ggml"].text == ""
    assert rows["[11008,64,1]"]["random / ggml"].text == ""
    assert rows["[11008,64,1]"]["Usual"].number > 0
    assert rows["[1024,1,32]"]["Usual"].text == NOTHING
    assert rows["[1024,1,32]"]["P HAQA"].number == 2.57
    assert any(n.startswith("ggml was not measured of 1 of 1 cells") for n in table.notes)


def pair(configuration, number, ratio):
    return Pair("cell", configuration, configuration == "{}", f"here {number}", ratio, 10.0, 0.0)


def best_row(*winners):
    return SimpleNamespace(cell="cell", winners=winners, default_configuration='{"VEC":4}')


WINNER, OTHER, PEER = '{"VEC":8}', '{"VEC":16}', GGML.key


def test_a_winner_against_ggml_is_the_quotient_of_both_ratios_to_the_default():
    taken = [pair(WINNER, n, 2.0 + n / 100) for n in range(8)]
    taken += [pair(PEER, n, 4.0 + n / 100) for n in range(8)]

    found = against(best_row(WINNER), PEER, judged(taken))

    assert found.ratio == pytest.approx(2.035 / 4.035)
    assert found.interval.low < found.ratio < found.interval.high
    assert found.interval.high - found.interval.low < 0.02
    assert found.pairs == 8


@pytest.mark.parametrize(("ours", "theirs"), [(6, 9), (9, 6)])
def test_a_gain_has_as_many_pairs_as_the_winner_or_ggml_that_has_the_fewest(ours, theirs):
    taken = [pair(WINNER, n, 2.0) for n in range(ours)] + [pair(OTHER, n, 2.0) for n in range(12)]
    taken += [pair(PEER, n, 4.0) for n in range(theirs)]

    assert against(best_row(WINNER, OTHER), PEER, judged(taken)).pairs == 6


def test_a_winner_that_is_the_default_itself_has_no_pairs_to_count():
    taken = [pair(PEER, n, 4.0) for n in range(8)]

    assert against(best_row('{"VEC":4}'), PEER, judged(taken)).pairs == 8


def test_a_winner_that_does_not_beat_the_default_counts_as_the_default_against_ggml():
    taken = [pair(WINNER, n, 0.9) for n in range(8)] + [pair(PEER, n, 4.0) for n in range(8)]

    found = against(best_row(WINNER), PEER, judged(taken))

    assert found.ratio == found.interval.low == found.interval.high == 0.25


@pytest.mark.parametrize(("quiet", "counted"), [(6, 6), (5, 9)], ids=["enough", "too few"])
def test_disturbed_pairs_are_left_out_where_there_are_enough_others(quiet, counted):
    taken = [pair(WINNER, n, 2.0)._replace(others=0.0 if n < quiet else 0.3) for n in range(9)]

    assert judged(taken).verdicts["cell", WINNER].pairs == counted


def test_nothing_is_said_against_ggml_before_both_are_measured():
    only_peer = judged([pair(PEER, n, 4.0) for n in range(8)])
    only_winner = judged([pair(WINNER, n, 2.0) for n in range(8)])

    assert against(best_row(WINNER), PEER, only_peer) is None
    assert against(best_row(WINNER), PEER, only_winner) is None


def test_a_winner_with_code_of_its_own_is_told_from_one_without():
    code = SimpleNamespace(finite=False, default="")
    vec = Choices(choices=(4, 8), default=4, about="")
    cell = SimpleNamespace(space=SimpleNamespace(root={"VEC": vec, "CODE": code}))

    def study(winner):
        common = ("cell", "haqa", "haqa", 0, "", "minimize", "us", -1.0, 1.0, None, None)
        return StudyResult(*common, source="measured", winner=winner)

    assert against_peer.has_code(cell, study('{"VEC": 8, "CODE": "__kernel"}'))
    assert not against_peer.has_code(cell, study('{"VEC": 8, "CODE": ""}'))
    assert not against_peer.has_code(cell, study(None))
