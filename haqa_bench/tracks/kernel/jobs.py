"""What the kernel track asks of a process, and what that tells."""

from collections.abc import Mapping
from dataclasses import dataclass

from haqa_bench.backends.jobs import Job

OPENCL = "haqa_bench.tracks.kernel.worker.opencl"
CUDA = "haqa_bench.tracks.kernel.worker.cuda"
GGML_ON_DEVICE = "haqa_bench.tracks.kernel.worker.ggml_on_device"
JUDGE = "haqa_bench.tracks.kernel.worker.judge"
GGML = "haqa_bench.tracks.kernel.worker.ggml"


@dataclass(frozen=True)
class Between:
    """What the device gave in between: a kernel that only reads (GB/s), and one that only
    multiplies (GFLOP/s), at each sample.
    """

    bandwidths_gb_s: tuple[float, ...]
    peaks_gflops: tuple[float, ...]


@dataclass(frozen=True)
class Measured:
    """Times of launches; the largest `error`, as a share of the largest value; and what others took
    of the machine meanwhile.
    """

    times_us: tuple[float, ...]
    error: float
    others_share: float
    involuntary_switches: int
    facts: Mapping[str, str]
    compile_s: float | None = None
    between: Between | None = None


@dataclass(frozen=True, kw_only=True)
class Measure(Job[Measured], worker=OPENCL):
    """Compile, check and time a kernel: `sources` is the folder of its .cl file, `bits` are those
    of a weight, `settings` the macros that are tuned, `seed` makes the inputs.
    """

    kernel: str
    sources: str
    bits: int
    shape: Mapping[str, int]
    settings: Mapping[str, int]
    repeats: int
    tolerance: float
    device: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class MeasureCuda(Measure, worker=CUDA):
    """The same on an NVIDIA GPU, whose name holds `device`, as CUDA C++."""


@dataclass(frozen=True, kw_only=True)
class Judge(Job[Measured], worker=JUDGE):
    """Check and time somebody's own source of a kernel, in a sandbox: `own` is the job for ours,
    and the sandbox is waited for at most `timeout_s` in all.
    """

    own: Measure
    source: str
    timeout_s: float


@dataclass(frozen=True, kw_only=True)
class MeasureGgml(Job[Measured], worker=GGML):
    """Check and time ggml's own kernel on the inputs that ours would get; ggml heeds no `settings`,
    which tell how ours would be launched.
    """

    kernel: str
    bits: int
    shape: Mapping[str, int]
    settings: Mapping[str, int]
    repeats: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class MeasureGgmlOnDevice(MeasureGgml, worker=GGML_ON_DEVICE):
    """The same on a device of ggml's, by its name there, such as CUDA0."""

    on: str


@dataclass(frozen=True)
class Peaks:
    """GFLOP/s of multiply-adds in registers."""

    peaks_gflops: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class MeasurePeaks(Job[Peaks], worker=OPENCL):
    """Say what the device gives at most, `repeats` times."""

    device: str
    repeats: int


@dataclass(frozen=True, kw_only=True)
class MeasurePeaksCuda(MeasurePeaks, worker=CUDA):
    """The same on an NVIDIA GPU, through CUDA."""
