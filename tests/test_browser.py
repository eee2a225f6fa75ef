"""The page in a real Chromium, as its reader uses it: mouse and keyboard, light and dark, wide and
narrow.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from endpoint import Endpoint, reply
from support import NASTY, action, replayed, run, written

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
REPLIES = [
    "no JSON",
    action("IQ4_NL", 1, NASTY),
    action("Q4_0", 2, NASTY),
    action("IQ4_NL", 2, "quicker"),
    action("Q4_1", 1),
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(
            executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )


@pytest.fixture
def file(project: Path) -> str:
    with Endpoint([reply(r) for r in REPLIES]) as endpoint:
        run(project, "--agent", "live", "--base-url", endpoint.base_url, "--answered-by", NASTY)
    folder = replayed(project)
    written(folder)
    return (folder / "page.html").as_uri()


@pytest.fixture(params=["light wide", "dark wide", "light narrow", "dark narrow"])
def page(browser, file, request) -> Iterator:
    """The page, opened. When a test is done with it, nothing has left it, complained or stuck
    out.
    """
    theme, size = request.param.split()
    width, height = SIZES[size]
    opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    asked: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda r: asked.append(r.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    opened.set_default_timeout(5000)
    opened.goto(file)
    yield opened
    assert [url for url in asked if url.split("#")[0] != file and not url.startswith("data:")] == []
    assert complaints == []
    assert fits(opened)
    opened.close()


def fits(page) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def turn_to(page, view: str) -> None:
    page.get_by_role("link", name=view).click()
    page.locator(f"#{view.lower()}").wait_for()


def column(page, name: str) -> list[str]:
    index = [h.strip() for h in page.locator("#figure5 thead th").all_inner_texts()].index(name) + 1
    return page.locator(f"#figure5 tbody tr:not([hidden]) td:nth-child({index})").all_inner_texts()


def test_a_table_sorts_numbers_as_numbers_and_back(page):
    as_written = column(page, "tokens/s")
    heading = page.get_by_role("button", name="tokens/s", exact=True)

    heading.click()
    assert column(page, "tokens/s") == sorted(as_written, key=float)
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    heading.press("Enter")
    assert column(page, "tokens/s") == sorted(as_written, key=float, reverse=True)
    heading.press("Space")
    assert column(page, "tokens/s") == as_written


def test_a_filter_keeps_rows_that_hold_all_its_words(page):
    page.get_by_label("Filter").fill("net HAQA")

    assert column(page, "Method") == ["haqa"]
    assert page.locator("#figure5 output").inner_text() == "1 of 3 rows"
    page.get_by_label("Filter").fill("")
    assert len(column(page, "Method")) == 3


def test_curves_give_their_values_to_the_mouse_and_to_the_keyboard(page):
    turn_to(page, "Curves")
    chart = page.get_by_role("slider", name="Best so far")

    chart.hover(position={"x": 60, "y": 80})
    assert "1 proposal" in chart.locator(".tip").inner_text()
    chart.focus()
    chart.press("End")
    chart.press("ArrowLeft")
    assert chart.get_attribute("aria-valuetext").startswith("4 proposals: ")
    assert "haqa 70" in chart.get_attribute("aria-valuetext")
    assert page.locator("#legend caption").inner_text().startswith("After 4 proposals")
    assert page.get_by_role("slider", name="Regret").locator("path.line").count() == 3
    page.locator("#legend button", has_text="haqa").click()
    assert page.get_by_role("slider", name="Best so far").locator("path.single").count() == 2
    page.locator("#curves-ledger").select_option("spent_seconds")
    assert fits(page)


def test_a_study_steps_through_its_rounds_with_the_arrow_keys(page):
    turn_to(page, "Studies")
    assert page.locator("#study-method").input_value() == "haqa"
    title = page.locator("#round-title")
    assert title.inner_text().startswith("Round 1 of 4")

    page.keyboard.press("ArrowRight")
    assert title.inner_text() == "Round 2 of 4 breaks a constraint"
    assert page.locator("blockquote").inner_text().startswith("</script><script>alert(1)")
    assert fits(page)
    page.keyboard.press("ArrowRight")
    assert title.inner_text() == "Round 3 of 4 new best"
    assert page.url.endswith("#studies:1:small/net-int4-epyc-zen4-2core/haqa/seed0:3")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert title.inner_text() == "Round 0 of 4 the default"
    assert page.get_by_role("button", name="Previous round").is_disabled()


def test_a_round_shows_what_was_sent_and_what_came_of_it(page, file):
    page.goto(f"{file}#studies:1:small/net-int4-epyc-zen4-2core/haqa/seed0:1")
    page.locator("#studies").wait_for()

    shown = page.locator("#round")
    assert "crashed" in shown.inner_text()
    assert "exit code 1" in shown.inner_text()
    assert "Attempt 2" in shown.inner_text()
    assert shown.locator(".message.reply").count() == 2
    system = shown.locator("details", has_text="System prompt")
    assert system.count() == 1
    assert not system.locator("pre").is_visible()
    system.locator("summary").click()
    assert "# Search space" in system.inner_text()
    page.get_by_role("button", name="Next round").click()
    assert shown.locator("details", has_text="System prompt").locator("pre").is_visible()
    page.locator("#study-method").select_option("random")
    shown.locator(".prompt").wait_for(state="detached")


def test_the_theme_follows_the_system_until_it_is_changed(page):
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)

    page.locator("#theme").click()
    assert page.evaluate(paper) != before
    page.locator("#theme").click()
    assert page.evaluate(paper) == before


def test_all_of_it_is_reached_by_the_tab_key_and_the_focus_is_seen(page):
    turn_to(page, "Studies")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        outline, name = page.evaluate(
            "[getComputedStyle(document.activeElement).outlineStyle, document.activeElement.id]"
        )
        assert outline != "none" or name in ("", "main")
        seen.add(name)

    assert {"theme", "study-cell", "study-method", "study-seed", "next"} <= seen
