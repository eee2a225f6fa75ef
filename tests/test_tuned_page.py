"""The page of a tuning: what to use and why, the trade of speed, memory and quality, the pairs that
confirm it, and what to type; as a browser reads it before any script has run.
"""

import shutil
from html.parser import HTMLParser
from itertools import chain

import pytest
from command import InProcess
from tuned import Machine, Tuning, prepared

from haqa_bench.cli.live.pages import Runs
from haqa_bench.errors import EvaluationFailed


class Read(HTMLParser):
    """The rows of each table by its id, and the text of other elements by their tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: dict[str, list[str]] = {}
        self.inside, self.rows = "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        if tag == "article":
            self.rows = self.tables[dict(attrs)["id"]] = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td") and self.rows:
            self.rows[-1].append("")
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        self.inside = ""
        if tag == "table":
            self.rows = []

    def handle_data(self, data):
        if self.inside in ("th", "td") and self.rows:
            self.rows[-1][-1] += data
        if self.inside:
            self.texts[self.inside][-1] += data


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Tuning:
    """A tuning that has ended; no test changes it."""
    folder = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAQA_BENCH_PROGRESS", "off")
        found = prepared(folder, patch, Machine())
        done = InProcess()(*found.words)
    assert done.returncode == 0, done.stderr
    return found


@pytest.fixture(scope="module")
def page(whole) -> Read:
    return shown(InProcess(), whole)


@pytest.fixture
def tuning(whole, tmp_path) -> Tuning:
    """The same, to be changed: its run stays where it is."""
    shutil.copytree(whole.output, tmp_path / "out")
    return whole._replace(output=tmp_path / "out")


def shown(cli, tuning) -> Read:
    target = tuning.output.parent / "page.html"
    done = cli("view", tuning.run, "--project", tuning.output, "--output", target, "--no-open")
    assert done.returncode == 0, done.stderr
    return Read(target.read_text("utf-8"))


def test_what_to_use_is_told_first_and_why(page, whole):
    assert page.texts["h3"][0] == "Recommended: use these settings"
    for reason in whole.recommendation["why"]:
        assert reason in page.texts["li"]
    assert any("format Q4_0, n_threads" in text for text in page.texts["dd"])
    assert "500 MB, 525 with its margin, of" in " ".join(page.texts["dd"])


def test_the_trade_has_speed_memory_quality_and_energy_and_what_would_allow_each(page):
    head, *rows = page.tables["tune-front"]

    lines = [dict(zip(head, row, strict=True)) for row in rows]
    assert [line["What"] for line in lines] == ["Q4_K_M", "Q4_0", "default (own)"]
    assert lines[0] == {
        "What": "Q4_K_M",
        "tokens/s": "90.0",
        "Times": "1.80",
        "MB": "550",
        "Bits": "4.50",
        "KL, nats": "0.4000",
        "Same token": "60.0 %",
        "Perplexity": "10.40",
        "J/token": "0.250",
        "Allowed by": "--min-quality kl=0.4",
    }
    assert lines[1]["Allowed by"] == "recommended"


def test_the_trade_is_a_picture_without_a_script(page):
    assert {"default (own)", "Q4_0", "Q4_K_M"} <= {*page.texts["text"]}
    assert len(page.texts["circle"]) == 2
    assert len(page.texts["rect"]) == 1


def test_the_confirmation_has_its_interval_and_its_pairs(page):
    assert page.tables["tune-confirmed"] == [
        ["What", "Times the default", "95 % interval", "Pairs", "Verdict"],
        ["Q4_0", "1.400", "1.400 to 1.400", "8", "better"],
        ["default, with itself", "1.000", "1.000 to 1.000", "8", "varies by 0.0 %"],
    ]
    assert f"Each pair of Q4_0: {', '.join(8 * ['1.400'])}." in page.texts["li"]


def test_what_to_type_stands_there_as_it_was_printed(page, whole):
    commands = whole.recommendation["commands"]

    listed = [[text] if isinstance(text, str) else text for text in commands.values()]
    assert page.texts["pre"] == [*chain(*listed)]
    assert len(commands["ollama"]) == 2


def test_energy_that_nobody_measured_has_no_column(cli, tmp_path, monkeypatch):
    tuning = prepared(tmp_path, monkeypatch, Machine(metered=False))
    assert cli(*tuning.words).returncode == 0

    head, *_ = shown(cli, tuning).tables["tune-front"]

    assert "Perplexity" in head
    assert "J/token" not in head


def test_before_its_end_it_says_so_and_has_nothing_to_type(tuning):
    run = Runs((tuning.run,), tuning.output)
    recommended = tuning.output / "recommendation.json"
    ended, words = run.state(), recommended.read_text("utf-8")
    folder = tuning.run
    recommended.unlink()

    page = Read(run.html())

    assert run.state() != ended
    assert page.texts["h3"][0] == (
        "Not ended: the best so far is 1.40 times the default, when found; 1.40 in 8 pairs"
    )
    assert "pre" not in page.texts
    assert [*page.tables][:2] == ["tune-front", "tune-confirmed"]
    recommended.write_text(words.replace(folder.name, "another-run"), "utf-8")
    assert "Not ended" in run.html()


def test_a_damaged_recommendation_is_one_line(cli, tuning):
    run = tuning.run
    (tuning.output / "recommendation.json").write_text("{}", "utf-8")

    done = cli("view", run, "--project", tuning.output, "--output", "x.html", "--no-open")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "recommendation.json: run: Field required" in done.stderr


def test_a_default_that_could_not_be_measured_is_told(cli, tmp_path, monkeypatch, own_runs):
    def broken():
        raise EvaluationFailed("refused", "the text has 3 tokens")

    tuning = prepared(tmp_path, monkeypatch, Machine(broken))
    assert cli(*tuning.words).returncode == 2
    (run,) = (own_runs / "tune").iterdir()

    (title, *_) = Read(Runs((run,), tuning.output).html()).texts["h3"]

    assert title.startswith("Nothing can be recommended: the default configuration")
    assert "the text has 3 tokens" in title


def test_any_other_run_has_no_answer(cli, project):
    cli("run", project / "suites/small.yaml", "--methods", "default,random", "--json")
    (folder,) = (project / "results/runs/small").iterdir()

    page = Runs((folder,), project).html()

    assert 'class="answer"' not in page
