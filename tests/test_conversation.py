"""The style `paper`: the paper's conversation. golden/prompts/paper-TRACK.md is the first prompt of
a small cell and a third round with its turns. Read the diff before you accept it with
GOLDEN=accept pytest tests/test_conversation.py.
"""

import json
import os

import pytest
from support import REPOSITORY, SUITE, action, evaluator_of, record, run, small_project
from test_prompts import CELLS, FOLDER, measured
from test_table_track import SERVING

from haqa_bench import registry, suite
from haqa_bench.errors import HaqaError
from haqa_bench.llm import cassette
from haqa_bench.llm.questions import Question
from haqa_bench.llm.scripted import Scripted
from haqa_bench.optimizers.agent.conversation import Conversation
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.run.study import run_study
from haqa_bench.space import SearchSpace
from haqa_bench.study import Method
from haqa_bench.testing import OptimizerContract
from haqa_bench.tracks.qat.workload import Pinned
from haqa_bench.trial import Status, Trial

PROMPTS = REPOSITORY / "prompts"
RANGES = {
    "learning_rate": {"float": {"low": 1e-5, "high": 0.2, "log": True}, "default": 0.01},
    "batch_size": {"int": {"low": 32, "high": 256, "log": True}, "default": 128},
    "weight_decay": {"float": {"low": 1e-6, "high": 0.1, "log": True}, "default": 5e-4},
    "momentum": {"float": {"low": 0.5, "high": 0.99}, "default": 0.9, "about": "of SGD"},
    "num_epochs": {"int": {"low": 8, "high": 12}, "default": 12},
}
OF_TABLE_1 = SearchSpace.model_validate(RANGES)
MIXED = SearchSpace.model_validate(
    {**RANGES, "optimizer": {"choices": ("sgd", "adam"), "default": "sgd"}}
)


def cell_of(track, **changes):
    cells = suite.load(REPOSITORY / f"suites/{CELLS[track]}.yaml", REPOSITORY).cells
    return next(c for c in cells if c.track == track).model_copy(update=changes)


def tried(cell, number=0, configuration=None, **fields):
    own = dict(cell.space.default) | (configuration or {})
    return Trial(
        **{
            "number": number,
            "configuration": own,
            "status": Status.OK,
            "measurements": (),
            **fields,
        }
    )


def as_text(messages):
    return "\n\n".join(f"[{m.role}]\n{m.content}" for m in messages) + "\n"


@pytest.mark.parametrize("track", CELLS)
def test_a_track_s_conversation_is_the_one_that_was_read_and_accepted(track):
    path, cell = FOLDER / f"paper-{track}.md", cell_of(track)
    if track == "qat":
        cell = fine_tuned(cell)

    text = as_text(Conversation(PROMPTS).messages(cell, two_rounds(cell)))

    if os.environ.get("GOLDEN") == "accept":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def fine_tuned(cell):
    """A cell on the ranges of table 1, which fine-tunes a pretrained network."""
    network = Pinned(set="cifar10-fp32", sha256="0" * 64, held_out_accuracy=91.24)
    begun = {"pretrained": network, "schedule": "cosine", "rescale_weights": True}
    work = cell.workload.model_copy(update=begun)
    return cell.model_copy(update={"space": OF_TABLE_1, "workload": work})


def two_rounds(cell):
    """The default, with a curve; and a second proposal that ran out of memory."""
    first = {n: p.choices[0] if p.finite else p.at(0.0) for n, p in cell.space.root.items()}
    default = tried(cell, facts={"learning_curve": "10:2.302 20:1.871 30:1.63"})
    names = [cell.objective.metric, *(c.metric for c in cell.objective.constraints)]
    names += [goal.metric for goal in cell.objective.also]
    found = tuple(measured(n, 10.0 * place) for place, n in enumerate(dict.fromkeys(names), 1))
    failed = {"status": Status.OOM, "reason": "out", "thought": "a try"}
    return [
        default.model_copy(update={"measurements": found}),
        tried(cell, 1, first, **failed),
    ]


def test_ranges_are_told_with_type_scale_default_and_digits():
    cell = cell_of("qat", space=MIXED)

    for text in (Prompts(PROMPTS).static(cell), Conversation(PROMPTS).static(cell)):
        assert (
            "a number from 1e-05 to 0.2, on a logarithmic scale, rounded to 4 significant digits"
            in text
        )
        assert "a whole number from 32 to 256, on a logarithmic scale" in text
        assert "a number from 0.5 to 0.99, rounded to 4 digits after the point" in text
        assert '"sgd", "adam"' in text
        assert "Give every parameter exactly one of its choices." not in text


def test_numbers_of_a_history_keep_their_own_digits():
    cell = cell_of("qat", space=OF_TABLE_1)
    rounds = [tried(cell), tried(cell, 1, {"learning_rate": 0.00012345678})]

    assert "learning_rate=0.00012345678" in Prompts(PROMPTS).dynamic(cell, rounds)
    assert "learning_rate 0.00012345678" in Conversation(PROMPTS).messages(cell, rounds)[-1].content


def test_a_turn_tells_losses_scores_of_tasks_and_what_is_broken():
    cell = cell_of("qlora")
    scores = [measured("boolq_acc", 61.5), measured("boolq_acc_stderr", 1.52)]
    facts = {"learning_curve": "1:3.25 2:2.5"}
    trial = tried(cell, facts=facts, measurements=(measured("held_out_loss", 1.234), *scores))

    told = Conversation(PROMPTS).messages(cell, [trial])[-1].content

    assert "held_out_loss: 1.234" in told
    assert "| boolq | acc | 61.5 | 1.52 |" in told
    assert "Training losses, in order: 3.25, 2.5" in told
    assert "Rounds left: 10." in told


def test_the_hardware_is_json_of_what_is_known():
    text = Conversation(PROMPTS).static(cell_of("memory"))

    told = json.loads(text.split("```json\n")[1].split("```")[0])
    assert told["peak_rates"]["int8"] == "309.7 TOPS"
    assert told["cores"] == "10752 CUDA cores"
    assert "peak_rates" not in Conversation(PROMPTS).static(cell_of("qat"))  # a CPU's are unknown


def test_a_track_without_words_of_its_own_is_told_in_those_of_any(project):
    path = project / "suites/serving.yaml"
    path.write_text(SERVING)

    text = Conversation(PROMPTS).static(suite.load(path, project).cells[0])

    assert text.startswith("You are an engineer who tunes systems")
    assert "- requests of 512 tokens, as many at once as the server takes" in text
    assert "The highest throughput (req/s)" in text
    assert "p99 may be at most 3 times that of the defaults" in text


def test_hints_native_and_react_take_from_a_conversation_what_they_take_from_ours():
    cell = cell_of("memory")

    assert "# Hardware" not in Conversation(PROMPTS, hints=False).static(cell)
    bare = Conversation(PROMPTS, native=False).static(cell)
    assert "# Hardware" in bare
    assert "peak_rates" not in bare
    assert "native_number_formats" not in bare
    assert "hought" not in as_text(
        Conversation(PROMPTS, react=False).messages(cell_of("qat"), two_rounds(cell_of("qat")))
    )


def test_a_history_is_cut_to_its_latest_rounds_and_the_best_stays():
    cell = cell_of("qat")
    accuracies = [50.0, 70.0, 60.0, 55.0, 52.0, 51.0]
    rounds = [
        tried(cell, number, measurements=(measured("valid_accuracy", value),))
        for number, value in enumerate(accuracies)
    ]

    messages = Conversation(PROMPTS, history=2).messages(cell, rounds)

    told = [m.content.splitlines()[0] for m in messages if m.content.startswith("Observation")]
    assert told == [f"Observation of round {n}" for n in (1, 4, 5)]
    assert "Rounds that are not shown below: 0, 2, 3." in messages[1].content
    assert [m.role for m in messages] == ["system", "user", *["assistant", "user"] * 3]


# Studies


WITH_PAPER = SUITE.replace(
    "seeds: [0, 1]",
    """\
  - {name: haqa-paper, optimizer: haqa-paper, chat: {model: test-model, temperature: 0.0}}
seeds: [0]""",
)
REPLIES = [action("IQ4_NL", 1, "a first"), "?", "??", action("Q4_0", 2), action("Q4_0", 2)]


@pytest.fixture
def project(tmp_path):
    return small_project(tmp_path, WITH_PAPER)


def study_of(project, optimizer="haqa-paper", **options):
    loaded = suite.load(project / "suites/small.yaml", project)
    chat = next(m.chat for m in loaded.methods if m.chat)
    method = Method(name="any", optimizer=optimizer, chat=chat, options=options)
    return suite.Study("small", loaded.cells[0], method, 0)


def trials_of(project, replies, optimizer="haqa-paper", before=(), **options):
    study, chat = study_of(project, optimizer, **options), Scripted(replies)
    asked = registry.optimizer(study, chat, project / "prompts")
    return list(run_study(study, asked, evaluator_of(project), list(before))), chat


def test_a_conversation_has_a_turn_of_each_side_for_each_round(project):
    found, chat = trials_of(project, REPLIES)

    last = chat.requests[-1].messages
    assert [m.role for m in last] == ["system", "user", *["assistant", "user"] * 4]
    said = [m.content for m in last if m.role == "assistant"]
    assert json.loads(said[0])["action"] == found[0].configuration
    assert json.loads(said[1]) == {"thought": "a first", "action": found[1].configuration}
    assert said[2] == "(a reply without a valid proposal)"
    assert "It failed (crashed): exit code 1" in last[5].content
    assert (
        "no valid proposal, so nothing was run: the reply holds no JSON object" in last[7].content
    )
    assert "This breaks a constraint: perplexity 1.150 times" in last[9].content
    assert "Rounds left: 1." in last[9].content


def test_what_was_said_of_a_round_is_said_again_in_the_same_words(project):
    _, chat = trials_of(project, REPLIES)

    first, last = chat.requests[0].messages, chat.requests[-1].messages
    assert last[: len(first)] == first


def test_a_study_that_goes_on_sends_what_it_would_have_sent(project):
    whole, through = trials_of(project, REPLIES)
    again, chat = trials_of(project, REPLIES[3:], before=whole[:3])

    assert again == whole[3:]
    assert chat.requests == through.requests[3:]


def test_whoever_answers_at_the_relay_reads_every_turn_in_order(project):
    _, chat = trials_of(project, REPLIES)

    told = Question.model_validate(chat.requests[-1].body()).conversation()

    heads = [line for line in told.splitlines() if line.startswith("# Message")]
    roles = ["system", "user", *["assistant", "user"] * 4]
    assert heads == [f"# Message {number}: {role}" for number, role in enumerate(roles, 1)]


def test_a_repaired_round_shows_its_last_reply_alone(project):
    _, chat = trials_of(project, ["?", *[action("Q4_0", 2)] * 4])

    asked_again, next_round = chat.requests[1].messages, chat.requests[2].messages
    assert asked_again[-2].content == "?"
    assert "That is no valid proposal" in asked_again[-1].content
    assert len(next_round) == len(chat.requests[0].messages) + 2
    assert "?" not in [m.content for m in next_round]


@pytest.mark.parametrize("control", ["haqa-no-hardware", "haqa-no-react", "haqa-shuffled"])
def test_each_control_asks_in_either_style(project, control):
    replies = [action("IQ4_NL", 1)] * 4
    for style, turns in (("haqa", 2), ("paper", 4)):
        _, chat = trials_of(project, replies, control, style=style)

        assert len(chat.requests[0].messages) == turns


def test_all_at_once_is_asked_after_the_papers_static_message(project):
    actions = json.dumps({"thought": "x", "actions": [{"format": "Q4_0", "n_threads": 1}] * 4})
    found, chat = trials_of(project, [actions] * 4, "haqa-zero-shot", style="paper")

    assert [t.status for t in found] == ["ok"] * 5
    assert "# Task" in chat.requests[0].messages[0].content
    assert [m.role for m in chat.requests[0].messages] == ["system", "user"]


def test_tpe_keeps_its_options_beside_those_of_the_agent_before_it(project):
    study = study_of(project, "llm-seeded-bo", style="paper", history=2, n_startup_trials=3)

    made = registry.optimizer(study, Scripted([]), project / "prompts")

    told = {"style": "paper", "history": 2, "n_startup_trials": 3}
    assert told.items() <= dict(made.settings).items()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"style": "papr"}, "unknown style 'papr'.*paper"),
        ({"histori": 2}, "unknown option 'histori'.*history"),
        ({"history": 0}, "history: 0"),
        ({"history": "all"}, "history: 'all' is no int"),
        ({"style": "haqa", "history": 2}, "unknown option 'history'"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(project, options, told):
    with pytest.raises(HaqaError, match=f"(?s){told}"):
        registry.optimizer(study_of(project, **options), Scripted([]), project / "prompts")


def test_the_history_that_no_round_reaches_changes_nothing_of_our_own_style(project):
    _, ours = trials_of(project, [action("IQ4_NL", 1)] * 4, "haqa")
    _, said = trials_of(project, [action("IQ4_NL", 1)] * 4, "haqa", style="haqa")

    assert ours.requests == said.requests


def test_exchanged_outcomes_come_with_the_losses_of_theirs(project):
    replies = [action("IQ4_NL", 2), action("Q4_0", 1), *[action("Q4_1", 1)] * 2]
    found, _ = trials_of(project, replies)
    curves = [t.model_copy(update={"facts": {"learning_curve": f"1:{t.number}"}}) for t in found]
    study, chat = study_of(project, "haqa-shuffled", style="paper"), Scripted([REPLIES[0]])

    registry.optimizer(study, chat, project / "prompts").ask(curves[:4])

    speeds = {t.value("end_to_end_tokens_per_s"): t.number for t in found[:4]}
    for message in chat.requests[0].messages[5::2]:
        lines = message.content.splitlines()
        speed = next(float(x.split()[1]) for x in lines if x.startswith("end_to_end"))
        loss = next(x for x in lines if x.startswith("Training losses")).rpartition(" ")[2]
        assert speeds[speed] == int(loss)


@pytest.mark.parametrize("seed", range(4))
def test_outcomes_are_exchanged_with_rounds_without_a_proposal_too(project, seed):
    study = study_of(project, "haqa-shuffled", style="paper")._replace(seed=seed)
    chat = Scripted([action("Q4_0", 1), "?", "??", *[action("IQ4_NL", 1)] * 2])

    asked = registry.optimizer(study, chat, project / "prompts")
    list(run_study(study, asked, evaluator_of(project), []))

    said = [m.content for m in chat.requests[-1].messages if m.role == "assistant"]
    assert said[2] == "(a reply without a valid proposal)"
    assert all(said)


# Recordings


def tape(project, name="haqa-paper"):
    return cassette.read(project / f"cassettes/small/net-int4-epyc-zen4-2core/{name}-s0.jsonl")


def test_a_conversation_is_recorded_replayed_and_told(project, cli):
    record(project, "--methods", "haqa-paper")

    run(project, "--methods", "haqa-paper")
    told = cli("cassette", "show", tape(project).path, "--round", "2").stdout

    card = tape(project).card
    of_style = {"begin", "deploy", "goal", "hardware", "reply", "space", "turn"}
    assert card["templates"].keys() == {"repair.j2", *(f"paper/{name}.j2" for name in of_style)}
    assert told.count("[assistant]") == 2
    assert "Observation of round 1" in told


def test_a_changed_template_of_the_style_misses_with_a_diff_of_the_turns(project, cli):
    record(project, "--methods", "haqa-paper")
    path = project / "prompts/paper/turn.j2"
    path.write_text(path.read_text().replace("Rounds left", "Rounds to go"))

    told = cli("run", project / "suites/small.yaml", "--methods", "haqa-paper")

    assert told.returncode == 2
    assert "-Rounds left: 4." in told.stderr
    assert "+Rounds to go: 4." in told.stderr


def test_a_lock_pins_the_style_s_templates_where_a_method_asks_in_it(project):
    with_it = suite.load(project / "suites/small.yaml", project)
    (project / "suites/small.yaml").write_text(SUITE)
    without = suite.load(project / "suites/small.yaml", project)

    assert "paper/turn.j2" in with_it.templates
    assert not any(name.startswith("paper") for name in without.templates)


def test_a_method_s_own_folder_stands_in_place_of_the_style_s(project, cli):
    own = project / "suites/mine"
    own.mkdir()
    (own / "turn.j2").write_text("Now {{ trial.number }}.")
    told = "optimizer: haqa-paper, prompts: mine"
    path = project / "suites/small.yaml"
    path.write_text(WITH_PAPER.replace("optimizer: haqa-paper", told))
    record(project, "--methods", "haqa-paper")

    assert tape(project).exchanges[0].body["messages"][-1]["content"] == "Now 0."
    assert {"turn.j2", "paper/begin.j2"} <= tape(project).card["templates"].keys()
    (own / "turm.j2").write_text("x")
    with pytest.raises(HaqaError, match="Did you mean 'turn"):
        suite.load(path, project)


def test_a_fault_names_the_style_s_file_and_line(project):
    (project / "prompts/paper/turn.j2").write_text("\n{{ nothing }}")

    with pytest.raises(HaqaError, match=r"prompts/paper/turn\.j2:2: UndefinedError"):
        trials_of(project, REPLIES)


def test_a_fork_goes_on_in_the_conversation_with_the_rounds_of_its_original(project):
    path = project / "suites/small.yaml"
    fork = "{name: forked, optimizer: haqa-paper, fork: {method: haqa, round: 3}, chat: {model: b}}"
    path.write_text(WITH_PAPER.replace("seeds: [0]", f"  - {fork}\nseeds: [0]"))
    record(project, "--methods", "haqa")

    record(project, "--methods", "forked")
    run(project, "--methods", "forked")

    first = tape(project, "forked").exchanges[0]
    assert first.position.round == 3
    said = [m["content"] for m in first.body["messages"] if m["role"] == "assistant"]
    assert len(said) == 3
    assert json.loads(said[1])["action"] == {"n_threads": 2, "format": "Q4_0"}


def test_a_reply_that_was_cut_off_is_told_as_what_it_was():
    cell = cell_of("qat")
    reason = "at 1024 tokens"
    cut = Trial(number=1, configuration=None, status=Status.CUT_OFF, reason=reason)

    turns = Conversation(PROMPTS).messages(cell, [tried(cell), cut])[-2:]

    assert turns[0].content == "(a reply that was cut off before its proposal)"
    assert "cut off before its proposal, so nothing was run: at 1024 tokens" in turns[1].content


class TestPaperOnTheContractsOwnSpace(OptimizerContract):
    method = "haqa-paper"
    templates = PROMPTS
    replies = (action("Q4_0", 1), action("IQ4_NL", 1), action("Q4_0", 1), action("IQ4_NL", 2))
