"""A fork of a recorded study: the same up to a round, then another LLM or other words."""

import json
import re
import shutil

import pytest
from endpoint import Endpoint, reply
from support import SUITE, action, run, small_project

from haqa_bench import suite
from haqa_bench.llm import cassette
from haqa_bench.project import Project
from haqa_bench.run.soundness import check_cassette
from haqa_bench.store import database
from haqa_bench.store.journal import Journal, finished, read_finished

FORKED = SUITE.replace(
    "seeds: [0, 1]",
    """\
  - name: other
    optimizer: haqa
    fork: {method: haqa, round: 3}
    chat: {model: other-model, temperature: 0.7}
seeds: [0]
prices:
  test-model: &price
    {usd_per_million_prompt_tokens: 1000.0, usd_per_million_completion_tokens: 0.0, source: us}
  other-model: {<<: *price, usd_per_million_prompt_tokens: 7000.0}
""",
)
FIRST = [action("IQ4_NL", 2, "first"), action("Q4_1", 1, "second"), action("Q4_0", 2, "third")]
OTHERS = [action("Q4_0", 1, "mine"), action("IQ4_NL", 1, "mine too")]


@pytest.fixture
def project(tmp_path):
    """A small suite with a recorded study, and a method that is a fork of it."""
    small_project(tmp_path, FORKED)
    with Endpoint([reply(answer) for answer in FIRST]) as endpoint:
        run(tmp_path, "--agent", "live", "--base-url", endpoint.base_url, "--methods", "haqa")
    return tmp_path


def recorded(project, *options):
    """What the fork's endpoint was sent."""
    with Endpoint([reply(answer, model="other-1") for answer in OTHERS]) as endpoint:
        url = endpoint.base_url
        run(project, "--agent", "live", "--base-url", url, "--methods", "other", *options)
    return endpoint.requests


def path_of(project, method):
    return project / f"cassettes/small/net-int4-epyc-zen4-2core/{method}-s0.jsonl"


def trials(project, method):
    folder = next((project / "results/runs/small").glob("cassette-*"))
    path = next(folder.glob(f"journal/*/{method}-s0.jsonl"))
    return database.trials(path, Journal(path).entries)


def refused(project, cli, *options):
    done = cli("run", project / "suites/small.yaml", *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_the_rounds_before_are_the_recorded_ones_and_nobody_is_asked_for_them(project):
    requests = recorded(project)
    run(project)

    origin, fork = trials(project, "haqa"), trials(project, "other")
    assert [t.configuration for t in fork[:3]] == [t.configuration for t in origin[:3]]
    assert [t.thought for t in fork] == ["", "first", "second", "mine", "mine too"]
    assert len(requests) == 2
    assert "Before trial 2: second" in requests[0]["messages"][1]["content"]
    assert requests[0]["model"] == "other-model"
    assert len(fork) == len(origin)


def test_the_rounds_before_cost_what_they_cost_then(project):
    recorded(project)
    run(project)

    dollars = [t.usage.dollars for t in trials(project, "other")[1:]]

    assert dollars == pytest.approx([0.003, 0.003, 0.021, 0.021])


def test_its_cassette_holds_the_rounds_from_there_on_and_names_the_recording(project):
    recorded(project)

    known = cassette.read(path_of(project, "other"))

    assert [e.position.round for e in known.exchanges] == [3, 4]
    assert known.card["fork"]["study"] == "small/net-int4-epyc-zen4-2core/haqa/seed0"
    assert known.card["fork"]["round"] == 3
    assert known.card["fork"]["cassette"].endswith("haqa-s0.jsonl")
    assert len(known.card["fork"]["sha256"]) == 64
    check_cassette(known.path)


def test_a_changed_original_is_refused(project, cli):
    recorded(project)
    path = path_of(project, "haqa")
    card, *lines = read_finished(path)
    (project / "MANIFEST.sha256").unlink()
    path.write_bytes(finished([{**card, "answered_by": "another"}, *lines]))

    told = refused(project, cli, "--methods", "other")
    checked = cli("cassette", "check", path_of(project, "other"))

    assert "other-s0.jsonl: is of a fork of another recording than there is now" in told
    assert checked.returncode == 2
    assert "haqa-s0.jsonl than there is now" in checked.stderr


def test_a_fork_that_was_stopped_goes_on(project):
    whole = recorded(project)
    shutil.rmtree(project / "results/runs")
    path_of(project, "other").unlink()
    (project / "MANIFEST.sha256").unlink()
    with Endpoint([reply(OTHERS[0], model="other-1"), reply("", model="other-1")]) as endpoint:
        url = endpoint.base_url
        options = ("--agent", "live", "--base-url", url, "--methods", "other")
        run(project, *options)  # its last round is invalid
        journal = next((project / "results/runs/small").glob("live-*/journal/*/other-s0.jsonl"))

    assert len(Journal(journal).entries) == 6
    assert endpoint.requests[0] == whole[0]


def test_a_fork_of_a_fork_goes_on_from_it(project, cli):
    recorded(project)
    path = project / "suites/small.yaml"
    third = (
        "  - {name: third, optimizer: haqa, fork: {method: other, round: 4}, "
        "chat: {model: third-model}}\nseeds: [0]"
    )
    path.write_text(FORKED.replace("seeds: [0]", third))
    with Endpoint([reply(action("Q4_1", 2, "last"))]) as endpoint:
        run(project, "--agent", "live", "--base-url", endpoint.base_url, "--methods", "third")
    run(project)

    assert [t.thought for t in trials(project, "third")][1:] == ["first", "second", "mine", "last"]
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{method: haqa, round: 9}", "round 9 is out of range: .*haqa/seed0 has rounds 1 to 4"),
        ("{method: haqa, round: 0}", "greater than or equal to 1"),
        ("{method: nobody, round: 2}", "fork: 'nobody' is none of the methods"),
        ("{method: other, round: 2}", "fork: 'other' is its own fork"),
        ("{method: random, round: 2}", "only agents, with a chat:, fork"),
        ("{method: haqa}", "Field required"),
    ],
)
@pytest.mark.parametrize("agent", ["cassette", "live"])
def test_a_fork_of_nothing_is_refused_in_one_line(project, cli, written, told, agent):
    path = project / "suites/small.yaml"
    path.write_text(FORKED.replace("{method: haqa, round: 3}", written))

    assert re.search(told, refused(project, cli, "--agent", agent))


def test_a_fork_of_what_is_not_recorded_is_refused(project, cli):
    path_of(project, "haqa").unlink()

    told = refused(project, cli, "--methods", "other", "--agent", "live")

    assert "small/net-int4-epyc-zen4-2core/haqa/seed0 is not recorded" in told


def test_a_fork_on_a_cell_that_its_original_does_not_run_on_is_refused(project, cli):
    path = project / "suites/small.yaml"
    path.write_text(
        FORKED.replace("optimizer: haqa\n    chat", "optimizer: haqa\n    tracks: [qat]\n    chat")
    )

    told = refused(project, cli, "--methods", "other", "--agent", "live")

    assert "haqa does not run on net-int4-epyc-zen4-2core" in told


def test_the_page_and_explain_find_the_rounds_of_both(project, cli):
    from haqa_bench.project import open_run
    from haqa_bench.report.page.recordings import recordings

    recorded(project)
    run(project)
    folder = next((project / "results/runs/small").glob("cassette-*"))

    with open_run(folder) as opened:
        found = recordings(opened, Project(project))

    study = next(s for s in found if "/other/" in s)
    assert [said.round for said in found[study].exchanges] == [1, 2, 3, 4]


def fork(cli, project, *options):
    return cli("fork", project / "suites/small.yaml", *options)


def test_a_fork_of_the_command_line_is_recorded_replayed_and_compared(project, cli):
    made = ("--method", "haqa", "--round", "2", "--model", "third-model")
    with Endpoint([reply(action("Q4_1", 1)), reply(action("IQ4_NL", 2))]) as endpoint:
        live = fork(cli, project, *made, "--agent", "live", "--base-url", endpoint.base_url)
    again = fork(cli, project, *made, "--json")

    assert live.returncode == 0, live.stderr
    assert again.returncode == 0, again.stderr
    assert [request["model"] for request in endpoint.requests] == ["third-model"] * 3
    told = json.loads(again.stdout)
    assert [step["round"] for step in told["studies"][0]["steps"]] == [2, 3, 4]
    last = told["studies"][0]["steps"][-1]
    assert last["original"]["best"] == last["fork"]["best"] == told["studies"][0]["best_of_fork"]
    assert last["fork"]["source"] == "replayed"
    assert told["method"]["name"] == "haqa-at2-third-model"
    assert told["method"]["fork"] == {"method": "haqa", "round": 2}
    assert "better" not in live.stdout
    assert "one study each" in live.stdout


def test_what_a_fork_prints_can_be_pasted_and_replays(project, cli):
    with Endpoint([reply(action("Q4_1", 1))]) as endpoint:
        done = fork(
            *(cli, project, "--method", "haqa", "--round", "2", "--model", "third-model"),
            *("--name", "third", "--agent", "live", "--base-url", endpoint.base_url),
        )
    printed = done.stdout.partition("methods:\n")[2]
    method = "".join(f"  {line}\n" for line in printed.splitlines())
    path = project / "suites/small.yaml"
    path.write_text(FORKED.replace("seeds: [0]", f"{method}seeds: [0, 1]", 1))

    again = cli("run", path, "--methods", "third")

    assert again.returncode == 0, again.stderr
    assert "third" in again.stdout


def test_a_fork_of_the_suite_is_compared_by_its_name(project, cli):
    recorded(project)

    done = fork(cli, project, "--method", "other")

    assert done.returncode == 0, done.stderr
    assert "from round 3 on" in done.stdout
    assert "Q4_0" in done.stdout


def test_a_fork_with_other_words_is_made_of_a_folder(project, cli, monkeypatch):
    own = project / "suites/terse"
    own.mkdir()
    (own / "deploy.j2").write_text("Be quick.")
    monkeypatch.chdir(project / "suites")
    with Endpoint([reply(action("Q4_1", 1))]) as endpoint:
        done = fork(
            *(cli, project, "--method", "haqa", "--round", "4", "--prompts", "terse"),
            *("--agent", "live", "--base-url", endpoint.base_url),
        )

    assert done.returncode == 0, done.stderr
    assert endpoint.requests[0]["messages"][0]["content"].startswith("Be quick.")
    assert "prompts: terse" in done.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--method", "haqa"), "--round"),
        (("--method", "haqa", "--round", "9", "--model", "m"), "round 9 is out of range"),
        (("--method", "haqa", "--round", "2"), "--model"),
        (("--method", "random", "--round", "2", "--model", "m"), "asks no LLM"),
        (("--method", "haka", "--round", "2", "--model", "m"), "Did you mean 'haqa'?"),
        (("--method", "other", "--round", "2", "--model", "m", "--name", "haqa"), "already"),
        (("--method", "haqa", "--round", "2", "--model", "m", "--cells", "x*"), "--cells"),
        (("--method", "haqa", "--round", "2", "--model", "m", "--seed", "7"), "--seed"),
        (("--method", "haqa", "--round", "2", "--model", "m"), "no such cassette"),
    ],
)
def test_a_fork_that_cannot_be_made_is_refused_in_one_line(project, cli, options, told):
    done = fork(cli, project, *options)

    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_lock_of_a_suite_without_forks_stays_as_it_was(project):
    (project / "suites/small.yaml").write_text(SUITE)
    loaded = suite.load(project / "suites/small.yaml", project)

    assert all("fork" not in m for m in loaded.model_dump(mode="json")["methods"])
