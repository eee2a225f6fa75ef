"""The page in a real Chromium, as its reader uses it: mouse and keyboard, light and dark, wide and
narrow; and as axe-core reads it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from endpoint import Endpoint, reply
from support import NASTY, REPOSITORY, action, replayed, run, written

from haqa_bench.report.page import page as pages

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
CELL = "smollm2-135m-int4-epyc-zen4-2core"
TABLE2 = f"table2:{CELL}-qlora/haqa/test-accuracy"
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


@pytest.fixture(scope="module")
def site(whole_suites, tmp_path_factory) -> str:
    """A page of several runs: real tables, with words for rows, limits and wide columns."""
    folders = [whole_suites(name).folder for name in ("llama", "memory", "formats", "ablations")]
    return pages.write_runs(folders, tmp_path_factory.mktemp("site"), REPOSITORY).as_uri()


@contextmanager
def opened(browser, file: str, theme: str, size: str) -> Iterator:
    """The page, opened. When a test is done with it, nothing has left it, complained or stuck
    out.
    """
    width, height = SIZES[size]
    window = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    asked: list[str] = []
    complaints: list[str] = []
    window.on("request", lambda r: asked.append(r.url))
    window.on("console", lambda message: complaints.append(message.text))
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    window.set_default_timeout(10_000)
    window.goto(file)
    window.locator("nav [aria-current]").wait_for()
    yield window
    assert [url for url in asked if url.split("#")[0] != file and not url.startswith("data:")] == []
    assert complaints == []
    assert fits(window)
    window.close()


@pytest.fixture(params=["light wide", "dark wide", "light narrow", "dark narrow"])
def page(browser, file, request) -> Iterator:
    with opened(browser, file, *request.param.split()) as window:
        yield window


@pytest.fixture(params=["wide", "narrow"])
def several(browser, site, request) -> Iterator:
    with opened(browser, site, "light", request.param) as window:
        yield window


def fits(page) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def turn_to(page, view: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=view).click()
    page.locator(f"#{view.lower()}").wait_for()


def column(page, name: str) -> list[str]:
    index = [h.strip() for h in page.locator("#figure5 thead th").all_inner_texts()].index(name) + 1
    places = page.locator(f"#figure5 tbody tr:not([hidden], .over) > :nth-child({index})")
    return [text.strip() for text in places.all_inner_texts()]


def marked(page) -> str:
    """The id of the place or the row that is marked; it and its heading are in sight."""
    found = page.locator(".marked")
    found.wait_for()
    assert found.count() == 1
    assert page.evaluate(
        """() => {
          const element = document.querySelector(".marked");
          const target = element.matches("article") ? element.querySelector("h3") : element;
          const head = element.closest("table")?.tHead.rows[0].cells[element.cellIndex ?? 0];
          const bar = document.querySelector(".bar").getBoundingClientRect().bottom;
          const seen = (one) => {
            const box = one.getBoundingClientRect();
            const below = box.bottom > bar && box.right > 0;
            return below && box.top < innerHeight && box.left < innerWidth;
          };
          return seen(target) && (!head || seen(head));
        }"""
    )
    return found.get_attribute("id")


def test_it_opens_on_a_summary_whose_contents_lead_to_everything(several):
    assert several.locator("#summary").is_visible()
    contents = several.locator("#run-1 .contents a")
    for link in [contents.nth(i).get_attribute("href") for i in range(contents.count())]:
        several.locator(f'#run-1 .contents a[href="{link}"]').click()
        several.locator("#summary").wait_for(state="hidden")
        assert several.locator(".view:not([hidden])").count() == 1
        assert several.locator("#lost").is_hidden()
        several.go_back()
        several.locator("#summary").wait_for()
    several.locator("#run-1 .brief td a").first.click()
    assert marked(several).startswith("table2:")


def test_a_table_sorts_the_best_first_then_back_then_as_written(page):
    turn_to(page, "Tables")
    as_written = column(page, "tokens/s")
    heading = page.get_by_role("button", name="tokens/s", exact=True).first

    heading.click()
    assert column(page, "tokens/s") == sorted(as_written, key=float, reverse=True)
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert page.url.endswith("#tables?sort=figure5%3Atokens-s")
    page.reload()
    assert column(page, "tokens/s") == sorted(as_written, key=float, reverse=True)
    heading.press("Enter")
    assert column(page, "tokens/s") == sorted(as_written, key=float)
    heading.press("Space")
    assert column(page, "tokens/s") == as_written


def test_of_a_loss_the_best_is_the_least(several):
    turn_to(several, "Tables")

    heading = several.locator("#table2 thead button", has_text="held_out_loss").first
    heading.click()

    assert several.locator("#table2 th[aria-sort]").get_attribute("aria-sort") == "ascending"


def test_one_filter_is_over_all_tables_and_in_the_address(several):
    turn_to(several, "Tables")
    several.get_by_label("Filter").fill("haqa INT4")

    assert several.locator("#figure5 tbody tr:not(.over)").first.is_hidden()
    assert several.locator("#left").inner_text().split()[1] == "of"
    assert several.url.endswith("#tables?filter=haqa+INT4")
    left = several.locator("#left").inner_text()
    several.reload()
    assert several.locator("#left").inner_text() == left
    several.get_by_label("Filter").fill("no such words")
    assert several.locator("article.table:visible").count() == 0
    several.get_by_label("Filter").fill("")
    assert several.locator("article.table").first.is_visible()


def test_tables_are_short_until_all_columns_are_wanted(several):
    turn_to(several, "Tables")
    head = several.locator('#figure5 th[data-slug="source"]')
    assert head.is_hidden()

    several.get_by_label("All columns").check()

    assert head.is_visible()
    assert several.url.endswith("#tables?columns=all")


def test_the_first_column_and_the_headings_stay_in_sight(several):
    turn_to(several, "Tables")
    several.get_by_label("All columns").check()
    frame = several.locator("#table2 .scroll")
    frame.evaluate("(one) => { one.scrollLeft = 1e6; one.scrollTop = 1e6; }")

    box = frame.bounding_box()
    first = several.locator("#table2 tbody tr:last-child > th").last.bounding_box()
    head = several.locator("#table2 thead th").first.bounding_box()
    assert abs(first["x"] - box["x"]) < 3
    assert abs(head["x"] - box["x"]) < 3
    assert abs(head["y"] - box["y"]) < 3


def test_the_first_screen_of_a_phone_shows_methods_and_numbers(browser, site):
    with opened(browser, site, "light", "narrow") as window:
        turn_to(window, "Tables")
        row = window.locator("#table2 tbody tr", has_text="haqa").first
        value = row.locator("td.number", has_text=".").first

        for part in (row.locator("th"), value):
            box = part.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= SIZES["narrow"][0]
            assert box["y"] + box["height"] <= SIZES["narrow"][1]


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        (TABLE2, TABLE2),
        ("table2:SmolLM2-135M/INT4/haqa/test-accuracy", TABLE2),
        ("T2:SmolLM2-135M/INT4/haqa/test-accuracy", TABLE2),
        (f"figure5:{CELL}/haqa", f"figure5:{CELL}/haqa"),
        ("F5:SmolLM2-135M/INT4/haqa/speed-up", f"figure5:{CELL}/haqa/speed-up"),
        (f"figure5:{CELL}/haqa/source", f"figure5:{CELL}/haqa/source"),
        (f"F5:{CELL}/haqa@ablations", f"figure5:{CELL}/haqa@ablations/"),
        ("figure5@ablations", "figure5@ablations/"),
        ("table5:llama2-7b-any-nvidia-a6000-memory/8_gb", "table5:llama2-7b-any"),
        ("table5", "table5"),
        ("2", "table2"),
    ],
)
def test_every_documented_address_works(browser, site, address, leads_to):
    for size in SIZES:
        with opened(browser, site, "light", size) as window:
            window.goto(f"{site}#{address}")
            assert marked(window).startswith(leads_to)
            assert window.locator("#lost").is_hidden()


def test_an_address_without_a_name_in_the_page_is_told(page):
    page.evaluate("location.hash = 'table9:what/is/this'")

    page.locator("#lost").wait_for()
    assert "table9:what/is/this" in page.locator("#lost").inner_text()


def test_every_row_and_every_number_with_an_id_is_an_address(browser, site):
    """All of them by the page's own way of finding; some by hand above."""
    with opened(browser, site, "light", "wide") as window:
        ids = window.evaluate("[...document.querySelectorAll('#tables [id]')].map((one) => one.id)")
        limits = [one for one in ids if "/8_gb" in one]
        assert limits
        for one in [limits[0], *ids[:: len(ids) // 25]]:
            window.goto(f"{site}#{one}")
            assert marked(window) == one


def test_every_number_leads_to_its_study_by_a_click(browser, site):
    with opened(browser, site, "light", "wide") as window:
        loose = window.evaluate(
            """[...document.querySelectorAll("#tables tr[data-cell] td[data-number]")]
              .filter((place) => !("key" in place.closest("table").tHead.rows[0]
                .cells[place.cellIndex].dataset) && !place.querySelector("a"))
              .map((place) => place.id)"""
        )
        assert loose == []
        window.goto(f"{site}#figure5:{CELL}/haqa/speed-up")
        window.locator(".marked a").click()
        window.locator("#studies").wait_for()
        assert window.locator("#study-cell option:checked").inner_text() == CELL
        assert window.locator("#study-method").input_value() == "haqa"
        behind = window.locator("#number")
        assert "seed 0" in behind.inner_text()
        assert "speed-up" in behind.locator("h2").inner_text().lower()
        shared = behind.get_by_label("Address of this number").input_value()
        assert shared == f"{site}#figure5:{CELL}/haqa/speed-up"
        behind.get_by_role("button", name="Copy the address").click()
        window.get_by_text("Copied").or_(window.get_by_text("Selected")).wait_for()
        behind.get_by_role("link", name="seed 1").click()
        assert window.locator("#study-seed option:checked").inner_text() == "1"
        behind.get_by_role("link", name="Back to the table").click()
        assert marked(window) == f"figure5:{CELL}/haqa/speed-up"


def test_numbers_of_the_curves_and_the_studies_are_those_of_the_tables(page):
    turn_to(page, "Tables")
    told = dict(zip(column(page, "Method"), column(page, "tokens/s"), strict=True))

    turn_to(page, "Curves")
    page.get_by_role("slider", name="Best so far").focus()
    page.keyboard.press("End")
    rows = page.locator("#legend tbody tr")
    shown = {
        rows.nth(i).locator("th").inner_text().strip(): rows.nth(i).locator("td").first.inner_text()
        for i in range(rows.count())
    }
    assert set(shown) == {"default", "random", "haqa"}
    assert shown == {name: told[name] for name in shown}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["one run", "several runs"])
def test_axe_finds_no_violation(browser, file, site, theme, which):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    address = file if which == "one run" else site
    number = "figure5:net-int4-epyc-zen4-2core/haqa/speed-up" if which == "one run" else TABLE2
    for size in SIZES:
        with opened(browser, address, theme, size) as window:
            for view in ("summary", "tables?columns=all", number, "curves", "studies"):
                window.goto(f"{address}#{view}")
                found = axe.run(window).response["violations"]
                assert [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found] == [], view


def test_curves_give_their_values_to_the_mouse_and_to_the_keyboard(page):
    turn_to(page, "Curves")
    chart = page.get_by_role("slider", name="Best so far")

    chart.hover(position={"x": 60, "y": 80})
    assert "1 proposal" in chart.locator(".tip").inner_text()
    chart.focus()
    chart.press("End")
    chart.press("ArrowLeft")
    assert chart.get_attribute("aria-valuetext").startswith("4 proposals: ")
    assert "haqa 70.0" in chart.get_attribute("aria-valuetext")
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


def test_of_a_conversation_the_earlier_turns_are_folded(browser, project):
    path = project / "suites/small.yaml"
    path.write_text(path.read_text().replace("optimizer: haqa\n", "optimizer: haqa-paper\n"))
    with Endpoint([reply(r) for r in REPLIES]) as endpoint:
        run(project, "--agent", "live", "--base-url", endpoint.base_url)
    folder = replayed(project)
    written(folder)

    with opened(browser, (folder / "page.html").as_uri(), "light", "wide") as shown:
        shown.goto(f"{shown.url}#studies:1:small/net-int4-epyc-zen4-2core/haqa/seed0:2")
        turns = shown.locator("#round details", has_text="Earlier turns, 4 messages")
        turns.wait_for()
        assert not turns.locator("pre").first.is_visible()
        assert shown.locator("#round .message.user:visible").count() == 1
        turns.locator("summary").click()
        assert turns.locator(".message.assistant").count() == 2


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
