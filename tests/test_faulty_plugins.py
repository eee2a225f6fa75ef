"""Plug-ins that fail in every way: their studies end, the others run, and all of it is told."""

import json
import textwrap

import pytest
from plugged import HEAD, installed
from support import SUITE

from haqa_bench.store.failures import NAME

FAULTS = {
    "raises": ("def ask(self, history):\n    raise ValueError('no way')", "ValueError: no way"),
    "late": (
        "def ask(self, history):\n    if len(history) > 2:\n        raise KeyError('lost')\n"
        "    return super().ask(history)",
        "round 3: KeyError: 'lost'",
    ),
    "exits": ("def ask(self, history):\n    raise SystemExit(0)", "SystemExit: 0"),
    "ends-python": ("def ask(self, history):\n    import sys\n    sys.exit()", "SystemExit"),
    "mute": (
        "def ask(self, history):\n    class Odd(Exception):\n        def __str__(self):\n"
        "            raise RuntimeError\n    raise Odd",
        "Odd",
    ),
    "deep": ("def ask(self, history):\n    return self.ask(history)", "RecursionError"),
    "starts-badly": (
        "def __init__(self, study):\n    raise OSError('gone')",
        "OSError: gone",
    ),
    "starts-and-exits": ("def __init__(self, study):\n    raise SystemExit(1)", "SystemExit: 1"),
    "no-arguments": ("def __init__(self):\n    pass", "TypeError"),
    "no-settings": ("settings = property(lambda self: self.nothing)", "AttributeError"),
    "odd-settings": ("settings = {'a': [1]}", "setting a is no finite number"),
    "nan-settings": ("settings = {'a': float('nan')}", "setting a is no finite number"),
    "no-start-up": ("start_up = None", "start_up is no count"),
    "no-ask": ("ask = None", "'NoneType' object is not callable"),
    "gives-text": ("def ask(self, history):\n    return 'Q4_0'", "it gave a str, not a Proposal"),
    "gives-a-dict": (
        "def ask(self, history):\n    return dict(self.space.default)",
        "it gave a dict, not a Proposal",
    ),
    "odd-thought": (
        "def ask(self, history):\n    return Proposal(self.space.default, thought=1)",
        "problem or thought is a int, not text",
    ),
    "odd-attempts": (
        "def ask(self, history):\n    return Proposal(self.space.default, attempts='1')",
        "attempts are no int",
    ),
    "odd-usage": (
        "def ask(self, history):\n    return Proposal(self.space.default, usage={})",
        "usage is no Usage",
    ),
    "nothing": ("def ask(self, history):\n    return None", "its first answer is None"),
    "clears": ("def ask(self, history):\n    history.clear()", "AttributeError"),
    "pops": ("def ask(self, history):\n    del history[0]", "TypeError"),
    "edits": (
        "def ask(self, history):\n    history[0].configuration['n_threads'] = 1\n"
        "    return super().ask(history)",
        "it changed the history that it was handed (trial 0)",
    ),
    "edits-facts": (
        "def ask(self, history):\n    history[0].facts['a'] = 'b'\n    return super().ask(history)",
        "it changed the history that it was handed (trial 0)",
    ),
    "user-error": (
        "def ask(self, history):\n    from haqa_bench.errors import HaqaError\n"
        "    raise HaqaError('here', 'that')",
        "here: that",
    ),
}
UNLOADABLE = {
    "no-module": ("no_such_module:Good", "No module named 'no_such_module'"),
    "no-class": ("faulty_methods:NoSuchClass", "NoSuchClass"),
    "no-callable": ("faulty_methods:__name__", "is nothing that can be called"),
    "bad-module": ("exits_at_import:Good", "SystemExit: 3"),
}


def class_of(name):
    return "".join(part.title() for part in name.split("-"))


def source():
    classes = [
        f"class {class_of(name)}(Good):\n{textwrap.indent(body, '    ')}\n"
        for name, (body, _) in FAULTS.items()
    ]
    return HEAD + "\n\n".join(classes)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    (site / "exits_at_import.py").write_text("raise SystemExit(3)\n")
    points = {name: f"faulty_methods:{class_of(name)}" for name in FAULTS}
    points |= {name: path for name, (path, _) in UNLOADABLE.items()}
    return installed(site, source(), {"optimizers": points})


def with_methods(project, *names):
    lines = [f"  - {{name: {name}, optimizer: {name}}}\n" for name in names]
    path = project / "suites/small.yaml"
    path.write_text(SUITE.replace("methods:\n", "methods:\n" + "".join(lines)))
    return path


def folder_of(done):
    return done.stdout.split("Written to ")[1].split(":")[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_fault_ends_its_own_studies_and_is_told_in_one_line(
    project, cli_process, environment, workers
):
    expected = {name: words for name, (_, words) in (FAULTS | UNLOADABLE).items()}
    suite = with_methods(project, *expected)

    methods = ",".join(["random", *expected])
    words = ("--methods", methods, "--json", "--seeds", "1", "--workers", workers)
    done = cli_process("run", suite, *words, **environment)

    assert done.returncode == 3, done.stderr
    table = next(iter(json.loads(done.stdout)["tables"].values()))
    failed = json.loads((project / "results/runs/small").glob(f"*/{NAME}").__next__().read_text())
    rows = {row["id"].split("/")[-1] for row in table["rows"]}
    notes = table["notes"]
    assert "random" in rows
    assert not rows & expected.keys()
    for name, words in expected.items():
        study = f"small/net-int4-epyc-zen4-2core/{name}/seed0"
        line = failed[study]["what"]
        assert line.startswith("optimizer failed: ")
        assert f"'{name}' (" in line
        assert words in line
        assert "\n" not in line
        assert any(note.startswith(f"{name}: a study failed") for note in notes)
