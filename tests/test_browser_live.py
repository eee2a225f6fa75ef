"""The page of a run that another process writes, in a real Chromium: new trials appear in it."""

import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from endpoint import Endpoint, reply
from support import ANSWERS
from test_browser import browser  # noqa: F401 # a fixture
from test_view import serving

pytestmark = pytest.mark.browser


class Steps:
    """Replies that an LLM gives one by one, each when it is let."""

    def __init__(self):
        self._let = threading.Semaphore(0)

    def let(self, count: int) -> None:
        self._let.release(count)

    def behaviour(self, text: str):
        given = reply(text)

        def answer(headers, closing):
            self._let.acquire(timeout=60)
            return given(headers, closing)

        return answer


@contextmanager
def a_run_in_another_process(project: Path, steps: Steps):
    with Endpoint([steps.behaviour(answer) for answer in ANSWERS]) as endpoint:
        words = ["run", str(project / "suites/small.yaml"), "--agent", "live", "--answered-by", "x"]
        command = [sys.executable, "-m", "haqa_bench", *words, "--base-url", endpoint.base_url]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            steps.let(1000)
            process.wait(60)


def test_new_trials_of_a_run_in_another_process_appear_without_a_reload(
    browser,  # noqa: F811
    project,
):
    steps = Steps()
    with a_run_in_another_process(project, steps) as process:
        runs = project / "results/runs/small"
        steps.let(3)
        while not list(runs.glob("*/journal/*/haqa-s0.jsonl")):
            assert process.poll() is None
        (folder,) = runs.iterdir()
        with serving(project, folder) as url:
            window = browser.new_page()
            complaints: list[str] = []
            window.on("console", lambda message: complaints.append(message.text))
            window.on("pageerror", lambda error: complaints.append(str(error)))
            window.set_default_timeout(30_000)
            window.goto(f"{url}#studies:1:small/net-int4-epyc-zen4-2core/haqa/seed0:0")
            window.evaluate("window.kept = true")
            frame = window.frame_locator("iframe:not(.next)")
            title = frame.locator("#round-title")
            title.get_by_text("Round 0 of 2").wait_for()
            steps.let(1000)
            process.wait(60)
            title.get_by_text("Round 0 of 4").wait_for()
            assert frame.locator("#study-method").input_value() == "haqa"
            window.get_by_text("Live. Up to date").wait_for()
            assert window.evaluate("window.kept")
            assert window.url.endswith("/haqa/seed0:0")
            assert complaints == []
            window.close()


def test_all_runs_lead_to_each_and_back(browser, cli, project):  # noqa: F811
    cli("run", project / "suites/small.yaml", "--methods", "default,random")
    with serving(project) as url:
        window = browser.new_page(viewport={"width": 390, "height": 844})
        window.set_default_timeout(30_000)
        window.goto(url)
        frame = window.frame_locator("iframe:not(.next)")
        frame.get_by_role("link", name="cassette-recorded").click()
        frame.get_by_role("link", name="Curves").first.click()
        window.wait_for_url("**/#curves*")
        window.get_by_role("link", name="All runs").click()
        frame.get_by_role("heading", name="Runs").wait_for()
        window.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation_in_the_list_of_runs(browser, cli, project, theme):  # noqa: F811
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    cli("run", project / "suites/small.yaml", "--methods", "default,random")
    with serving(project) as url:
        window = browser.new_page(color_scheme=theme)
        for address in (url, f"{url}page"):
            window.goto(address)
            window.wait_for_timeout(500)
            found = axe.run(window).response["violations"]
            assert [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found] == [], address
        window.close()
