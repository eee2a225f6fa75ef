"""A recording is never lost: it belongs to one run, one endpoint and one model, and takes the place
of another only when it is whole, and no shorter.
"""

import pytest
from endpoint import Endpoint, reply
from support import ANSWERS, plan, record, run

from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.llm import cassette
from haqa_bench.llm.recording import PARTIAL, RecordingChatModel, endpoint_of, forget
from haqa_bench.llm.scripted import Scripted
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.store import journal, manifest
from haqa_bench.testing import ASKED, REPLIES

CARD = {"study": "s", "answered_by": "a script", "run": "r", "endpoint": "e", "fresh": False}


def live(project, base_url, methods=("default", "random", "haqa"), **changes):
    what = plan(project, agent="live", base_url=base_url, **changes)
    kept = [s for s in what.studies if s.method.name in methods and s.seed == 0]
    return what._replace(studies=kept)


def cassette_of(project):
    return project / "cassettes/small/net-int4-epyc-zen4-2core/haqa-s0.jsonl"


def cut_after(what, agent_trials):
    """Runs, and stops after so many trials of the agent."""
    running = runner.run(what, what.folder, Serial())
    for event in running:
        agent_trials -= event.study.method.name == "haqa" and event.trial is not None
        if agent_trials == 0:
            break
    running.close()


def test_a_recording_that_another_run_began_is_not_finished_by_this_one(project):
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        whole = live(project, endpoint.base_url, ("haqa",))
        list(runner.run(whole, whole.folder, Serial()))
        good = cassette_of(project).read_bytes()
        cut_after(live(project, endpoint.base_url, ("haqa", "random")), 3)

        list(runner.run(whole, whole.folder, Serial()))

    assert cassette_of(project).read_bytes() == good


def test_a_run_does_not_go_on_with_anothers_recording(project):
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        first = live(project, endpoint.base_url, ("haqa",))
        cut_after(first, 3)
        other = live(project, endpoint.base_url, ("haqa", "random"))

        with pytest.raises(
            HaqaError, match=rf"unfinished recording of the run {first.folder.name}"
        ):
            list(runner.run(other, other.folder, Serial()))

        list(runner.run(first, first.folder, Serial()))
    assert cassette.read(cassette_of(project)).card["run"] == first.folder.name


def test_a_shorter_recording_takes_the_place_of_a_longer_one_only_with_fresh(project):
    record(project)
    good = cassette_of(project).read_bytes()
    path = project / "suites/small.yaml"
    path.write_text(path.read_text().replace("proposals: 5", "proposals: 3"))

    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        shorter = live(project, endpoint.base_url, ("haqa",))
        with pytest.raises(HaqaError, match=r"holds 5 exchanges, and the new recording 3: it was"):
            list(runner.run(shorter, shorter.folder, Serial()))
        assert cassette_of(project).read_bytes() == good

        cassette_of(project).with_suffix(PARTIAL).unlink()
        anew = live(project, endpoint.base_url, ("haqa",), fresh=True)
        list(runner.run(anew, project / "anew", Serial()))

    assert len(cassette.read(cassette_of(project)).exchanges) < 5


def test_two_runs_never_record_one_study_at_once(project):
    first = RecordingChatModel(Scripted(REPLIES), project / "s0.jsonl", CARD)

    with pytest.raises(HaqaError, match="another process is recording this study"):
        RecordingChatModel(Scripted(REPLIES), project / "s0.jsonl", CARD)
    first.close()
    RecordingChatModel(Scripted(REPLIES), project / "s0.jsonl", CARD).close()


def test_a_journal_that_is_ahead_of_its_recording_is_told(project):
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        what = live(project, endpoint.base_url, ("haqa",))
        cut_after(what, 3)
        cassette_of(project).with_suffix(PARTIAL).unlink()

        with pytest.raises(HaqaError, match=r"lacks round 1, which the run's journal has.*--fresh"):
            list(runner.run(what, what.folder, Serial()))


def test_trials_whose_recording_is_gone_are_told(project):
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        what = live(project, endpoint.base_url, ("haqa",))
        list(runner.run(what, what.folder, Serial()))
        cassette_of(project).unlink()

        with pytest.raises(HaqaError, match="its recording is gone"):
            list(runner.run(what, what.folder, Serial()))


def test_a_recording_goes_on_at_the_same_endpoint_alone(tmp_path):
    RecordingChatModel(Scripted(REPLIES), tmp_path / "s0.jsonl", CARD).close()

    with pytest.raises(HaqaError, match="was begun at e, not at elsewhere"):
        RecordingChatModel(
            Scripted(REPLIES), tmp_path / "s0.jsonl", CARD | {"endpoint": "elsewhere"}
        )


def test_a_recording_goes_on_with_the_same_model_alone(tmp_path):
    recording = RecordingChatModel(Scripted(REPLIES), tmp_path / "s0.jsonl", CARD)
    recording.chat(*ASKED[0])
    recording.inner = _Other(REPLIES)

    with pytest.raises(ChatFailed, match="'other' answers, and this recording began with 'script"):
        recording.chat(*ASKED[1])

    recording.finish()
    card = cassette.read(tmp_path / "s0.jsonl").card
    assert (card["endpoint"], card["model_answered"]) == ("e", "scripted")


class _Other(Scripted):
    def chat(self, request, position):
        return super().chat(request, position).model_copy(update={"model": "other"})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1/v1"),
        ("http://localhost:1/v1", "http://localhost/v1"),
        ("https://api.example.org:8443/v1", "https://api.example.org:8443/v1"),
        (None, "not stated"),
    ],
)
def test_the_port_on_this_machine_is_no_part_of_an_endpoint(url, said):
    model = Scripted(())
    if url:
        model.endpoint = url

    assert endpoint_of(model) == said


def test_a_reply_that_looks_like_a_folded_prompt_is_replayed_as_it_is(tmp_path):
    target = tmp_path / "s0.jsonl"
    recording = RecordingChatModel(Scripted(["sha256:0000"] * len(ASKED)), target, CARD)
    for request, position in ASKED:
        recording.chat(request, position)
    recording.finish()

    replies = [exchange.reply.content for exchange in cassette.read(target).exchanges]

    assert replies == ["sha256:0000"] * len(ASKED)


def test_a_cassette_without_its_end_is_refused(project):
    record(project)
    path = cassette_of(project)
    path.write_bytes(journal.continued(path))
    (project / manifest.NAME).unlink()

    with pytest.raises(HaqaError, match=r"haqa-s0\.jsonl: was never finished"):
        run(project)


def test_a_finished_recording_that_was_killed_before_its_partial_went_is_finished_again(project):
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        what = live(project, endpoint.base_url, ("haqa",))
        cut_after(what, 3)
        partial = cassette_of(project).with_suffix(PARTIAL)
        list(runner.run(what, what.folder, Serial()))
        good = cassette_of(project).read_bytes()
        lines = journal.read_lines(cassette_of(project))
        lines[0] = {k: v for k, v in lines[0].items() if k != "model_answered"} | {"fresh": False}
        journal.Journal(partial).append(*lines)

        list(runner.run(what, what.folder, Serial()))

    assert cassette_of(project).read_bytes() == good
    assert not partial.exists()


def test_fresh_does_not_take_a_recording_from_somebody_who_makes_it(project):
    target = project / "s0.jsonl"
    making = RecordingChatModel(Scripted(REPLIES), target, CARD)

    with pytest.raises(HaqaError, match="another process is recording"):
        forget(target)
    making.close()
    forget(target)

    assert not target.with_suffix(PARTIAL).exists()


def test_fresh_takes_no_folder_from_a_run_that_is_going_on(project, cli):
    record(project)
    what = plan(project)
    going_on = runner.run(what, what.folder, Serial())
    next(going_on)
    before = sorted(what.folder.rglob("*"))

    done = cli("run", project / "suites/small.yaml", "--fresh", "--project", project)

    assert done.returncode == 2
    assert "another process is running this" in done.stderr
    assert sorted(what.folder.rglob("*")) == before
    going_on.close()
