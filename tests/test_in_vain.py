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


def test_what_the_environment_says_is_no_option_that_was_given(cli, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://a/v1")

    assert cli("run", "llama", "--dry-run").returncode == 0


def test_each_option_of_run_that_says_who_answers_is_held_to_that():
    who = SECTIONS["Who answers"].split()
    named = {p.name for p in run.params if p.opts[-1] in who}

    assert named == {"agent", *in_vain.NEEDED["agent", "live"]}
