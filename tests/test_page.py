"""The page of runs: whole, the same bytes each time, closed to the network, and deaf to what texts
of a run may hold.
"""

import base64
import gzip
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from endpoint import Endpoint, reply
from support import ANSWERS, NASTY, REPOSITORY, action, record, replayed, run, tables_of, written
from whole_suites import NAMES

from haqa_bench.cli import app
from haqa_bench.llm import cassette
from haqa_bench.project import Project, open_run
from haqa_bench.report.methods import colour
from haqa_bench.report.page import page
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import Column, Key, Table, exact, id_of, words
from haqa_bench.store import database


class Read(HTMLParser):
    """What a browser finds: elements with their attributes, and the text of each script and
    style.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag in ("script", "style")
        if self.inside:
            self.texts.append((tag, ""))

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            tag, text = self.texts[-1]
            self.texts[-1] = (tag, text + data)

    def having(self, attribute):
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


@pytest.fixture
def folder(project: Path) -> Path:
    record(project)
    return replayed(project)


def data(text: str) -> dict:
    packed = next(t for tag, t in Read(text).texts if tag == "script")
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def places_of(text: str, table: str) -> dict[str, str]:
    """What stands in each place of a table, by its id."""
    found = re.findall(rf'<t[dh][^>]* id="({table}:[^"]*)"[^>]*>(.*?)</t[dh]>', text)
    return {called: html.unescape(re.sub(r"</?b>", "", place)) for called, place in found}


def texts_of(text: str) -> list[str]:
    found = data(text)
    return ["\n".join(found["lines"][n] for n in lines) for lines in found["texts"]]


def studies(text: str) -> dict:
    return {
        study["id"]: (cell, study)
        for run in data(text)["runs"]
        for cell in run["cells"]
        for study in cell["studies"]
    }


def test_every_trial_of_every_study_is_there(folder):
    text = written(folder)

    found = studies(text)
    rows = database.query(
        folder,
        "SELECT study, number, status, configuration, thought, best_value, regret FROM "
        "trials JOIN curves USING (study, number)",
    )
    assert sorted((study, number) for study, number, *_ in rows) == sorted(
        (s, n) for s, (_, one) in found.items() for n in range(len(one["trials"]))
    )
    for study, number, status, configuration, thought, best, regret in rows:
        cell, one = found[study]
        trial = one["trials"][number]
        outcome = cell["outcomes"][trial["outcome"]]
        assert (outcome["status"], outcome.get("configuration"), trial.get("thought", "")) == (
            status,
            json.loads(configuration),
            thought,
        )
        assert (trial.get("best"), trial.get("regret")) == (best, regret)


def test_metrics_carry_unit_source_and_n(folder):
    cell, one = studies(written(folder))["small/net-int4-epyc-zen4-2core/default/seed0"]

    metrics = cell["outcomes"][one["trials"][0]["outcome"]]["metrics"]

    assert [name for name, *_ in metrics] == ["end_to_end_tokens_per_s", "perplexity"]
    assert metrics[1] == ["perplexity", 20.0, "1", "replayed", 2]


def test_an_outcome_that_studies_share_is_held_once(folder):
    (cell,) = data(written(folder))["runs"][0]["cells"]

    outcomes = [json.dumps(o) for o in cell["outcomes"]]
    assert len(outcomes) == len(set(outcomes)) < sum(len(s["trials"]) for s in cell["studies"])


def test_prompts_are_the_cassette_s_each_text_once(project, folder):
    text = written(folder)

    _, one = studies(text)["small/net-int4-epyc-zen4-2core/haqa/seed0"]
    texts = texts_of(text)
    tape = cassette.read(project / one["cassette"])
    assert one["cassette"] == "cassettes/small/net-int4-epyc-zen4-2core/haqa-s0.jsonl"
    assert [(e["round"], e["attempt"]) for e in one["exchanges"]] == [
        e.position for e in tape.exchanges
    ]
    for shown, recorded in zip(one["exchanges"], tape.exchanges, strict=True):
        assert [{"role": r, "content": texts[i]} for r, i in shown["messages"]] == list(
            recorded.body["messages"]
        )
        assert texts[shown["reply"]] == recorded.reply.content
    assert len(texts) == len(set(texts))
    assert len(data(text)["lines"]) == len(set(data(text)["lines"]))


def test_without_a_cassette_there_are_no_prompts(project, folder):
    for tape in (project / "cassettes").rglob("*.jsonl"):
        tape.unlink()

    found = data(written(folder))

    assert found["texts"] == []
    assert not any(
        "exchanges" in s or "cassette" in s
        for run in found["runs"]
        for c in run["cells"]
        for s in c["studies"]
    )


def test_the_tables_are_the_report_s_with_their_notes(project, folder):
    text = written(folder)

    table = tables_of(folder, project)["figure5"]
    places = places_of(text, "figure5")
    for key, row in zip(table.keys, table.cells, strict=True):
        for column, told in zip(table.columns, row, strict=True):
            assert places[id_of("figure5", key, column.name)] == told
    for remark in table.remarks:
        assert f"<li>{html.escape(remark)}</li>".replace("&#x27;", "&#39;") in text
    assert table.title.replace("'", "&#39;") in text


def test_what_only_wide_tables_have_is_marked_and_the_rows_are_named_first(project, folder):
    text = written(folder)

    heads = re.findall(r'<th scope="col" class="(.*?)" data-slug="(.*?)"', text)
    assert heads[0][1] == "method"
    wide = {slug for kind, slug in heads if "wide" in kind}
    table = tables_of(folder, project)["figure5"]
    assert wide > {column.slug for column in table.columns if column.place == "wide"}
    assert "tokens-s" not in wide


def test_the_summary_says_what_a_run_is_and_links_to_all_of_it(folder):
    text = written(folder)

    summary = text[text.index('<section id="summary"') : text.index('<section id="tables"')]
    ((trials,),) = database.query(folder, "SELECT count(*) FROM trials")
    ((number,),) = database.query(folder, "SELECT count(*) FROM studies")
    assert f"{number} studies by 3 methods on 1 cell, {trials} trials" in summary
    assert "Numbers are replayed" in summary
    links = set(re.findall(r'href="#([^"]*)"', summary))
    assert {"figure5", "comparison", "spent", "origins-1"} <= links
    assert any(link.startswith("curves:1:") for link in links)
    assert any(link.startswith("studies:1:") for link in links)
    assert "haqa: " in summary
    with open_run(folder) as opened:
        assert opened.suite.lock in summary


def test_a_summary_s_verdict_is_that_of_compare(project, folder):
    text = written(folder)

    with open_run(folder) as opened:
        table = catalogue.compared(opened, Project(project))["comparison"]
    place = table.headings.index("Against random")
    told = {key.method: row[place].text for key, row in zip(table.keys, table.rows, strict=True)}
    assert f"haqa: {told['haqa']}" in text


def test_numbers_have_their_names_as_ids_and_no_id_comes_twice(folder, monkeypatch):
    table = Table(
        "T",
        [Column("Method", role="key"), Column("Test accuracy, %", "%")],
        [[words("haqa"), exact(41.0, "%")], [words("random"), exact(39.0, "%")]],
        keys=[Key("Net/INT4", "haqa"), Key("Net/INT4", "random")],
    )
    monkeypatch.setattr(catalogue, "tables", lambda *_: {"table2": table})
    monkeypatch.setattr(catalogue, "compared", lambda *_: {})
    with open_run(folder) as run:
        twice = [page.Source(run, Project(folder), {})] * 2
        ids = Read(page.html(twice)).having("id")

    assert "table2:Net/INT4/haqa/test-accuracy" in ids
    assert f"table2:Net/INT4/haqa/test-accuracy@small/{folder.name}" in ids
    assert "table2:Net/INT4/haqa" in ids
    assert len(ids) == len(set(ids))


def test_two_writes_are_equal_and_hold_no_path_of_this_machine(project, folder):
    first, second = written(folder, name="a.html"), written(folder, name="b.html")

    assert first == second
    assert str(project) not in first


def test_texts_of_a_run_stay_texts(project):
    with Endpoint([reply(action("Q4_0", 2, NASTY))]) as endpoint:
        run(project, "--agent", "live", "--base-url", endpoint.base_url, "--answered-by", NASTY)

    text = written(replayed(project))

    read = Read(text)
    assert [tag for tag, _ in read.elements if tag in ("script", "img")] == ["script", "script"]
    _, one = studies(text)["small/net-int4-epyc-zen4-2core/haqa/seed0"]
    assert one["trials"][1]["thought"] == one["answered_by"] == NASTY
    assert "alert(1)" not in re.sub(
        r"<script.*?</script>|&lt;script&gt;alert\(1\)", "", text, flags=re.DOTALL
    )


def test_nothing_is_loaded_and_the_policy_lets_nothing_be(folder):
    text = written(folder)

    read = Read(text)
    assert [
        u
        for a in ("src", "href", "action", "srcset", "poster")
        for u in read.having(a)
        if not u.startswith(("#", "data:"))
    ] == []
    (style,), (_, script) = (
        [t for tag, t in read.texts if tag == wanted] for wanted in ("style", "script")
    )
    assert not re.search(
        r"url\(|@import|fetch\(|XMLHttpRequest|import\(|innerHTML|eval\(", style + script
    )
    policy = next(
        a["content"]
        for tag, a in read.elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    for source in (style, script):
        assert base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() in policy
    assert "style" not in [name for _, attributes in read.elements for name in attributes]


def test_several_runs_share_a_page(project, folder):
    run(project, "--methods", "random")
    other = next(f for f in folder.parent.iterdir() if f != folder and "cassette" in f.name)

    found = data(written(folder, other))

    assert [r["folder"] for r in found["runs"]] == [folder.name, other.name]


def test_a_folder_gets_report_html(project, folder):
    CliRunner().invoke(
        app, ["report", str(folder), "--html", str(project / "site")], catch_exceptions=False
    )

    assert (project / "site" / "report.html").is_file()


def test_view_writes_where_it_is_told_and_opens_nothing(project, folder, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail("opened"))

    view = ["view", str(folder), "--no-open", "--output", str(project / "site" / "x.html")]
    result = CliRunner().invoke(app, view, catch_exceptions=False)

    assert result.stdout == f"Written to {project / 'site' / 'x.html'}\n"
    assert not (folder / "report.html").exists()


def test_colours_are_a_method_s_own_whatever_else_is_on_the_page(folder):
    text = written(folder)

    place = data(text)["methods"].index("haqa")
    assert f".m{place} {{ --c: {colour('haqa')};" in text


def test_the_page_of_all_suites_is_below_five_megabytes(whole_suites, tmp_path):
    folders = [whole_suites(name).folder for name in NAMES]

    path = page.write_runs(folders, tmp_path, REPOSITORY)

    assert path.stat().st_size < 5_000_000


def test_report_prints_the_tables_of_several_runs_each_once(folder):
    other = folder.with_name("another")
    shutil.copytree(folder, other)

    once, both, same = (
        CliRunner().invoke(app, ["report", *map(str, runs)]).stdout
        for runs in ([folder], [folder, other], [folder] * 2)
    )

    assert both == f"{once}\n{once}"
    assert same == once


def test_answers_of_the_script_reach_the_page(folder):
    """The stand-in's first answer is no JSON; its repair is shown with it."""
    text = written(folder)

    _, one = studies(text)["small/net-int4-epyc-zen4-2core/haqa/seed0"]
    first, repaired = one["exchanges"][:2]
    assert texts_of(text)[first["reply"]] == ANSWERS[0]
    assert (repaired["round"], repaired["attempt"]) == (1, 2)
