"""The worker of CUDA kernels, with a driver of this CPU's: what it asks, what it tells, and what
ends it.
"""

import shutil

import pynvml
import pytest
from cuda_on_host import Driver, built
from support import REPOSITORY
from test_kernels import CASES, GEMV, MATRIX, SILU, cell_of
from test_tiled_kernels import GEMM as TILED_GEMM
from test_tiled_kernels import GEMV as TILED_GEMV
from test_tiled_kernels import SMALL as TILED_SHAPES

from haqa_bench import suite
from haqa_bench.arithmetic import kernel_roofline as roofline
from haqa_bench.backends.workers.frame import Refused, Unusable
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.tracks.kernel import evaluator
from haqa_bench.tracks.kernel.evaluator import KernelEvaluator
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import MeasureCuda, MeasureGgmlOnDevice, MeasurePeaksCuda
from haqa_bench.tracks.kernel.track import GGML
from haqa_bench.tracks.kernel.worker import cuda, gpu, nvrtc

RESULT = Driver.CUresult


@pytest.fixture
def device(tmp_path, monkeypatch):
    """A GPU that is this CPU; it compiles with g++, and NVML tells of two clocks."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    device, clocks = Driver(), iter([1980, 1755, 1900, 1755] * 100)

    def compiled(name, source, headers, options):
        assert "--gpu-architecture=sm_90" in options
        return str(built(tmp_path, source, headers, options)).encode()

    monkeypatch.setattr(nvrtc, "compiled", compiled)
    monkeypatch.setattr(gpu, "driver", device)
    monkeypatch.setattr(cuda, "EVICTED", 2**20)
    monkeypatch.setattr(cuda.Limits, "STEPS", 4)
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlSystemGetDriverVersion", lambda: "580.1")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByPciBusId", lambda bus: bus)
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetClockInfo", lambda handle, kind: next(clocks) - 100 * kind
    )
    reasons = pynvml.nvmlClocksEventReasonSwPowerCap | pynvml.nvmlClocksEventReasonGpuIdle
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCurrentClocksEventReasons", lambda handle: reasons)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetTemperature", no_temperature)
    return device


def no_temperature(handle, kind):
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def job(kernel="gemv", sources=FOLDER, settings=GEMV, shape=None, **other):
    words = {
        "kernel": kernel,
        "sources": str(sources),
        "bits": 8,
        "shape": shape or {"outputs": 37, "columns": 128},
        "settings": settings,
        "repeats": 3,
        "tolerance": 1e-4,
        "device": "",
        "seed": 5,
    }
    return MeasureCuda(**{**words, **other})


def test_a_kernel_is_checked_and_timed_by_the_device_s_own_events(device):
    found = cuda.measure(job())

    assert found.error < 1e-5
    assert found.times_us == (250.0, 250.0, 250.0)
    assert found.between.bandwidths_gb_s == (pytest.approx(2**20 / 250e3, rel=0.05),) * 3
    assert len(found.between.peaks_gflops) == 3
    assert found.compile_s > 0
    facts = dict(found.facts)
    assert facts.pop("nvrtc").split(".")[0] == "13"
    assert facts == {
        "device": "NVIDIA H100 80GB HBM3",
        "language": "CUDA",
        "compute_capability": "9.0",
        "driver": "580.1",
        "cuda": "13.0",
        "sm_clock_mhz": "1800 to 1880",
        "memory_clock_mhz": "1555",
        "clocks_held_down_by": "sw_power_cap",
        "inputs_seed": "5",
    }


def test_the_caches_are_emptied_before_every_launch_that_is_timed(device):
    asked = []
    launch = device._cuLaunchKernel
    device._cuLaunchKernel = lambda kernel, *rest: (asked.append(kernel[1]), launch(kernel, *rest))[
        1
    ]

    cuda.measure(job(repeats=2))

    assert asked == ["gemv"] * cuda.WARM_UPS + ["multiply_add", "read", "gemv"] * 2


ROUNDED = {"DOT": 3, "LAYOUT": 0}
TILED = [
    ("tiled_gemv", TILED_GEMV | ROUNDED),
    ("tiled_gemv", TILED_GEMV),
    ("tiled_gemm", TILED_GEMM | ROUNDED),
    ("tiled_gemm", TILED_GEMM | {"LAYOUT": 1}),
    ("tiled_gemm", TILED_GEMM | {"LAYOUT": 1, "DOT": 2, "ORDER": 1, "VEC": 4}),
    ("tiled_gemm", TILED_GEMM),
]


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("kernel", "settings"), TILED)
def test_what_arranges_an_input_runs_before_the_kernel_and_its_time_counts(
    device, kernel, settings, bits
):
    asked = []
    launch = device._cuLaunchKernel
    device._cuLaunchKernel = lambda of, *rest: (asked.append(of[1]), launch(of, *rest))[1]
    arranged = bool(settings["DOT"] or (kernel == "tiled_gemm" and settings["LAYOUT"]))

    found = cuda.measure(
        job(kernel, settings=settings, shape=TILED_SHAPES[kernel], bits=bits, repeats=1)
    )

    each = [*(["arrange"] if arranged else []), kernel]
    assert found.error < 2e-6
    assert found.times_us == (250.0 * len(each),)
    assert asked == each * cuda.WARM_UPS + ["multiply_add", "read", *each]


def test_peaks_alone_are_told_of_a_device(device):
    assert len(cuda.measure_peaks(MeasurePeaksCuda(device="H100", repeats=2)).peaks_gflops) == 2


def test_a_kernel_that_writes_nothing_is_wrong_output(device, tmp_path):
    (tmp_path / "silu.cl").write_text(
        "__kernel void silu(__global const float *x, __global const float *g, __global float *y) {}"
    )

    with pytest.raises(Refused, match="largest error nan") as caught:
        cuda.measure(job("silu", tmp_path, SILU, {"count": 64}))

    assert caught.value.status == Status.WRONG_OUTPUT


@pytest.mark.parametrize(
    ("function", "outcome", "status"),
    [
        ("cuLaunchKernel", RESULT.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, Status.REFUSED),
        ("cuMemAlloc", RESULT.CUDA_ERROR_OUT_OF_MEMORY, Status.OOM),
        ("cuMemcpyDtoH", RESULT.CUDA_ERROR_ILLEGAL_ADDRESS, Status.CRASHED),
    ],
)
def test_an_error_of_the_driver_is_a_status(device, function, outcome, status):
    device.fails[function] = outcome

    with pytest.raises(Refused, match=f"{function}: {outcome.name}") as caught:
        cuda.measure(job())

    assert caught.value.status == status


def test_a_gpu_that_is_not_there_names_those_that_are(device):
    with pytest.raises(Refused, match="no CUDA device 'A100'; there are: NVIDIA H100 80GB HBM3"):
        cuda.measure(job(device="A100"))


def test_a_driver_older_than_the_compiler_is_refused_with_what_fits_it(device):
    device.cuda = 12040

    with pytest.raises(Unusable) as caught:
        cuda.measure(job())

    assert caught.value.args[1].startswith("the driver is for CUDA 12, and NVRTC of CUDA 1")
    assert caught.value.args[2].startswith("pip install 'cuda-bindings<13'")


def test_what_does_not_compile_says_where_without_folders(tmp_path):
    (tmp_path / "silu.cl").write_text("__kernel void silu(__global float *y) {\n  y = 1 +;\n}\n")

    with pytest.raises(Refused) as caught:
        cuda.compiled(tmp_path / "silu.cl", {}, (1,), "sm_90")

    assert caught.value.status == Status.COMPILE_ERROR
    assert str(caught.value) == "silu.cl(2): error: expected an expression"


def test_a_vector_literal_that_would_lose_elements_does_not_compile(tmp_path):
    (tmp_path / "silu.cl").write_text(
        "#define V float4\n__kernel void silu(__global float *y) { y[0] = ((V)(y[0], 1, 2, 3)).x; }"
    )

    with pytest.raises(Refused, match=r"silu.cl\(2\): error: expression has no effect"):
        cuda.compiled(tmp_path / "silu.cl", {}, (1,), "sm_90")


def test_a_gpu_that_the_compiler_does_not_know_is_one_line(tmp_path):
    with pytest.raises(Unusable) as caught:
        cuda.compiled(FOLDER / "silu.cl", {}, (1,), "sm_20")

    assert "sm_20" in caught.value.args[1]


def cuda_cell(tmp_path):
    cell = cell_of(tmp_path, "gemv", "INT8", MATRIX, GEMV)
    workload = cell.workload.model_copy(update={"language": "cuda"})
    return cell.model_copy(update={"workload": workload})


def has_no_gpu():
    try:
        return gpu.driver.cuInit(0)[0] != RESULT.CUDA_SUCCESS
    except RuntimeError:
        return True


@pytest.mark.skipif(not has_no_gpu(), reason="there is a GPU")
def test_where_there_is_no_driver_one_line_says_so(tmp_path):
    cell = cuda_cell(tmp_path)

    with pytest.raises(HaqaError) as caught:
        KernelEvaluator(cell).measure(cell.space.default)

    assert str(caught.value).startswith("CUDA: no NVIDIA GPU can be used here: ")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(has_no_gpu(), reason="there is no GPU")
def test_a_kernel_runs_on_a_gpu(tmp_path):
    cell = cuda_cell(tmp_path)

    outcome = KernelEvaluator(cell).measure(cell.space.default)

    assert {m.name: m.value for m in outcome.measurements}["error"] < 1e-4


def test_without_the_package_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluator, "has", lambda module: module == "cuda")

    with pytest.raises(HaqaError, match=r"CUDA: cuda-bindings is not installed.*\[cuda\]"):
        KernelEvaluator(cuda_cell(tmp_path))


def test_what_translates_a_source_is_part_of_what_is_recorded_of_cuda_alone(tmp_path):
    own = KernelEvaluator(cell_of(tmp_path, "gemv", "INT8", MATRIX, GEMV)).made_of
    in_cuda = KernelEvaluator(cuda_cell(tmp_path)).made_of

    assert own.keys() == {"kernel_sha256"}
    assert in_cuda.keys() == {"kernel_sha256", "cuda_sha256"}


def test_a_workload_in_opencl_is_written_as_before_there_was_another_language(tmp_path):
    opencl = cell_of(tmp_path, "gemv", "INT8", MATRIX, GEMV).workload

    assert "language" not in opencl.model_dump(mode="json")
    assert cuda_cell(tmp_path).workload.model_dump(mode="json")["language"] == "cuda"


def test_a_job_of_a_gpu_goes_to_its_own_worker(tmp_path, monkeypatch):
    jobs = []

    def run(job, timeout_s):
        jobs.append(job)
        raise EvaluationFailed(Status.CRASHED, "it was only asked")

    monkeypatch.setattr(evaluator, "run_job", run)
    cell = cuda_cell(tmp_path)

    with pytest.raises(EvaluationFailed):
        KernelEvaluator(cell).sample(cell.space.default, 1)

    assert [job.worker for job in jobs] == ["haqa_bench.tracks.kernel.worker.cuda"]


def test_a_prompt_says_that_the_source_is_compiled_as_cuda(tmp_path):
    opencl = cell_of(tmp_path, "gemv", "INT8", MATRIX, GEMV)
    prompts = Prompts(REPOSITORY / "prompts", hints=True)

    assert "compiled as CUDA C++ (NVRTC)" in prompts.static(cuda_cell(tmp_path))
    assert "CUDA" not in prompts.static(opencl)


@pytest.mark.live
@pytest.mark.parametrize(("kernel", "bits", "shape", "settings"), [c[1:] for c in CASES])
def test_ggml_s_own_kernel_runs_on_a_device_that_is_named(tmp_path, kernel, bits, shape, settings):
    from haqa_bench.tracks.kernel.worker import ggml
    from haqa_bench.tracks.kernel.worker.ggml_on_device import measure

    job = MeasureGgmlOnDevice(
        kernel=kernel,
        bits=roofline.BITS[bits],
        shape=cell_of(tmp_path, kernel, bits, shape, settings).workload.sizes,
        settings=settings,
        repeats=2,
        seed=1,
        on="CPU",
    )

    found = measure(job)

    assert found.error < (ggml.TOLERANCE if kernel in ("gemv", "gemm") else 1e-5)
    assert found.facts["ggml_device"] == "CPU"


@pytest.mark.live
def test_a_device_that_ggml_has_not_names_those_it_has():
    from haqa_bench.tracks.kernel.worker.ggml_on_device import GgmlOnDevice

    with pytest.raises(Refused, match=r"ggml has no device CUDA7; it has: .*CPU"):
        GgmlOnDevice("CUDA7")


def test_ggml_beside_cuda_is_its_own_on_the_gpu(tmp_path, monkeypatch):
    jobs = []

    def run(job, timeout_s):
        jobs.append(job)
        raise EvaluationFailed(Status.REFUSED, "it was only asked")

    monkeypatch.setattr(evaluator, "run_job", run)

    with pytest.raises(EvaluationFailed):
        KernelEvaluator(cuda_cell(tmp_path)).refer(GGML, 1)

    assert [(type(job), job.on) for job in jobs] == [(MeasureGgmlOnDevice, "CUDA0")]


def test_the_suite_for_a_gpu_is_of_llama2_s_matrix_kernels_in_cuda():
    cells = suite.load(REPOSITORY / "suites/device/kernels.yaml", REPOSITORY).cells

    assert {(c.workload.kernel, c.bit_width) for c in cells} == {
        (kernel, bits) for kernel in ("gemv", "gemm") for bits in ("INT4", "INT8")
    }
    assert {c.workload.language for c in cells} == {"cuda"}
    assert sum(1 for c in cells for _ in c.space.grid()) <= 240  # a quarter of an hour
