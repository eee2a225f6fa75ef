"""A kernel whose code somebody wrote anew, such as an agent: checked and timed in a sandbox.

The code runs as native code in the process that launches it, so nothing that this process says is
believed. A worker of ours outside (worker/judge.py) makes the inputs and the reference, holds the
memory that the kernel works on, and has a clock of its own.
"""

from haqa_bench.backends.process import run_job
from haqa_bench.errors import EvaluationFailed
from haqa_bench.installed import extra, require
from haqa_bench.tracks.kernel import sandbox, source_rules
from haqa_bench.tracks.kernel.jobs import Judge, Measure, Measured

OWN_S = 240.0
"""What inputs and references may take, beside the sandbox."""
TRIES = 3
DOUBTED = "doubted"
"""The fact of a failure that others' work on the machine may have caused, seen from here or not:
one in sixty honest measurements ended so on a virtual machine.
"""


def measure_rewritten(job: Measure, source: str, timeout_s: float) -> Measured:
    """What `source` gives in place of the kernel of `job`; measured again where its times are in
    doubt.

    Raises:
        EvaluationFailed: it breaks a rule, does not compile, gives something else than the
        reference, takes too long, crashes, or its times cannot be believed.
        HaqaError: there is no sandbox here.
    """
    require("pyopencl", "OpenCL", extra("kernels"))
    sandbox.require()
    text = source_rules.normalised(source)
    source_rules.check(text)
    asked = Judge(own=job, source=text, timeout_s=timeout_s)
    for _ in range(TRIES - 1):
        try:
            return run_job(asked, timeout_s + OWN_S)
        except EvaluationFailed as failure:
            if DOUBTED not in failure.facts:
                raise
    return run_job(asked, timeout_s + OWN_S)
