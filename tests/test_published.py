"""What the paper published: every number of the files is printed, and their arithmetic is told."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys

import pytest
from ruamel.yaml import YAML
from support import REPOSITORY

from haqa_bench.documents import read_yaml
from haqa_bench.errors import HaqaError
from haqa_bench.report.published import beside, checks, document
from haqa_bench.report.published.document import PublishedTable
from haqa_bench.report.tables.table import Column, Table, words

FILES = sorted((REPOSITORY / "paper_tables").glob("*.yaml"))
TABLES = {path.stem: read_yaml(path, PublishedTable) for path in FILES}
OTHER = """
label: Table 9
paper: Somebody's
title: Speeds of two phones
sources: {A: the article}
source: A
keys: [phone, setting]
columns_are: what
compared: setting
columns:
  - {name: Before, unit: ms, digits: 1, kind: baseline}
  - {name: After, unit: ms, digits: 1}
  - {name: Gain, unit: x, digits: 2, kind: ratio, of: [Before, After]}
  - {name: Mean, unit: ms, digits: 1, kind: average, of: [Before, After]}
rows:
  - {key: [One, quick], values: [10.0, 5.0, 2.0, 7.5]}
  - {key: [One, slow], values: [20.0, [10.0, 0.5], 2.5, 15.0]}
"""


def raw(name):
    return YAML(typ="safe").load(REPOSITORY / f"paper_tables/{name}.yaml")


def as_printed(value, column):
    """How a value of a file is to be printed, from the file alone."""
    digits, unit = column.get("digits", 2), column.get("unit", "")
    x = "x" if unit == "x" else ""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return f"{value['low']:.{digits}f}{x} to {value['high']:.{digits}f}{x}"
    if isinstance(value, list):
        return f"{value[0]:.{digits}f}±{value[1]:.{digits}f}"
    return f"{value:.{digits}f}{x}"


def expected(name):
    """A line of texts for each row of a printed table, without what names the row."""
    found = raw("table2" if name == "table6" else name)
    rows = [row["values"] for row in found["rows"]]
    if name == "table6":
        rows = [row for row in rows if isinstance(row[0], list)]
    if name == "table2":
        rows = [[v[0] if isinstance(v, list) else v for v in row] for row in rows]
    return [[as_printed(v, c) for v, c in zip(row, found["columns"], strict=True)] for row in rows]


def rows_of_markdown(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def rows_of_latex(text):
    """The rows of each part, side by side."""
    parts = []
    for part in re.split(r"\\(?=begin\{(?:table\*|longtable)\})", text)[1:]:
        body = part.rsplit(r"\midrule", 1)[1].split(r"\bottomrule")[0].replace(r"\endhead", "")
        lines = [line for line in body.splitlines() if " & " in line]
        parts.append([line.removesuffix(r" \\").split(" & ") for line in lines])
    return parts


NAMES = [*(path.stem for path in FILES), "table6"]


@pytest.mark.parametrize("name", NAMES)
def test_every_published_number_is_printed_in_markdown_cell_by_cell(cli, name):
    done = cli("published", "--table", name, "--format", "md", "--project", REPOSITORY)

    wanted = expected(name)
    found = rows_of_markdown(done.stdout)
    assert [row[-len(wanted[0]) :] for row in found] == wanted


@pytest.mark.parametrize("name", NAMES)
def test_every_published_number_is_printed_in_latex_cell_by_cell(cli, name):
    done = cli("published", "--table", name, "--format", "tex", "--project", REPOSITORY)

    wanted = [[cell.replace("±", r"$\pm$") for cell in row] for row in expected(name)]
    parts = rows_of_latex(done.stdout)
    columns = raw("table2" if name == "table6" else name)["columns"]
    heads = len(parts[0][0]) - len(columns) // len(parts) - (len(columns) % len(parts) > 0)
    whole = [[cell for part in parts for cell in part[i][heads:]] for i in range(len(wanted))]
    assert whole == wanted
    assert all(len(part) == len(wanted) for part in parts)


def test_csv_and_json_hold_the_numbers_and_the_deviations(cli):
    told = cli("published", "--table", "6", "--format", "json", "--project", REPOSITORY)
    lines = cli("published", "--table", "6", "--format", "csv", "--project", REPOSITORY)

    first = json.loads(told.stdout)["rows"][0]["values"]["BoolQ"]
    assert (first["number"], first["std"], first["n"]) == (76.46, 0.62, 10)
    assert first["source"] == "published"
    assert next(csv.DictReader(io.StringIO(lines.stdout)))["BoolQ"] == "76.46"


def test_no_line_of_a_terminal_is_too_wide(cli):
    done = cli("published", "--project", REPOSITORY)

    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "not converged" in done.stdout
    assert "Published, P: " in done.stdout


def test_nothing_heavy_is_imported_and_no_run_is_needed(tmp_path):
    for folder in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    code = (
        "import sys; from haqa_bench.cli import app\n"
        "app(['published'], standalone_mode=False)\n"
        "heavy = {'pandas', 'duckdb', 'numpy', 'scipy', 'pyarrow', 'optuna'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
@pytest.mark.parametrize("name", NAMES)
def test_each_table_compiles_in_two_columns(cli, tmp_path, name):
    done = cli(
        *("published", "--table", name, "--format", "tex", "--standalone", "--project", REPOSITORY)
    )
    (tmp_path / "one.tex").write_text(done.stdout, "utf-8")

    for _ in range(2):
        made = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "one.tex"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    assert made.returncode == 0, made.stdout[-2000:]
    assert "Overfull \\hbox" not in made.stdout


def findings(name):
    return {(f.table, f.check): f for f in checks.of(TABLES[name])}


def test_38_of_48_averages_are_not_the_means_of_their_parts():
    found = findings("table2")["Table 2", "averages"]

    assert "in 10 of 48 rows" in found.summary
    assert "in 38 it is not, by +3.92 to +4.95" in found.summary
    agree = [line for line in found.details if line.startswith("agrees")]
    methods = ("Local", "Bayesian", "Random", "NSGA2", "HAQA")
    assert [line.split(":")[1].strip() for line in agree] == [
        f"LLaMA3.2-3B, {bits}, {method}" for bits in ("INT4", "INT8") for method in methods
    ]


def test_the_printed_human_average_is_above_and_the_recomputed_one_below():
    four, eight = findings("table2")["Table 2", "orders"].details[1:]

    assert four.startswith(
        "LLaMA3.2-3B, INT4: Human (60.57, recomputed 56.39) is printed above Local"
    )
    assert four.endswith("HAQA (58.63, recomputed 58.63)")
    assert "Human (61.07, recomputed 57.09)" in eight
    assert eight.endswith("HAQA (59.11, recomputed 59.11)")


def test_methods_differ_by_the_same_amounts_for_all_models():
    two = findings("table2")["Table 2", "differences"].details
    one = findings("table1")["Table 1", "differences"].details

    assert two[0] == (
        "INT4: any two of Local, Bayesian, Random, NSGA2 and HAQA differ alike for LLaMA2-7B, "
        "LLaMA2-13B, LLaMA3.2-3B and LLaMA3-8B in each of 8 columns; HAQA - Local is 0.79, 1.45, "
        "0.58, 1.40, 1.76, 1.16, 0.60, 1.21"
    )
    assert two[1].startswith("INT8: any two of Local, Bayesian, Random, NSGA2 and HAQA")
    assert one[0].startswith("w8a8: any two of Default, Local search, Bayesian opt.")
    assert one[-1].startswith("w2a2: any two of Local search, Bayesian opt., Random search, NSGA2")
    assert all("ResNet20 and ResNet32" in line for line in one)


def test_silu_alone_is_as_fast_as_the_abstract_says_and_the_whole_is_bounded():
    ratios, bounds = (findings("table3")["Table 3", name] for name in ("ratios", "bounds"))

    assert ratios.agrees
    assert "15 of 15 rows" in ratios.summary
    assert "at most 1 / (0.9 / 1.63 + 0.1 / 2.31) = 1.68" in bounds.details
    assert "the abstract says 2.3: above what the parts allow" in bounds.details
    assert bounds.details[-1] == "rows whose Speed-up is 2.3, rounded so: SiLU, [11008,64,1]"


def test_one_task_of_one_model_jumps_where_no_other_does():
    (only,) = findings("table2")["Table 2", "jumps"].details

    assert only == (
        "LLaMA3-8B, HellaSwag: from INT4 to INT8 +7.64 to +7.89 in all 6 pairs; "
        "the others at most 0.36"
    )


def test_the_deviation_of_a_mean_is_at_most_the_mean_of_deviations():
    found = findings("table2")["Table 6", "deviations"]

    assert "in 20 of 40 rows" in found.summary
    assert "LLaMA2-7B, INT4, Local: 0.57, the parts' mean is 0.45" in found.details


def test_the_check_prints_its_arithmetic_also_as_json(cli):
    text = cli("published", "--check", "--project", REPOSITORY)
    told = cli("published", "--check", "--table", "3", "--json", "--project", REPOSITORY)

    assert "38" in text.stdout
    assert {f["table"] for f in json.loads(told.stdout)["findings"]} == {"Table 3"}


def test_a_table_of_another_paper_is_printed_and_checked(cli, tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text(OTHER)

    shown = cli("published", path)
    checked = cli("published", "--check", path)

    assert "10.0±0.5" in shown.stdout
    assert "Published, A: the article." in shown.stdout
    assert "Gain is Before over After in 1 of 2 rows" in checked.stdout
    assert "One, slow: printed 2.50, and 20 / 10 = 2.000" in checked.stdout
    assert "Mean is the mean of its 2 parts in 2 of 2 rows" in checked.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "values: [10.0, 5.0, 2.0, 7.5]",
            "values: [10.0, 5.0, 2.0]",
            "rows[0] has 3 values, and 4",
        ),
        ("[10.0, 0.5]", "[10.0, 0.5, 1]", "a value is a number, [number, standard deviation]"),
        ("2.5, 15.0", "fast, 15.0", "words does not say what fast means"),
        ("source: A", "source: B", "sources does not say what B is"),
        ("of: [Before, After]}", "of: [Before, Later]}", "there is no column Later"),
        ("compared: setting", "compared: settings", "settings is neither a key nor"),
        ("title:", "titel:", "unknown key; did you mean 'title'?"),
        ("10.0, 5.0", ".nan, 5.0", "finite"),
        ("slow]", "quick]", "is given twice: One, quick"),
        ("columns_are: what", "columns_are: phone", "phone is given twice"),
        ("source: A", "source: A\nmethods: {fast: [haqa]}", "fast is no label of what is compared"),
    ],
)
def test_a_bad_file_is_one_clear_line(cli, tmp_path, old, new, message):
    path = tmp_path / "other.yaml"
    path.write_text(OTHER.replace(old, new))

    done = cli("published", "--check", path)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


@pytest.mark.parametrize("words_", [("published", "--table", "7"), ("published", "no.yaml")])
def test_what_there_is_not_is_told(cli, words_):
    done = cli(*words_, "--project", REPOSITORY)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


PHONE = {"model": "openLLaMA-3B", "bit_width": "any", "hardware": "oneplus-11"}


@pytest.mark.parametrize(
    ("name", "place", "method", "text"),
    [
        ("table1", {"model": "ResNet20", "bit_width": "w2a2"}, "default", "not converged (P)"),
        ("table1", {"model": "ResNet20", "bit_width": "w2a2"}, "haqa", "75.55±0.32 % (P)"),
        ("table1", {"model": "ResNet20", "bit_width": "w8a8"}, "gp", "91.69±0.42 % (P)"),
        ("table1", {"model": "ResNet20", "bit_width": "w8a8"}, "tpe", "91.69±0.42 % (P)"),
        ("table1", {"model": "ResNet20", "bit_width": "FP32"}, "haqa", "UNKNOWN"),
        ("table1", {"model": "ResNet20", "bit_width": "w8a8"}, "rules", "UNKNOWN"),
        (
            *("table2", {"model": "LLaMA2-7B", "bit_width": "INT8"}, "haqa"),
            "64.22±0.31 % (P; the mean of its 8 parts is 60.29)",
        ),
        ("table2", {"model": "LLaMA2-7B", "bit_width": "INT8"}, "default", "UNKNOWN"),
        ("table3", {"kernel": "softmax", "rows": 2048}, "haqa", "1.85x (NVIDIA A6000 48 GB; P)"),
        ("table3", {"kernel": "gemv", "outputs": 4096, "columns": 4096}, "haqa", "UNKNOWN"),
        ("table3", {"kernel": "softmax", "rows": 2048}, "random", "UNKNOWN"),
        (
            *("table4", PHONE, "haqa"),
            "FP16 5.11 tokens/s, INT8 5.25 tokens/s, INT4 4.95 tokens/s (OnePlus 11; P)",
        ),
        ("table4", PHONE | {"hardware": "nvidia-a6000"}, "haqa", "UNKNOWN"),
        (
            *("table5", {"model": "LLaMA2-13B", "limit": "12 GB"}, "haqa"),
            "FP16 no, INT8 no, INT4 yes (NVIDIA A6000 48 GB; P)",
        ),
        ("table5", {"model": "LLaMA2-7B", "limit": "12 GB"}, "haqa", "UNKNOWN"),
        ("figure5", {"model": "x", "bit_width": "INT4"}, "haqa", "1.2x to 1.5x"),
        ("figure5", {"model": "x", "bit_width": "INT4"}, "random", "UNKNOWN"),
    ],
)
def test_what_stands_beside_ours_is_of_the_same_cell_or_unknown(name, place, method, text):
    assert beside.said(TABLES[name], place, method).text.startswith(text)


def test_where_nothing_is_known_everything_is_unknown():
    assert beside.said(None, {"model": "x"}, "haqa").text == "UNKNOWN"


def test_what_a_source_is_stands_below_a_table_that_prints_it():
    made = Table("t", [Column("Published", role="published")], [[words("64.22 (P)")]])
    silent = made._replace(rows=[[words("UNKNOWN")]])

    told = beside.with_doubts(made, TABLES["table2"])

    assert any("in 38 it is not" in doubt for doubt in told.doubts)
    assert told.doubts[-1].startswith("Published, P: ")
    assert beside.with_doubts(silent, TABLES["table2"]) == silent


def test_a_folder_without_tables_is_told(tmp_path):
    with pytest.raises(HaqaError, match="holds no published table"):
        document.load_all(tmp_path)
