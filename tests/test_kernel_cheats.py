"""Known ways to fool a measurement of somebody else's kernel: each ends as a status with a reason,
and leaves nothing behind.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from haqa_bench.backends.workers.frame import Refused
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.tracks.kernel import sandbox
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import Judge, Measure
from haqa_bench.tracks.kernel.rewritten import measure_rewritten
from haqa_bench.tracks.kernel.worker import bench, judge


def _lacking() -> str:
    pytest.importorskip("pyopencl")
    try:
        sandbox.require()
    except HaqaError as fault:
        return str(fault)
    return ""


pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(_lacking()), reason=_lacking() or "there is a sandbox"),
]

COUNT = 4096
SILU = {"GROUP": 8, "VEC": 4, "ITEMS": 1, "STRIDED": 0, "NATIVE": 0}
RIGHT = "for (int k = i; k < i + VEC; k++) y[k] = gate[k] * x[k] / (1.0f + exp(-x[k]));"
SKELETON = """\
#include "vectors.h"
{before}
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void silu(__global const float *x, __global const float *gate, __global float *y) {{
    const int i = get_global_id(0) * VEC;
    if (i >= COUNT) return;
    {body}
}}
"""
MMAP = "mov $0x100022, %%r10\\n mov $-1, %%r8\\n xor %%r9, %%r9\\n syscall"
WHERE = (
    "__global float *kept = (__global float *)0x200000000000; { long r; "
    f'__asm__ volatile("{MMAP}" : "=a"(r) : "a"(9L), "D"(kept), "S"(65536L), "d"(3L) : '
    '"rcx", "r11", "r8", "r9", "r10", "memory"); }'
)
"""Memory that lasts from launch to launch, which OpenCL C itself has none of: mmap's."""


def call(number: int, first: str = "0L", second: str = "0L") -> str:
    """A call of the system, by its number on x86-64."""
    return (
        '{ long r; __asm__ volatile("syscall" : "=a"(r) : "a"('
        f'{number}L), "D"({first}), "S"({second}), "d"(0L) : "rcx", "r11", "memory"); said = r; }}'
    )


def source(body: str, before: str = "") -> str:
    return SKELETON.format(body=body, before=before)


def job(kernel="silu", **changes):
    given = {
        "kernel": kernel,
        "sources": str(FOLDER),
        "bits": 32,
        "shape": {"count": COUNT},
        "settings": SILU,
        "repeats": 3,
        "tolerance": 1e-4,
        "device": "",
        "seed": 1,
        "memory_bytes": 4 * 10**9,
    }
    return Measure(**(given | changes))


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """No process, and no file."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = set(psutil.Process().children(recursive=True))
    yield
    until = time.monotonic() + 10
    while (left := set(psutil.Process().children(recursive=True)) - before) and (
        time.monotonic() < until
    ):
        time.sleep(0.05)
    assert left == set()
    assert list(folder.iterdir()) == []


def failure(text: str, timeout_s: float = 60.0, **changes) -> EvaluationFailed:
    with pytest.raises(EvaluationFailed) as caught:
        measure_rewritten(job(**changes), text, timeout_s)
    assert "\n" not in caught.value.reason
    assert "/" not in caught.value.reason.replace("+-", "")  # no folder of this machine
    return caught.value


@pytest.fixture
def no_rules(monkeypatch):
    """What is beyond the rules for sources: the sandbox has to hold it alone."""
    monkeypatch.setattr(bench, "guards", list)
    monkeypatch.setattr(bench, "guarded", str)


def refusal(text: str, timeout_s: float = 60.0, **changes) -> Refused:
    with pytest.raises(Refused) as caught:
        judge.judge(Judge(own=job(**changes), source=text, timeout_s=timeout_s))
    assert "\n" not in str(caught.value)
    return caught.value


SHAPES = {
    "silu": (32, {"count": COUNT}, SILU),
    "softmax": (
        32,
        {"rows": 64, "columns": 256},
        {"LANES": 4, "GROUP_ROWS": 2, "VEC": 4, "UNROLL": 1, "ONLINE": 0, "NATIVE": 0},
    ),
    "rmsnorm": (
        32,
        {"rows": 64, "columns": 256},
        {"LANES": 4, "GROUP_ROWS": 2, "VEC": 4, "UNROLL": 2, "NATIVE": 0},
    ),
    "rope": (
        32,
        {"tokens": 16, "heads": 4, "head_size": 64},
        {"GROUP": 8, "VEC": 4, "ITEMS": 2, "TABLE": 1, "NATIVE": 0},
    ),
    "gemv": (
        4,
        {"outputs": 192, "columns": 128},
        {"LANES": 2, "GROUP_ROWS": 4, "ROWS": 2, "VEC": 4, "UNROLL": 2, "LOCAL_X": 1},
    ),
    "gemm": (
        8,
        {"outputs": 70, "columns": 128, "tokens": 11},
        {
            "GROUP_TOKENS": 2,
            "GROUP_ROWS": 2,
            "TILE_TOKENS": 3,
            "TILE_ROWS": 2,
            "VEC": 4,
            "ORDER": 0,
        },
    ),
}


@pytest.mark.parametrize("kernel", SHAPES)
def test_a_kernel_as_it_comes_passes_all_checks(kernel):
    bits, shape, settings = SHAPES[kernel]
    own = job(kernel, bits=bits, shape=shape, settings=settings)

    found = measure_rewritten(own, (FOLDER / f"{kernel}.cl").read_text(), 60.0)

    assert found.error < 1e-4
    assert 1 <= len(found.times_us) <= 3
    assert all(0 < time_us < 1e6 for time_us in found.times_us)
    assert found.compile_s > 0
    assert found.between
    assert all(0.1 < rate < 2000 for rate in found.between.peaks_gflops)
    assert found.facts["checked"] == "in a sandbox, each timed launch"
    assert "unchecked" not in found.facts


ALMOST = {
    "writes nothing": ("", "wrong_output", "4096 of 4096 values are NaN or were not written"),
    "writes half": (f"if (i < COUNT / 2) {RIGHT}", "wrong_output", "2048 of 4096 values are NaN"),
    "writes NaN": ("for (int k = i; k < i + VEC; k++) y[k] = NAN;", "wrong_output", "are NaN"),
    "writes zeros": ("for (int k = i; k < i + VEC; k++) y[k] = 0.0f;", "wrong_output", "1.00e+00"),
    "knows some inputs": (
        f"if (x[0] == 0.5f) {RIGHT} else y[i] = 1.0f;",
        "wrong_output",
        "largest error",
    ),
    "keeps its output between launches": (
        f"static __global int launches; if (launches++ == 0) {RIGHT}",
        "compile_error",
        "static",
    ),
    "writes before its buffer": (f"{RIGHT} y[-1] = 1.0f;", "wrong_output", "beside its buffers"),
    "writes behind its buffer": (
        f"{RIGHT} y[COUNT + 3] = 1.0f;",
        "wrong_output",
        "beside its buffers",
    ),
    "writes where launches to come will": (
        f"{RIGHT} y[3 * (COUNT + 4096)] = 1.0f;",  # three buffers with their guards further
        "wrong_output",
        "beside its buffers",
    ),
    "writes far away": (
        f"{RIGHT} *(volatile __global int *)((ulong)64) = 1;",
        "crashed",
        "SIGSEGV",
    ),
    "writes to its inputs": (
        f"{RIGHT} ((__global float *)gate)[i] = 0.0f;",
        "wrong_output",
        "it changed its inputs",
    ),
    "knows the shape that it is given": (
        "for (int k = i; k < i + VEC; k++) y[k] = COUNT == 4096 ? gate[k] * x[k] / (1.0f + "
        "exp(-x[k])) : 0.0f;",
        "wrong_output",
        "the shape count 976: ",
    ),
    "does not compile": ("this is no C;", "compile_error", "error"),
    "brings the stack down": (
        "volatile float much[1 << 26]; much[i] = x[i]; y[i] = much[i];",
        "crashed",
        "ended by SIG",
    ),
}


@pytest.mark.parametrize(("body", "status", "reason"), ALMOST.values(), ids=ALMOST)
def test_a_kernel_that_is_not_right_ends_as_a_status(body, status, reason):
    failed = failure(source(body))

    assert (failed.status, reason in failed.reason) == (status, True), failed


def test_a_kernel_of_another_name_is_told():
    failed = failure(source(RIGHT).replace("void silu", "void other"))

    assert (failed.status, failed.reason) == ("compile_error", "it has no kernel 'silu'")


def test_a_kernel_with_other_arguments_is_told():
    failed = failure(source(RIGHT).replace("__global float *y)", "__global float *y, int more)"))

    assert failed.status == "compile_error"
    assert "has 4 arguments, not 3" in failed.reason


def test_a_softmax_without_its_maximum_is_wrong_where_values_are_large():
    bits, shape, settings = SHAPES["softmax"]
    text = (FOLDER / "softmax.cl").read_text()
    bare = text.replace("    top = shared[0];\n", "    top = 0.0f;\n")
    assert bare != text

    failed = failure(bare, kernel="softmax", bits=bits, shape=shape, settings=settings)

    assert failed.status == "wrong_output"
    assert failed.reason.startswith("values to +-200: ")


def test_a_loop_without_end_is_a_timeout():
    failed = failure(source("volatile int on = 1; while (on) {} y[0] = on;"), timeout_s=8.0)

    assert failed.status == "timeout"
    assert "no result within" in failed.reason


def test_a_bomb_of_macros_ends_within_its_limits():
    doubled = "\n".join(f"#define M{n + 1} M{n} M{n}" for n in range(30))
    failed = failure(source("float a = x[i]; M30 y[i] = a;", f"#define M0 a += a;\n{doubled}"), 8.0)

    assert failed.status in ("timeout", "oom", "crashed", "compile_error", "killed")


def test_brackets_without_end_do_not_bring_the_compiler_down():
    failed = failure(source(f"y[i] = {'(' * 1500}x[i]{')' * 1500};"))

    assert failed.status in ("compile_error", "crashed")


def test_assembly_that_is_put_together_of_parts_does_not_compile():
    failed = failure(source(f'CAT(__as, m__) volatile("nop"); {RIGHT}'))

    assert failed.status == "compile_error"
    assert "forbidden_asm" in failed.reason


CALLS = {
    "opens a socket": call(41, "2L", "1L"),
    "sets the clock": call(227),
    "watches another process": call(101),
    "makes a mount": call(165),
}


@pytest.mark.usefixtures("no_rules")
@pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS)
def test_what_a_sandbox_forbids_ends_the_code(calls):
    refused = refusal(source(f"long said = 0; {calls} {RIGHT}"))

    assert refused.status == "crashed"
    assert str(refused).startswith("ended by SIGSYS: it called what the sandbox forbids")


@pytest.mark.usefixtures("no_rules")
def test_a_process_that_is_left_behind_is_found():
    refused = refusal(source(f"long said = 0; if (i == 0) {call(57)} {RIGHT}"))

    assert refused.status in ("refused", "crashed")
    assert "processes" in str(refused)


@pytest.mark.usefixtures("no_rules")
def test_a_process_that_is_left_behind_is_found_by_whatever_name_it_goes():
    name = "char name[] = {'b', 'w', 'r', 'a', 'p', 0};"
    renamed = f"if (said == 0) {{ {name} {call(157, '15L', '(long)(void *)name')} }}"
    refused = refusal(source(f"long said = 0; if (i == 0) {{ {call(57)} {renamed} }} {RIGHT}"))

    assert refused.status == "refused"
    assert "processes of its own behind" in str(refused)


@pytest.mark.usefixtures("no_rules")
def test_no_process_starts_where_code_is_measured():
    body = f"{WHERE} long said = 0; if (i == 0 && kept[0]++ > 1.5f) {call(57)} {RIGHT}"
    refused = refusal(source(body))

    assert refused.status == "crashed"
    assert "SIGSYS" in str(refused)


@pytest.mark.usefixtures("no_rules")
def test_output_that_was_kept_from_an_earlier_launch_is_wrong():
    body = (
        f"{WHERE} if (kept[COUNT] == 0.0f || kept[i] == 0.0f) {{ {RIGHT} "
        "for (int k = i; k < i + VEC; k++) kept[k] = y[k]; kept[COUNT] = 1.0f; } "
        "else for (int k = i; k < i + VEC; k++) y[k] = kept[k];"
    )
    refused = refusal(source(body))

    assert refused.status == "wrong_output"
    assert "largest error" in str(refused)


def a_file_of_the_home() -> Path:
    return next((path for path in Path.home().iterdir() if path.is_file()), Path.home() / "none")


@pytest.mark.usefixtures("no_rules")
def test_no_file_of_the_system_or_the_home_can_be_opened(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("x")
    names = ["/etc/passwd", str(secret), str(a_file_of_the_home()), str(Path(__file__))]
    tries = "".join(
        f"{{ char name[] = {{{', '.join(str(b) for b in name.encode())}, 0}}; "
        f"{call(2, '(long)(void *)name')} if (said >= 0) wrong = 1; }}"
        for name in names
    )
    body = f"long said = 0; int wrong = 0; if (i == 0) {{ {tries} }} if (!wrong) {{ {RIGHT} }}"

    found = judge.judge(Judge(own=job(), source=source(body), timeout_s=60.0))

    assert found.error < 1e-4  # the kernel is right only where it could open none


@pytest.mark.usefixtures("no_rules")
def test_a_file_that_is_included_beyond_the_rules_is_not_there():
    refused = refusal('#include "/etc/passwd"\n' + source(RIGHT))

    assert refused.status == "compile_error"
    assert "file not found" in str(refused)


@pytest.mark.usefixtures("no_rules")
def test_a_flood_of_prints_is_no_answer():
    text = source(f'{RIGHT} for (int n = 0; n < 20; n++) printf("{{\\"id\\": 1}}\\n");')

    found = judge.judge(Judge(own=job(), source=text, timeout_s=120.0))

    assert found.error < 1e-4


def lying(monkeypatch, tmp_path, *changes: tuple[str, str]) -> None:
    """Lets a launcher be inside that foreign code has changed."""
    text = sandbox.LAUNCHER.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "changed.py"
    path.write_text(text)
    monkeypatch.setattr(sandbox, "LAUNCHER", path)


OWN_RUN = "        events = []\n"
AFTER_LOCK = 'sum(name.startswith("own") for name in told["of"])'
SLOW = f"for (volatile int n = 0; n < 20000; n++) {{}} {RIGHT}"
"""A kernel of some milliseconds."""
TIMES = 'return {"us": [(event.profile.end - event.profile.start) / 1000 for event in events]}'


def test_times_that_are_told_too_short_are_contradicted_by_the_clock_outside(monkeypatch, tmp_path):
    told = TIMES.replace("/ 1000", f"/ (20000 if {AFTER_LOCK} else 1000)")
    lying(monkeypatch, tmp_path, (TIMES, told))

    refused = refusal(source(SLOW), 120.0)

    assert refused.status == "refused"
    assert re.search(r"told (less than they took|\d+ us, and t)", str(refused))
    assert re.search("contradict the clock outside|disturbed: the machine was busy", str(refused))


def test_the_same_times_told_as_they_were_are_believed():
    found = judge.judge(Judge(own=job(), source=source(SLOW), timeout_s=120.0))

    assert min(found.times_us) > 500


def test_an_answer_before_the_work_is_done_leaves_nan(monkeypatch, tmp_path):
    early = (
        f"{OWN_RUN}        if {AFTER_LOCK} and len(self.launches) > 9:\n"
        "            self.launches = dict(self.launches)\n"
        '            return {"us": [500.0 for _ in told["of"]]}\n'
    )
    lying(monkeypatch, tmp_path, (OWN_RUN, early))

    refused = refusal(source(RIGHT))

    assert refused.status == "wrong_output"
    assert "were not written" in str(refused)


FILES = '        return {"files": text}\n'


def test_files_do_not_lie_over_ours_by_another_name(monkeypatch, tmp_path):
    aliases = (
        '        if "own" in self.programs:\n'
        '            junk, first = base64.b64encode(b"junk").decode(), min(text).split("/")[0]\n'
        '            folders = ("./", "/tmp/pocl/", f"{first}/../")\n'
        "            text |= {folder + name: junk for folder in folders for name in text}\n"
        '            text |= {"../../usr/none": junk, ".": junk}\n'
    )
    lying(monkeypatch, tmp_path, (FILES, aliases + FILES))

    found = judge.judge(Judge(own=job(), source=source(RIGHT), timeout_s=60.0))

    assert found.error < 1e-4


def test_files_of_somebody_else_come_when_the_clocks_have_been_compared(monkeypatch, tmp_path):
    early = (
        f'{OWN_RUN}        if "nothing" in told["of"] and (CACHE / "theirs").exists():\n'
        '            raise SystemExit("too early")\n'
    )
    added = '        text |= {"theirs": ""} if "own" in self.programs else {}\n'
    lying(monkeypatch, tmp_path, (OWN_RUN, early), (FILES, added + FILES))

    found = judge.judge(Judge(own=job(), source=source(RIGHT), timeout_s=60.0))

    assert found.error < 1e-4


IMPOSTORS = {
    "an answer that was written beforehand": ('{"id": told["id"], **answer}', '{"id": "1"}'),
    "no answer at all": ('json.dumps({"id": told["id"], **answer})', '"ok"'),
    "a list": ('json.dumps({"id": told["id"], **answer})', '"[" * 100000'),
    "times that are none": (TIMES, 'return {"us": [float("nan") for _ in told["of"]]}'),
    "fewer times": (TIMES, 'return {"us": []}'),
}


@pytest.mark.parametrize("change", IMPOSTORS.values(), ids=IMPOSTORS)
def test_an_impostor_s_answers_are_told_from_the_launcher_s(monkeypatch, tmp_path, change):
    lying(monkeypatch, tmp_path, change)

    refused = refusal(source(RIGHT))

    assert refused.status == "crashed"
    assert str(refused) == "it wrote something else than the launcher's answer"


def test_a_flood_without_end_is_cut(monkeypatch, tmp_path):
    flood = "while True: os.write(answers.fileno(), b'x' * 65536)"
    lying(monkeypatch, tmp_path, ("launcher = Launcher(shared)", flood))

    refused = refusal(source(RIGHT))

    assert refused.status == "crashed"
    assert "something else" in str(refused)


def test_memory_has_an_end(monkeypatch, tmp_path):
    lying(
        monkeypatch, tmp_path, (OWN_RUN, "        kept = [bytearray(2**28) for _ in range(64)]\n")
    )

    refused = refusal(source(RIGHT), memory_bytes=2 * 10**9)

    assert refused.status == "oom"
    assert "MemoryError" in str(refused)


PROBES = {
    "a file of the home": "open({home!r})",
    "the password file": "open('/etc/passwd')",
    "this repository": "open({here!r})",
    "a network": "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
    "writing to the libraries": "open('/usr/lib/x', 'w')",
    "writing to the root": "open('/x', 'w')",
    "writing to shared memory": "open('/dev/shm/x', 'w')",
    "a shell": "import subprocess; subprocess.run(['/bin/sh', '-c', 'true'], check=True)",
    "its environment": "import os; os.environ['HAQA_SECRET']",
    "processes outside": "import os; os.kill({pid}, 0)",
    "a device": "open('/dev/mem')",
    "an open file": "import os; os.fstat(7)",
}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_there_is_nothing_else_in_the_sandbox(monkeypatch, probe):
    import os
    import socket

    monkeypatch.setenv("HAQA_SECRET", "x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        facts = {
            "home": str(a_file_of_the_home()),
            "here": __file__,
            "port": server.getsockname()[1],
            "pid": os.getpid(),
        }
        words = [*sandbox.command(FOLDER)[:-1], "-c", probe.format(**facts)]
        done = subprocess.run(words, capture_output=True, text=True, env={}, check=False)

    assert done.returncode == 1, done
    assert "Error" in done.stderr


def test_a_sandbox_ends_with_whoever_started_it(tmp_path):
    words = [*sandbox.command(FOLDER)[:-1], "-c", "import time; time.sleep(600)"]
    text = (
        "import os, subprocess, time; quiet = subprocess.DEVNULL; "
        f"print(subprocess.Popen({words!r}, stdout=quiet, stderr=quiet).pid, flush=True); "
        "time.sleep(1); os._exit(0)"
    )

    started = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=30
    )

    until = time.monotonic() + 10
    while psutil.pid_exists(int(started.stdout)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(started.stdout))


def test_a_device_that_is_not_in_the_sandbox_is_told():
    failed = failure(source(RIGHT), device="Adreno")

    assert failed.status == "refused"
    assert "no OpenCL device 'Adreno' in the sandbox; there: " in failed.reason
