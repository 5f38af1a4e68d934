"""Take the console's pictures for the documentation, from a real server with scripted parts."""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess
from playwright.sync_api import Page, sync_playwright

IMAGES = Path("docs/images")
FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
DESKTOP = {"viewport": {"width": 1100, "height": 780}, "locale": "en-US", "color_scheme": "light"}
PHONE = {"viewport": {"width": 390, "height": 780}, "locale": "ru-RU", "color_scheme": "light"}
VIEWS: dict[str, dict[str, Any]] = {
    "talk": DESKTOP,
    "now": {**DESKTOP, "color_scheme": "dark"},
    "plugins": DESKTOP,
    "turns": PHONE,
}
QUESTIONS = (
    "say The capital of France is Paris. It lies on the Seine.",
    "say How long is the night? It depends on where you are.",
    "say The Seine is some 777 kilometres long. It rises in Burgundy, and ends in the Channel at Le Havre.",
)


def take(page: Page, address: str, view: str) -> None:
    """Talk a little, then take one view's picture."""
    page.goto(address + "/console")
    page.wait_for_selector("[data-state=ok]")
    for asked, question in enumerate(QUESTIONS, start=1):
        page.fill("#prompt", question)
        page.press("#prompt", "Enter")
        page.wait_for_selector(f":nth-match(.answer, {asked}) .said")
    page.wait_for_selector("#waterfall li")
    page.click(f"#tab-{view}")
    page.wait_for_selector(f"#{view}:not([hidden])")
    if view == "turns":
        page.click("#turn-list summary >> nth=1")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"console-{view}.png")
    page.close()


def main() -> int:
    """Write one picture a view; 1 without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("needs Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    environ = {"NEXY_PLUGINS__MODULES": json.dumps(modules()), "NEXY_FAKE__LLM__DELAY_MS": "40"}
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(Path(folder), environ) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for view, look in VIEWS.items():
            take(browser.new_page(**look), server.http, view)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
