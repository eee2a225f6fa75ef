"""The page of a tuning in a real Chromium: light and dark, wide and narrow, and while it grows."""

import threading

import pytest
from command import InProcess
from test_browser import SIZES, browser, fits, opened  # noqa: F401 # the first is a fixture
from tuned import Machine, prepared

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        tuning = prepared(folder, patch, Machine())
        assert InProcess()(*tuning.words).returncode == 0
    file = folder / "page.html"
    where = ("--project", tuning.output, "--output", file)
    assert InProcess()("view", tuning.run, *where, "--no-open").returncode == 0
    return file.as_uri()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_answer_fits_and_axe_finds_no_violation(browser, address, theme, size):  # noqa: F811
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(browser, address, theme, size) as window:
        window.locator("#tune-front").get_by_role("button", name="MB").click()
        first = window.locator("#tune-front tbody tr").first
        assert first.locator("th").inner_text() == "Q4_0"  # the least memory first

        found = axe.run(window).response["violations"]

        assert [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found] == []
        window.locator("#filter").fill("Q4_K_M")
        assert window.locator("#tune-front tbody tr:visible").count() == 1
        assert window.locator("#tune-confirmed").is_hidden()


def test_what_a_reader_watches_grows_without_a_reload(
    browser,  # noqa: F811
    cli,
    tmp_path,
    monkeypatch,
):
    addresses, go_on = [], threading.Semaphore(0)
    monkeypatch.setattr("webbrowser.open", lambda url: addresses.append(url) or True)
    tuning = prepared(tmp_path, monkeypatch, Machine(lambda: go_on.acquire(timeout=60)))
    done = []
    running = threading.Thread(target=lambda: done.append(cli(*tuning.words, "--watch")))
    running.start()
    go_on.release(2 * 8)  # the noise floor
    while not addresses:
        assert running.is_alive()
    window = browser.new_page()
    window.set_default_timeout(30_000)
    window.goto(addresses[0])
    frame = window.frame_locator("iframe:not(.next)")
    frame.get_by_role("heading", name="Nothing to show yet").wait_for()
    go_on.release(3)
    frame.get_by_role("heading", name="Not ended").wait_for()
    go_on.release(1000)
    frame.get_by_role("heading", name="Recommended: use these settings").wait_for()
    running.join(60)
    window.get_by_text("Not live. The tuning has ended.").wait_for()
    assert frame.locator("#tune-confirmed tbody tr").count() == 2
    assert fits(window)
    assert done[0].returncode == 0
    window.close()
