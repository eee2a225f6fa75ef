"""Makes the pictures of README and site: make pictures. Needs the extras browser and figures, and a
Chromium.

Everything is a replay of what is recorded, so a picture changes only where the program does.
"""

import html
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
COLOURS = 128
"""Of a picture: enough for text and a few lines, and a third of the bytes."""
TERMINAL = """<body style="margin:0;background:#1c1f24"><pre style="margin:0;padding:18px 22px;
color:#e6e6e6;font:14px/1.35 'DejaVu Sans Mono',monospace;display:inline-block">{}</pre></body>"""
STUDY = "#studies:llama:llama/smollm2-135m-int4-epyc-zen4-2core/haqa/seed0"
LINES = 34
"""Of the terminal's output."""


def main() -> None:
    """All pictures, one after the other."""
    with tempfile.TemporaryDirectory() as made, sync_playwright() as driver:
        folder = Path(made)
        _called("run", "llama", runs=folder)
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        _terminal(browser, folder)
        _page(browser, folder)
        _glance(folder)


def _called(*words: str, runs: Path) -> str:
    """What the command prints, in a terminal of 100 columns."""
    environment = os.environ | {"HAQA_BENCH_RUNS": str(runs / "runs"), "COLUMNS": "100"}
    command = [sys.executable, "-m", "haqa_bench", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def _terminal(browser: Browser, folder: Path) -> None:
    printed = _called("run", "llama", runs=folder)
    table = printed[printed.index("Best end-to-end") :].splitlines()[:LINES]
    words = html.escape("\n".join(["$ haqa-bench run llama", "...", *table, "..."]))
    window = browser.new_page(viewport={"width": 900, "height": 300})
    window.set_content(TERMINAL.format(words))
    _saved(window, "terminal", window.locator("pre").screenshot())


def _page(browser: Browser, folder: Path) -> None:
    written = folder / "page.html"
    _called("view", "llama", "--no-open", "--output", str(written), runs=folder)
    window = browser.new_page(viewport={"width": 1200, "height": 820}, color_scheme="light")
    window.goto(f"{written.as_uri()}#tables")
    window.locator("#tables table").first.wait_for()
    window.evaluate("document.querySelectorAll('#tables table')[1].scrollIntoView()")
    window.mouse.wheel(0, -80)
    window.wait_for_timeout(400)
    _saved(window, "page", window.screenshot())
    window.goto(f"{written.as_uri()}{STUDY}")
    window.reload()
    window.locator("#studies").wait_for()
    window.wait_for_timeout(400)
    _saved(window, "study", window.screenshot())


def _saved(window: Page, name: str, png: bytes) -> None:
    target = IMAGES / f"{name}.png"
    target.write_bytes(png)
    with Image.open(target) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(target, optimize=True)


def _glance(folder: Path) -> None:
    _called("report", "--all", "--figures", str(folder / "f"), "--only", "glance", runs=folder)
    with Image.open(folder / "f" / "glance.png") as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    small.save(IMAGES / "glance.png", optimize=True)


if __name__ == "__main__":
    main()
