"""A method's own prompts: a folder that its suite names, in place of the project's templates."""

import json
import re

import pytest
from endpoint import Endpoint, reply
from support import (
    ANSWERS,
    DEFAULT,
    REPOSITORY,
    SUITE,
    action,
    plan,
    reading,
    record,
    run,
    small_project,
)

from haqa_bench import suite
from haqa_bench.errors import HaqaError
from haqa_bench.llm import cassette
from haqa_bench.optimizers.agent.conversation import Conversation
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.trial import Status, Trial

TWO = SUITE.replace(
    "seeds: [0, 1]",
    """\
  - name: terse
    optimizer: haqa
    chat: {model: test-model, temperature: 0.0}
    prompts: terse
seeds: [0]""",
)


@pytest.fixture
def project(tmp_path):
    """A small suite with two prompts: the project's, and a terse one."""
    small_project(tmp_path)
    own = tmp_path / "suites/terse"
    own.mkdir()
    (own / "deploy.j2").write_text("Be quick. {{ goal.name }}.\n{% include 'reply.j2' %}\n")
    (tmp_path / "suites/small.yaml").write_text(TWO)
    return tmp_path


def loaded(project):
    return suite.load(project / "suites/small.yaml", project)


def tape(project, method):
    return cassette.read(project / f"cassettes/small/net-int4-epyc-zen4-2core/{method}-s0.jsonl")


def test_two_prompts_in_one_suite_are_recorded_replayed_and_compared(project, cli):
    with Endpoint([reply(action("IQ4_NL", 2))]) as endpoint:
        run(project, "--agent", "live", "--base-url", endpoint.base_url)
    told = cli("run", project / "suites/small.yaml", "--json")

    systems = {
        m["content"] for r in endpoint.requests for m in r["messages"] if m["role"] == "system"
    }
    assert len(systems) == 2
    assert sum(text.startswith("Be quick. end_to_end_tokens_per_s.") for text in systems) == 1
    assert told.returncode == 0
    assert {"haqa", "terse"} <= {
        row["values"]["Method"]["text"]
        for table in json.loads(told.stdout)["tables"].values()
        for row in table["rows"]
        if "Method" in row["values"]
    }


def test_the_card_says_which_templates_were_filled(project):
    record(project, "--methods", "haqa,terse")

    of_project, own = (tape(project, name).card for name in ("haqa", "terse"))

    assert own["method"]["prompts"] == "terse"
    assert "templates" not in own["method"]
    assert of_project["templates"].keys() - own["templates"].keys() == {"hardware.j2", "space.j2"}
    differing = {n for n, h in own["templates"].items() if of_project["templates"][n] != h}
    assert differing == {"deploy.j2"}


def test_a_template_that_is_missing_is_the_projects(project):
    record(project, "--methods", "haqa,terse")

    dynamic = [tape(project, n).exchanges[0].body["messages"][1] for n in ("haqa", "terse")]

    assert dynamic[0] == dynamic[1]


def test_a_changed_template_of_its_own_misses_the_cassette_with_a_diff(project, cli):
    record(project, "--methods", "terse")
    path = project / "suites/terse/deploy.j2"
    path.write_text(path.read_text().replace("quick", "slow"))

    told = cli("run", project / "suites/small.yaml", "--methods", "terse")

    assert told.returncode == 2
    assert "-Be quick." in told.stderr
    assert "+Be slow." in told.stderr


def test_the_lock_follows_from_what_the_folder_holds(project):
    before = loaded(project).lock
    path = project / "suites/terse/deploy.j2"
    path.write_text(path.read_text() + "More.")

    assert loaded(project).lock != before


def test_a_suite_without_prompts_keeps_its_lock():
    method = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).methods[0]

    assert not {"prompts", "templates", "chats", "fork"} & method.model_dump(mode="json").keys()


def test_a_run_needs_the_folder_no_more_once_it_is_locked(project):
    record(project, "--methods", "terse")
    what = plan(project)

    again = suite.Suite.model_validate_json(what.suite.model_dump_json())

    assert again.lock == what.suite.lock
    assert "deploy.j2" in next(m for m in again.methods if m.name == "terse").templates


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: folder.rename(folder.parent / "other"), "no folder .*terse"),
        (lambda folder: (folder / "deploy.j2").unlink(), r"no template \(\*\.j2\)"),
        (lambda folder: (folder / "deplo.j2").write_text("x"), "Did you mean 'deploy.j2'?"),
        (
            lambda folder: (folder / "dynamic.j2").symlink_to(REPOSITORY / "prompts/dynamic.j2"),
            "must lie below",
        ),
        (lambda folder: (folder / "deploy.j2").write_bytes(b"\xff"), "UTF-8"),
        (lambda folder: (folder / "deploy.j2").write_text("x" * 100_001), "100,000|larger"),
    ],
)
def test_a_folder_that_cannot_be_meant_is_refused(project, change, told):
    change(project / "suites/terse")

    with pytest.raises(HaqaError, match=told):
        loaded(project)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ nothing }}", r"terse/deploy\.j2:1: UndefinedError"),
        ("\n{% if %}", r"terse/deploy\.j2:2"),
        ("{% for i in range(900) %}{% for j in range(900) %}{% endfor %}{% endfor %}", "steps"),
        ("{{ cell.__class__.__mro__ }}", r"terse/deploy\.j2"),
    ],
)
def test_own_templates_are_in_the_sandbox_and_told_by_their_folder(project, cli, text, told):
    (project / "suites/terse/deploy.j2").write_text(text)

    with Endpoint([reply(ANSWERS[1])]) as endpoint:
        got = cli(
            *("run", project / "suites/small.yaml", "--methods", "terse", "--agent", "live"),
            *("--base-url", endpoint.base_url),
        )

    assert got.returncode == 2
    assert re.search(told, got.stderr), got.stderr


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("prompts: terse\n    templates: {deploy.j2: x}", "templates lie in a folder"),
        ("prompts: ''", "at least 1 character"),
    ],
)
def test_a_suite_that_says_prompts_wrongly_is_refused(project, written, told):
    path = project / "suites/small.yaml"
    path.write_text(TWO.replace("prompts: terse", written))

    with pytest.raises(HaqaError, match=told):
        loaded(project)


def test_prompts_of_a_method_that_asks_nobody_are_refused(project):
    path = project / "suites/small.yaml"
    path.write_text(TWO.replace("optimizer: random}", "optimizer: random, prompts: terse}"))

    with pytest.raises(HaqaError, match="prompts are for agents"):
        loaded(project)


@pytest.mark.parametrize("style", [Prompts, Conversation])
def test_a_limit_that_is_a_number_follows_the_template_and_a_broken_one_is_told(project, style):
    path = project / "suites/small.yaml"
    limit = "constraints: [{metric: perplexity, at_most: 12}]"
    path.write_text(re.sub(r"constraints: .*", limit, TWO))
    cell = loaded(project).cells[0]
    default, other = (
        Trial(number=n, configuration=DEFAULT, status=Status.OK, measurements=(found,))
        for n, found in enumerate(
            [reading("perplexity", "1", 10.0), reading("perplexity", "1", 13.0)]
        )
    )
    prompts = style(project / "prompts")

    static, *turns = prompts.messages(cell, [default, other])

    assert static.content.endswith(
        "Constraints; a configuration that breaks one does not count:\n"
        "- perplexity at most 12, or the default's where that is more"
    )
    assert "times that of the default" not in static.content
    assert "perplexity 13, limit: at most 12, or the default's" in turns[-1].content


def test_a_metric_that_a_constraint_limits_is_shown_whatever_its_track_shows(project):
    path = project / "suites/small.yaml"
    limit = "constraints: [{metric: first_token_ms, at_most_times_default: 1.2}]"
    path.write_text(re.sub(r"constraints: .*", limit, TWO))
    cell = loaded(project).cells[0]
    first_token = reading("first_token_ms", "ms", 41.5)
    speed = reading("end_to_end_tokens_per_s", "tokens/s", 60.0)
    default = Trial(
        number=0, configuration=DEFAULT, status=Status.OK, measurements=(speed, first_token)
    )

    words = Prompts(project / "prompts").dynamic(cell, [default])

    assert "end_to_end_tokens_per_s 60 tokens/s, first_token_ms 41.5 ms" in words
