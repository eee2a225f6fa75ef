"""A bundle for a machine without network: made here, driven there, brought home. The other machine
is a folder and a Python that has little installed.
"""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest
from command import listening
from support import REPOSITORY, small_project

THERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
ROOFED = """\
name: {name}
models:
  LLaMA2-7B:
    architecture: llama
    parameters: 6738415616
    dimensions: {{layers: 32, hidden: 4096, feed_forward: 11008, heads: 32, kv_heads: 32,
      head_size: 128, vocabulary: 32000, tied: 0}}
methods: [{{name: default, optimizer: default}}]
seeds: [0]
cells:
  - track: deploy
    models: [LLaMA2-7B]
    bit_widths: [any]
    hardware: [{device}]
    workload: {{simulated_by: roofline}}
    space: {{format: {{choices: [F16, Q8_0, Q4_0], default: F16}}}}
    objective: {{metric: generation_tokens_per_s, unit: tokens/s, direction: maximize}}
    budget: {{proposals: 3}}
"""
"""A suite that needs nothing: its numbers are simulated."""
BARE = """\
import importlib.util, sys
ABSENT = {"duckdb", "matplotlib", "moocore", "openai", "optuna", "pandas", "pyarrow",
    "scipy", "sklearn", "statsmodels", "threadpoolctl", "torch", "cpuinfo", "pynvml"}
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not on this machine", name=name)
sys.meta_path.insert(0, Finder())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in ABSENT else found(name, *more)
"""
"""What a Python loads as it starts that has few packages."""


STAND_IN = """

def sample(self, configuration, repeat):
    import time
    from haqa_bench.trial import Measurement, Source
    time.sleep({seconds} if configuration["format"] != "F16" else 0)
    speed = Measurement(name="generation_tokens_per_s", value=1.0 + repeat, unit="tokens/s",
        source=Source.SIMULATED, samples=(1.0 + repeat,), used=1)
    return Outcome((speed,), {{}}, 0.1)
RooflineEvaluator.sample, RooflineEvaluator.made_of = sample, {{}}
RooflineEvaluator.__init__ = lambda self, cell: None
"""
"""What measures on the other machine, which has no llama.cpp either: all but the default takes so
many seconds.
"""


def measuring(there, seconds=0):
    module = there / "site/haqa_bench/tracks/deploy/roofline.py"
    module.write_text(module.read_text() + STAND_IN.format(seconds=seconds))


@pytest.fixture
def home(tmp_path):
    folder = small_project(tmp_path / "home")
    for name, device in (("small", "nvidia-h100-sxm"), ("other", "nvidia-a6000")):
        text = ROOFED.format(name=name, device=device)
        (folder / f"suites/{name}.yaml").write_text(text)
    return folder


@pytest.fixture
def there(home, tmp_path, cli):
    """The bundle, unpacked on the other machine."""
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "sitecustomize.py").write_text(BARE)
    archive = tmp_path / "quarter.zip"
    suites = [home / "suites/small.yaml", home / "suites/other.yaml"]
    words = ["--packages", bare, "--python", THERE, "--output", archive, "--project", home]
    made = cli("bundle", *suites, *words, "--json")
    assert made.returncode == 0, made.stderr
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "there")
    return tmp_path / "there"


def drive(there, *words, **more):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COLUMNS")}
    return subprocess.run(
        [sys.executable, "drive.py", *words],
        cwd=there, capture_output=True, text=True, timeout=120, env={**environment, **more},
    )  # fmt: skip


def test_a_bundle_is_driven_without_what_a_project_else_needs_and_brought_home(home, there, cli):
    measuring(there)
    words = ["--limit", "3", "--", "--passes", "1", "--floor", "6"]

    done = drive(there, *words)
    journals = {path: path.read_bytes() for path in (there / "out").rglob("*.partial")}
    again = drive(there, *words)

    for name in ("small", "other"):
        taken = cli("table", "take-in", home / f"suites/{name}.yaml", there / "out")
        assert taken.returncode == 0, taken.stderr
        cli("table", "close", home / f"suites/{name}.yaml")
    run = cli("run", home / "suites/small.yaml")

    assert (done.returncode, again.returncode) == (0, 0), done.stderr
    assert len(journals) == 2
    assert all(path.read_bytes() == data for path, data in journals.items())  # nothing twice
    told = [json.loads(line) for line in (there / "out/driven.jsonl").read_text().splitlines()]
    assert [entry["suite"] for entry in told] == ["small", "other", "small", "other"]
    assert all(entry["left_out"] == [] for entry in told)
    assert run.returncode == 0, run.stderr
    assert (there / "out/machine.jsonl").is_file()


def test_a_driver_ends_before_its_limit_with_what_was_measured(there, home, cli):
    measuring(there, seconds=60)
    started = time.monotonic()

    done = drive(there, "--limit", "0.3", "--spare", "0.1", "small")

    assert time.monotonic() - started < 18
    assert done.returncode == 0, done.stderr
    taken = cli("table", "take-in", home / "suites/small.yaml", there / "out")
    assert "1 of 3 configurations" in taken.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_driver_that_is_ended_ends_what_it_started_and_removes_the_models(there, number):
    measuring(there, seconds=60)
    process = subprocess.Popen(
        [sys.executable, "drive.py", "--limit", "3"], cwd=there, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, preexec_fn=listening,
    )  # fmt: skip
    process.stdout.readline()

    process.send_signal(number)
    process.communicate(timeout=30)  # its pipe is closed, so nothing holds it

    assert process.returncode == 128 + number


def test_a_bundle_of_another_python_is_refused_there_in_one_line(there):
    plan = there / "plan.json"
    plan.write_text(plan.read_text().replace(THERE, "3.99"))

    done = drive(there, "--limit", "3")

    assert done.returncode == 1
    assert done.stderr.strip() == f"drive.py: this is Python {THERE}, and the bundle is for 3.99"


def wheel(folder, name, files):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return folder


def test_wheels_are_unpacked_and_what_is_lacking_is_said(home, tmp_path, cli):
    wheels = wheel(tmp_path / "wheels", "gguf-0.19.0-py3-none-any.whl", {"gguf/__init__.py": ""})
    wheel(wheels, "psutil-7.0.0-cp36-abi3-manylinux2014_x86_64.whl", {"psutil/__init__.py": ""})
    out = tmp_path / "b.zip"

    done = cli("bundle", home / "suites/small.yaml", "--wheels", wheels, "--output", out)

    with zipfile.ZipFile(out) as packed:
        names = set(packed.namelist())
    assert {"site/gguf/__init__.py", "site/psutil/__init__.py", "drive.py"} <= names
    assert "project/hardware/nvidia-h100-sxm.yaml" in names
    assert not any("/shipped/" in name for name in names)
    assert "numpy" in done.stdout
    assert "gguf" not in done.stdout.partition("itself:")[2]


def test_the_same_bundle_has_the_same_bytes(home, tmp_path, cli):
    for name in ("a.zip", "b.zip"):
        done = cli("bundle", home / "suites/small.yaml", "--output", tmp_path / name)
        assert done.returncode == 0, done.stderr

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("numpy-2.0-cp311-cp311-linux_x86_64.whl", {"numpy/x": ""}, "is for cp311"),
        ("nonsense.whl", {"x": ""}, "has no name that wheels have"),
        ("evil-1.0-py3-none-any.whl", {"../../x": ""}, "leads out of it"),
        ("other-1.0-py3-none-any.whl", {"/x": ""}, "leads out of it"),
    ],
)
def test_wheels_that_do_not_fit_are_one_line(home, tmp_path, cli, name, files, words):
    wheels = wheel(tmp_path / "wheels", name, files)

    done = cli(
        "bundle", home / "suites/small.yaml", "--wheels", wheels, "--output", tmp_path / "b.zip"
    )

    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "b.zip").exists()


def test_a_bundle_that_is_too_large_names_what_is_large(home, tmp_path, cli):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama/libggml-cuda.so").write_bytes(os.urandom(2**20))
    words = ["--packages", tmp_path / "llama", "--output", tmp_path / "b.zip"]

    done = cli("bundle", home / "suites/small.yaml", *words, "--limit", "1")

    assert done.returncode == 2
    assert "libggml-cuda.so" in done.stderr
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("option", ["--wheels", "--packages"])
def test_a_folder_that_is_none_is_one_line(home, tmp_path, cli, option):
    words = [option, tmp_path / "none", "--output", tmp_path / "b.zip"]

    done = cli("bundle", home / "suites/small.yaml", *words)

    assert done.returncode == 2
    assert "no such folder" in done.stderr


@pytest.mark.live
def test_the_quarter_of_an_hour_is_rehearsed_with_llama_cpp_and_random_weights(tmp_path, cli):
    """Ended half way, gone on with, brought home: docs/devices.md, in miniature."""
    archive, suite = tmp_path / "rehearsal.zip", REPOSITORY / "suites/device/rehearsal.yaml"
    home = small_project(tmp_path / "home")
    (home / "suites/rehearsal.yaml").write_text(suite.read_text())
    made = cli("bundle", suite, "--python", THERE, "--output", archive, "--project", REPOSITORY)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "there")
    options = ["--", "--passes", "1", "--floor", "3", "--remove-files"]
    process = subprocess.Popen(
        [sys.executable, "drive.py", "--limit", "3", *options], cwd=tmp_path / "there",
        stdout=subprocess.PIPE, text=True, preexec_fn=listening,
    )  # fmt: skip
    process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=15)
    process.terminate()
    process.communicate(timeout=30)

    done = drive(tmp_path / "there", "--limit", "3", *options)
    taken = cli("table", "take-in", home / "suites/rehearsal.yaml", tmp_path / "there/out")
    closed = cli("table", "close", home / "suites/rehearsal.yaml", "--json")
    run = cli("run", home / "suites/rehearsal.yaml")

    assert made.returncode == process.returncode - 143 == done.returncode == 0, done.stderr
    assert taken.stdout.count("passes whole") == 4
    assert all(part["configurations"] == part["of"] for part in json.loads(closed.stdout))
    assert run.returncode == 0, run.stderr
    assert not list((tmp_path / "there").rglob("*.gguf"))
