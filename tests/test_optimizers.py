"""What every optimizer must do, whoever wrote it."""

import json
import re
from importlib.util import find_spec

import pytest
from support import REPOSITORY, action, evaluator_of

from haqa_bench import suite
from haqa_bench.registry import optimizer
from haqa_bench.run import study as studies_of
from haqa_bench.run.study import run_study
from haqa_bench.space import SearchSpace, key_of
from haqa_bench.testing import OptimizerContract
from haqa_bench.trial import Status, Trial


class OnTheSmallSuite(OptimizerContract):
    """The contract on the cell of tests/support.py, whose hardware is a real one's."""

    templates = REPOSITORY / "prompts"

    @pytest.fixture
    def studies(self, project):
        path = project / "suites/small.yaml"
        if self.method not in [m.name for m in suite.load(path, project).methods]:
            chat = ", chat: {model: test-model}" if self.replies else ""
            method = f"  - {{name: {self.method}, optimizer: {self.method}{chat}}}\n"
            path.write_text(path.read_text().replace("methods:\n", "methods:\n" + method))
        self.evaluator = evaluator_of(project)
        return [s for s in suite.load(path, project).studies() if s.method.name == self.method]


class TestHuman(OnTheSmallSuite):
    method = "default"

    def test_it_proposes_nothing_but_the_default(self, studies):
        assert len(self.run(studies[0])) == 1


class TestRandom(OnTheSmallSuite):
    method = "random"

    def test_seeds_differ(self, studies):
        assert self.run(studies[0]) != self.run(studies[1])

    def test_it_does_not_repeat_itself_and_ends_when_the_space_is_spent(self, studies):
        keys = [key_of(t.configuration) for t in self.run(roomy(studies[0], 50))]

        assert len(keys) == len(set(keys)) == studies[0].cell.space.size

    def test_cells_of_one_space_are_given_draws_of_their_own(self, studies):
        study = roomy(studies[0], 4)
        named = [study.cell.model_copy(update={"id": f"cell-{n}"}) for n in range(4)]

        drawn = {
            tuple(t.key for t in self.run(study._replace(cell=cell)))
            for cell in [study.cell, *named]
        }

        assert len(drawn) > 1


def roomy(study, proposals):
    """The study with another budget."""
    budget = study.cell.budget.model_copy(update={"proposals": proposals})
    return study._replace(cell=study.cell.model_copy(update={"budget": budget}))


class TestLocal(OnTheSmallSuite):
    method = "local"

    def test_its_first_steps_are_neighbours_of_the_default(self, studies):
        default, first, *_ = self.run(studies[0])

        assert (
            sum(default.configuration[k] != first.configuration[k] for k in default.configuration)
            == 1
        )

    def test_it_goes_through_the_whole_space_and_ends(self, studies):
        keys = [key_of(t.configuration) for t in self.run(roomy(studies[0], 50))]

        assert len(keys) == len(set(keys)) == studies[0].cell.space.size


class TestRules(OnTheSmallSuite):
    method = "rules"

    def test_its_first_step_is_a_rule_s_and_says_why(self, studies):
        first = self.run(studies[0])[1]

        assert first.configuration == {"format": "Q4_0", "n_threads": 2}
        assert "wide vectors" in first.thought

    def test_it_goes_on_from_the_next_best_until_the_whole_space_is_measured(self, studies):
        trials = self.run(roomy(studies[0], 50))

        assert len({t.key for t in trials}) == len(trials) == studies[0].cell.space.size
        assert any("lesser" in t.thought for t in trials)

    def test_a_space_that_a_limit_cuts_in_parts_is_spent_too(self, studies):
        limit = {"times": ("b",), "at_most": 4, "why": "a test"}
        steps = {"choices": (1, 9, 2), "default": 1}  # 9 lies between, and breaks the limit
        space = SearchSpace.model_validate({"a": steps | {"limit": limit}, "b": steps})
        study = studies[0]._replace(cell=studies[0].cell.model_copy(update={"space": space}))
        rules = optimizer(study, None, self.templates)

        history = [failed(space.default)]
        while (proposal := rules.ask(history)) is not None:
            history.append(failed(proposal.configuration))

        assert len({t.key for t in history}) == len(history) == space.size == 4


def failed(configuration):
    return Trial(number=0, configuration=dict(configuration), status=Status.CRASHED)


class Learns(OnTheSmallSuite):
    """What a method that learns from outcomes must do besides."""

    def test_what_it_is_told_changes_what_it_proposes(self, studies):
        study = roomy(studies[0], 6)
        start = self.run(study)

        turned = [
            t.model_copy(update={"measurements": tuple(upside_down(m) for m in t.measurements)})
            for t in start
        ]
        asked = [
            [optimizer(study, None, self.templates).ask(h[:n]) for n in range(3, 6)]
            for h in (start, turned)
        ]
        assert asked[0] != asked[1]

    def test_it_does_not_repeat_itself_while_there_is_something_new(self, studies):
        keys = [t.key for t in self.run(roomy(studies[0], 6))]

        assert len(keys) == len(set(keys)) == 6

    def test_it_ends_when_the_space_is_spent(self, studies):
        assert len({t.key for t in self.run(roomy(studies[0], 50))}) == studies[0].cell.space.size


def upside_down(measurement):
    """The best becomes the worst."""
    return (
        measurement.model_copy(update={"value": 100.0 - measurement.value})
        if measurement.unit == "tokens/s"
        else measurement
    )


class TestGp(Learns):
    method = "gp"

    def test_seeds_differ(self, studies):
        assert self.run(studies[0]) != self.run(studies[1])


class TestTpe(Learns):
    method = "tpe"

    def test_seeds_differ(self, studies):
        assert self.run(studies[0]) != self.run(studies[1])

    def test_it_can_be_handed_trials_that_it_did_not_propose(self, studies):
        other = run_study(
            studies[0],
            optimizer(roomy(studies[0], 4)._replace(seed=7), None, self.templates),
            self.evaluator,
            [],
        )

        assert len(self.run(roomy(studies[0], 6), list(other)[:4])) == 6


class TestNsga2(Learns):
    method = "nsga2"

    def test_seeds_differ(self, studies):
        assert self.run(studies[0]) != self.run(studies[1])


@pytest.mark.skipif(find_spec("smac") is None, reason="needs the extra smac")
class TestSmac(Learns):
    method = "smac"

    def test_seeds_differ(self, studies):
        assert self.run(studies[0]) != self.run(studies[1])


class TestHaqa(OnTheSmallSuite):
    method = "haqa"
    replies = (action("Q4_0", 1), action("IQ4_NL", 1), action("Q4_0", 1), action("IQ4_NL", 2))


class TestHaqaNoHardware(TestHaqa):
    method = "haqa-no-hardware"

    def test_its_prompt_tells_nothing_of_the_hardware(self, studies):
        self.run(studies[0])

        system = self.chat.requests[0].messages[0].content
        assert "AMD" not in system
        assert "avx" not in system
        assert "memory bandwidth" not in system


class TestHaqaNoReact(TestHaqa):
    method = "haqa-no-react"
    replies = tuple(r.replace('"thought": "try it", ', "") for r in TestHaqa.replies)

    def test_it_neither_asks_for_a_thought_nor_shows_one(self, studies):
        self.run(studies[0])

        words = json.dumps([r.body() for r in self.chat.requests])
        assert "thought" not in words


class TestHaqaShuffled(TestHaqa):
    method = "haqa-shuffled"

    def test_the_outcomes_shown_are_the_real_ones_in_another_order(self, studies):
        trials = self.run(studies[0]._replace(seed=2))

        shown = re.findall(
            r"^Trial (\d+).*?-> (.*?)$", self.chat.requests[-1].messages[-1].content, re.MULTILINE
        )
        default, *others = (outcome for _, outcome in shown)
        real = [
            f"end_to_end_tokens_per_s {t.value('end_to_end_tokens_per_s'):g} tokens/s"
            for t in trials[:4]
            if t.measurements
        ]
        assert real[0] in default
        assert all(any(words in outcome for outcome in [default, *others]) for words in real)


class TestHaqaZeroShot(OnTheSmallSuite):
    method = "haqa-zero-shot"
    actions = (
        {"format": "Q4_0", "n_threads": 1},
        {"format": "Q9"},
        {"format": "IQ4_NL", "n_threads": 2},
    )
    replies = (json.dumps({"thought": "all at once", "actions": actions}),) * 5

    def test_its_one_request_shows_no_results(self, studies):
        self.run(studies[0])

        assert len({r.model_dump_json() for r in self.chat.requests}) == 1
        assert "Results so far" not in self.chat.requests[0].messages[-1].content

    def test_a_reply_held_to_a_schema_is_held_to_as_many_actions_as_are_asked_for(self, studies):
        settings = studies[0].method.chat.model_copy(update={"response_format": "json_object"})
        self.run(
            studies[0]._replace(method=studies[0].method.model_copy(update={"chat": settings}))
        )

        schema = self.chat.requests[0].response_format["schema"]["properties"]
        assert list(schema) == ["thought", "actions"]
        assert schema["actions"]["minItems"] == schema["actions"]["maxItems"] == 4

    def test_actions_that_are_missing_or_wrong_are_invalid_proposals(self, studies):
        assert [t.status for t in self.run(studies[0])] == ["ok", "ok", "invalid", "ok", "invalid"]


class TestLlmSeededBo(OnTheSmallSuite):
    method = "llm-seeded-bo"
    replies = TestHaqa.replies

    def test_the_llm_is_asked_only_for_the_first_proposals(self, studies):
        assert len(self.run(roomy(studies[0], 7))) == 7
        assert len(self.chat.requests) == 3


@pytest.fixture(scope="module")
def measured():
    """The committed INT4 table, whose optimum is known, with a budget of 30 evaluations after the
    default.
    """
    loaded = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY)
    cell = loaded.cells[0]
    roomy = cell.model_copy(update={"budget": cell.budget.model_copy(update={"proposals": 31})})
    return roomy, studies_of.evaluator_of(studies_of.Plan(loaded, REPOSITORY, []), cell)


def bests(measured, name):
    """What a method finds with each of eleven seeds."""
    cell, evaluator = measured
    made = [
        suite.Study("test", cell, suite.Method(name=name, optimizer=name), seed)
        for seed in range(11)
    ]
    found = [
        cell.objective.best(list(run_study(study, optimizer(study, None, None), evaluator, [])))
        for study in made
    ]
    return [trial.value(cell.objective.metric) for trial in found]


@pytest.mark.parametrize("name", ["tpe", "gp", "nsga2"])
def test_with_our_settings_it_beats_random_search_at_30_evaluations_on_most_seeds(measured, name):
    pairs = list(zip(bests(measured, name), bests(measured, "random"), strict=True))

    assert sum(ours > random for ours, random in pairs) > len(pairs) / 2


class TestRandomOnTheContractsOwnSpace(OptimizerContract):
    method = "random"


class TestAgentOnTheContractsOwnSpace(OptimizerContract):
    method = "haqa"
    templates = REPOSITORY / "prompts"
    replies = TestHaqa.replies
