"""A method that no suite names: by name, class or file, said on the command line or in a suite."""

import json
import pickle
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from endpoint import Endpoint, reply
from hypothesis import given
from hypothesis import strategies as st
from support import ANSWERS, SUITE

from haqa_bench import suite
from haqa_bench.cli import methods
from haqa_bench.errors import HaqaError

COIN = """\
import random

from coin_draws import draw
from haqa_bench.optimizers.options import settled
from haqa_bench.protocols import Proposal


class Coin:
    start_up = 0

    def __init__(self, study):
        self.study, self.settings = study, settled(study, flips=1, bias=0.5, side="heads")

    def ask(self, history):
        return Proposal(draw(self.study, len(history)))


class Nothing:
    pass
"""
DRAWS = """\
import random


def draw(study, number):
    return study.cell.space.sample(random.Random(f"{study.seed}/{number}"))
"""
AGENT = """\
from pathlib import Path

from haqa_bench.llm.reply import read_reply
from haqa_bench.optimizers.agent.round import usage_of
from haqa_bench.protocols import Message, Position, Proposal


class Asks:
    settings, start_up = {}, 0

    def __init__(self, study, settings, chat, templates):
        self.study, self.asks, self.chat = study, settings, chat

    def ask(self, history):
        message = Message(role="user", content=f"Round {len(history)}")
        answer = self.chat.chat(
            self.asks.request([message], self.study.seed), Position(len(history), 1)
        )
        reply = read_reply(answer.content)
        return Proposal(reply.action, reply.problem, "", 1, usage_of([answer]))
"""


@pytest.fixture
def file(tmp_path):
    """A method in a file, beside one that it imports and one that it does not."""
    folder = tmp_path / "own words"
    folder.mkdir()
    (folder / "coin.py").write_text(COIN)
    (folder / "coin_draws.py").write_text(DRAWS)
    (folder / "unread.py").write_text("")
    return folder / "coin.py"


@pytest.fixture
def ran(project, cli):
    """A run of the small suite with methods more: its folder, and what was printed."""

    def call(*added, words=()):
        options = [word for text in added for word in ("--with", text)]
        done = cli("run", project / "suites/small.yaml", *options, *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["folder"]

    return call


READ = {
    "coin": ("coin", "coin", {}),
    "mine=coin": ("mine", "coin", {}),
    "local:radius=2": ("local", "local", {"radius": 2}),
    "mine=local:radius=2,wide=true": ("mine", "local", {"radius": 2, "wide": True}),
    "own.words:Coin": ("Coin", "own.words:Coin", {}),
    "own.words:Coin.Fair:a=1": ("Fair", "own.words:Coin.Fair", {"a": 1}),
    "./a/coin.py:Coin": ("Coin", "./a/coin.py:Coin", {}),
    "./a=b/coin.py:Coin:a=1": ("Coin", "./a=b/coin.py:Coin", {"a": 1}),
    "c = ./a=b/coin.py:Coin": ("c", "./a=b/coin.py:Coin", {}),
    "m-2=./coin.py:Coin:a=-1,b=-0.5": ("m-2", "./coin.py:Coin", {"a": -1, "b": -0.5}),
    "coin:a=x:y": ("coin", "coin", {"a": "x:y"}),
    "coin:a=http://b:80/c": ("coin", "coin", {"a": "http://b:80/c"}),
    "coin:a=b=c": ("coin", "coin", {"a": "b=c"}),
    'coin:a="x,y",b=1': ("coin", "coin", {"a": "x,y", "b": 1}),
    "coin:a='it''s, so',b=z": ("coin", "coin", {"a": "it's, so", "b": "z"}),
    "coin: a = 1 , b = two words": ("coin", "coin", {"a": 1, "b": "two words"}),
    'coin:a="8"': ("coin", "coin", {"a": "8"}),
    "coin:a=8.0,b=1e-3": ("coin", "coin", {"a": 8.0, "b": 0.001}),
    "coin:a=''": ("coin", "coin", {"a": ""}),
    "coin:a=no,b=false": ("coin", "coin", {"a": "no", "b": False}),
}


@pytest.mark.parametrize("text", READ)
def test_what_is_added_is_read_in_one_way(text):
    name, optimizer, options = READ[text]

    found = methods.read(text)

    assert (found.name, found.optimizer, found.options) == (name, optimizer, options)
    assert [type(v) for v in found.options.values()] == [type(v) for v in options.values()]


REFUSED = {
    "local:": "nothing stands after the colon",
    "own:Coin:": "nothing stands after the last colon",
    "local:radius": "'radius' is no option=value",
    "coin.py": "names no class of the file",
    "own:Coin:3": "'3' is no option=value",
    "coin:a=1,,b=2": "',b=2' is no option=value",
    "coin:a=1,a=2": "the option a is given twice",
    "coin:a=": "a has no value",
    "coin:a=null": "a: null is no value",
    "coin:a=[1]": "a: [1] is no value",
    "coin:a=.nan": "is not a finite number",
    "coin:a=99999999999999999999": "beyond 2^53",
    'coin:a="x': "not YAML",
    "coin:a=!!str 1": "has a tag",
    "../x=coin": "'../x=coin' cannot be a method's name",
    "a=b=coin": "unknown optimizer 'b=coin'",
    "own:_Coin": "cannot be a method's name",
    "=coin:a=1": "cannot be a method's name",
    "random": "Give this one a name of its own: --with NAME=random",
    "haqa=random:a=1": "Give this one a name of its own: --with NAME=random:a=1",
    "no-such": "If a package brings it, install that",
    "os:": "nothing stands after the colon",
    "o s:Coin": "names no class",
    "./no.py:Coin": "no.py: no such file",
    "no_such.module:Coin": "no module 'no_such.module' is installed",
    "json:Coin": "it has no 'Coin'",
    "haqa-no-hardware:chat=random": "'random' is no method with a chat: section",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_added_is_one_line_before_anything_runs(project, cli, text):
    done = cli("run", project / "suites/small.yaml", "--with", text)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert REFUSED[text] in done.stderr
    assert not list((project / "results/runs").rglob("journal"))


FAULTS = {
    "a syntax error": ("class Coin\n    pass\n", "Coin", "(coin.py, line 1)"),
    "a missing import": ("import random\nimport no_such\n", "Coin", "(coin.py:2, in <module>)"),
    "an exception": ("x = 1\n\nx / 0\n", "Coin", "ZeroDivisionError: division by zero (coin.py:3"),
    "an exit": ("import sys\nsys.exit(0)\n", "Coin", "SystemExit: 0 (coin.py:2"),
    "no such class": ("class Other:\n    ask = print\n", "Coin", "no 'Coin'; it has Other"),
    "no optimizer": (COIN, "Nothing", "the class Nothing has no method ask(history)"),
    "no class": ("Coin = 3\n", "Coin", "is nothing that can be called"),
    "an agent": (AGENT, "Asks", "it is made with (study, settings, chat, templates)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_is_no_method_is_one_line_with_its_place(project, cli, file, fault):
    text, name, told = FAULTS[fault]
    file.write_text(text)

    done = cli("run", project / "suites/small.yaml", "--with", f"m={file}:{name}")

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert told in done.stderr
    assert "coin.py" in done.stderr or fault == "an agent"


def test_a_file_runs_beside_the_suite_s_methods_and_is_compared(cli, ran, file):
    two = (f"{file}:Coin", f"loaded={file}:Coin:flips=2,bias=1")
    folder = ran(*two, words=("--methods", "random,Coin,loaded"))

    report, compared = cli("report", folder), cli("compare", folder, "--format", "json")

    assert "\nloaded " in report.stdout
    assert "Coin" in compared.stdout
    assert folder == ran(*two, words=("--methods", "random,Coin,loaded", "--workers", "2"))


def test_an_edit_of_a_file_or_of_what_it_imports_is_another_run(ran, file):
    def again():
        return ran(f"{file}:Coin", words=("--methods", "Coin"))

    first = again()
    (file.parent / "unread.py").write_text("not = python")
    same = again()
    (file.parent / "coin_draws.py").write_text(DRAWS.replace("{number}", "{9 - number}"))
    neighbour = again()
    file.write_text(COIN.replace("len(history)", "-len(history)"))

    assert first == same
    assert len({first, neighbour, again()}) == 3
    assert _configurations(first) != _configurations(neighbour)
    assert not list(file.parent.rglob("__pycache__"))


def _configurations(folder):
    lines = _journal(folder, "Coin-s0")[1:]
    return [line["configuration"] for line in lines]


def _journal(folder, name):
    path = next(Path(folder).rglob(f"{name}.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_is_the_same_from_any_folder_and_tells_no_path_of_this_machine(
    project, ran, file, monkeypatch
):
    far = ran(f"{file}:Coin", words=("--methods", "Coin"))
    monkeypatch.chdir(file.parent)

    assert ran("./coin.py:Coin", words=("--methods", "Coin")) == far
    written = [p for p in project.rglob("cassette-*/**/*") if p.suffix in (".json", ".jsonl")]
    assert written
    assert not any("own words" in path.read_text() for path in written)


def test_two_files_of_one_name_are_two_plug_ins(tmp_path, ran, file):
    other = tmp_path / "other"
    other.mkdir()
    (other / "coin.py").write_text(COIN.replace("from coin_draws import draw", DRAWS))

    folder = ran(f"{file}:Coin", f"two={other}/coin.py:Coin", words=("--methods", "Coin,two"))

    first, second = (
        _journal(folder, name)[0]["identity"]["plugins"] for name in ("Coin-s0", "two-s0")
    )
    assert first != second
    assert {one["path"] for known in (first, second) for one in known.values()} == {"coin.py:Coin"}


def test_two_neighbours_of_one_name_are_not_taken_for_each_other(tmp_path, project, cli, file):
    other = tmp_path / "other"
    other.mkdir()
    (other / "coin.py").write_text(COIN)
    (other / "coin_draws.py").write_text(DRAWS + "\n")
    words = ("--with", f"{file}:Coin", "--with", f"two={other}/coin.py:Coin")

    done = cli("run", project / "suites/small.yaml", *words)

    assert done.returncode == 2
    assert "imports its own 'coin_draws', as a file in" in done.stderr


def test_a_stopped_study_of_a_file_goes_on_where_it_was(ran, file):
    def again():
        return ran(f"{file}:Coin", words=("--methods", "Coin"))

    folder = again()
    journal = next(Path(folder).rglob("Coin-s0.jsonl"))
    whole = journal.read_text()
    journal.write_text("".join(whole.splitlines(keepends=True)[:3]))

    assert again() == folder
    assert journal.read_text() == whole


def test_a_file_that_fails_later_ends_its_own_studies_with_its_place(project, cli, file):
    file.write_text(
        COIN.replace(
            "        return Proposal", "        1 / (2 - len(history))\n        return Proposal"
        )
    )

    done = cli(
        "run", project / "suites/small.yaml", "--with", f"{file}:Coin", "--methods", "random,Coin"
    )

    assert done.returncode == 3
    assert "'coin.py:Coin', round 2: ZeroDivisionError: division by zero (coin.py:" in done.stderr
    assert "\nrandom " in done.stdout


@given(text=st.text(alphabet="ab1=:,./\"' -_py[]{}#!&*\n", max_size=40))
def test_whatever_is_added_is_read_or_told(text):
    with suppress(HaqaError):  # whose words have no line's end
        assert methods.read(text).text == text


def test_a_suite_names_a_file_beside_it_or_a_module(project, cli, file, monkeypatch):
    monkeypatch.syspath_prepend(file.parent)
    monkeypatch.delitem(sys.modules, "coin_draws", raising=False)
    lines = (
        "  - {name: near, optimizer: 'own/coin.py:Coin', options: {flips: 2}}\n"
        "  - {name: far, optimizer: 'far_words:Coin'}\n"
    )
    (file.parent / "far_words.py").write_text(COIN)
    (project / "suites/own").symlink_to(file.parent)
    path = project / "suites/small.yaml"
    path.write_text(SUITE.replace("methods:\n", "methods:\n" + lines))

    done = cli("run", path, "--methods", "near,far", "--json")

    assert done.returncode == 0, done.stderr
    folder = json.loads(done.stdout)["folder"]
    near, far = _journal(folder, "near-s0"), _journal(folder, "far-s0")
    assert near[0]["settings"]["flips"] == 2
    assert [t["configuration"] for t in near[1:]] == [t["configuration"] for t in far[1:]]
    assert cli("suite", "validate", path).returncode == 0


def test_a_suite_s_file_must_be_there_and_is_not_run_to_be_checked(project, cli):
    path = project / "suites/small.yaml"
    path.write_text(SUITE.replace("optimizer: random", "optimizer: 'own.py:Coin'"))
    missing = cli("suite", "validate", path)
    (project / "suites/own.py").write_text("raise SystemExit('was run')")

    assert missing.returncode == 2
    assert "own.py: no such file" in missing.stderr
    assert cli("suite", "validate", path).returncode == 0


def test_a_suite_s_module_must_be_installed(project, cli):
    path = project / "suites/small.yaml"
    path.write_text(SUITE.replace("optimizer: random", "optimizer: 'no_such.module:Coin'"))

    done = cli("suite", "validate", path)

    assert done.returncode == 2
    assert "no module 'no_such.module' is installed. Install the package" in done.stderr


@pytest.mark.parametrize("name", ["/tmp/own.py:Coin", "~/own.py:Coin"])
def test_a_suite_names_no_file_of_one_machine(project, cli, name):
    path = project / "suites/small.yaml"
    path.write_text(SUITE.replace("optimizer: random", f"optimizer: '{name}'"))

    done = cli("suite", "validate", path)

    assert done.returncode == 2
    assert "from the suite's folder" in done.stderr


def test_an_agent_in_a_file_is_recorded_and_replays(project, cli, file):
    file.write_text(AGENT)
    words = ("run", project / "suites/small.yaml", "--methods", "mine", "--json")
    words += ("--with", f"mine={file}:Asks:chat=haqa")
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        live = cli(*words, "--agent", "live", "--base-url", endpoint.base_url)

    replayed = cli(*words)

    assert (live.returncode, replayed.returncode) == (0, 0), live.stderr + replayed.stderr
    card = json.loads(next(project.rglob("cassettes/**/mine-s0.jsonl")).read_text().splitlines()[0])
    assert card["plugin"]["path"] == "coin.py:Asks"
    assert len(card["plugin"]["sha256"]) == 64


def test_an_added_agent_asks_as_those_of_the_suite_do(project, cli):
    words = ("--with", "haqa-no-hardware", "--methods", "haqa-no-hardware")
    done = cli("run", project / "suites/small.yaml", *words)

    assert done.returncode == 2
    assert "haqa-no-hardware-s0.jsonl: no such cassette" in done.stderr


def test_a_module_of_the_current_folder_is_not_imported_by_accident(
    project, cli_process, tmp_path, monkeypatch
):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "own_words.py").write_text(COIN)
    monkeypatch.chdir(tmp_path)

    done = cli_process("run", project / "suites/small.yaml", "--with", "own_words:Coin")

    assert done.returncode == 2
    assert "for the file in it, write ./own_words.py:CLASS" in done.stderr


def test_what_is_added_is_not_recorded_as_the_suite_s(project, cli):
    words = ("--with", "mine=tpe", "--record-proposals")

    done = cli("run", project / "suites/small.yaml", *words)

    assert done.returncode == 2
    assert "Leave out --with" in done.stderr


def test_a_method_takes_its_folder_along_and_leaves_it_out_of_the_lock(project):
    loaded = suite.load(project / "suites/small.yaml", project)
    method = loaded.methods[0]

    assert pickle.loads(pickle.dumps(method)).folder == method.folder == project / "suites"
    assert str(project) not in loaded.model_dump_json()


def test_a_whole_number_is_one_of_a_real_option(project, ran, file):
    folder = ran(f"{file}:Coin:bias=1", words=("--methods", "Coin"))

    assert _journal(folder, "Coin-s0")[0]["settings"]["bias"] == 1.0


def test_an_option_of_another_type_says_what_its_default_is(project, cli, file):
    words = ("--with", f"{file}:Coin:side=8", "--methods", "Coin")

    done = cli("run", project / "suites/small.yaml", *words)

    assert done.returncode == 2
    assert "side: 8 is no str. Its default is 'heads'" in done.stderr


def test_plugin_check_takes_a_class_and_a_file_and_sums_up(cli, file):
    kept, broken = cli("plugin", "check", f"{file}:Coin"), cli("plugin", "check", f"{file}:Nothing")

    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert kept.stdout.splitlines()[-1] == f"{file}:Coin keeps all of 7 rules."
    assert broken.returncode == 2
    assert "has no method ask" in broken.stderr
    path = "haqa_bench.optimizers.random_search:RandomSearch"
    assert cli("plugin", "check", path).returncode == 0


def test_plugin_check_knows_an_agent_of_a_file_and_counts_what_is_broken(cli, file):
    file.write_text(AGENT)
    asks = cli("plugin", "check", f"{file}:Asks")
    file.write_text(COIN.replace("flips=1", "flips=[]"))
    broken = cli("plugin", "check", f"{file}:Coin")

    assert asks.returncode == 0, asks.stdout
    assert broken.returncode == 1
    assert broken.stdout.splitlines()[-1].endswith("breaks 1 of the 1 rules that were tried.")


def test_plugin_list_says_where_each_lies(cli):
    told = json.loads(cli("plugin", "list", "--all", "--json").stdout)

    local = next(one for one in told if one["name"] == "local")
    assert local["distribution"] == "haqa-bench"
    assert local["place"].endswith("haqa_bench")
    assert "local " in cli("plugin", "list", "--all").stdout


def test_without_a_project_s_file_a_name_says_so():
    with pytest.raises(HaqaError, match="names no class of the file"):
        methods.read("no_such.py")
