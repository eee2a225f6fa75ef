"""What `haqa-bench doctor` says: what a bug report needs, and nobody's name."""

import getpass
import json
import platform
import subprocess
import sys

import pytest
from support import REPOSITORY, write_table

from haqa_bench import installed, shipped, tracks
from haqa_bench.cli import diagnosis


@pytest.fixture
def wheel(monkeypatch, tmp_path):
    """As if the package was built and installed, without extras."""
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "site-packages" / "haqa_bench")
    kept = set(installed.of_extras()[""])
    monkeypatch.setattr(
        installed, "installed_version", lambda name: "1.0" if name in kept else None
    )


def told(cli, *words, **environment):
    done = cli("doctor", "--json", *words, **environment)
    return json.loads(done.stdout), done.returncode


def test_nobody_is_named_neither_user_host_nor_key(cli, project, monkeypatch):
    home = project / "alice-example"
    (home / "prompts").mkdir(parents=True)
    (home / "hardware").mkdir()
    monkeypatch.setattr(getpass, "getuser", lambda: "alice-example")
    monkeypatch.setattr(platform, "node", lambda: "hades-example")
    monkeypatch.chdir(home)
    secrets = {"OPENAI_API_KEY": "sk-example", "OPENAI_BASE_URL": "http://hades-example:1/v1"}
    texts = [
        cli("doctor", *words, HOME=where, HAQA_BENCH_RUNS=f"{home}/r", **secrets).stdout
        for words in ([], ["--json"])
        for where in (str(home), "/somewhere")
    ]

    for text in texts:
        assert "alice-example" not in text
        assert "hades-example" not in text
        assert "sk-example" not in text
        assert "OPENAI_API_KEY" in text


def test_a_user_of_a_wheel_is_told_what_to_install_for_which_track(cli, project, wheel):
    found, _ = told(cli, "--project", project)
    by_track = {one["track"]: one for one in found["tracks"]}

    assert by_track.keys() == tracks.BUILT_IN.keys()
    assert by_track["deploy"]["install"] == "pip install 'haqa-bench[deploy]'"
    assert "llama-cpp-python" in by_track["deploy"]["missing"]
    assert by_track["joint"]["install"] == "pip install 'haqa-bench[train,deploy]'"
    assert by_track["table"] == {"track": "table", "missing": [], "install": ""}
    assert found["versions"]["duckdb"] == "1.0"


def test_in_a_checkout_the_hint_is_that_of_a_checkout():
    assert installed.extra("deploy") == 'pip install -e ".[deploy]"'


def test_every_hint_of_this_package_is_made_in_one_place():
    """So that none is wrong for who installed a wheel."""
    files = (REPOSITORY / "haqa_bench").rglob("*.py")
    found = [path.name for path in files if 'pip install -e ".' in path.read_text("utf-8")]

    assert found == ["installed.py"]


def test_every_extra_that_a_track_needs_is_one_of_ours():
    needed = {extra for name in tracks.BUILT_IN for extra in tracks.named(name).extras}

    assert needed <= installed.of_extras().keys()
    assert "pyopencl" in installed.of_extras()["kernels"]
    assert "pyopencl" in installed.of_extras()["dev"]  # which names the extra kernels


def test_a_damaged_recording_is_a_problem_and_exit_code_1(cli, project):
    write_table(project)
    path = next((project / "results/tables").rglob("*.parquet"))
    path.write_bytes(path.read_bytes() + b" ")

    found, code = told(cli, "--project", project)

    assert code == 1
    assert f"results/tables/deploy/{path.name}: is not what was recorded" in found["problems"]


def test_a_folder_that_cannot_be_written_and_a_full_disk_are_problems(cli, project, monkeypatch):
    monkeypatch.setattr(diagnosis.os, "access", lambda path, how: how != diagnosis.os.W_OK)
    monkeypatch.setattr(diagnosis, "LEAST_FREE_GB", 1e9)

    found, code = told(cli, "--project", project)

    assert code == 1
    assert any("cannot be written" in one for one in found["problems"])
    assert any("GB is free" in one for one in found["problems"])


def test_a_sound_checkout_has_no_problem_and_the_words_tell_what_the_json_does(cli, monkeypatch):
    monkeypatch.setenv(shipped.VARIABLE, str(REPOSITORY))
    found, code = told(cli)
    text = cli("doctor").stdout

    assert (code, found["problems"]) == (0, [])
    for title in ("Versions", "Machine", "Tracks", "Extras", "Programs", "Places", "Problems"):
        assert title in text
    for name in (*found["versions"], *found["programs"], *found["machine"], *tracks.BUILT_IN):
        assert name in text
    assert text.splitlines()[-1].startswith("For a bug report, copy all of this")


def test_it_imports_nothing_heavy(project):
    code = (
        "import sys; from haqa_bench.cli import app; "
        f"app(['doctor', '--json', '--project', {str(project)!r}], standalone_mode=False)"
    )
    heavy = "print(sorted({'torch','numpy','pyarrow','duckdb','pyopencl','ray'} & {*sys.modules}))"
    script = f"import atexit, sys\natexit.register(lambda: {heavy})\n{code}"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]"
