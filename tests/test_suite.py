"""Suite files: what they expand to, and how bad ones are refused."""

import pytest
from support import SUITE

from haqa_bench import suite
from haqa_bench.errors import HaqaError


def load(project, text):
    path = project / "suites" / "small.yaml"
    path.write_text(text)
    return suite.load(path, project)


def test_what_was_called_human_still_runs_as_the_default_with_a_note(project, caplog):
    (method, *_) = load(project, SUITE.replace("optimizer: default", "optimizer: human")).methods

    assert method.optimizer == "default"
    assert "'human' is called 'default' now" in caplog.text


def test_a_matrix_expands_into_cells_less_what_it_excludes(project):
    text = SUITE.replace("bit_widths: [INT4]", "bit_widths: [INT4, INT8]").replace(
        "hardware: [epyc-zen4-2core]",
        "hardware: [epyc-zen4-2core, oneplus-11]\n    exclude: [{bit_width: INT8, "
        "hardware: oneplus-11}]",
    )

    loaded = load(project, text)

    assert [c.id for c in loaded.cells] == [
        "net-int4-epyc-zen4-2core",
        "net-int4-oneplus-11",
        "net-int8-epyc-zen4-2core",
    ]
    assert len(loaded.studies()) == 3 * 3 * 2


def test_a_method_s_own_seeds_take_the_place_of_the_suite_s(project):
    loaded = load(project, SUITE.replace("optimizer: default}", "optimizer: default, seeds: [7]}"))

    assert [s.seed for s in loaded.studies() if s.method.name == "default"] == [7]
    assert [s.seed for s in loaded.studies() if s.method.name == "random"] == [0, 1]


def test_a_method_runs_on_the_cells_of_its_tracks_alone(project):
    loaded = load(
        project, SUITE.replace("optimizer: default}", "optimizer: default, tracks: [kernel]}")
    )

    assert {s.method.name for s in loaded.studies()} == {m.name for m in loaded.methods} - {
        "default"
    }


def test_anchors_and_merge_keys_are_read(project):
    head, cell = SUITE.split("cells:\n  - ")
    text = f"{head}definitions:\n  base: &base\n    {cell}".replace(
        "bit_widths: [INT4]", "bit_widths: [INT8]"
    )
    text += "cells:\n  - <<: *base\n    bit_widths: [INT4]\n"

    assert [c.bit_width for c in load(project, text).cells] == ["INT4"]


def test_the_lock_changes_with_anything_that_changes_a_run(project):
    locks = [
        load(project, SUITE).lock,
        load(project, SUITE.replace("temperature: 0.0", "temperature: 0.1")).lock,
        load(project, SUITE.replace("proposals: 5", "proposals: 6")).lock,
    ]
    (project / "prompts" / "dynamic.j2").write_text("other words")
    locks.append(load(project, SUITE).lock)

    assert len(set(locks)) == 4
    assert load(project, "# a comment\n" + SUITE).lock == locks[3]


def test_a_copy_with_other_seeds_has_another_lock(project):
    loaded = load(project, SUITE)

    assert loaded.lock != loaded.model_copy(update={"seeds": (5,)}).lock
    assert loaded.lock == loaded.model_copy().lock


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("methods:", "metods:", r"small.yaml:4: metods: unknown key; did you mean 'methods'\?"),
        (
            "proposals: 5",
            "propsals: 5",
            r"small.yaml:24: cells\[0\].budget.propsals: unknown key; did you mean 'proposals'\?",
        ),
        (
            "proposals: 5",
            "proposals: five",
            r"small.yaml:24: cells\[0\].budget.proposals: Input should be a valid integer",
        ),
        (
            "proposals: 5",
            "proposals: '5'",
            r"small.yaml:24: cells\[0\].budget.proposals: Input should be a valid integer",
        ),
        (
            "default: 2}",
            "default: 3}",
            r"small.yaml:17: .*n_threads: default 3 is none of the choices \[1, 2\]",
        ),
        ("[INT4]", "[]", r"small.yaml:14: cells\[0\].bit_widths: .*at least 1 item"),
        ("[Net]", "[Nett]", r"cells name the model 'Nett', models has only Net"),
        ("seeds: [0, 1]", "seeds: [0, 0]", r"seed given twice: 0"),
        ("[epyc-zen4-2core]", "[epic]", r"no hardware profile 'epic'\. Known: .*epyc-zen4-2core"),
        ("name: small", "name: ../up", r"small.yaml:1: name: String should match pattern"),
        ("choices: [1, 2]", "choices: [1, 1]", r"a choice is given twice"),
        ("name: small", "name: [", r"small.yaml:\d+: not YAML"),
        ("name: small", "name: small\nname: twice", r"small.yaml:1: has a duplicate key 'name'"),
    ],
)
def test_a_bad_suite_is_one_clear_line(project, old, new, message):
    assert old in SUITE

    with pytest.raises(HaqaError, match=message) as caught:
        load(project, SUITE.replace(old, new, 1))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "just words", "[]", "\0"])
def test_an_empty_or_shapeless_suite_is_one_clear_line(project, text):
    with pytest.raises(HaqaError, match=r"small\.yaml") as caught:
        load(project, text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_yaml_bomb_is_refused_before_it_expands(project):
    bomb = "definitions:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))

    with pytest.raises(HaqaError, match="YAML bomb"):
        load(project, bomb + SUITE)


def test_an_alias_to_itself_is_refused(project):
    with pytest.raises(HaqaError, match="YAML bomb"):
        load(project, "definitions: &a [*a]\n" + SUITE)


def test_numbers_are_read_as_yaml_1_2(project):
    loaded = load(
        project,
        SUITE.replace("temperature: 0.0", "temperature: 1e-5").replace(
            "[Q4_0, Q4_1, IQ4_NL]", "[Q4_0, Q4_1, no]"
        ),
    )

    assert loaded.methods[2].chat.temperature == 1e-5
    assert loaded.cells[0].space.root["format"].choices == ("Q4_0", "Q4_1", "no")


def test_a_small_file_expands_into_no_millions_of_cells(project):
    names = [f"B{n}" for n in range(11_000)]

    with pytest.raises(HaqaError, match=r"11,000 cells; a suite has at most 10,000"):
        load(project, SUITE.replace("bit_widths: [INT4]", f"bit_widths: [{', '.join(names)}]"))
