"""Each worked example of own measurements is what its page says: the commands, pasted into an empty
folder, and what comes out of them.
"""

import re
import shlex
import shutil
import subprocess
import sys

import pytest
from own import shipped  # noqa: F401 # a fixture of all tests
from support import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
NAMES = ("serving", "compiler-flags", "sklearn-model")


def _blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_what_its_page_says(cli, tmp_path, monkeypatch, name):
    shutil.copytree(EXAMPLES / name, tmp_path / name)
    monkeypatch.chdir(tmp_path / name)
    page = (EXAMPLES / name / "README.md").read_text("utf-8")
    (commands,), (shown,) = _blocks(page, "sh"), _blocks(page, "text")

    done = [cli(*shlex.split(c)[1:]) for c in commands.replace("\\\n", " ").splitlines()]

    assert [d.returncode for d in done] == [0, 0, 0], [d.stderr for d in done]
    assert "imported from measurements" in done[0].stdout
    assert shown in done[1].stdout
    assert "Against random" in done[2].stdout


def test_the_simulation_writes_the_same_again(tmp_path):
    script = EXAMPLES / "serving/simulate.py"

    subprocess.run([sys.executable, script, tmp_path / "again.csv"], check=True)

    committed = (EXAMPLES / "serving/measurements.csv").read_bytes()
    assert (tmp_path / "again.csv").read_bytes() == committed


@pytest.mark.parametrize("name", NAMES)
def test_the_data_of_an_example_are_small_and_made_by_a_script_beside_them(name):
    (data,) = (EXAMPLES / name).glob("measurements.*")
    (script,) = (EXAMPLES / name).glob("*.py")

    assert data.stat().st_size < 200_000
    assert data.name in script.read_text("utf-8")
