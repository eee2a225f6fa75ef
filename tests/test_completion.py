"""What a shell completes."""

import pytest

CELL = "net-int4-epyc-zen4-2core"


@pytest.fixture
def completed(cli_process, project, monkeypatch):
    """What a shell is told, as `type,word` lines."""

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        done = cli_process(
            _HAQA_BENCH_COMPLETE="bash_complete",
            COMP_WORDS=line,
            COMP_CWORD=str(len(words) - 1),
        )
        assert done.stderr == ""
        return done.stdout.split()

    monkeypatch.chdir(project)
    return complete


def test_what_people_type_is_completed(completed, cli, project):
    run = cli("run", project / "suites/small.yaml", "--methods", "default,random")
    assert run.returncode == 0, run.stderr

    assert completed("haqa-bench expl") == ["plain,explain"]
    assert "plain,small" in completed("haqa-bench run sm")
    assert completed("haqa-bench run small --methods haqa,r") == ["plain,haqa,random"]
    assert completed("haqa-bench run small --cells net") == [f"plain,{CELL}"]
    assert completed("haqa-bench compare small --against d") == ["plain,default"]
    assert completed("haqa-bench report sm")[0] == "plain,small"
    assert completed("haqa-bench report small/")[0].startswith("plain,small/cassette-recorded-")
    assert "plain,epyc-zen4-2core" in completed("haqa-bench hardware show e")
    assert "plain,random" in completed("haqa-bench plugin check ra")
    assert completed("haqa-bench run suites/sm") == ["file,suites/sm"]


@pytest.mark.parametrize(
    "line",
    ["haqa-bench run nothing --methods h", "haqa-bench compare nothing --against x"],
)
def test_what_cannot_be_read_completes_nothing_and_says_nothing(completed, line):
    assert completed(line) == []


def test_nothing_is_said_outside_of_a_project(completed, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)

    assert completed("haqa-bench view x") == ["file,x"]
    assert completed("haqa-bench report x") == ["file,x"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_each_shell_has_its_script(cli_process, shell):
    done = cli_process(_HAQA_BENCH_COMPLETE=f"{shell}_source")

    assert f"_HAQA_BENCH_COMPLETE={shell}_complete" in done.stdout
