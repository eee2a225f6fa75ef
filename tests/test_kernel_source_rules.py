"""What the source of a kernel may not hold, whatever hides it; these tests need no sandbox."""

import pytest

from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.tracks.kernel import sandbox, source_rules
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import Measure
from haqa_bench.tracks.kernel.rewritten import measure_rewritten
from haqa_bench.tracks.kernel.worker.bench import DOUBTED

BODY = "__kernel void silu(__global float *y) { y[0] = 1.0f; }\n"
BROKEN = {
    "a file of the system": ('#include "/etc/passwd"', 'includes "/etc/passwd"'),
    "a file beside": ('#include "softmax.cl"', "includes"),
    "a file in angles": ("#include <vectors.h>", "includes"),
    "a file above": ('#include "../cl/vectors.h"', "includes"),
    "a file by a macro": ('#define H "/etc/passwd"\n#include H', "includes H"),
    "a file over two lines": ('#inc\\\nlude "/etc/passwd"', "includes"),
    "a file behind a comment": ('/* */ # /* */ include "/etc/passwd"', "includes"),
    "a file behind a comment in a comment": ('// /*\n/**/#include "/etc/passwd"', "includes"),
    "a file behind a comment in a text": ('#define T "/*"\n/**/#include "/a"\n// */', "includes"),
    "a pragma behind a comment in a comment": ("// /*\n/**/#pragma unroll", "#pragma"),
    "a file by a digraph": ('%:include "/etc/passwd"', "digraph"),
    "a file by a trigraph": ('??=include "/etc/passwd"', "trigraph"),
    "a file, next": ('#include_next "vectors.h"', "includes"),
    "an import": ('#import "/etc/passwd"', "includes"),
    "a question for files": ('#if __has_include("/etc/passwd")\n#endif', "__has_include"),
    "a pragma": ("#pragma OPENCL EXTENSION all : enable", "#pragma"),
    "a pragma as an operator": ('_Pragma("x")', "_Pragma"),
    "an odd directive": ("#ident 1", "#ident"),
    "assembly": ('__asm__("nop");', "__asm__"),
    "assembly, short": ('asm("nop");', "'asm'"),
    "assembly over two lines": ('__a\\\nsm__("nop");', "__asm__"),
    "assembly over two lines, with blanks": ('__a\\ \nsm__("nop");', "__asm__"),
    "a constructor": ("__attribute__((constructor)) void f(void) {}", "before any kernel"),
    "a constructor, otherwise": ("__attribute__((__constructor__)) void f(void) {}", "before any"),
    "a print": ('void f(void) { printf("x"); }', "prints"),
    "a clock": ("ulong f(void) { return __builtin_readcyclecounter(); }", "a clock"),
    "the processor's clock": ("ulong f(void) { return __builtin_ia32_rdtsc(); }", "__builtin_ia32"),
    "the stack": ("void *f(void) { return __builtin_frame_address(0); }", "out of OpenCL C"),
    "a hidden character": ("int a\u202e;", "not printable"),
    "a NUL": ("int a;\0", "not printable"),
    "letters that look alike": ("int \u0430sm;", "beyond ASCII"),
    "a line without end": ("// " + "x" * 5000, "more than 4000"),
    "much": ("// x\n" * 20000, "larger than 65536 bytes"),
}


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_source_that_breaks_a_rule_is_refused_with_its_reason(text, reason):
    with pytest.raises(EvaluationFailed) as caught:
        source_rules.check(f"{text}\n{BODY}")

    assert caught.value.status == "refused"
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


ARRANGING = ("tiled_gemm", "tiled_gemv")
"""Kernels that arrange their inputs first: the sandbox has no place for them."""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.cl")), ids=lambda path: path.stem)
def test_a_kernel_as_it_comes_breaks_no_rule(path):
    if path.stem not in ARRANGING:
        source_rules.check(path.read_text())
        return
    with pytest.raises(EvaluationFailed, match=r"integers\.clh"):
        source_rules.check(path.read_text())


@pytest.mark.parametrize(
    "text",
    [
        '#include "weights.h" // its blocks',
        "// each section of a row, by an alias",
        "/* 2 \u00b5s */",
        "#define STEP(a) do { a; } while (0)",
        "__constant float table[2] = {1.0f, 2.0f};",
    ],
)
def test_what_is_harmless_is_taken(text):
    source_rules.check(f"{text}\n{BODY}")


def test_forbidden_words_are_macros_too_so_that_none_can_be_put_together():
    made = {option.partition("=")[0] for option in source_rules.guards()}

    assert {"-Dsection", "-D__section__", "-D__constructor__", "-D__asm__"} <= made
    assert "-D__builtin_ia32_rdtsc" in made
    assert source_rules.guarded("a\n").startswith("#define printf ")
    assert source_rules.guarded("a\n").endswith("\n#line 1\na\n")


def test_the_same_source_is_the_same_text():
    assert source_rules.normalised("a  \r\nb\n\n") == source_rules.normalised("\na\nb") == "a\nb\n"


def job(**changes):
    given = {
        "kernel": "silu",
        "sources": str(FOLDER),
        "bits": 32,
        "shape": {"count": 4096},
        "settings": {"GROUP": 8, "VEC": 4, "ITEMS": 1, "STRIDED": 0, "NATIVE": 0},
        "repeats": 3,
        "tolerance": 1e-4,
        "device": "",
        "seed": 1,
        "memory_bytes": 4 * 10**9,
    }
    return Measure(**(given | changes))


@pytest.fixture
def _tried_anew():
    sandbox.require.cache_clear()
    yield
    sandbox.require.cache_clear()


@pytest.mark.usefixtures("_tried_anew")
def test_without_a_sandbox_nothing_runs_and_the_line_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("haqa_bench.tracks.kernel.rewritten.run_job", None)  # nothing is started

    with pytest.raises(HaqaError, match=r"bwrap is not installed. Install bubblewrap \(apt "):
        measure_rewritten(job(), BODY, 10.0)


@pytest.mark.usefixtures("_tried_anew")
def test_a_sandbox_that_does_not_work_is_none(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho bwrap: no namespaces >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("haqa_bench.tracks.kernel.rewritten.run_job", None)

    with pytest.raises(HaqaError, match=r"does not work here: bwrap: no namespaces\. Install"):
        measure_rewritten(job(), BODY, 10.0)


@pytest.mark.usefixtures("_tried_anew")
def test_an_unknown_processor_has_no_sandbox(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(HaqaError, match="x86_64 and aarch64 alone, not riscv64"):
        sandbox.require()


@pytest.mark.parametrize(
    ("facts", "doubts", "ends"),
    [(DOUBTED, 2, "measured"), (DOUBTED, 3, "refused"), ({}, 1, "refused")],
    ids=["twice in doubt", "always in doubt", "wrong"],
)
def test_times_in_doubt_are_measured_again_and_nothing_else(monkeypatch, facts, doubts, ends):
    answers = [EvaluationFailed(Status.REFUSED, "refused", facts=facts)] * doubts + ["measured"]

    def run_job(asked, timeout_s):
        if isinstance(answer := answers.pop(0), EvaluationFailed):
            raise answer
        return answer

    monkeypatch.setattr("haqa_bench.tracks.kernel.rewritten.run_job", run_job)
    monkeypatch.setattr(sandbox, "require", lambda: "bwrap")

    try:
        found = measure_rewritten(job(), BODY, 10.0)
    except EvaluationFailed as failure:
        found = failure.reason

    assert (found, len(answers)) == (ends, 0 if ends == "measured" else 1)
