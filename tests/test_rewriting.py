"""A study whose agent rewrites a kernel's source: measured by a harness once, then replayed."""

import base64
import gzip
import json
import os
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from endpoint import Endpoint, reply
from rewriting import BROKEN, FASTER, cell_of, loaded, project_in, reply_of, stand_in
from support import REPOSITORY, written
from test_code import trial

from haqa_bench.cli import app
from haqa_bench.optimizers.agent import styles
from haqa_bench.parameters.code import shown
from haqa_bench.study import Method, Study
from haqa_bench.tracks.kernel import sources
from haqa_bench.trial import Status, Trial

REPLIES = [
    reply_of(CODE=FASTER),
    reply_of(CODE=BROKEN),
    reply_of(CODE=f"  {shown(FASTER)} ".strip(), VEC=8),
    reply_of(CODE=sources.file_of("softmax") + "\n\n", VEC=8),
]


@pytest.fixture
def project(tmp_path):
    return project_in(tmp_path)


def run(project, *options):
    where = ["run", str(project / "suites/rewriting.yaml"), "--project", str(project), "--json"]
    return CliRunner().invoke(app, [*where, *map(str, options)], catch_exceptions=False)


def live(project, monkeypatch, replies=REPLIES):
    asked = stand_in(monkeypatch)
    with Endpoint([reply(answer) for answer in replies]) as endpoint:
        done = run(
            project,
            *("--agent", "live", "--measure", "live", "--base-url", endpoint.base_url),
            *("--answered-by", "a script"),
        )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), asked


def journal(folder, method="haqa"):
    (path,) = Path(folder).glob(f"journal/**/{method}-s0.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if "configuration" in line]


def test_a_study_that_rewrites_is_recorded_and_replayed_without_compiling(project, monkeypatch):
    told, asked = live(project, monkeypatch)
    monkeypatch.setitem(sys.modules, "haqa_bench.tracks.kernel.rewritten", None)
    monkeypatch.delattr("haqa_bench.tracks.kernel.evaluator.run_job")

    again = run(project)

    assert again.exit_code == 0, again.output
    assert asked[:3] == [FASTER, BROKEN, FASTER]
    first, second = journal(told["folder"]), journal(json.loads(again.stdout)["folder"])
    assert [t["configuration"] for t in first] == [t["configuration"] for t in second]
    assert [t["status"] for t in second] == ["ok", "ok", "compile_error", "ok", "ok"]
    codes = [t["configuration"]["CODE"] for t in second]
    assert codes == ["", FASTER, BROKEN, FASTER, ""]


def test_the_page_has_a_version_as_an_escaped_diff_and_no_source_in_its_tables(
    project, monkeypatch
):
    told, _ = live(project, monkeypatch)

    text = written(Path(told["folder"]))

    packed = re.search(r'id="data">\s*([^<\s]+)', text)
    data = gzip.decompress(base64.b64decode(packed[1])).decode()
    assert "+// faster" in data
    assert "alert(1)" not in text
    assert shown(FASTER) in data


@pytest.mark.parametrize("style", ["haqa", "paper"])
def test_the_words_of_each_style_are_those_that_were_read_and_accepted(project, style):
    cell, prompts = cell_of(project), prompts_of(project, style)
    history = [
        trial(0, dict(cell.space.default)),
        trial(1, {**cell.space.default, "CODE": FASTER, "VEC": 8}),
        trial(2, {**cell.space.default, "CODE": "// slower\n", "VEC": 1}),
        failed(3, {**cell.space.default, "CODE": BROKEN}),
    ]
    path = REPOSITORY / "tests" / "golden" / "prompts" / f"rewriting-{style}.md"

    text = text_of(prompts.messages(cell, history))

    if os.environ.get("GOLDEN") == "accept":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text
    assert text.count(FASTER) == text.count(BROKEN) == 1
    assert "// slower" not in text
    assert re.search(r"[^\n]\n# ", text) is None


@pytest.mark.parametrize("style", ["haqa", "paper"])
def test_a_version_that_failed_is_shown_once_and_not_in_later_rounds(project, style):
    cell = cell_of(project)
    prompts = prompts_of(project, style)
    history = [
        trial(0, dict(cell.space.default)),
        failed(1, {**cell.space.default, "CODE": BROKEN}),
    ]
    later = [*history, trial(2, {**cell.space.default, "VEC": 8})]

    first, second = (text_of(prompts.messages(cell, h)) for h in (history, later))

    assert first.count(BROKEN) == 1
    assert "1:25: error: expected identifier" in first
    assert BROKEN not in second
    assert shown(BROKEN) in second


def prompts_of(project, style):
    chat = next(m.chat for m in loaded(project).methods if m.chat)
    method = Method(
        name="any", optimizer="haqa", chat=chat, options={"rewrites": True, "style": style}
    )
    return styles.prompts(Study("s", cell_of(project), method, 0), REPOSITORY / "prompts")


def text_of(messages):
    return "\n\n---\n\n".join(m.content for m in messages) + "\n"


def failed(number, configuration):
    return Trial(
        number=number,
        configuration=configuration,
        status=Status.COMPILE_ERROR,
        reason="1:25: error: expected identifier",
    )
