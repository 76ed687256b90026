"""Draws docs/images/console-*.webp: the pages of the web console, of runs on a server of its own.

python -m docs.pictures_console            needs Chromium (Debian: chromium)
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
from docs.pictures import IMAGES, record, server
from playwright.sync_api import Browser, Page, sync_playwright

_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_SCREEN, _PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
_TO_WEBP = """async picture => {
    const image = new Image();
    image.src = "data:image/png;base64," + picture;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.9);
}"""
_MOST_BYTES = 150_000
_EXAMPLE = Path(__file__).parents[1] / "examples" / "customer_support_agent.py"


def main() -> int:
    """Draw everything; return the exit code."""
    IMAGES.mkdir(exist_ok=True)
    with server() as endpoints, sync_playwright() as playwright:
        runs = record(endpoints["ingest"])
        subprocess.run([sys.executable, _EXAMPLE, "--runs", "40"], env=os.environ, check=True, capture_output=True)
        with psycopg.connect(endpoints["database_url"], autocommit=True) as connection:
            connection.execute("ANALYZE")  # as PostgreSQL does by itself within a minute
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        for name, path in _pages(runs).items():
            draw(browser, name, endpoints["console"] + path)
        browser.close()
    too_large = [file.name for file in IMAGES.glob("console-*.webp") if file.stat().st_size > _MOST_BYTES]
    print(f"{len(list(IMAGES.glob('console-*.webp')))} pictures are in {IMAGES}", *too_large)
    return 1 if too_large else 0


def _pages(runs: dict[str, str]) -> dict[str, str]:
    """The pages by the names of their pictures."""
    return {
        "dashboard": "/?since=7d",
        "runs": "/runs",
        "run": f"/runs/{runs['failed']}",
        "retries": f"/runs/{runs['persistent']}",
        "failures": "/failures?since=7d",
        "compare": "/compare",
        "login": "/login",
        "error": "/runs?since=yesterday",
    }


def draw(browser: Browser, name: str, address: str) -> None:
    """Keep what a page shows in the light, in the dark and on a phone."""
    for kind in ("light", "dark", "phone"):
        scheme = "dark" if kind == "dark" else "light"
        context = browser.new_context(color_scheme=scheme, viewport=_PHONE if kind == "phone" else _SCREEN)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(address)
        _settle(page)
        (IMAGES / f"console-{name}-{kind}.webp").write_bytes(_webp(browser, page.screenshot()))
        context.close()


def _webp(browser: Browser, picture: bytes) -> bytes:
    """Return a picture half as large as a PNG; the browser can make one."""
    page = browser.new_page()
    made: str = page.evaluate(_TO_WEBP, base64.b64encode(picture).decode())
    page.close()
    return base64.b64decode(made.partition(",")[2])


def _settle(page: Page) -> None:
    """Wait until a live page is live, so that the picture is the same each time."""
    if page.locator("#live").count():
        page.wait_for_selector("#live.on")


if __name__ == "__main__":
    sys.exit(main())
