"""Take the console's pictures for the documentation, from a real server with scripted parts."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess
from playwright.sync_api import sync_playwright

IMAGES = Path("docs/images")
VIEWS = ("talk", "now", "plugins", "turns")


def main() -> int:
    """Write one picture a view; 1 without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("needs Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    environ = {"NEXY_PLUGINS__MODULES": json.dumps(modules())}
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(Path(folder), environ) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1000, "height": 700}, locale="en-US", color_scheme="light")
        page.goto(server.http + "/console")
        page.wait_for_selector("[data-state=ok]")
        page.fill("#prompt", "say The capital of France is Paris. It lies on the Seine.")
        page.press("#prompt", "Enter")
        page.wait_for_selector("#waterfall li")
        for view in VIEWS:
            page.click(f"#tab-{view}")
            page.wait_for_selector(f"#{view}:not([hidden])")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"console-{view}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
