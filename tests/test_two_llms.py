"""Two LLMs at two endpoints in one study: each is sent its own requests, with its own key."""

import json

import pytest
from endpoint import Endpoint, reply
from plugged import installed
from support import SUITE, action, small_project

from haqa_bench import suite
from haqa_bench.errors import HaqaError
from haqa_bench.llm import cassette
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan
from haqa_bench.run.study import entries, evaluator_of
from haqa_bench.trial import Trial

DEBATE = """\
from haqa_bench.llm.reply import read_reply
from haqa_bench.optimizers.agent.round import usage_of
from haqa_bench.protocols import Message, Position, Proposal


class Debate:
    settings = {"speakers": 2}
    start_up = 0

    def __init__(self, study, settings, chat, templates):
        self.study, self.proposer, self.chat = study, settings, chat
        self.critic = study.method.chats.get("critic", settings)

    def ask(self, history):
        here = Position(len(history), 1)
        asked = [Message(role="user", content=f"{len(history)} trials so far")]
        first = self.chat.chat(self.proposer.request(asked, self.study.seed), here)
        asked.append(Message(role="user", content=f"Criticise: {first.content}"))
        last = self.chat.chat(self.critic.request(asked, self.study.seed), here)
        said = read_reply(last.content)
        return Proposal(said.action, said.problem, said.thought, 2, usage_of([first, last]))
"""
METHODS = """\
methods:
  - {name: default, optimizer: default}
  - name: debate
    optimizer: debate
    chat: {model: big, base_url: "%s"}
    chats:
      critic: {model: small, base_url: "%s", temperature: 0.5}
prices:
  big: {usd_per_million_prompt_tokens: 1000.0, usd_per_million_completion_tokens: 0.0, source: us}
  small: {usd_per_million_prompt_tokens: 0.0, usd_per_million_completion_tokens: 100.0, source: us}
seeds: [0]
"""


@pytest.fixture
def debate(tmp_path, monkeypatch):
    """The plug-in, installed."""
    installed(tmp_path / "site", DEBATE, {"agents": {"debate": "two_minds:Debate"}}, "two-minds")
    monkeypatch.syspath_prepend(tmp_path / "site")


def write(project, *urls, methods=METHODS):
    start, end = SUITE.index("methods:"), SUITE.index("cells:")
    text = SUITE[:start] + methods % urls + SUITE[end:]
    (project / "suites/small.yaml").write_text(text)


@pytest.fixture
def recorded(tmp_path, debate, monkeypatch, cli):
    """A project with a study of the debate, recorded at two endpoints, and what these were sent."""
    project = small_project(tmp_path / "project")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-command-line")
    monkeypatch.setenv("HAQA_BENCH_KEY_127_0_0_1", "sk-of-the-big-one")
    monkeypatch.setenv("HAQA_BENCH_KEY_LOCALHOST", "sk-of-the-small-one")
    with (
        Endpoint([reply("what about Q4_0?", model="big-1")]) as big,
        Endpoint([reply(action("IQ4_NL", 2), model="small-1")]) as small,
    ):
        write(project, big.base_url, small.base_url.replace("127.0.0.1", "localhost"))
        path = project / "suites/small.yaml"
        done = cli("run", path, "--agent", "live", "--methods", "debate")
        assert done.returncode == 0, done.stderr
        yield project, big, small


def tape(project):
    return cassette.read(project / "cassettes/small/net-int4-epyc-zen4-2core/debate-s0.jsonl")


def test_each_endpoint_is_sent_its_own_requests_and_key(recorded):
    _, big, small = recorded

    assert {r["model"] for r in big.requests} == {"big"}
    assert {r["model"] for r in small.requests} == {"small"}
    assert {r["temperature"] for r in small.requests} == {0.5}
    assert {h["Authorization"] for h in big.headers} == {"Bearer sk-of-the-big-one"}
    assert {h["Authorization"] for h in small.headers} == {"Bearer sk-of-the-small-one"}


def test_one_cassette_says_who_was_asked_and_who_answered(recorded):
    project, _, _ = recorded

    known = tape(project)

    assert [e.section for e in known.exchanges] == ["", "critic"] * 4
    assert known.card["endpoint"] == "http://127.0.0.1/v1"
    assert known.card["endpoints"] == {"critic": "http://localhost/v1"}
    assert known.card["model_answered"] == "big-1"
    assert known.card["models_answered"] == {"critic": "small-1"}
    assert known.card["method"]["chats"]["critic"]["model"] == "small"
    assert "sk-of" not in known.path.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_is_replayed_without_endpoint_or_key(recorded, monkeypatch, cli, cli_process, workers):
    project, big, small = recorded
    asked = len(big.requests), len(small.requests)
    for name in ("OPENAI_API_KEY", "HAQA_BENCH_KEY_127_0_0_1", "HAQA_BENCH_KEY_LOCALHOST"):
        monkeypatch.delenv(name)

    done = cli("run", project / "suites/small.yaml", "--workers", workers, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tables"]
    assert (len(big.requests), len(small.requests)) == asked


def test_tokens_of_both_are_counted_and_priced_by_model(recorded):
    project, _, _ = recorded
    loaded = suite.load(project / "suites/small.yaml", project)
    study = loaded.studies()[1]
    plan = Plan(loaded, project, [study])

    found = entries(plan, study, (), lambda: evaluator_of(plan, study.cell))
    second = [entry for entry in found if isinstance(entry, Trial)][1]

    assert second.usage.prompt_tokens == 6  # the stub says 3, and 2 written, of each
    assert second.usage.dollars == pytest.approx(3 * 1000 / 1e6 + 2 * 100 / 1e6)


def test_a_changed_critic_misses_the_cassette(recorded, cli):
    project, big, small = recorded
    write(project, big.base_url, small.base_url, methods=METHODS.replace("0.5", "0.7"))

    done = cli("run", project / "suites/small.yaml")

    assert done.returncode == 2
    assert "nearest: recorded critic, round 1, attempt 1" in done.stderr
    assert "+temperature: 0.7" in done.stderr


def test_a_cassette_shows_who_was_asked(recorded, cli):
    project, _, _ = recorded

    told = cli("cassette", "show", tape(project).path).stdout

    assert "== round 1, attempt 1: big-1" in told
    assert "== critic, round 1, attempt 1: small-1" in told


def test_the_price_of_one_alone_is_no_price(recorded):
    project, big, small = recorded
    lines = [line for line in METHODS.splitlines() if not line.startswith("  small:")]
    write(project, big.base_url, small.base_url, methods="\n".join(lines) + "\n")
    loaded = suite.load(project / "suites/small.yaml", project)
    study = loaded.studies()[1]
    plan = Plan(loaded, project, [study])

    found = list(Serial().run(plan, [(study, ())]))

    assert {e.usage.dollars for _, e in found[2:-1]} == {None}


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [("haqa", "does not use chats:"), ("random", "chat")],
)
def test_chats_are_for_agents_of_plug_ins(tmp_path, cli, optimizer, told):
    project = small_project(tmp_path / "project")
    write(
        project,
        "http://a/v1",
        "http://b/v1",
        methods=METHODS.replace("optimizer: debate", f"optimizer: {optimizer}"),
    )

    done = cli("run", project / "suites/small.yaml")

    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_suite_shows_no_secret_of_any_section(tmp_path):
    project = small_project(tmp_path / "project")
    write(project, "http://a/v1", "http://user:secret@b/v1")

    with pytest.raises(HaqaError, match="holds more than an address"):
        suite.load(project / "suites/small.yaml", project)
