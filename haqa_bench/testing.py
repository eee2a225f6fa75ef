"""Contracts: what every optimizer, evaluator and chat model must do, whoever wrote it.

Inherit one in a test file of your own, say how yours is made, and pytest runs it:

    from haqa_bench.testing import OptimizerContract

    class TestCoinSearch(OptimizerContract):
        def make(self, study, chat):
            return CoinSearch(study)

Wants pytest, which `haqa-bench plugin check NAME` (haqa_bench.run.contract) does not. Nothing here
needs a network, a GPU or a model.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from haqa_bench import disk, registry, suite
from haqa_bench.cell import Cell
from haqa_bench.documents import read_yaml
from haqa_bench.errors import CassetteMiss, ChatFailed, EvaluationFailed
from haqa_bench.llm.scripted import Scripted
from haqa_bench.protocols import (
    ChatModel,
    ChatReply,
    ChatRequest,
    Evaluator,
    Message,
    Optimizer,
    Outcome,
    Position,
    Whole,
)
from haqa_bench.run.contract.methods import Watched, odd_value
from haqa_bench.run.contract.small import HARDWARE
from haqa_bench.run.contract.small import SmallDevice as SmallDevice
from haqa_bench.run.contract.small import range_studies as range_studies
from haqa_bench.run.contract.small import small_studies as small_studies
from haqa_bench.run.study import run_study
from haqa_bench.space import Configuration
from haqa_bench.study import Method, Study
from haqa_bench.trial import Status, Trial


def first_cell(suite_file: Path, folder: Path) -> Cell:
    """The first cell of a suite, on a device that is made up, whose profile is written to
    `folder`.
    """
    read = read_yaml(suite_file, suite.file_type())
    for name in {name for block in read.cells for name in block.hardware}:
        disk.write(folder / "hardware" / f"{name}.yaml", HARDWARE.replace("test-device", name))
    return suite.load(suite_file, folder).cells[0]


class OptimizerContract:
    """What every optimizer promises: its proposals depend on nothing but the history and what it
    was made from, lie in the space (or count as invalid), and keep the budget.

    Say how yours is made, by `make`, or by `method`, the name that it is installed as. An agent
    gives `replies` too, which an LLM answers in turn, and `replies_on_ranges`. `studies` and
    `evaluator` may be others.

    Each rule is tried on a space of choices and on one with ranges; not on ranges where the class
    says `only_choices`.
    """

    method = ""
    templates = Path("prompts")
    """Where an agent's prompts are."""
    replies: Sequence[str] = ()
    replies_on_ranges: Sequence[str] = ()
    evaluator: Evaluator = SmallDevice()
    chat: Scripted | None = None
    """What answered in the last `run`: its `requests` can be read."""

    @pytest.fixture(params=["choices", "ranges"])
    def studies(self, tmp_path: Path, request: pytest.FixtureRequest) -> list[Study]:
        """At least one study to propose for."""
        found = self._named(small_studies(tmp_path))
        if request.param == "choices":
            return found
        if self.replies and not self.replies_on_ranges:
            pytest.skip("no replies_on_ranges are given")
        if getattr(self.make(found[0], self.answering(found[0])), "only_choices", False):
            pytest.skip("it proposes choices alone, as it says")
        return self._named(range_studies(tmp_path))

    def _named(self, found: list[Study]) -> list[Study]:
        if not self.method:
            return found
        named: dict[str, object] = {"name": self.method, "optimizer": self.method}
        if self.replies:
            named["chat"] = {"model": "test-model"}
        method = Method.model_validate(named)
        return [study._replace(method=method) for study in found]

    def make(self, study: Study, chat: ChatModel | None) -> Optimizer:
        """Your optimizer for a study."""
        return registry.optimizer(study, chat, self.templates)

    def answering(self, study: Study, answered: int = 0) -> Scripted | None:
        """An agent's LLM, in a study of which so many rounds were answered."""
        said = self.replies if study.cell.space.finite else self.replies_on_ranges
        return Scripted(said[answered:]) if self.replies else None

    def run(self, study: Study, earlier: Sequence[Trial] = ()) -> list[Trial]:
        """The study's trials after `earlier`, and these."""
        self.chat = self.answering(study, max(len(earlier) - 1, 0))
        made = self.make(study, self.chat)
        return [*earlier, *run_study(study, made, self.evaluator, earlier)]

    def test_trial_0_is_the_default(self, studies: list[Study]) -> None:
        """Which is measured for every method."""
        assert self.run(studies[0])[0].configuration == studies[0].cell.space.default

    def test_the_budget_is_kept(self, studies: list[Study]) -> None:
        """Whatever it would like to try besides."""
        assert len(self.run(studies[0])) <= (studies[0].cell.budget.proposals or math.inf)

    def test_every_proposal_is_in_the_space_or_counted_as_invalid(
        self, studies: list[Study]
    ) -> None:
        """Invalid proposals have no configuration."""
        space = studies[0].cell.space
        for trial in self.run(studies[0]):
            assert trial.configuration is None or not space.problems(trial.configuration)

    def test_its_values_are_the_space_s_own(self, studies: list[Study]) -> None:
        """In Python's types: np.int64(8) is no 8."""
        watched = Watched(self.make(studies[0], self.answering(studies[0])))
        list(run_study(studies[0], watched, self.evaluator, ()))

        assert not odd_value(watched.given, studies[0].cell.space)

    def test_the_same_study_gives_the_same_trials(self, studies: list[Study]) -> None:
        """All randomness comes from the study's seed."""
        assert self.run(studies[0]) == self.run(studies[0])

    def test_its_settings_are_scalars_and_its_start_up_is_a_count(
        self, studies: list[Study]
    ) -> None:
        """Since both are stored and printed."""
        made = self.make(studies[0], self.answering(studies[0]))

        assert all(isinstance(value, bool | int | float | str) for value in made.settings.values())
        assert made.start_up >= 0

    def test_a_resumed_study_goes_on_as_if_it_had_never_stopped(self, studies: list[Study]) -> None:
        """After any trial."""
        whole = self.run(studies[0])

        for cut in range(1, len(whole)):
            assert self.run(studies[0], whole[:cut]) == whole


class EvaluatorContract:
    """What every evaluator promises: named values with units and sources, facts in words, the
    configuration left as it was, and a failure that is a status.

    Give a fixture `evaluator`, and `configuration`, which it can measure; `failing`, if there is
    one that it cannot; and `metric`, the name of what is optimised.
    """

    metric: str

    @pytest.fixture
    def evaluator(self) -> Evaluator:
        """Yours."""
        raise NotImplementedError

    @pytest.fixture
    def configuration(self) -> Configuration:
        """One that can be measured."""
        raise NotImplementedError

    @pytest.fixture
    def failing(self) -> Configuration | None:
        """One that cannot be measured, or None."""
        return None

    def test_every_measurement_is_whole(
        self, evaluator: Evaluator, configuration: Configuration
    ) -> None:
        """A finite number with name, unit, source and samples; each name once; the metric among
        them; facts that are words; seconds, if they are known.
        """
        outcome = evaluator.measure(configuration)

        _check(outcome, self.metric)

    def test_a_sample_is_one_process_measurement_of_the_metric(
        self, evaluator: Evaluator, configuration: Configuration
    ) -> None:
        """Also from the second on, where what does not vary may be left out."""
        for repeat in (0, 1):
            _check(evaluator.sample(configuration, repeat), self.metric)

    def test_a_configuration_is_only_read(
        self, evaluator: Evaluator, configuration: Configuration
    ) -> None:
        """It belongs to the study."""
        given = dict(configuration)

        evaluator.measure(given)

        assert given == dict(configuration)

    def test_its_machine_is_a_line_and_the_whole_space_is_known_or_not(
        self, evaluator: Evaluator
    ) -> None:
        """Both go into the study's journal."""
        assert "\n" not in evaluator.machine
        assert evaluator.whole is None or isinstance(evaluator.whole, Whole)

    def test_what_cannot_be_measured_is_a_status_with_one_line(
        self, evaluator: Evaluator, failing: Configuration | None
    ) -> None:
        """Never a number that was made up, never another exception."""
        if failing is None:
            pytest.skip("all of its configurations can be measured")
        with pytest.raises(EvaluationFailed) as failure:
            evaluator.measure(failing)

        assert Status(failure.value.status) not in (Status.OK, Status.INVALID)
        assert failure.value.reason
        assert "\n" not in failure.value.reason


def _check(outcome: Outcome, metric: str) -> None:
    names = [m.name for m in outcome.measurements]
    assert metric in names
    assert len(names) == len(set(names))
    for measurement in outcome.measurements:
        assert measurement.unit
        assert math.isfinite(measurement.value)
        assert measurement.used >= 1
        assert measurement.samples
    assert all(isinstance(text, str) for fact in outcome.facts.items() for text in fact)
    assert outcome.seconds is None or outcome.seconds >= 0


def question(text: str) -> ChatRequest:
    """A request of two messages."""
    messages = (Message(role="system", content="You count."), Message(role="user", content=text))
    return ChatRequest(model="any", messages=messages, temperature=0.0, seed=0, max_tokens=64)


ASKED: Sequence[tuple[ChatRequest, Position]] = (
    (question("5 + 5?"), Position(1, 1)),
    (question("And doubled?"), Position(2, 1)),
)
"""What a contract asks, in this order."""
REPLIES = ("10", 'Think first.\n\n{"thought": "zwölf ✓", "action": {"format": "Q4_0"}}')
"""What it is to be told."""


class ChatModelContract:
    """What every chat model promises: the content exactly as it was given, one reply a request, a
    reply that can be recorded, and a failure that is one error for the user.

    Give `answering`, in which your model answers ASKED with REPLIES, and `failing`, in which it has
    no answer.
    """

    def answering(self, folder: Path) -> AbstractContextManager[ChatModel]:
        """Your model, for as long as the context lasts; `folder` is for what it writes."""
        raise NotImplementedError

    def failing(self, folder: Path) -> AbstractContextManager[ChatModel]:
        """Your model where nothing answers."""
        raise NotImplementedError

    @pytest.fixture
    def replies(self, tmp_path: Path) -> Iterator[list[ChatReply]]:
        """What your model says to ASKED."""
        with self.answering(tmp_path) as model:
            yield [model.chat(request, position) for request, position in ASKED]

    def test_content_comes_back_exactly_as_it_was_given_and_in_turn(
        self, replies: list[ChatReply]
    ) -> None:
        """Nothing is stripped, cut or parsed: the agent reads it."""
        assert tuple(reply.content for reply in replies) == REPLIES

    def test_a_reply_says_how_long_it_took_and_counts_tokens_or_does_not(
        self, replies: list[ChatReply]
    ) -> None:
        """An unknown count is None, never 0."""
        for reply in replies:
            assert reply.latency_s >= 0
            assert reply.prompt_tokens is None or reply.prompt_tokens > 0
            assert reply.completion_tokens is None or reply.completion_tokens > 0

    def test_a_reply_can_be_recorded_and_read_again(self, replies: list[ChatReply]) -> None:
        """As a cassette does it."""
        for reply in replies:
            recorded: Mapping[str, object] = reply.model_dump(mode="json")
            assert ChatReply.model_validate_json(json.dumps(recorded)) == reply

    def test_no_answer_is_an_error_for_the_user(self, tmp_path: Path) -> None:
        """It says where and what; nothing is made up."""
        request, position = ASKED[0]
        with (
            self.failing(tmp_path) as model,
            pytest.raises((ChatFailed, CassetteMiss)) as failure,
        ):
            model.chat(request, position)

        assert failure.value.where
        assert failure.value.what
        assert "\n" not in failure.value.what
