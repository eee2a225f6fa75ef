"""Other tuners' files: Kernel Tuner's caches of every version, and T4 results, become tables in the
cell's unit, with failures that are told; or they are refused in one line.
"""

import gzip
import hashlib
import json

import foreign
import pytest
from foreign import CELL, brought, cache, entry, result, t4

from haqa_bench.errors import HaqaError


@pytest.fixture
def bring(project, cli):
    """Imports a file into the suite's cell, as people do it."""

    def call(found, *options, metric="time_us", unit="us", text=foreign.SUITE):
        path = foreign.write_suite(project, metric, unit, text)
        file = found if hasattr(found, "suffix") else foreign.written(project, found)
        return cli("table", "import", path, file, "--cell", CELL, *options)

    return call


def shown(cli, project):
    done = cli("table", "show", project / "suites/foreign.yaml", "--json")
    return json.loads(done.stdout)[0]


METRICS = [
    ("time", "ms", 1),
    ("time", "us", 1000),
    ("time_us", "us", 1000),
    ("kernel_s", "s", 1e-3),
]


@pytest.mark.parametrize(("metric", "unit", "factor"), METRICS)
@pytest.mark.parametrize("file", [cache(), t4()])
def test_times_become_the_cell_s_unit_whatever_the_metric_is_called(
    tmp_path, file, metric, unit, factor
):
    found = brought(tmp_path, file, foreign.cell(metric, unit))

    assert found.values == pytest.approx({c: factor * ms for c, ms in foreign.TIMES.items()})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"time": "RuntimeFailedConfig", "times": None}, "crashed"),
        ({"time": "InvalidConfig", "times": None}, "refused"),
        ({"time": "CompilationFailedConfig", "times": None}, "compile_error"),
        ({"time": "SomethingElse", "times": None}, "crashed"),
        ({"time": None, "times": None, "energy": "RuntimeFailedConfig"}, "crashed"),
        ({"time": None, "times": None, "__error__": "CompilationFailedConfig"}, "compile_error"),
        ({"__error__": "RuntimeFailedConfig"}, "crashed"),
        ({"time": 1e20, "times": None}, "crashed"),
        ({"time": 1e21}, "crashed"),
        ({"time": 10**400}, "not_finite"),
        ({"time": float("nan"), "times": None}, "not_finite"),
        ({"time": float("inf")}, "not_finite"),
        ({"time": "NaN"}, "not_finite"),
        ({"times": [0.8, float("nan")]}, "not_finite"),
        ({"times": [0.8, float("-inf")]}, "not_finite"),
        ({"time": None, "times": [float("nan")]}, "not_finite"),
    ],
)
@pytest.mark.parametrize("metric", ["time", "time_us"])
def test_a_failure_of_any_version_of_kernel_tuner_is_counted_and_never_the_best(
    tmp_path, changes, status, metric
):
    file = cache(c128_1=entry(128, 1, **changes))

    found = brought(tmp_path, file, foreign.cell(metric, "us"))

    assert found.done.failures == {status: 1}
    assert (found.values[128, 1], found.best) == (status, pytest.approx(500.0))


def test_a_table_that_came_with_no_number_in_it_is_run(bring, cli, project):
    bring(cache(c128_1=entry(128, 1, time=float("nan"))))

    done = cli("run", project / "suites/foreign.yaml")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("one", "status"),
    [(None, "crashed"), ({**entry(128, 1), "time": None}, "crashed")],
)
def test_null_in_place_of_an_entry_or_its_value_is_a_failure(tmp_path, one, status):
    found = brought(tmp_path, cache(c128_1=one), foreign.cell())

    assert found.values[128, 1] == status


@pytest.mark.parametrize(
    "changes", [{"times": None}, {"time": None}, {"compile_time": None, "framework_time": None}]
)
def test_what_is_not_needed_may_be_missing(tmp_path, changes):
    found = brought(tmp_path, cache(c128_1=entry(128, 1, **changes)), foreign.cell())

    assert found.best == pytest.approx(400.0)


def test_null_in_place_of_samples_leaves_the_value_alone(tmp_path):
    found = brought(tmp_path, cache(c128_1={**entry(128, 1), "times": None}), foreign.cell())

    assert found.best == pytest.approx(400.0)


@pytest.mark.parametrize("ending", ["", ",", "\n", ",\n"])
def test_a_cache_that_a_stopped_tuning_left_open_is_read(tmp_path, ending):
    text = json.dumps(cache(), indent=0).removesuffix("\n}\n}") + ending

    assert brought(tmp_path, text, foreign.cell()).best == pytest.approx(400.0)


def test_a_packed_file_is_read_and_named_with_its_hash(bring, cli, project):
    path = project / "cache.json.gz"
    path.write_bytes(gzip.compress(json.dumps(cache()).encode()))

    done = bring(path)

    assert done.returncode == 0, done.stderr
    found = shown(cli, project)
    assert (found["source"], found["imported"]) == ("imported", "cache.json.gz")
    assert found["imported_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["imported_sha256"] in done.stdout


def with_energy(times=(1.0, 1.1, 1.2)):
    """A cache tuned for energy, whose times are those of the time."""
    entries = {
        f"c{b}_{t}": entry(b, t, energy=e)
        for (b, t), e in zip(foreign.TIMES, (0.24, 0.22, 0.3, 0.31, 0.5, 0.26), strict=True)
    }
    return cache(**entries) | {"objective": "energy"}


@pytest.mark.parametrize(
    ("stated", "unit", "default"), [("J", "J", 0.24), ("mJ", "J", 0.00024), ("joules", "mJ", 240)]
)
def test_an_objective_that_is_no_time_has_its_own_value_in_the_unit_that_is_stated(
    tmp_path, stated, unit, default
):
    found = brought(tmp_path, with_energy(), foreign.cell("energy", unit), energy=stated)

    assert found.values[32, 1] == pytest.approx(default)


def test_a_unit_is_stated_on_the_command_line_of_the_objective_or_by_name(bring, cli, project):
    bring(with_energy(), "--unit", "J", metric="energy", unit="J")
    done = bring(with_energy(), "--unit", "energy=J", "--replace", metric="energy", unit="mJ")

    assert "energy, mJ: the file's energy in J, times 1000" in done.stdout
    assert shown(cli, project)["default"] == pytest.approx(240)


def test_a_metric_whose_name_is_a_unit_needs_no_other_word(tmp_path):
    file = cache(
        **{f"c{b}_{t}": entry(b, t, GFLOPs=100 / x) for (b, t), x in foreign.TIMES.items()}
    )
    text = json.dumps(file).replace("GFLOPs", "GFLOP/s")

    found = brought(tmp_path, text, foreign.cell("GFLOP/s", "GFLOP/s"))

    assert found.values[32, 1] == pytest.approx(100 / 0.9)


@pytest.mark.parametrize(
    ("file", "stated", "cell", "said"),
    [
        (with_energy(), {}, ("energy", "J"), "the file does not say its unit. Say it with --unit"),
        (with_energy(), {"energy": "s"}, ("energy", "J"), "cannot be made J"),
        (with_energy(), {"energy": "horse"}, ("energy", "J"), "cannot be made J"),
        (cache(), {}, ("time", "J"), "cannot be made J"),
        (cache(), {"time": "s"}, ("time", "us"), "is in ms, and --unit says s"),
        (cache(), {}, ("energy", "J"), "cache['32,1']: no energy. It holds time"),
        (cache(c64_2=entry(64, 2, time=0.6)), {}, ("time", "us"), "cache['64,2'].time: is 0.6 ms"),
        (cache(c64_2=entry(64, 2, time=0.72)), {}, ("time", "us"), "its 5 samples say 0.7"),
        (cache(c64_2=entry(64, 2, time=True)), {}, ("time", "us"), "['64,2'].time: True is no num"),
        (cache(c64_2=entry(64, 2, time="0.7")), {}, ("time", "us"), "'0.7' is no number"),
        (cache(c64_2=entry(64, 2, times="x")), {}, ("time", "us"), "cache['64,2'].times: Input"),
        (cache(c64_2=entry(64, 2, times=[1, "x"])), {}, ("time", "us"), "['64,2'].times[1]: Input"),
        (cache(c64_2=entry(64, 2, times=3)), {}, ("time", "us"), "cache['64,2'].times: Input"),
        (cache(c64_2=7), {}, ("time", "us"), "cache['64,2']: Input"),
        (
            cache(c64_2={**entry(64, 2), "tile": [1]}),
            {},
            ("time", "us"),
            "['64,2'].tile: [1] is no value",
        ),
        (cache(c64_2={**entry(64, 2), "tile": 3}), {}, ("time", "us"), "tile: 3 is none of [1, 2]"),
        (cache(c64_2=entry(64, 1)), {}, ("time", "us"), "is given twice"),
        (cache(other=None), {}, ("time", "us"), "cache['other']: add-fp32"),
        ({"cache": 3}, {}, ("time", "us"), "neither a Kernel Tuner cache nor T4 results"),
        ([], {}, ("time", "us"), "neither a Kernel Tuner cache nor T4 results"),
        ('{"cache": {"a": ', {}, ("time", "us"), "not JSON"),
        ("[" * 100_000, {}, ("time", "us"), "not JSON: too deep"),
        ('{"cache": {"a": null, "a": null}}', {}, ("time", "us"), "'a' is given twice"),
        (t4("fortnights"), {}, ("time", "us"), "metadata.timeunit: 'fortnights' is no known unit"),
        (t4(7), {}, ("time", "us"), "metadata.timeunit: Input"),
        (t4("seconds"), {}, ("time", "us"), "results[0].time: is 0.9 ms, and its 5 samples say"),
        (t4(c64_2={}), {}, ("time", "us"), "results[3].configuration: Field required"),
        (t4(c64_2=None), {}, ("time", "us"), "results[3]: Input"),
        (t4(c64_2=result(64, 2, configuration=None)), {}, ("time", "us"), "[3].configuration: In"),
        (
            t4(c64_2=result(64, 2, measurements=None, times=None)),
            {},
            ("time", "us"),
            "neither time",
        ),
        (t4(None, c32_1=result(32, 1, measurements=[])), {}, ("time", "us"), "have no unit"),
        (
            t4(c32_1=result(32, 1, measurements=[{"name": "time", "value": 0.9, "unit": "J"}])),
            {},
            ("time", "us"),
            "results[0].time: cannot be made us, which is the cell's, of J",
        ),
    ],
)
def test_what_cannot_be_believed_is_refused_in_one_line(tmp_path, file, stated, cell, said):
    with pytest.raises(HaqaError) as refused:
        brought(tmp_path, file, foreign.cell(*cell), **stated)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x1f\x8bnot gzip at all", "damaged gzip"),
        (gzip.compress(b"{}" * 99, mtime=0)[:-9], "damaged gzip"),
        (b"\xff\xfe\x00", "not JSON"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, data, said):
    (tmp_path / "damaged").write_bytes(data)

    with pytest.raises(HaqaError, match=said):
        brought(tmp_path, tmp_path / "damaged", foreign.cell())


def test_a_value_that_is_the_mean_of_its_samples_is_taken_as_the_file_has_it(bring, cli, project):
    mean = sum(foreign.samples_of(0.9)) / 5

    done = bring(cache(c32_1=entry(32, 1, time=mean)))

    assert done.returncode == 0, done.stderr
    assert "1 values stand without their samples" in done.stdout
    assert shown(cli, project)["default"] == pytest.approx(1000 * mean)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("seconds", 1e6),
        ("miliseconds", 1e3),
        ("ms", 1e3),
        ("microseconds", 1),
        ("nanoseconds", 1e-3),
    ],
)
@pytest.mark.parametrize("metric", ["time", "time_us"])
def test_runtimes_of_t4_are_in_the_unit_that_its_metadata_say(tmp_path, unit, factor, metric):
    bare = {f"c{b}_{t}": result(b, t, measurements=[]) for b, t in foreign.TIMES}

    found = brought(tmp_path, t4(unit, **bare), foreign.cell(metric, "us"))

    assert found.best == pytest.approx(0.4 * factor)


def test_each_measurement_of_t4_is_in_its_own_unit(tmp_path):
    quick = [{"name": "time", "value": 400.0, "unit": "us"}]

    found = brought(tmp_path, t4(c128_1=result(128, 1, measurements=quick)), foreign.cell())

    assert found.best == pytest.approx(400.0)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"correctness": 0}, "wrong_output"),
        ({"correctness": 0.5}, "wrong_output"),
        ({"correctness": False}, "wrong_output"),
        ({"correctness": float("nan")}, "wrong_output"),
        ({"invalidity": "correctness"}, "wrong_output"),
        ({"invalidity": "timeout"}, "timeout"),
        ({"invalidity": "compile"}, "compile_error"),
        ({"invalidity": "constraints"}, "refused"),
        ({"invalidity": "runtime", "times": None, "measurements": None}, "crashed"),
        ({"invalidity": "unheard of"}, "crashed"),
        ({"measurements": [{"name": "time", "value": "InvalidConfig", "unit": ""}]}, "refused"),
        ({"measurements": [{"name": "time", "value": 1e20, "unit": "ms"}]}, "crashed"),
        ({"measurements": [{"name": "time", "value": float("nan"), "unit": "ms"}]}, "not_finite"),
        ({"measurements": [{"name": "time", "unit": "ms"}]}, "crashed"),
        ({"invalidity": None, "correctness": None, "objectives": None}, "ok"),
        ({"measurements": None}, "ok"),
        ({"times": None}, "ok"),
        ({"measurements": [{"name": "time", "value": [0.4, 0.4], "unit": "ms"}]}, "ok"),
    ],
)
def test_what_t4_says_of_validity_counts(tmp_path, changes, status):
    one = {k: v for k, v in result(128, 1, **changes).items() if v is not None}

    found = brought(tmp_path, t4(c128_1=one), foreign.cell())

    assert found.done.failures == ({} if status == "ok" else {status: 1})
    assert found.best == pytest.approx(400 if status == "ok" else 500)


def test_what_was_imported_is_printed(bring, project):
    done = bring(cache(c64_1=entry(64, 1, time=1e20), c64_2=entry(64, 2, time=float("nan"))))

    sha256 = hashlib.sha256((project / "file.json").read_bytes()).hexdigest()
    assert done.stdout.splitlines()[1:] == [
        f"  imported from file.json, a Kernel Tuner cache (sha256 {sha256})",
        "  6 configurations, 2 failed: 1 crashed, 1 not_finite",
        "  time_us, us: the file's time in ms, times 1000",
        "  time_us: default 900, best 400 us",
    ]


def test_a_file_without_any_value_is_refused(bring):
    failed = {f"c{b}_{t}": entry(b, t, time=1e20) for b, t in foreign.TIMES}

    assert "none of its 6 configurations has a value" in bring(cache(**failed)).stderr


def test_a_second_import_needs_to_be_told_to_replace_the_first(bring, cli, project):
    bring(cache())

    refused = bring(t4())
    replaced = bring(cache(c128_1=entry(128, 1, time=1e20)), "--replace")

    assert refused.returncode == 2
    assert "Import over it with --replace" in refused.stderr
    assert replaced.returncode == 0
    assert shown(cli, project)["optimum"] == pytest.approx(500.0)


def test_what_is_limited_must_be_in_the_file(bring):
    limits = "METRIC, constraints: [{metric: mem, at_most_times_default: 2}]"
    metrics = "METRIC: {unit: UNIT, direction: minimize}, mem: {unit: MB, direction: minimize}"
    text = foreign.SUITE.replace("{metric: METRIC}", f"{{metric: {limits}}}")
    text = text.replace("METRIC: {unit: UNIT, direction: minimize}", metrics)
    known = {f"c{b}_{t}": entry(b, t, mem=1.0) for b, t in foreign.TIMES}

    lacks = bring(cache(), text=text)
    failed = bring(cache(**known | {"c128_1": entry(128, 1, mem=float("nan"))}), text=text)

    assert "cache['32,1']: no mem. It holds time" in lacks.stderr
    assert "1 failed: 1 not_finite" in failed.stdout


def test_runtimes_without_a_unit_are_taken_in_the_one_that_is_stated(tmp_path):
    bare = {f"c{b}_{t}": result(b, t, measurements=[]) for b, t in foreign.TIMES}

    found = brought(tmp_path, t4(None, **bare), foreign.cell(), runtimes="ms")

    assert found.best == pytest.approx(400.0)
