"""Options that would do nothing are told of, and nothing runs."""

import pytest

from haqa_bench.cli import in_vain
from haqa_bench.cli.run import run
from haqa_bench.cli.sections import SECTIONS

ALONE = [
    (("--confirm-later",), "--confirm-later: does nothing without --measure live"),
    (("--measure", "live", "--address", "a:1"), "--address: does nothing without --executor ray"),
    (("--base-url", "http://a/v1"), "--base-url: does nothing without --agent live"),
    (("--measure", "live", "--chat-timeout", "5"), "--chat-timeout: does nothing without --agent"),
    (("--answered-by", "me"), "--answered-by: does nothing without --agent live"),
]


@pytest.mark.parametrize(("words", "told"), ALONE)
def test_an_option_that_does_nothing_is_refused(cli, words, told):
    done = cli("run", "llama", *words)

    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_a_sweep_here_has_no_address(cli):
    done = cli("tabulate", "kernels", "--address", "a:1")

    assert done.returncode == 2
    assert "--address: does nothing without --executor ray" in done.stderr


@pytest.mark.parametrize("words", [("--chat-timeout", "5"), ("--answered-by", "me")])
def test_a_fork_that_is_replayed_asks_nobody(cli, words):
    done = cli("fork", "llama", "--method", "haqa", "--round", "3", "--model", "m", *words)

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"{words[0]}: does nothing without --agent live" in done.stderr


SERVING = ("--objective", "serving")
TUNED = [
    (("--users", "8"), "--users: does nothing without --objective serving"),
    (("--slo", "ttft=1s,itl=1s"), "--slo: does nothing without --objective serving"),
    (("--speculate", "--prompt-lengths", "64"), "--prompt-lengths: does nothing without --obj"),
    (("--draft", "d.gguf", "--answer-lengths", "64"), "--answer-lengths: does nothing without"),
    (("--requests", "3"), "--requests: does nothing without --objective serving"),
    (("--base-url", "http://a/v1"), "--base-url: does nothing without --method haqa"),
    ((*SERVING, "--n-prompt", "9"), "--n-prompt: does nothing with --objective serving"),
    ((*SERVING, "--n-generate", "9"), "--n-generate: does nothing with --objective serving"),
]


@pytest.mark.parametrize(("words", "told"), TUNED)
def test_what_a_tuning_would_not_use_is_refused(cli, words, told):
    done = cli("tune", "nowhere.gguf", *words)

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert told in done.stderr


def test_what_the_environment_says_is_no_option_that_was_given(cli, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://a/v1")

    assert cli("run", "llama", "--dry-run").returncode == 0


def test_each_option_of_run_that_says_who_answers_is_held_to_that():
    who = SECTIONS["Who answers"].split()
    named = {p.name for p in run.params if p.opts[-1] in who}

    assert named == {"agent", *in_vain.NEEDED["agent", "live"]}
