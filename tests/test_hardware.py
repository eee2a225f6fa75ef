"""Hardware profiles: what is committed, what is refused, and this machine described as one."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from haqa_bench.backends import llama_devices, machine
from haqa_bench.backends.llama_jobs import FoundDevice, FoundDevices
from haqa_bench.cli.hardware import hardware
from haqa_bench.documents import read_yaml
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.hardware import Figure, Hardware, load, profiles, to_yaml
from haqa_bench.tracks.deploy import weight_costs

PROJECT = Path(__file__).parents[1]
COMMITTED = PROJECT / "hardware"
NAMES = sorted(path.stem for path in COMMITTED.glob("*.yaml"))


def run(*args: str) -> str:
    return CliRunner().invoke(hardware, args, catch_exceptions=False).stdout


def figures(profile: Hardware) -> list[Figure]:
    return [
        profile.cores,
        profile.memory,
        profile.bandwidth,
        *profile.caches.values(),
        *profile.rates.values(),
    ]


class Nvml:
    """An NVML with one GPU, or without a driver."""

    class NVMLError(Exception):
        pass

    def __init__(
        self, capability: tuple[int, int] = (8, 6), driver: bool = True, gpus: int = 1
    ) -> None:
        self.capability, self.driver, self.gpus, self.is_open = capability, driver, gpus, False

    def nvmlInit(self):
        if not self.driver:
            raise self.NVMLError("Driver Not Loaded")
        self.is_open = True

    def nvmlShutdown(self):
        self.is_open = False

    def nvmlDeviceGetCount(self):
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetName(self, device):
        return "NVIDIA RTX A6000"

    def nvmlDeviceGetMemoryInfo(self, device):
        return SimpleNamespace(total=48 * 2**30)

    def nvmlDeviceGetNumGpuCores(self, device):
        return 10752

    def nvmlDeviceGetCudaComputeCapability(self, device):
        return self.capability

    def nvmlSystemGetDriverVersion(self):
        return "555.42"


def test_a_gpu_s_cell_is_titled_by_the_gpu_and_any_other_by_the_cpu():
    assert machine.title("gpu", Nvml()) == "NVIDIA RTX A6000, 48 GiB"
    assert "logical cores" in machine.title("cpu", Nvml())
    assert "logical cores" in machine.title("gpu", Nvml(driver=False))


def test_five_devices_and_one_that_is_not_stated_are_committed_under_their_names():
    found = profiles(COMMITTED)

    assert (
        [profile.name for profile in found]
        == NAMES
        == [
            "epyc-zen4-2core",
            "nvidia-a6000",
            "nvidia-h100-sxm",
            "oneplus-11",
            "unstated",
            "xeon-emr-2core",
        ]
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_of_a_profile_has_a_unit_and_a_source_and_an_unknown_one_says_why(name):
    profile = load(COMMITTED, name)

    assert all(figure.unit and figure.source for figure in figures(profile))
    assert all(
        figure.source.startswith(("unknown", "not ", "no "))
        for figure in figures(profile)
        if figure.value is None
    )
    rated = {"fp32", "fp16", "bf16", "int8", "int4"} if profile.kind != "unstated" else set()
    assert set(profile.rates) == rated


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_written_in_the_form_that_detect_prints(name):
    text = to_yaml(load(COMMITTED, name))

    assert text == (COMMITTED / f"{name}.yaml").read_text()


def test_the_phone_has_no_native_int4_and_says_who_claims_so():
    phone = load(COMMITTED, "oneplus-11")

    assert "int4" not in phone.native_formats
    assert "HAQA paper (arXiv 2601.03484)" in phone.native_formats_source


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(
        HaqaError, match=r"no hardware profile 'a6000'\. Did you mean 'nvidia-a6000'\?"
    ):
        run("show", "a6000", "--project", str(PROJECT))


def test_a_project_without_profiles_is_told_so(tmp_path):
    with pytest.raises(HaqaError, match=r"no hardware profiles here.*--project"):
        run("list", "--project", str(tmp_path))


def test_list_names_each_device_for_people_and_programs():
    text, listed = (
        run("list", "--project", str(PROJECT)),
        json.loads(run("list", "--json", "--project", str(PROJECT))),
    )

    assert (
        [line.split()[0] for line in text.splitlines()]
        == [profile["name"] for profile in listed]
        == NAMES
    )
    assert "NVIDIA RTX A6000 48 GB" in text


def test_show_prints_the_file_or_its_json():
    text, shown = (
        run("show", "nvidia-a6000", *more, "--project", str(PROJECT)) for more in ([], ["--json"])
    )

    assert text == (COMMITTED / "nvidia-a6000.yaml").read_text()
    assert json.loads(shown)["bandwidth"] == {
        "value": 768,
        "unit": "GB/s",
        "source": "NVIDIA RTX A6000 datasheet",
    }


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("bandwidth:", "bandwith:", r":6: bandwith: unknown key; did you mean 'bandwidth'\?"),
        ("unit: GB/s", "units: GB/s", r":6: bandwidth.units: unknown key; did you mean 'unit'\?"),
        ("value: 768", "value: .inf", r":6: .inf is not a finite number"),
        ("value: 768", "value: -768", r":6: bandwidth.value: .*greater than or equal to 0"),
        (
            "unit: GB/s, source: NVIDIA RTX A6000 datasheet",
            "unit: GB/s, source: ''",
            r":6: bandwidth.source: .*at least 1 character",
        ),
        ("kind: gpu", "kind: tpu", r":3: kind: .*'cpu', 'gpu', 'phone' or 'unstated'"),
    ],
)
def test_a_wrong_profile_is_refused_at_its_line(tmp_path, right, wrong, fault):
    path = tmp_path / "mine.yaml"
    path.write_text((COMMITTED / "nvidia-a6000.yaml").read_text().replace(right, wrong, 1))

    with pytest.raises(HaqaError, match=r"mine\.yaml" + fault):
        load(tmp_path, "mine")


def test_what_detect_prints_loads_back_with_a_measured_bandwidth(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "COPY_BYTES", 8_000_000)
    path = tmp_path / "this.yaml"

    path.write_text(run("detect"))

    profile = load(tmp_path, "this")
    assert profile.cores.value
    assert profile.memory.value
    assert profile.native_formats[0] == "fp32"
    assert all(figure.source for figure in figures(profile))


VULKAN = FoundDevice("Vulkan0", "llvmpipe", "gpu", "Vulkan", 2 * 2**30, 2**30)
PROCESSOR = FoundDevice("CPU", "AMD EPYC", "cpu", "CPU", 24 * 2**30, 24 * 2**30)


def knows(monkeypatch, *devices: FoundDevice) -> None:
    """A llama.cpp that has these devices, on a machine that is quick to describe."""
    a6000 = load(COMMITTED, "nvidia-a6000")
    monkeypatch.setattr(machine, "detect", lambda: a6000)
    monkeypatch.setattr(llama_devices, "has", lambda module: True)
    monkeypatch.setattr(llama_devices, "found", lambda: FoundDevices(devices, "0.3.36"))


def test_detect_lists_llama_cpp_s_own_devices_and_their_memory(monkeypatch, tmp_path):
    knows(monkeypatch, PROCESSOR, VULKAN)

    printed = json.loads(run("detect", "--json", "--output", str(tmp_path / "desk.yaml")))

    assert [device["name"] for device in printed["devices"]] == ["Vulkan0"]
    assert printed["devices"][0]["memory"]["value"] == 2048
    assert printed["devices"][0]["free"]["value"] == 1024
    assert load(tmp_path, "desk").devices[0].backend == "Vulkan"


def test_a_backend_that_tells_no_memory_says_so(monkeypatch):
    knows(monkeypatch, replace(VULKAN, total=0, free=0))

    told = json.loads(run("detect", "--json"))["devices"][0]["memory"]

    assert told == {
        "value": None,
        "unit": "MiB",
        "source": "not told by llama.cpp's backend",
    }


def test_without_a_device_the_profile_is_as_it_was_and_stderr_says_why(monkeypatch):
    knows(monkeypatch, PROCESSOR)

    found = CliRunner().invoke(hardware, ["detect"], catch_exceptions=False)

    assert "devices" not in found.stdout
    assert "knows no device here beside the CPU" in found.stderr


def test_a_driver_that_fails_is_told_and_the_machine_is_described(monkeypatch):
    def crash():
        raise EvaluationFailed("crashed", "ended by SIGSEGV: vulkan")

    knows(monkeypatch)
    monkeypatch.setattr(llama_devices, "found", crash)

    found = CliRunner().invoke(hardware, ["detect"], catch_exceptions=False)

    assert found.exit_code == 0
    assert "devices are not listed: ended by SIGSEGV" in found.stderr


def test_costs_that_llama_cpp_does_not_live_to_tell_are_one_line(monkeypatch):
    pytest.importorskip("llama_cpp")
    processor = load(COMMITTED, "epyc-zen4-2core")

    def crash(found, done):
        raise EvaluationFailed("crashed", "ended by SIGILL")

    monkeypatch.setattr(machine, "detect", lambda: processor)
    monkeypatch.setattr(weight_costs, "with_costs", crash)

    with pytest.raises(HaqaError, match=r"--costs: llama\.cpp did not run: .* SIGILL"):
        run("detect", "--costs")


def test_detect_writes_a_new_profile_named_after_its_file(tmp_path, monkeypatch):
    a6000 = load(COMMITTED, "nvidia-a6000")
    monkeypatch.setattr(machine, "detect", lambda: a6000)

    printed = run("detect", "--json", "--output", str(tmp_path / "desk.yaml"))

    assert (
        load(tmp_path, "desk")
        == Hardware.model_validate_json(printed)
        == a6000.model_copy(update={"name": "desk"})
    )


def test_detect_never_overwrites_a_profile(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "detect", lambda: load(COMMITTED, "nvidia-a6000"))
    path = tmp_path / "desk.yaml"
    path.write_text("precious")

    with pytest.raises(HaqaError, match=r"File exists.*not overwritten"):
        run("detect", "--output", str(path))
    assert path.read_text() == "precious"


def test_a_machine_without_a_gpu_is_described_by_its_cpu_and_measured(monkeypatch):
    monkeypatch.setattr(machine, "COPY_BYTES", 8_000_000)

    found = machine.detect(Nvml(driver=False))

    assert (found.kind, found.bandwidth.unit) == ("cpu", "GB/s")
    assert found.bandwidth.value > 0
    assert "measured with haqa-bench hardware detect, 20" in found.bandwidth.source
    assert "one thread, numpy copy of 8 MB" in found.bandwidth.source
    assert found.copy_bandwidth.value > 0
    assert re.search(r"\d+ threads?, numpy copies of 8 MB in all", found.copy_bandwidth.source)


def test_what_is_told_of_kernels_is_written_where_it_is_known_and_left_out_where_not():
    plain = load(COMMITTED, "epyc-zen4-2core")
    compiler = {"name": "PoCL", "target": "AVX2", "registers": 16, "floats": 8, "source": "said"}
    told = Hardware.model_validate({**plain.model_dump(), "compiler": compiler})

    assert "compiler" not in plain.model_dump()
    assert "copy_bandwidth" not in plain.model_dump()
    assert told.model_dump()["compiler"] == compiler
    assert "target: AVX2" in to_yaml(told)


def test_a_driver_without_a_gpu_is_let_go_of_again(monkeypatch):
    monkeypatch.setattr(machine, "COPY_BYTES", 8_000_000)
    nvml = Nvml(gpus=0)

    found = machine.detect(nvml)

    assert (found.kind, nvml.is_open) == ("cpu", False)


def test_a_gpu_comes_before_the_cpu_and_its_unknown_figures_stay_unknown(tmp_path):
    nvml = Nvml()

    found = machine.detect(nvml)

    assert (found.name, found.kind, found.cores.value, found.memory.value) == (
        "nvidia-rtx-a6000",
        "gpu",
        10752,
        48,
    )
    assert (found.bandwidth.value, found.rates, nvml.is_open) == (None, {}, False)
    (tmp_path / "gpu.yaml").write_text(to_yaml(found))
    assert read_yaml(tmp_path / "gpu.yaml", Hardware) == found


@pytest.mark.parametrize(
    ("capability", "formats"),
    [
        ((6, 1), ("fp32",)),
        ((7, 5), ("fp32", "fp16", "int8", "int4")),
        ((8, 6), ("fp32", "fp16", "bf16", "int8", "int4")),
        ((9, 0), ("fp32", "fp16", "bf16", "fp8", "int8")),
    ],
)
def test_the_native_formats_of_a_gpu_follow_from_its_compute_capability(capability, formats):
    found = machine.detect(Nvml(capability))

    assert found.native_formats == formats
