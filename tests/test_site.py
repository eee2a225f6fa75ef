"""The documentation as a site: built without a warning, and nothing in it asks another server."""

import os
import re
import subprocess
import sys

import pytest
from support import REPOSITORY

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_of_the_documentation_is_in_the_site(site):
    pages = {page.stem for page in (REPOSITORY / "docs").glob("*.md")}

    assert pages <= {page.stem for page in site.glob("*.html")}
    assert "index" in {page.stem for page in site.glob("*.html")}


def test_no_page_fetches_anything_from_elsewhere(site):
    for page in site.glob("*.html"):
        fetched = re.findall(
            r'<(?:script|img|iframe|link)[^>]* (?:src|href)="?(https?:[^">\s]+)', page.read_text()
        )
        assert fetched == [], page.name


def test_no_page_says_two_things_in_one_line():
    """One sentence a line, so that a change of one is a change of one line."""
    for page in sorted((REPOSITORY / "docs").glob("*.md")):
        made = re.sub(r"\[\[\[cog.*?\[\[\[end\]\]\]", "", page.read_text("utf-8"), flags=re.S)
        prose = re.sub(r"```.*?```|<!--.*?-->|`[^`]*`", "", made, flags=re.S)
        lines = [line for line in prose.splitlines() if line[:1] not in ("|", "", "#", "<")]
        twice = [line for line in lines if re.search(r"[a-z]{3}\. [A-Z][a-z]+ [a-z]", line)]
        told = [line for line in twice if "(" not in line]
        assert told == [], page.name


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_of_the_site_has_a_violation_of_accessibility(site, theme):
    driver = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = {}
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        window = browser.new_page(color_scheme=theme)
        for page in sorted(site.glob("*.html")):
            window.goto(page.as_uri())
            found[page.name] = [
                f"{v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])} times)"
                for v in axe.run(window).response["violations"]
            ]
        browser.close()

    assert {name: told for name, told in found.items() if told} == {}
