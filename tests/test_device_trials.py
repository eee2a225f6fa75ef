"""Trials that use a device, and suites that say so, with a llama.cpp that is a stand-in."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import REPOSITORY

from haqa_bench import hardware, suite
from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import llama_devices
from haqa_bench.backends.llama_jobs import Contents, Measured, Sample
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.space import SearchSpace
from haqa_bench.tracks.deploy import evaluator as deploy

SAMPLE = Sample(0.1, 0.2, 1.0, 1.2, 0.1, 1.0, 0.0, 0)
TRIAL = Measured(1.0, (SAMPLE,), 10**8, None, None, {"repacked": "false"})
Q4_0 = {"format": "Q4_0", "n_threads": 2}
NOT_SAID = Prediction(90, 60, 0, 0, 0, 0, 0)
PLAN = DevicePlan((Share("CUDA0", 30, 7, 0, 0, 0, 0),), Share("host", 0, 1, 0, 0, 0, 0), "a test")


class Files:
    """A model's files, none of which is there."""

    random, sha256, imatrix_sha256 = False, "0" * 64, ""

    def path(self, name):
        return Path(f"{name}.gguf")

    header = path

    def contents(self, name):
        return Contents({"Q4_0": 100}, {"Q4_0": 100}, 30, 60, 70)


@pytest.fixture
def cell():
    return suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[0]


@pytest.fixture
def evaluator(cell, monkeypatch):
    monkeypatch.setattr(deploy, "require_llama_cpp", lambda: None)
    monkeypatch.setattr(deploy, "formats_of", lambda model, imatrix: Files())
    monkeypatch.setattr(deploy, "plan_here", lambda *_: PLAN)
    found = deploy.DeployEvaluator(cell)
    monkeypatch.setattr(found, "_foreseen", lambda name, settings: NOT_SAID)
    return found


def gives(monkeypatch, found):
    asked = []
    monkeypatch.setattr(deploy, "run_job", lambda job, _: asked.append(job) or found)
    return asked


def test_the_memory_that_a_trial_took_of_a_device_is_a_metric(evaluator, monkeypatch):
    asked = gives(monkeypatch, replace(TRIAL, device_bytes=3_000_000))

    outcome = evaluator.sample(Q4_0 | {"n_gpu_layers": 10}, 0)

    assert {m.name: m.value for m in outcome.measurements}["peak_device_memory_mb"] == 3.0
    assert asked[0].planned == {"CUDA0": 7}


def test_a_trial_without_a_device_has_no_such_metric(evaluator, monkeypatch):
    asked = gives(monkeypatch, TRIAL)

    outcome = evaluator.sample(Q4_0, 0)

    assert "peak_device_memory_mb" not in {m.name for m in outcome.measurements}
    assert asked[0].planned == {}


GB = 10**9
MAPPED = replace(TRIAL, peak_bytes=13 * GB, facts={"mmap": "true"})


def planned(monkeypatch, evaluator, stored, there, host):
    """A file of so many bytes of weights, of which a device and the host hold so many."""
    shares = (Share(name, 0, size, 0, 0, 0, 0) for name, size in (("CUDA0", there), ("host", host)))
    device, rest = shares
    monkeypatch.setattr(deploy, "plan_here", lambda *_: DevicePlan((device,), rest, "a test"))
    contents = Contents({"Q4_0": 100}, {"Q4_0": 100}, 30, stored, stored)
    monkeypatch.setattr(evaluator.formats, "contents", lambda _: contents)


def test_what_was_mapped_and_copied_to_a_device_is_not_held_against_the_host(
    evaluator, monkeypatch
):
    """4 GB are allowed; the pages of a mapped file stay, as long as nobody needs the memory."""
    gives(monkeypatch, MAPPED)
    planned(monkeypatch, evaluator, stored=12 * GB, there=11 * GB, host=GB)

    outcome = evaluator.sample(Q4_0 | {"n_gpu_layers": 30}, 0)

    peak = {m.name: m.value for m in outcome.measurements}["peak_memory_mb"]
    assert peak == 13_000  # as it was read


@pytest.mark.parametrize(
    ("settings", "facts", "host", "told"),
    [
        ({"n_gpu_layers": 30}, {"mmap": "false"}, GB, "13.00 GB is over 4 GB"),
        ({"n_gpu_layers": 0}, {"mmap": "true"}, GB, "13.00 GB is over 4 GB"),
        # an embedding of 4 GB is on the device as the output layer too
        (
            {"n_gpu_layers": 30},
            {"mmap": "true"},
            5 * GB,
            "6.00 GB, without 7.00 GB of the file that lie on devices, is over 4 GB",
        ),
    ],
    ids=["read", "no device", "held twice"],
)
def test_what_the_host_holds_itself_is(evaluator, monkeypatch, settings, facts, host, told):
    gives(monkeypatch, replace(MAPPED, facts=facts))
    planned(monkeypatch, evaluator, stored=12 * GB, there=11 * GB, host=host)

    with pytest.raises(EvaluationFailed, match=f"peak memory {told}") as caught:
        evaluator.sample(Q4_0 | settings, 0)

    assert caught.value.status is Status.OOM


def test_repacking_that_was_asked_for_and_is_not_is_a_status(evaluator, monkeypatch):
    gives(monkeypatch, TRIAL)

    with pytest.raises(EvaluationFailed, match=r"llama\.cpp repacked no weights") as caught:
        evaluator.sample(Q4_0 | {"repack": True}, 0)
    assert caught.value.status is Status.SETTING_IGNORED
    assert evaluator.sample(Q4_0 | {"repack": False}, 0).facts["repacked"] == "false"


def test_what_cannot_be_repacked_is_no_failure(evaluator, monkeypatch):
    gives(monkeypatch, TRIAL)
    monkeypatch.setattr(evaluator, "_foreseen", lambda *_: NOT_SAID._replace(repacked=0))

    assert evaluator.sample(Q4_0 | {"repack": True}, 0).measurements


def test_a_machine_is_named_with_its_devices_where_layers_are_put_on_them(cell, monkeypatch):
    monkeypatch.setattr(deploy, "require_llama_cpp", lambda: None)
    monkeypatch.setattr(deploy, "formats_of", lambda model, imatrix: Files())
    monkeypatch.setattr(llama_devices, "titles", lambda: ("Vulkan0 (llvmpipe)",))
    space = json.loads(cell.space.model_dump_json())
    space["n_gpu_layers"] = {"choices": [0, 10], "default": 10, "about": "layers"}
    offloading = SearchSpace.model_validate_json(json.dumps(space))

    plain = deploy.DeployEvaluator(cell).machine
    named = deploy.DeployEvaluator(cell.model_copy(update={"space": offloading})).machine

    assert "Vulkan0" not in plain
    assert named.endswith("; Vulkan0 (llvmpipe)")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("tensor_split", "3;1", "'3;1' is no list of shares"),
        ("tensor_split", 3, "tensor_split: 3 is none"),
        ("override_tensor", "(=CPU", "is no pattern"),
        ("override_tensor", "exps", "PATTERN=BUFFER"),
    ],
)
def test_a_wrong_split_or_pattern_is_refused_when_the_suite_is_read(tmp_path, name, value, fault):
    text = (REPOSITORY / "suites/llama.yaml").read_text()
    said = json.dumps(value)
    wrong = f"    {name}: {{choices: [{said}], default: {said}, about: x}}\n"
    written = tmp_path / "suites" / "wrong.yaml"
    written.parent.mkdir()
    for folder in ("hardware", "prompts", "suites/texts"):
        (tmp_path / folder).symlink_to(REPOSITORY / folder)
    written.write_text(text.replace("      n_ubatch: *n_ubatch\n", f"  {wrong}", 1))

    with pytest.raises(HaqaError) as caught:
        suite.load(written, tmp_path)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_profile_without_devices_is_written_as_it_was():
    found = hardware.load(REPOSITORY / "hardware", "nvidia-a6000")

    assert "devices" not in found.model_dump()
    assert "devices" not in hardware.to_yaml(found)
