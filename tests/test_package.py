"""What is published beside the code says what is true of it."""

import os
import re
import subprocess
import tomllib

import pytest
from ruamel.yaml import YAML
from support import REPOSITORY

import haqa_bench
from haqa_bench.store import manifest

SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
EXTRAS = SETTINGS["project"]["optional-dependencies"].keys()
SHIPPED = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
FORMS = sorted((REPOSITORY / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def read(name):
    return (REPOSITORY / name).read_text("utf-8")


def parsed(name):
    return YAML(typ="safe").load(read(name))


def commands():
    """All that CI and the pre-commit hooks call."""
    jobs = parsed(".github/workflows/ci.yml")["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_the_version_is_the_same_everywhere():
    newest = re.search(r"^## (\d\S*)", read("CHANGELOG.md"), re.M)[1]

    assert haqa_bench.__version__ == newest == str(parsed("CITATION.cff")["version"])


def test_changes_are_added_changed_or_fixed_and_each_stands_once():
    text = read("CHANGELOG.md")
    entries = re.findall(r"^- .+", text, re.M)

    assert set(re.findall(r"^### (.+)", text, re.M)) <= {"Added", "Changed", "Fixed", "Removed"}
    assert len(set(entries)) == len(entries)


def test_the_wheel_brings_everything_that_a_project_reads():
    assert all((REPOSITORY / name).exists() for name in SHIPPED)
    assert all(target == f"haqa_bench/shipped/{name}" for name, target in SHIPPED.items())
    recorded = {area.partition("/*")[0] for area in manifest.AREAS}
    assert SHIPPED.keys() >= recorded | {"suites", "prompts", "hardware", manifest.NAME}
    assert not any(name.startswith("results/runs") or name == "results" for name in SHIPPED)
    assert (REPOSITORY / "haqa_bench" / "py.typed").is_file()


@pytest.mark.parametrize("command", commands())
def test_every_target_extra_and_script_that_ci_names_is_there(command):
    targets = re.findall(r"^([a-z-]+):", read("Makefile"), re.M)
    for target in re.findall(r"make ([a-z-]+)", command):
        assert target in targets
    for extra in re.findall(r"\.\[([a-z,]+)\]", command):
        assert set(extra.split(",")) <= EXTRAS
    for script in re.findall(r"^(\.ci/\w+)", command):
        assert os.access(REPOSITORY / script, os.X_OK)


def test_ci_tries_every_python_that_is_promised():
    tried = parsed(".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]["python"]

    assert tried == ["3.11", "3.12", "3.13", "3.14"]
    assert f">={tried[0]}" == SETTINGS["project"]["requires-python"]
    assert f"Python {tried[0]} to {tried[-1]}" in read("SECURITY.md")


def test_what_the_dockerfile_copies_installs_and_starts_is_there():
    text = read("Dockerfile")
    copied = re.findall(r"^COPY (?!--from)(\S+)", text, re.M)
    extras = re.findall(r"EXTRAS=([a-z,]+)", text)

    assert all((REPOSITORY / name).exists() for name in copied)
    assert extras
    assert all(set(extra.split(",")) <= EXTRAS for extra in extras)
    (entry,) = re.findall(r'^ENTRYPOINT \["(.+)"\]', text, re.M)
    assert entry in SETTINGS["project"]["scripts"]
    left_out = set(read(".dockerignore").split())
    assert not left_out & {*SHIPPED, "haqa_bench", "pyproject.toml", "README.md", "LICENSE"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_each_thing_once(path):
    form = YAML(typ="safe").load(path.read_text("utf-8"))
    if path.stem == "config":
        return
    asked = [part for part in form["body"] if part["type"] != "markdown"]

    assert {"name", "description", "body"} <= form.keys()
    assert {part["type"] for part in form["body"]} <= {
        *("markdown", "textarea", "input", "checkboxes", "dropdown")
    }
    assert len({part["id"] for part in asked}) == len(asked)
    assert all(part["attributes"]["label"] for part in asked)


def test_every_command_that_the_forms_name_is_one_of_ours():
    from haqa_bench.cli import COMMANDS

    files = [*FORMS, REPOSITORY / "SECURITY.md", REPOSITORY / "CONTRIBUTING.md"]
    text = "".join(path.read_text("utf-8") for path in files)
    named = set(re.findall(r"`haqa-bench ([a-z]+)", text))

    assert named - {"contribute"} <= COMMANDS.keys()


def test_no_pack_is_judged_where_none_is_new():
    if not (REPOSITORY / ".git").exists():
        pytest.skip("no git repository")
    done = subprocess.run([REPOSITORY / ".ci/packs", "HEAD"], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "No pack of results is new\n")


def test_the_citation_names_this_program_and_the_paper():
    found = parsed("CITATION.cff")
    (paper,) = found["references"]

    assert found["cff-version"] == "1.2.0"
    assert found["title"].startswith("haqa-bench: ")
    assert paper["url"] == SETTINGS["project"]["urls"]["Paper"]
    assert all(author.keys() == {"family-names", "given-names"} for author in paper["authors"])
