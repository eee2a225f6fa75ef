"""What other people's optimizers give is taken as it is meant, counted, and told; what they print
does no harm; and nothing old is printed for something new.
"""

import json

import numpy as np
import pytest
from endpoint import Endpoint, reply
from plugged import HEAD, installed
from support import SUITE, plan, printed_rows, record

from haqa_bench import plugins, registry
from haqa_bench.documents import sha256
from haqa_bench.parameters import Choices
from haqa_bench.plugins.places import installed_source
from haqa_bench.run import runner
from haqa_bench.run.executors import ray_cluster
from haqa_bench.run.executors.local import Serial
from haqa_bench.space import SearchSpace
from haqa_bench.store.failures import NAME

MODULE = "methods_of_others"
NAN = float("nan")


def parameter(*choices):
    return Choices(choices=choices, default=choices[0])


@pytest.mark.parametrize(
    ("choices", "value", "meant"),
    [
        ((4, 8), np.int64(8), 8),
        ((4, 8), 8.0, 8),
        ((4, 8), np.float32(8), 8),
        ((4.0, 8.0), 8, 8.0),
        ((0.1, 0.2), np.float32(0.1), 0.1),
        ((0.1, 0.2), np.float16(0.2), 0.2),
        ((0.1, 0.2), np.float64(0.1), 0.1),
        ((0.1, 0.2), np.array(0.2), 0.2),
        ((True, False), np.bool_(False), False),
        (("Q4_0", "Q4_1"), np.str_("Q4_1"), "Q4_1"),
    ],
)
def test_a_value_of_another_type_is_the_choice_that_it_equals(choices, value, meant):
    found = parameter(*choices).meant(value)

    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(
    ("choices", "value"),
    [
        ((4, 8), 8.5),
        ((4, 8), "8"),
        ((4, 8), NAN),
        ((4, 8), np.float32("nan")),
        ((4, 8), float("inf")),
        ((0, 1), True),
        ((0, 1), np.bool_(True)),
        ((True, False), 1),
        ((8, 8.0), np.int64(8)),
        ((1e-5, 1.00001e-5), np.float16(1e-5)),
        ((70000, 1), np.float16("inf")),
        ((1e-10, 1), np.float16(0)),
        ((4, 8), np.array([8])),
        ((4, 8), [8]),
        ((4, 8), None),
    ],
)
def test_what_equals_no_choice_or_several_stays_as_it_is(choices, value):
    assert not parameter(*choices).has(parameter(*choices).meant(value))


def test_a_proposal_that_is_no_mapping_stays_one():
    space = SearchSpace({"a": parameter(1, 2)})

    assert not space.holds(space.meant([1]))
    assert space.holds(space.meant({"a": np.int8(2)}))
    assert not space.holds(space.meant({"a": np.int8(2), "b": 1}))


@pytest.fixture
def ran(project, cli, monkeypatch):
    """The printed words of a run of some of the optimizers above, in the places of ours."""

    def call(*names, **options):
        for name in names:
            monkeypatch.setitem(registry.OPTIMIZERS, name.lower(), f"{MODULE}:{name}")
        lines = [f"  - {{name: {n}, optimizer: {n}}}\n" for n in map(str.lower, names)]
        path = project / "suites/small.yaml"
        path.write_text(SUITE.replace("methods:\n", "methods:\n" + "".join(lines)))
        methods = ",".join(["default", *map(str.lower, names)])
        return cli("run", path, "--methods", methods, "--seeds", "1", *options.get("words", ()))

    return call


def reasons(project):
    path = next((project / "results/runs").rglob("journal"))
    return {
        json.loads(line)["reason"]
        for journal in path.rglob("*.jsonl")
        for line in journal.read_text().splitlines()[1:]
        if json.loads(line)["status"] == "invalid"
    }


def test_numpy_s_numbers_and_whole_floats_are_taken_for_what_they_are(project, ran):
    done = ran("Numpy", "Floats", "Grid")

    assert done.returncode == 0, done.stderr
    assert not reasons(project)
    assert "are invalid" not in done.stdout


def test_many_invalid_proposals_are_told_with_the_commonest_reason(project, ran):
    done = ran("Texts")

    told = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "texts: 4 of 4 proposals in this run are invalid (100 %), " in told
    assert "n_threads: '1' is none of [1, 2]" in told or "'2' is none of [1, 2]" in told


def test_an_agent_s_many_invalid_proposals_are_told_too(project, cli):
    with Endpoint([reply("no JSON here")] * 16) as endpoint:
        words = ("--agent", "live", "--base-url", endpoint.base_url)
        done = cli("run", project / "suites/small.yaml", "--methods", "default,haqa", *words)

    told = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "haqa: 8 of 8 proposals in this run are invalid (100 %), 8 of them since: " in told


def test_what_a_plug_in_prints_goes_to_stderr(ran):
    done = ran("Chatty", words=("--json",))

    assert json.loads(done.stdout)["folder"]
    assert "asked\nagain" in done.stderr


def test_a_method_that_proposes_otherwise_when_it_is_asked_again_is_told(project, monkeypatch):
    monkeypatch.setitem(registry.OPTIMIZERS, "random", f"{MODULE}:Fickle")
    what = plan(project)
    what = what._replace(studies=[s for s in what.studies if s.method.name == "random"][:1])
    list(runner.run(what, what.folder, Serial()))
    journal = next((what.folder / "journal").rglob("random-s0.jsonl"))
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:4]))

    events = list(runner.run(what, what.folder, Serial()))

    assert any("is not deterministic: asked again for round 2" in e.note for e in events)


def test_a_failed_study_is_tried_again_by_the_same_command(project, ran, cli, monkeypatch):
    first = ran("Broken")
    folder = next((project / "results/runs").rglob(NAME)).parent

    monkeypatch.setattr("methods_of_others.Broken.ask", lambda self, history: None)
    second = ran("Broken")

    assert (first.returncode, second.returncode) == (3, 0)
    assert "optimizer failed" in first.stderr
    assert "where each was raised" in first.stderr
    assert not (folder / NAME).exists()
    assert "broken" in second.stdout


def test_with_a_cluster_a_failing_method_ends_its_own_studies_too(project, monkeypatch):
    monkeypatch.setitem(registry.OPTIMIZERS, "random", f"{MODULE}:Broken")
    for name in ("connect", "check_resource"):
        monkeypatch.setattr(ray_cluster, name, lambda _: None)
    monkeypatch.setattr(ray_cluster, "Remote", lambda cell, evaluator: evaluator)
    what = plan(project)
    what = what._replace(studies=[s for s in what.studies if not s.method.chat])

    list(runner.run(what, what.folder, ray_cluster.RayCluster("any", 2)))

    failed = json.loads((what.folder / NAME).read_text())
    assert {study.split("/")[2] for study in failed} == {"random"}
    assert all(path.name.startswith(("default", "random")) for path in what.folder.rglob("*.jsonl"))


def test_an_endpoint_that_fails_ends_its_own_studies(project, cli):
    words = ("--agent", "live", "--base-url", "http://127.0.0.1:9/v1", "--chat-retries", "0")

    done = cli("run", project / "suites/small.yaml", *words, "--json")

    assert done.returncode == 3, done.stderr
    assert "/haqa/seed0: http://127.0.0.1:9/v1" in done.stderr
    table = next(iter(json.loads(done.stdout)["tables"].values()))
    assert any(row["id"].endswith("/random") for row in table["rows"])
    assert any(note.startswith("haqa: 2 studies failed and are missing") for note in table["notes"])


def test_where_every_study_fails_it_is_one_line_and_exit_code_2(project, cli, monkeypatch):
    monkeypatch.setitem(registry.OPTIMIZERS, "random", f"{MODULE}:Broken")

    done = cli("run", project / "suites/small.yaml", "--methods", "random")

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "ValueError: no (methods_of_others.py:" in done.stderr


CHANGING = HEAD + "\n\nclass Mine(Good):\n    pass\n"


def test_an_edited_plug_in_prints_nothing_old(project, cli_process, tmp_path):
    site = tmp_path / "site"
    points = {"optimizers": {"mine": "faulty_methods:Mine", "meddler": "faulty_methods:Meddler"}}
    environment = installed(site, CHANGING, points)
    words = ("run", project / "suites/small.yaml", "--methods", "default,mine")
    words += ("--with", "mine", "--json")

    first = json.loads(cli_process(*words, **environment).stdout)
    keeps = HEAD + "\n\nclass Mine(Good):\n    def ask(self, history):\n"
    installed(site, keeps + "        return Proposal(self.space.default)\n", points)
    second = json.loads(cli_process(*words, **environment).stdout)

    assert first["folder"] != second["folder"]
    best = [printed_rows(next(iter(told["tables"].values())))[-1] for told in (first, second)]
    assert best[0] != best[1]
    header = next((project / "results/runs").rglob("mine-s0.jsonl")).read_text().splitlines()[0]
    brought = json.loads(header)["identity"]["plugins"]["optimizers:mine"]
    assert brought["distribution"] == "faulty-methods"
    assert len(brought["sha256"]) == len(sha256({}))


def test_every_file_of_a_plug_in_s_package_is_part_of_what_it_is(tmp_path, monkeypatch):
    installed(tmp_path, HEAD, {"optimizers": {"mine": "own_words.search:Mine"}})
    (tmp_path / "own_words").mkdir()
    (tmp_path / "own_words/search.py").write_text(HEAD)
    (tmp_path / "own_words/prompt.j2").write_text("Find the best.")
    monkeypatch.syspath_prepend(tmp_path)
    mine = plugins.known("optimizers")["mine"]
    first = mine.identity

    (tmp_path / "own_words/prompt.j2").write_text("Find the worst.")
    installed_source.cache_clear()

    assert mine.identity["sha256"] != first["sha256"]
    assert str(mine) == "'mine' (own_words.search:Mine, faulty-methods 1.0)"


def test_the_seeds_of_a_recorded_method_are_those_that_were_recorded(project, cli):
    record(project)

    done = cli("run", project / "suites/small.yaml", "--seeds", "5", "--json")

    assert done.returncode == 0, done.stderr
    journals = {path.name for path in (project / "results/runs").rglob("cassette-*/**/*.jsonl")}
    assert {f"random-s{seed}.jsonl" for seed in range(5)} <= journals
    assert {name for name in journals if name.startswith("haqa")} == {
        "haqa-s0.jsonl",
        "haqa-s1.jsonl",
    }


def test_a_missing_cassette_is_told_before_anything_runs(project, cli):
    record(project)
    next((project / "cassettes").rglob("haqa-s1.jsonl")).unlink()

    done = cli("run", project / "suites/small.yaml")

    assert done.returncode == 2
    assert "haqa-s1.jsonl: no such cassette; recorded seeds of haqa here: 0." in done.stderr
    assert not list((project / "results/runs/small").glob("cassette-*"))


def test_a_method_is_added_with_options(project, cli):
    path = project / "suites/small.yaml"

    done = cli(
        "run", path, "--methods", "tpe", "--add-method", "tpe:n_startup_trials=2", "--seeds", "1"
    )
    twice = cli("run", path, "--add-method", "random")
    unknown = cli("run", path, "--add-method", "no-such")

    assert done.returncode == 0, done.stderr
    assert "tpe" in done.stdout
    assert "--add-method is called --with now" in done.stderr
    assert "there is a method 'random' already" in twice.stderr
    assert "If a package brings it, install that" in unknown.stderr


def test_a_card_names_the_templates_that_were_used_and_no_others(project):
    record(project)

    card = json.loads(next((project / "cassettes").rglob("*.jsonl")).read_text().splitlines()[0])

    assert set(card["templates"]) == {
        "deploy.j2",
        "dynamic.j2",
        "hardware.j2",
        "repair.j2",
        "reply.j2",
        "space.j2",
    }
    assert card["plugin"] is None


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Numpy", "give "),
        ("Floats", "give "),
        ("Texts", "proposals are invalid"),
        ("Fickle", "depend on more than the history"),
        ("Chatty", "it prints: 'made'"),
        ("Broken", "ValueError: no"),
        ("Unsaid", "learning_rate is a range, which has no list of values"),
        ("Unsaid", "it says only_choices = True"),
    ],
)
def test_plugin_check_finds_what_the_door_forgives(cli, monkeypatch, name, rule):
    monkeypatch.setitem(registry.OPTIMIZERS, "theirs", f"{MODULE}:{name}")

    done = cli("plugin", "check", "theirs")

    assert done.returncode == 1
    assert rule in done.stdout


@pytest.mark.parametrize("name", ["random", "local", "haqa", "memory", "Grid"])
def test_plugin_check_passes_what_keeps_its_promises(cli, monkeypatch, name):
    monkeypatch.setitem(registry.OPTIMIZERS, "Grid", f"{MODULE}:Grid")

    done = cli("plugin", "check", name, "--json")

    assert done.returncode == 0, done.stdout
    assert all(row["fault"] == "" for row in json.loads(done.stdout))


def test_plugin_check_of_an_unknown_name_says_to_install_it(cli):
    done = cli("plugin", "check", "no-such")

    assert done.returncode == 2
    assert "If a package brings it, install that" in done.stderr
