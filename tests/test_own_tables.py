"""Measurements of one's own become a suite and its table, in whatever form they are."""

import decimal
import gzip
import itertools
import json
import math
import time

import foreign
import own
import pandas as pd
import pytest
from own import COLUMNS, SERVING, STATUS, shipped, taken  # noqa: F401 # a fixture of all tests

from haqa_bench import suite
from haqa_bench.trial import Source


def test_one_command_writes_a_suite_and_its_table(tmp_path):
    found = taken(tmp_path, SERVING, *COLUMNS, *STATUS, "--about", "a server", "--budget", 4)

    assert found.done.returncode == 0, found.done.stderr
    assert found.cell.id == "data-unstated-unstated-table"
    assert dict(found.cell.space.default) == {"batch": 1, "cache": "small"}
    assert found.cell.workload.about == "a server"
    assert found.cell.budget.proposals == 4
    assert [g.metric for g in found.cell.objective.goals] == ["throughput"]
    assert found.value("p99", batch=64, cache="small") == 164.0
    assert found.value("p99", batch=64, cache="large") == "oom"
    assert found.table.card["imported"] == "data.csv"


def test_what_was_imported_is_told(tmp_path):
    told = taken(tmp_path, SERVING, *COLUMNS, *STATUS).done.stdout

    assert "6 configurations, 1 failed: 1 oom" in told
    assert f"default: the first row that was measured ({tmp_path}/data.csv:2)" in told
    assert "throughput: default 11, best 74 req/s" in told
    assert f"haqa-bench run data --project {tmp_path}" in told


def test_it_is_told_to_scripts_too(tmp_path):
    told = json.loads(taken(tmp_path, SERVING, *COLUMNS, *STATUS, "--json").done.stdout)

    assert told["failures"] == {"oom": 1}
    assert (told["configurations"], told["combinations"]) == (6, 6)
    best = {"metric": "throughput", "unit": "req/s", "default": 11.0, "best": 74.0}
    assert told["metrics"] == [best]


FRAME = pd.DataFrame({"batch": [1, 8], "cache": ["a", None], "throughput": [11.0, math.nan]})


def _parquet(folder):
    FRAME.to_parquet(folder / "made")
    return (folder / "made").read_bytes()


@pytest.mark.parametrize(
    "made",
    [
        lambda _: FRAME.to_csv(index=False),
        lambda _: "\ufeff" + FRAME.to_csv(index=False, lineterminator="\r\n"),
        lambda _: FRAME.to_csv(index=False, sep=";"),
        lambda _: FRAME.to_csv(index=False, sep="\t"),
        lambda _: FRAME.to_csv(index=False, sep="|", quoting=1),
        lambda _: FRAME.to_json(orient="records", lines=True),
        lambda _: FRAME.to_json(orient="records"),
        lambda _: "\n" + FRAME.to_json(orient="records", indent=1),
        _parquet,
        lambda folder: (FRAME.to_csv(folder / "x.gz", index=False), (folder / "x.gz").read_bytes())[
            1
        ],
    ],
    ids=["csv", "bom", "semicolon", "tab", "bar", "lines", "list", "indented", "parquet", "gzip"],
)
def test_files_are_told_by_what_they_hold(tmp_path, made):
    content = made(tmp_path)

    metrics = "throughput:req/s:max"
    found = taken(tmp_path, content, "--parameters", "batch,cache", "--metrics", metrics)

    assert found.done.returncode == 0, found.done.stderr
    assert found.value("throughput", batch=1, cache="a") == 11.0
    assert found.value("throughput", batch=8, cache="none") in ("crashed", "not_finite")
    assert found.cell.space.size == 2
    assert "2 configurations of 4 combinations" in found.done.stdout


@pytest.mark.parametrize(
    ("values", "choices"),
    [
        (["8", "1", "64"], (1, 8, 64)),
        (["1.0", "8", "64.0"], (1, 8, 64)),
        (["0.5", "1", "1e-3"], (0.001, 0.5, 1.0)),
        (["True", "false"], (True, False)),
        (["yes", "no"], ("yes", "no")),
        (["b", "a", "c"], ("b", "a", "c")),
        (["auto", "8", "1"], ("auto", 8, 1)),
        (["8", "", "1"], (8, "none", 1)),
        (["007", "07"], ("007", "07")),
        (["-O2", "-O3"], ("-O2", "-O3")),
        ([" 8", "1 "], (1, 8)),
        (["9007199254740993", "1"], ("9007199254740993", 1)),
        (["nan", "inf", "1e999"], ("nan", "inf", "1e999")),
        (["0." + "3" * 2000, "0.5"], (1 / 3, 0.5)),
        (['"a, ""b"""', "c\u2028d"], ('a, "b"', "c\u2028d")),
        (["null", "~", "on"], ("null", "~", "on")),
        (["\u00e9", "\U0001f600", "\x7f"], ("\u00e9", "\U0001f600", "\x7f")),
        (["3"], (3,)),
    ],
)
def test_values_of_a_parameter_become_choices(tmp_path, values, choices):
    rows = "".join(f"{value},{number}\n" for number, value in enumerate(values, 1))

    found = taken(tmp_path, f"a,b\n{rows}", "--parameters", "a", "--metrics", "b:ms:min")

    assert found.done.returncode == 0, found.done.stderr
    read = found.cell.space.root["a"].choices
    assert [(type(v), v) for v in read] == [(type(v), v) for v in choices]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("nan", "not_finite"),
        ("-inf", "not_finite"),
        ("", "crashed"),
        ("OOM", "oom"),
        ("OutOfMemoryError", "oom"),
        ("error", "crashed"),
        ("timed out", "timeout"),
        ("compile_error", "compile_error"),
        ("wrong result", "wrong_output"),
        ("diverged", "diverged"),
        ("OOMKilled", "oom"),
        ("SIGKILL", "killed"),
        ("unsupported", "refused"),
        ("n/a", "crashed"),
    ],
)
@pytest.mark.parametrize("column", ["metric", "status"])
def test_words_become_the_nearest_failure_and_stay_its_reason(tmp_path, word, status, column):
    metric, said = (word, "ok") if column == "metric" else ("", word or "error")

    found = taken(
        tmp_path,
        f"a,b,s\n1,5,ok\n2,{metric},{said}\n",
        *("--parameters", "a", "--metrics", "b:ms:min", "--status", "s"),
    )

    assert found.done.returncode == 0, found.done.stderr
    assert found.value("b", a=2) == status
    entry = found.table.entries['{"a":2}']
    assert (word or "nothing" if column == "metric" else said) in entry.reason


def test_repeats_are_samples_and_most_of_them_say_what_became_of_it(tmp_path):
    rows = "a,run,b\n1,0,5\n1,1,7\n2,0,4\n1,2,9\n2,1,\n2,2,\n3,0,1\n3,1,\n3,2,2\n"

    found = taken(
        tmp_path, rows, "--parameters", "a", "--metrics", "b:req/s:max", "--repeats-by", "run"
    )

    assert found.done.returncode == 0, found.done.stderr
    (sampled,) = found.table.entries['{"a":1}'].measurements
    assert (sampled.value, sampled.samples, sampled.source) == (7, (5, 7, 9), Source.IMPORTED)
    assert [found.value("b", a=a) for a in (2, 3)] == ["crashed", 1.5]
    assert "3 configurations, 1 failed: 1 crashed" in found.done.stdout
    assert "3 repeats each" in found.done.stdout


def test_each_line_may_be_one_more_repeat(tmp_path):
    columns = ("--parameters", "a", "--metrics", "b:req/s:max", "--repeats-by", "line")

    found = taken(tmp_path, "a,b\n1,5\n2,4\n1.0,7\n", *columns)

    assert found.value("b", a=1) == 6
    assert "1 to 2 repeats each" in found.done.stdout


def test_an_edited_suite_keeps_its_table(tmp_path):
    taken(tmp_path, SERVING, *COLUMNS, *STATUS, "--about", "before")
    path = tmp_path / "suites/data.yaml"
    path.write_text(path.read_text().replace("before", "what it is").replace("digits: 0", ""))

    ran = own.InProcess()("run", "data", "--methods", "random", "--project", tmp_path)
    path.write_text(path.read_text().replace("unit: req/s", "unit: s"))
    refused = own.InProcess()("run", "data", "--methods", "random", "--project", tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert refused.returncode == 2
    assert "another cell or workload" in refused.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--default", "batch=8.0,cache=large"), {"batch": 8, "cache": "large"}),
        (("--default", "cache=small, batch=64"), {"batch": 64, "cache": "small"}),
    ],
)
def test_a_person_may_say_the_default(tmp_path, options, told):
    found = taken(tmp_path, SERVING, *COLUMNS, *STATUS, *options)

    assert dict(found.cell.space.default) == told
    assert "default: as you said" in found.done.stdout


@pytest.mark.parametrize(
    ("limit", "times"), [("p99<=1.5x", 1.5), ("p99 <= 151.5", 1.5), ("p99<=1.5e0x", 1.5)]
)
def test_limits_are_of_the_defaults_value(tmp_path, limit, times):
    found = taken(tmp_path, SERVING, *COLUMNS, *STATUS, "--limit", limit)

    (constraint,) = found.cell.objective.constraints
    assert (constraint.metric, constraint.at_most_times_default) == ("p99", times)


def test_several_goals_make_a_front(tmp_path):
    found = taken(tmp_path, SERVING, *COLUMNS, *STATUS, "--goal", "p99,throughput")

    assert [goal.metric for goal in found.cell.objective.goals] == ["p99", "throughput"]
    loaded = suite.load(tmp_path / "suites/data.yaml", tmp_path)
    assert "nsga2" in [method.name for method in loaded.methods]


def test_negative_and_zero_metrics_are_numbers(tmp_path):
    columns = ("--parameters", "a", "--metrics", "b:nats:min")

    found = taken(tmp_path, "a,b\n1,0\n2,-3.5\n3,1e-300\n", *columns)
    ran = own.InProcess()("run", "data", "--project", tmp_path, "--methods", "default,random")

    assert "b: default 0, best -3.5 nats" in found.done.stdout
    assert ran.returncode == 0, ran.stderr


def test_names_that_yaml_or_sql_would_stumble_over_are_names(tmp_path):
    names = ["on", "format", "select", "it's", 'a "b"', "x:y", "# no", "é ü", "status", "- a"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    rows = "".join(f"{','.join([str(n)] * len(names))},{n}\n" for n in (1, 2, 3))
    said = ",".join('"' + name.replace('"', '""') + '"' for name in names)

    found = taken(
        tmp_path,
        f"{header},the value\n{rows}",
        *("--parameters", said, "--metrics", "the value:tok/s, a:max".replace(", a", "")),
        *("--name", "null"),
    )
    ran = own.InProcess()("run", "null", "--project", tmp_path, "--methods", "default,random,tpe")

    assert found.done.returncode == 0, found.done.stderr
    assert list(found.cell.space.root) == names
    assert ran.returncode == 0, ran.stderr


def test_twenty_parameters_and_one_value_are_a_space(tmp_path):
    names = [f"p{n}" for n in range(20)]
    rows = "".join(
        ",".join([*(str((n >> i) % 3) for i in range(19)), "7", str(n)]) + "\n" for n in range(60)
    )
    columns = ("--parameters", ",".join(names), "--metrics", "y:s:min", "--repeats-by", "line")

    found = taken(tmp_path, f"{','.join(names)},y\n{rows}", *columns)
    ran = own.InProcess()(
        "run", "data", "--project", tmp_path, "--methods", "random,local", "--seeds", 2
    )

    assert found.done.returncode == 0, found.done.stderr
    assert found.cell.space.root["p19"].choices == (7,)
    assert ran.returncode == 0, ran.stderr


def _rows(text: str, *options: object):
    return (text, ("--parameters", "a", "--metrics", "b:ms:min", *options))


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (*_rows("a,b\n1,5\n2,4\n1.0,7\n"), "data.csv:4: has the same configuration as"),
        (*_rows("a,b\n1,5\n2,4\n1,7\n"), "--repeats-by line"),
        (*_rows("a,r,b\n1,0,5\n1,0,4\n", "--repeats-by", "r"), "same configuration and r as"),
        (*_rows("a,b\n1,12 ms\n"), "data.csv:2: b: '12 ms' is no number"),
        (*_rows("a,b\n\n1,1\n\n2,1.000,0\n"), "data.csv:5: has 3 fields, and the first line"),
        (*_rows("a;b\n1;1,5\n"), "data.csv:2: b: '1,5' is no number"),
        (*_rows('a,b\n1,1\n"2\n3",x1\n4,7 s\n'), "data.csv:5: b: '7 s' is no number"),
        (*_rows("a,b,s\n1,1,fine\n", "--status", "s"), "data.csv:2: s: 'fine' may be"),
        (*_rows("a,b,s\n1,1,0\n", "--status", "s"), "Say what is a success: --ok WORD"),
        (*_rows("a,b\n1,oom\n2,nan\n"), "none of its 2 configurations has a value"),
        (*_rows("a,b\n"), "has names, and no measurement"),
        (*_rows(""), "is empty"),
        (*_rows("a,xyz\n1,2\n"), "no column 'b'. Known: a, xyz"),
        (*_rows("alpha,b\n1,2\n"), "no column 'a'"),
        (*_rows("a,b,a\n1,2,3\n"), "two columns are called 'a', the columns 1 and 3"),
        (*_rows("a,b\n1,2\n", "--status", "b"), "'b' cannot be both"),
        (*_rows("a,b\n1,2\n", "--repeats-by", "run"), "no column 'run'"),
        (*_rows(b"a,b\n1,2\n\xff,3\n"), "data.csv:3: not UTF-8"),
        (*_rows(b"a,b\n1,\x002\n"), "data.csv:2: is no text"),
        (*_rows(b"PK\x03\x04xlsx"), "Save the sheet as CSV"),
        (*_rows(b"PAR1junk"), "a damaged Parquet file"),
        (*_rows('{"a": 1, "b": 2}\n{"a": 2,\n'), "data.csv:2: not JSON"),
        (*_rows('{"a": 1, "b": 2}\n[3]\n'), "data.csv:2: is no JSON object"),
        (*_rows('[{"a": 1, "b": 2}, 7]'), "data.csv: [1]: is no JSON object"),
        (*_rows('{"a": 1, "b": [2, 3]}\n'), "data.csv:1: b: holds a list"),
        (*_rows('{"a": {}, "b": 2}\n'), "data.csv:1: a: a list or an object"),
        (*_rows('{"a": 1, "b": true}\n'), "data.csv:1: b: True is no number"),
        (*_rows("a,b\n1,2\n", "--default", "a=3"), "a is never '3' in the file"),
        (*_rows("a,b\n1,2\n", "--default", "x=3"), "no parameter 'x'"),
        (*_rows("a,b\n1,2\n", "--default", "1"), "no NAME=VALUE"),
        (*_rows("a,b\n1,2\n", "--limit", "b>=1"), "no limit that a suite knows"),
        (*_rows("a,b\n1,2\n", "--limit", "c<=1x"), "'c' is none of the metrics"),
        (*_rows("a,b\n1,0\n", "--limit", "b<=1"), "no multiple of it"),
        (*_rows("a,b\n1,2\n2,oom\n", "--default", "a=2", "--limit", "b<=1x"), "default failed"),
        (*_rows("a,b\n1,2\n", "--unit", "b=s"), "units of columns stand in --metrics"),
        (*_rows("a,b\n" + "".join(f"{n / 7},1\n" for n in range(9000))), "too many for a suite"),
        (*_rows("a,b\n1,2\n", "--goal", "c"), "'c' is none of the metrics"),
        (*_rows("a,b\n1,2\n", "--name", "../x"), "'../x' is no name of a suite"),
        (*_rows("a,b\n1,2\n", "--hardware", "x"), "no hardware profile 'x'"),
        (*_rows("a,b\n1,2\n", "--methods", "rnd"), "unknown optimizer 'rnd'"),
        (*_rows("a,b\n1,2\n", "--methods", "haqa"), "needs a chat: section"),
        (*_rows("a,b\n1,2\n", "--delimiter", "ab"), "--delimiter: 'ab' is not one"),
        (
            *_rows("configurations,b\n1,2\n", "--parameters", "configurations"),
            "a suite means something else by 'configurations'",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path, content, options, said):
    done = taken(tmp_path, content, *options).done

    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "suites").exists()
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("b", "'b' does not say which way is better"),
        ("b:ms:up", "which way is better"),
        ("b:ms:min,b:ms:max", "'b' is named twice"),
        ("process_s:s:min", "has a meaning of its own"),
        ("a:ms:min", "'a' cannot be both"),
        ("bb:ms:min", "no column 'bb'. Did you mean 'b'?"),
    ],
)
def test_a_wrong_metric_is_told_in_one_line(tmp_path, metrics, said):
    done = taken(tmp_path, "a,b\n1,2\n", "--parameters", "a", "--metrics", metrics).done

    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_columns_that_are_not_said_are_asked_for(tmp_path):
    done = taken(tmp_path, "a,b\n1,2\n").done

    assert done.returncode == 2
    assert "say its columns with --parameters. Known: a, b" in done.stderr


def test_a_suite_that_is_there_is_kept_unless_it_is_replaced(tmp_path):
    taken(tmp_path, SERVING, *COLUMNS, *STATUS)

    again = taken(tmp_path, SERVING, *COLUMNS, *STATUS)
    replaced = taken(tmp_path, SERVING.replace("74", "75"), *COLUMNS, *STATUS, "--replace")

    assert "data.yaml: is there already. Choose another --name, or --replace it" in (
        again.done.stderr
    )
    assert replaced.value("throughput", batch=64, cache="small") == 75.0


def test_words_of_success_may_be_said(tmp_path):
    columns = ("--parameters", "a", "--metrics", "b:ms:min", "--status", "code", "--ok", "0")

    found = taken(tmp_path, "a,b,code\n1,5,0\n2,9,137\n", *columns)

    assert found.value("b", a=1) == 5.0
    assert found.value("b", a=2) == "crashed"
    assert found.table.entries['{"a":2}'].reason == "the file says 137"


def test_a_comma_may_be_the_decimal_mark(tmp_path):
    columns = ("--parameters", "a", "--metrics", "b:ms:min", "--decimal", ",")

    found = taken(tmp_path, "a;b\n0,5;1,25\n1;2\n", *columns)

    assert found.cell.space.root["a"].choices == (0.5, 1.0)
    assert found.value("b", a=0.5) == 1.25


@pytest.mark.parametrize("extra", [(), ("--status", "status")])
def test_a_cell_that_is_there_takes_columns_in_too(tmp_path, extra):
    taken(tmp_path, SERVING, *COLUMNS, *STATUS)
    more = (tmp_path / "more.csv").resolve()
    more.write_text(SERVING.replace("74", "99").replace("8,", "8.0,"))

    done = own.InProcess()(
        *("table", "import", "data", more, "--cell", "data-unstated-unstated-table", "--replace"),
        *("--project", tmp_path, *extra),
    )

    assert done.returncode == 0, done.stderr
    assert "throughput: default 11, best 99 req/s" in done.stdout
    assert "1 failed: 1 oom" in done.stdout if extra else "1 failed: 1 crashed" in done.stdout


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ("2,small,1,1,ok\n", (), "more.csv:2: batch: 2 is none of [1, 8, 64]"),
        ("1,small,1,1,ok\n", (), "5 of 6 configurations are missing"),
        ("1,small,1,1,ok\n", ("--parameters", "a"), "with --cell the suite says it"),
    ],
)
def test_columns_that_do_not_fit_a_cell_are_refused(tmp_path, rows, options, said):
    taken(tmp_path, SERVING, *COLUMNS, *STATUS)
    (tmp_path / "more.csv").write_text(SERVING.splitlines()[0] + "\n" + rows)

    done = own.InProcess()(
        *("table", "import", "data", tmp_path / "more.csv", "--project", tmp_path, "--replace"),
        *("--cell", "data-unstated-unstated-table", *options),
    )

    assert done.returncode == 2
    assert said in done.stderr


def test_the_two_forms_are_told_apart(cli, tmp_path):
    one = cli("table", "import", tmp_path / "a", tmp_path / "b")
    other = cli("table", "import", tmp_path / "a", "--cell", "x")

    assert "are 2 paths. Name FILE alone; or SUITE and FILE with --cell ID" in one.stderr
    assert "Name SUITE and FILE with --cell" in other.stderr


def test_types_of_parquet_are_values(tmp_path):
    columns = {
        "day": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        "kind": pd.Categorical(["x", "y"]),
        "on": [True, False],
        "n": pd.array([1, None], "Int64"),
        "f": [1.0, 2.0],
        "y": [decimal.Decimal("1.5"), decimal.Decimal("2.5")],
    }
    pd.DataFrame(columns).to_parquet(tmp_path / "made")
    content = (tmp_path / "made").read_bytes()

    found = taken(
        tmp_path, content, "--parameters", "day,kind,on,n,f", "--metrics", "y:s:min", name="x.pq"
    )

    assert found.done.returncode == 0, found.done.stderr
    assert [p.choices for p in found.cell.space.root.values()] == [
        ("2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("x", "y"),
        (True, False),
        (1, "none"),
        (1, 2),
    ]
    assert found.value("y", day="2026-01-01T00:00:00", kind="x", on=True, n=1, f=1) == 1.5


def test_names_with_markup_are_printed_as_they_are(tmp_path, cli):
    columns = ("--parameters", "<i>a_{$</i>", "--metrics", "<b>&_%|:a&b_$:max")

    found = taken(tmp_path, "<i>a_{$</i>,<b>&_%|\n1,5\n2,7\n3,6\n", *columns, "--budget", 2)
    ran = cli("run", "data", "--methods", "default,random", "--project", tmp_path)
    page = cli("report", "data", "--html", tmp_path / "x.html", "--project", tmp_path)
    tex = cli("report", "data", "--format", "tex", "--project", tmp_path)

    assert found.done.returncode == ran.returncode == page.returncode == tex.returncode == 0
    assert "<b>&_%|" in ran.stdout
    assert "<b>&_" not in (tmp_path / "x.html").read_text("utf-8").partition("<script")[0]
    assert r"\&\_\%" in tex.stdout


@pytest.mark.parametrize("kind", ["cache", "t4"])
def test_files_of_tuners_become_suites_too(tmp_path, kind):
    content = json.dumps(getattr(foreign, kind)())

    found = taken(
        tmp_path,
        gzip.compress(content.encode()),
        *("--default", "tile=2,block_size_x=32", "--limit", "time<=1x", "--budget", 3),
        name="theirs.json.gz",
    )

    assert found.done.returncode == 0, found.done.stderr
    assert dict(found.cell.space.default) == {"block_size_x": 32, "tile": 2}
    assert found.value("time", block_size_x=128, tile=1) == 0.4
    assert "time: default 0.5, best 0.4 ms" in found.done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--parameters", "tile"), "--parameters: data.csv says itself what it holds"),
        (("--repeats-by", "x"), "--repeats-by: data.csv says itself"),
        (("--limit", "time<=1"), "Say it as times the default's: time<=1.5x"),
        (("--default", "tile=2"), "says nothing of block_size_x"),
    ],
)
def test_what_a_tuners_file_says_itself_is_not_said_again(tmp_path, options, said):
    done = taken(tmp_path, json.dumps(foreign.cache()), *options).done

    assert done.returncode == 2
    assert said in done.stderr


def test_a_hundred_thousand_rows_take_seconds(tmp_path):
    side = range(10)
    grid = pd.DataFrame(itertools.product(side, repeat=5), columns=list("abcde"))
    grid["y"] = [float((n * 7919) % 100_003) for n in range(len(grid))]
    before = time.process_time()

    found = taken(
        tmp_path, grid.to_csv(index=False), "--parameters", "a,b,c,d,e", "--metrics", "y:ms:min"
    )

    assert found.done.returncode == 0, found.done.stderr
    assert "100,000 configurations, 0 failed" in found.done.stdout
    assert time.process_time() - before < 6  # one, where nothing disturbs
