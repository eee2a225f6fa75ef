"""What tune tries, and the suite that it writes. The whole command: test_live.py."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from haqa_bench import suite
from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.backends.llama_jobs import Contents, with_defaults
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.hardware import Device, Figure
from haqa_bench.store import facts
from haqa_bench.tracks.deploy import llama_tools
from haqa_bench.tune import kept, placement, space, suites
from haqa_bench.tune.wish import Wish

WISH = Wish(
    model="m.gguf",
    limit=10**9,
    limits=kept.limits("0.8"),
    objective="latency",
    budget=7,
    method="rules",
    n_ctx=256,
    n_prompt=64,
    n_generate=16,
)


def foreseen(megabytes: float, **types: int) -> Foreseen:
    return Foreseen(Prediction(round(megabytes * 1e6), 0, 0, 0, 0, 0, 0), types, {})


SIZES = {
    "own": foreseen(500, q5_1=500),
    "Q8_0": foreseen(700, q8_0=700),
    "Q6_K": foreseen(990, q6_K=990),
    "Q5_K_M": foreseen(500, q5_1=500),
    "Q4_K_M": foreseen(450, q4_K=450),
    "Q4_0": foreseen(400, q4_0=400),
    "IQ4_NL": foreseen(400, iq4_nl=400),
}


@pytest.fixture
def sizes(monkeypatch):
    monkeypatch.setattr(llama_cpp_memory, "predict", lambda *_: SIZES)


def test_what_fits_is_tried_and_the_rest_says_why_not(sizes):
    found = space.options(Path("m.gguf"), WISH)

    assert found.fit == ["own", "Q8_0", "Q4_K_M", "Q4_0", "IQ4_NL"]
    assert found.left_out["Q5_K_M"] == "is the file's own"
    assert found.left_out["Q6_K"].startswith(
        "does not fit 1,000 MB: weights 990.0 = 990.0 MB, with 5 % margin 1039.5 MB"
    )


def test_of_formats_larger_than_the_file_the_simplest_alone_is_tried(sizes):
    """It may read prompts faster; the default stays the file as it is."""
    found = space.options(Path("m.gguf"), WISH._replace(limit=2 * 10**9))

    assert found.fit[:2] == ["own", "Q8_0"]
    assert found.left_out["Q6_K"] == "is larger than the file, and holds no more"


@pytest.mark.parametrize(
    ("minutes", "limit", "fit"),
    [
        (None, 1000, ["own", "Q8_0", "Q4_K_M", "Q4_0", "IQ4_NL"]),
        (60, 1000, ["own", "Q8_0", "Q4_K_M", "Q4_0", "IQ4_NL"]),
        (10, 1000, ["own", "Q8_0", "Q4_K_M", "Q4_0"]),
        (10, 420, ["IQ4_NL"]),  # the default is made, however long it takes
    ],
)
def test_a_file_that_takes_much_of_the_minutes_to_make_is_left_out(
    sizes, monkeypatch, minutes, limit, fit
):
    if limit == 420:
        monkeypatch.setitem(SIZES, "Q4_0", foreseen(500, q4_0=400))
    large = SimpleNamespace(contents=lambda _: SimpleNamespace(parameters=15 * 10**8))
    monkeypatch.setattr(gguf_models, "Formats", lambda _: large)
    monkeypatch.setattr(space.psutil, "cpu_count", lambda logical: 2)

    found = space.options(Path("m.gguf"), WISH._replace(limit=limit * 10**6, minutes=minutes))

    assert found.fit == fit
    why = found.left_out.get("IQ4_NL", "")
    assert why == ("" if "IQ4_NL" in fit else "takes about 4.2 of the 10 minutes to make")


def placed(name, on_host):
    """A placement of some layers of a format, with a share of its weights left for the host."""
    host = Share("host", 5, int(SIZES[name].memory.weights * on_host), 0, 0, 0, 0)
    return placement.Placement(20, plan=DevicePlan((), host, ""))


def test_where_layers_lie_on_a_device_what_is_left_has_to_fit_the_host(sizes):
    """Of each format, what its own layers leave; nothing larger than the file is tried."""
    half = {name: placed(name, 0.5) for name in SIZES}
    wish = WISH._replace(limit=270 * 10**6)

    found = space.options(Path("m.gguf"), wish, placement.Placed(half))
    roomy = space.options(Path("m.gguf"), WISH, placement.Placed(half))
    larger = space.options(Path("m.gguf"), wish, placement.Placed(half | {"own": placed("own", 1)}))

    assert found.fit == ["own", "Q4_K_M", "Q4_0", "IQ4_NL"]
    assert found.left_out["Q8_0"].startswith("does not fit 270 MB: weights 350.0")
    assert roomy.left_out["Q8_0"] == "is larger than the file, and holds no more"
    assert larger.fit[0] == "Q4_K_M"
    assert larger.left_out["own"].startswith("does not fit 270 MB: weights 500.0")


def test_under_a_limit_that_the_file_breaks_smaller_formats_are_tried(sizes):
    assert space.options(Path("m.gguf"), WISH._replace(limit=480 * 10**6)).fit == [
        "Q4_K_M",
        "Q4_0",
        "IQ4_NL",
    ]


def test_where_the_file_does_not_fit_the_largest_format_that_does_is_the_default(monkeypatch):
    """IQ4_NL keeps some tensors in Q5_K, so it may be larger than Q4_0."""
    monkeypatch.setattr(
        llama_cpp_memory, "predict", lambda *_: SIZES | {"IQ4_NL": foreseen(420, iq4_nl=420)}
    )

    found = space.options(Path("m.gguf"), WISH._replace(limit=445 * 10**6))

    assert found.fit == ["IQ4_NL", "Q4_0"]


def test_a_limit_that_nothing_fits_is_told_with_the_sum(sizes):
    with pytest.raises(
        HaqaError,
        match=r"does not fit 100 MB: weights 500\.0 = 500\.0 MB.*Allow more with --memory",
    ):
        space.options(Path("m.gguf"), WISH._replace(limit=10**8))


def test_a_model_that_no_suite_can_name_is_told(tmp_path):
    with pytest.raises(HaqaError, match="is no path in UTF-8") as told:
        space.check_name(tmp_path / os.fsdecode(b"m\xff.gguf"))
    str(told.value).encode()
    space.check_name(tmp_path / "größe.gguf")


def test_a_model_that_llama_cpp_refuses_is_told(monkeypatch):
    def refuse(*_):
        raise EvaluationFailed("refused", "unknown architecture")

    monkeypatch.setattr(llama_cpp_memory, "predict", refuse)
    with pytest.raises(HaqaError, match=r"m\.gguf: unknown architecture"):
        space.options(Path("m.gguf"), WISH)


@pytest.fixture
def written(tmp_path, monkeypatch):
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    monkeypatch.setattr(
        gguf_models.Formats,
        "contents",
        lambda *_: Contents({"Q5_1": 1000}, {"Q5_1": 1000}, 1, 750, 800),
    )
    return suites.write(
        tmp_path / "out", WISH, gguf_models.Formats(model), ["own", "Q4_0"], "some words"
    ), model


def test_a_tuning_is_a_suite_that_runs_like_any_other(written):
    path, model = written

    found = suite.load(path, path.parents[1])

    (cell,) = found.cells
    assert (cell.objective.metric, cell.objective.direction, cell.budget.proposals) == (
        "first_token_ms",
        "minimize",
        7,
    )
    assert cell.objective.constraints[0].at_most_times_default == 1.25  # 1 / 0.8
    assert cell.space.default["format"] == "own"
    assert (cell.model.gguf, cell.workload.memory_gb) == (str(model.resolve()), 1.0)
    assert [s.method.name for s in found.studies()] == ["rules"]


def device(name):
    size = Figure(value=2048, unit="MiB", source="a test")
    return Device(name=name, title="x", kind="gpu", backend="Vulkan", memory=size, free=size)


def test_where_a_device_is_as_many_layers_as_fit_are_the_default(monkeypatch):
    def plan(model, formats, settings, n_ctx):
        count = min(settings.n_gpu_layers, 31)
        share = Share("Vulkan0", count, count * 100_000_000, 0, 0, 0, 0)
        return {"own": SimpleNamespace(memory=DevicePlan((share,), share, "a test"))}

    monkeypatch.setattr(placement, "plan_for_device", plan)

    found = placement.that_fits(Path("m.gguf"), 256, (device("Vulkan0"),))

    assert found.of("own").layers == 18  # 0.9 x 2,147 MB / 105
    tried = found.space(["own"])["n_gpu_layers"]
    assert (tried["choices"], tried["default"]) == ([0, 9, 18], 18)
    assert placement.that_fits(Path("m.gguf"), 256, ()).space(["own"]) == {}


def test_a_suite_has_the_layers_of_each_format_and_minutes_by_what_lies_on_a_gpu(
    tmp_path, monkeypatch
):
    large = Contents({"Q8_0": 8 * 10**9}, {"Q8_0": 8 * 10**9}, 30, 8 * 10**9, 8 * 10**9)
    monkeypatch.setattr(gguf_models.Formats, "contents", lambda *_: large)
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    shares = [Share(name, 0, size, 0, 0, 0, 0) for name, size in (("CUDA0", 99), ("host", 1))]
    plan = DevicePlan((shares[0],), shares[1], "")
    placed = placement.Placed(
        {"own": placement.Placement(20, plan=plan), "Q4_0": placement.Placement(31)}, 31
    )
    wish, model = WISH._replace(minutes=15), gguf_models.Formats(tmp_path / "m.gguf")

    def cell(folder, around):
        words = wish, model, ["own", "Q4_0"], "some words", around
        return suite.load(suites.write(tmp_path / folder, *words), tmp_path / folder).cells[0]

    alone = cell("alone", placement.ALONE)
    there = cell("there", placement.There((device("CUDA0"),), placed))

    assert there.space.limits == [
        "where format is own: n_gpu_layers is at most 20: more do not fit, by llama.cpp's plan"
    ]
    assert there.space.root["n_gpu_layers"].choices == (0, 10, 20, 31)
    assert there.budget.seconds > 2 * alone.budget.seconds


def test_the_same_wish_goes_on_and_another_is_not_mixed_in(written, tmp_path):
    path, model = written

    assert (
        suites.write(
            tmp_path / "out", WISH, gguf_models.Formats(model), ["own", "Q4_0"], "some words"
        )
        == path
    )
    for wish, text in ((WISH._replace(budget=8), "some words"), (WISH, "other words")):
        with pytest.raises(HaqaError, match="holds another tuning"):
            suites.write(tmp_path / "out", wish, gguf_models.Formats(model), ["own", "Q4_0"], text)


def test_what_was_measured_with_other_files_or_another_build_is_not_taken_for_this(
    written, tmp_path, monkeypatch
):
    model, matrix = gguf_models.Formats(written[1]), tmp_path / "matrix.gguf"
    other = tmp_path / "F16.gguf"
    matrix.write_bytes(b"GGUF 1")
    other.write_bytes(b"GGUF 1")
    wish = WISH._replace(reference=str(other), imatrix=str(matrix))

    def write():
        formats = gguf_models.Formats(written[1], imatrix=str(matrix))
        return suites.write(tmp_path / "with", wish, formats, ["own"], "some words")

    assert write() == write()
    for file in (matrix, other):
        file.write_bytes(b"GGUF 2")
        with pytest.raises(HaqaError, match="holds another tuning"):
            write()
        file.write_bytes(b"GGUF 1")
    monkeypatch.setattr(facts, "installed_build", lambda: "9.9")
    with pytest.raises(HaqaError, match="holds another tuning"):
        suites.write(tmp_path / "out", WISH, model, ["own", "Q4_0"], "some words")


@pytest.mark.parametrize(
    ("wished", "tried"),
    [
        ({"budget": None}, 20),
        ({"budget": None, "minutes": 60.0}, 3600),
        ({"budget": None, "minutes": 60.0, "method": "gp"}, 20),
        ({"budget": 9, "minutes": 60.0}, 9),
    ],
)
def test_with_minutes_they_alone_bound_a_method_that_does_not_plan_ahead(
    written, tmp_path, wished, tried
):
    wish, model = WISH._replace(**wished), gguf_models.Formats(written[1])

    path = suites.write(tmp_path / "bounded", wish, model, ["own"], "some words")

    assert suite.load(path, path.parents[1]).cells[0].budget.proposals == tried


def test_a_text_of_another_system_s_line_ends_goes_on_too(written, tmp_path):
    model, text = gguf_models.Formats(written[1]), "one line\r\nanother\rand more\n"
    wish, folder = WISH, tmp_path / "other"

    assert suites.write(folder, wish, model, ["own"], text) == suites.write(
        folder, wish, model, ["own"], text
    )


def test_an_output_that_cannot_be_written_is_told(written, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(HaqaError, match="name a place that can be written"):
        suites.write(
            tmp_path / "file", WISH, gguf_models.Formats(written[1]), ["own"], "some words"
        )


def test_settings_become_ready_command_lines():
    configuration = {
        "format": "Q4_0",
        "n_threads": 2,
        "n_ubatch": 64,
        "flash_attn": "on",
        "type_k": "q8_0",
        "type_v": "f16",
    }

    found = llama_tools.commands(Path("m.gguf"), with_defaults(configuration), 4096)

    assert (
        found["llama-server"]
        == "llama-server -m m.gguf -c 4096 -tb 2 -fa on -ngl 0 -t 2 -b 2048 -ub 64 -ctk "
        "q8_0 -ctv f16 -dev none -np 1"
    )
    assert (
        "-m 'my model.gguf' "
        in llama_tools.commands(Path("my model.gguf"), with_defaults(configuration), 4096)[
            "llama-cli"
        ]
    )
    call = found["llama-cpp-python"]
    compile(call, "call", "eval")
    assert "n_threads_batch=2" in call
    assert "type_k=8, type_v=1" in call


def test_weights_that_are_not_mapped_are_told_to_every_program():
    plain = {"format": "Q4_0", "n_threads": 2, "mmap": False}

    found = llama_tools.commands(Path("m.gguf"), with_defaults(plain), 512)

    assert "-lm none" in found["llama-server"]
    assert "-lm none" in found["llama-cli"]
    assert "use_mmap=False" in found["llama-cpp-python"]


def test_without_a_text_of_its_own_a_tuning_takes_the_project_s(tmp_path):
    assert len(suites.quality_text(None).split()) > 7000
    with pytest.raises(HaqaError, match="no text to measure quality on"):
        suites.quality_text(tmp_path / "none.txt")


def test_a_context_too_short_for_the_workload_is_told(cli, tmp_path):
    done = cli(
        "tune",
        "nowhere.gguf",
        "--n-ctx",
        "100",
        "--n-prompt",
        "90",
        "--n-generate",
        "20",
        "--output",
        tmp_path / "o",
    )

    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "100 tokens hold no 90 and 20" in done.stderr


def test_an_agent_needs_an_llm_and_no_other_method_takes_one(cli):
    without, beside = (
        cli("tune", "m.gguf", "--method", "haqa"),
        cli("tune", "m.gguf", "--llm", "some-llm"),
    )

    assert (without.returncode, beside.returncode) == (2, 2)
    assert "the method haqa needs an LLM" in without.stderr
    assert "the method rules asks no LLM" in beside.stderr
