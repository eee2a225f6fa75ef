"""Figure 5 and table 4 of the paper's own models, before anything of them is measured: cells, what
they will take, what agents are told.
"""

import os
import random
import shutil
from collections.abc import Mapping

import pytest
from support import REPOSITORY
from test_prompts import history

from haqa_bench import suite, tracks
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.project import Project
from haqa_bench.protocols import Outcome
from haqa_bench.run.sweep import open_sweep, sweep
from haqa_bench.tracks.deploy.cost import cost
from haqa_bench.tracks.deploy.workload import DeployWorkload, Lengths
from haqa_bench.tracks.repeats import estimated

LLAMAS = ("llama2-7b", "llama2-13b", "llama3.2-3b", "llama3-8b")
TABLE_4 = ("openllama-3b", "tinyllama-1.1b", "gpt2-large-774m")
HERE = "xeon-emr-2core"
BITS = {"F16": 16.0, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K_M": 5.68, "Q4_K_M": 4.85, "Q4_0": 4.55}
TOLD = {
    "deploy-random": ("deploy", f"llama2-7b-int4-{HERE}"),
    "deploy-random-free": ("deploy", f"llama3.2-3b-any-{HERE}"),
    "deploy-random-table4": ("deploy", f"tinyllama-1.1b-any-{HERE}"),
    "deploy-random-long": ("deploy-long", f"tinyllama-1.1b-16k-int4-{HERE}-depth16384"),
}


@pytest.fixture(scope="module")
def cells():
    def of(name):
        return suite.load(REPOSITORY / f"suites/paper/{name}.yaml", REPOSITORY).cells

    return {cell.id: cell for name in ("deploy", "deploy-long") for cell in of(name)}


def fixed(cells):
    found = [f"{name}-{bits}-{HERE}" for name in LLAMAS for bits in ("fp16", "int8", "int4")]
    return [cells[name] for name in found]


def test_figure_5_and_table_4_are_whole(cells):
    assert all(cell.model.synthetic for cell in cells.values())
    assert {c.space.default["format"] for c in fixed(cells)} == {"F16", "Q8_0", "Q4_0"}
    for name in TABLE_4:
        here, phone = cells[f"{name}-any-{HERE}"], cells[f"{name}-any-oneplus-11"]
        assert (here.simulated, phone.simulated) == (False, True)
        assert (here.workload.n_prompt, here.workload.n_generate) == (128, 256)


def test_the_default_is_llama_cpp_s_own(cells):
    from haqa_bench.backends.llama_jobs import with_defaults

    for cell in fixed(cells):
        default = cell.space.default
        assert with_defaults(default) == with_defaults({"n_threads": 2})
        assert len(cell.space.root["format"].choices) == 1


def test_winners_are_confirmed_at_the_paper_s_lengths(cells):
    for cell in fixed(cells):
        work = cell.confirming.workload
        assert (work.n_prompt, work.n_generate) == (128, 256)
        assert cell.workload.n_generate < 256


def test_the_phone_s_cell_is_the_one_that_is_recorded(cells):
    theirs = suite.load(REPOSITORY / "suites/formats.yaml", REPOSITORY).cells
    recorded = next(cell for cell in theirs if cell.id == "openllama-3b-any-oneplus-11")

    ours = cells[recorded.id]
    assert (ours.space, ours.workload, ours.budget) == (
        recorded.space,
        recorded.workload,
        recorded.budget,
    )


def test_a_pass_over_all_cells_takes_an_hour_or_two_and_not_days(cells):
    large = [cost(cell) for cell in fixed(cells) if cell.id != f"llama2-13b-fp16-{HERE}"]

    assert max(cell.space.size for cell in fixed(cells)) <= 16
    assert 0.5 < sum(one.a_pass for one in large) / 3600 < 2
    small = [cost(cells[f"{name}-any-{HERE}"]) for name in TABLE_4]
    assert sum(one.a_pass for one in small) < 900


def test_what_is_too_large_is_told_before_anything_runs(cells):
    told = tracks.of(cells[f"llama2-13b-fp16-{HERE}"]).forecast
    known = {name: told(cell) for name, cell in cells.items()}

    refused = [name for name, words in known.items() if "refused by prediction" in words]
    assert refused == [f"llama2-13b-fp16-{HERE}"]
    assert "26.0 GB of weights are over 22 GB" in known[refused[0]]
    assert "filling caches once" in known[f"tinyllama-1.1b-16k-int4-{HERE}-depth16384"]
    assert known["gpt2-large-774m-any-oneplus-11"] == ""


def test_a_forecast_says_nothing_where_nothing_is_known(cells):
    cell = cells[f"llama2-7b-int4-{HERE}"]
    unknown = cell.hardware.bandwidth.model_copy(update={"value": None})
    blind = cell.hardware.model_copy(update={"read_bandwidth": None, "bandwidth": unknown})

    assert cost(cell.model_copy(update={"hardware": blind})) is None


def test_one_thread_is_forecast_to_take_longer(cells):
    from haqa_bench.tracks.deploy.cost import _run

    cell = cells[f"llama3.2-3b-any-{HERE}"]
    one, two = ({**cell.space.default, "n_threads": n} for n in (1, 2))

    assert _run(cell, cell.workload, one) > 1.5 * _run(cell, cell.workload, two)


@pytest.mark.parametrize("name", TOLD)
def test_what_an_agent_reads_of_random_weights_was_read_and_accepted(name, cells):
    path = REPOSITORY / f"tests/golden/prompts/{name}.md"
    cell, prompts = cells[TOLD[name][1]], Prompts(REPOSITORY / "prompts")

    text = f"{prompts.static(cell)}\n\n---\n\n{prompts.dynamic(cell, history(cell))}\n"

    if os.environ.get("GOLDEN") == "accept":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def test_no_field_that_is_left_out_changes_a_workload():
    plain = DeployWorkload().model_dump(mode="json")

    assert not {"depth", "warm_up", "confirm", "told"} & plain.keys()
    assert DeployWorkload().agrees(plain)


def test_what_is_told_or_confirmed_is_not_what_a_table_measured():
    work = DeployWorkload(told=("a fact",), confirm=Lengths(n_prompt=8, n_generate=8))

    assert work.agrees(DeployWorkload().model_dump(mode="json"))
    assert DeployWorkload().agrees(work.model_dump(mode="json"))
    assert not work.agrees(DeployWorkload(depth=16).model_dump(mode="json"))
    assert not work.agrees(None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"depth": 500}, "depth \\+ n_prompt \\+ n_generate"),
        ({"confirm": {"n_prompt": 400, "n_generate": 200}}, "n_prompt \\+ n_generate"),
        ({"depth": -1}, "greater than or equal to 0"),
        ({"told": ("two\nlines",)}, "match pattern"),
        ({"warm_up": 0}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_a_context_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        DeployWorkload(**given)


def test_cells_at_another_depth_are_other_cells(cells):
    assert f"tinyllama-1.1b-4k-int4-{HERE}-depth4096" in cells


@pytest.mark.live
def test_llama2_13b_at_f16_is_refused_and_no_file_is_made(cells, tmp_path, monkeypatch):
    from haqa_bench.tracks.deploy.evaluator import DeployEvaluator

    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path))
    cell = cells[f"llama2-13b-fp16-{HERE}"]

    with pytest.raises(EvaluationFailed, match=r"not loaded: .*weights 26") as caught:
        DeployEvaluator(cell).sample(cell.space.default, 0)

    assert caught.value.status == Status.OOM
    assert not list(tmp_path.rglob("F16.gguf"))


@pytest.mark.live
@pytest.mark.parametrize("name", TABLE_4)
def test_the_phone_has_a_roofline_of_each_model(name, cells):
    from haqa_bench.tracks.deploy.roofline import RooflineEvaluator

    cell = cells[f"{name}-any-oneplus-11"]
    evaluator = RooflineEvaluator(cell)
    speeds = [evaluator.measure(c).measurements[0].value for c in cell.space.grid()]

    assert speeds == sorted(speeds)  # F16, Q8_0, Q4_0: by bandwidth alone


class MadeUp:
    """Speeds by the bytes of a model, nearly; what no machine of 22 GB has is refused."""

    whole = None
    machine = "a made-up machine"
    made_of: Mapping[str, str] = {"model_sha256": "0" * 64}

    def __init__(self, cell):
        self.cell, self.random = cell, random.Random(cell.id)

    def measure(self, configuration):
        return self.sample(configuration, 0)

    def sample(self, configuration, repeat):
        name, size = configuration["format"], self.cell.model.parameters
        if size > 10**10 and name == "F16":
            raise EvaluationFailed(Status.OOM, "not loaded: does not fit", 1.0)
        if configuration.get("flash_attn") == "off" and configuration.get("type_v") == "q8_0":
            raise EvaluationFailed(Status.REFUSED, "needs flash attention", 0.5)
        bits = BITS[name]
        speed = 3e10 / (size * bits / 8) * self.random.uniform(0.98, 1.02)
        readings = {
            ("end_to_end_tokens_per_s", "tokens/s"): [speed],
            ("generation_tokens_per_s", "tokens/s"): [speed],
            ("peak_memory_mb", "MB"): [size * bits / 8e6],
            ("bits_per_weight", "bits"): [bits],
            ("others_share", "1"): [0.0],
        }
        told = {"bits_per_weight": f"{bits:.3f}", "tensor_types": name, "weights": "random"}
        return Outcome(estimated(readings), told, 2.0)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A project whose cells of some models were swept on a made-up machine."""
    home = tmp_path_factory.mktemp("swept")
    for name in ("suites", "hardware", "prompts", "paper_tables"):
        shutil.copytree(REPOSITORY / name, home / name)
    kept = [
        cell
        for name in ("deploy", "deploy-long")
        for cell in suite.load(home / f"suites/paper/{name}.yaml", home).cells
        if cell.id.startswith(("llama2-13b", "llama3.2", "gpt2", "tiny"))
        and cell.track == "deploy"
        and not cell.simulated
    ]
    sweeps = [open_sweep(cell, Project(home).own.table(cell), MadeUp(cell)) for cell in kept]
    sweep(sweeps, 1, 0, lambda: None)
    return home


def test_the_suite_replays_from_tables_in_the_paper_s_layout(swept, cli):
    wanted = "llama2-13b*2core,llama3.2*2core,gpt2*2core,tiny*2core"

    done = cli(
        *("run", swept / "suites/paper/deploy.yaml", "--project", swept, "--cells", wanted),
        *("--methods", "default,rules", "--runs", swept / "runs"),
    )

    assert done.returncode == 0, done.stderr
    for line in ("Table 4", "Figure 5", "gpt2-large-774M", "LLaMA2-13B", "1.2x to 1.5x"):
        assert line in done.stdout
    assert "weights are random" in done.stdout.lower()


def test_two_lengths_of_a_context_are_told_apart(swept, cli):
    done = cli(
        *("run", swept / "suites/paper/deploy-long.yaml", "--project", swept),
        *("--methods", "default,rules", "--runs", swept / "runs"),
    )

    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    for length in ("4,096", "16,384"):  # in the rows, and in the note on what settings alone give
        assert f"after {length} tokens" in said
        assert f"after {length} tokens at INT4" in said
