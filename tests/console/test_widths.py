"""Nothing is cut at any width: it has room, wraps, or scrolls in a place that the keyboard reaches."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

import run_stories
from fix_console import opened
from fix_server import Services

PAGES = {
    "dashboard": "/?since=7d",
    "runs": "/runs",
    "failures": "/failures?since=7d",
    "compare": "/compare?agent=support",
    "run": "/runs/RUN",
    "steps": "/runs/RUN?as=table",
}
# What reaches beyond the card that it is in, and is in nothing that scrolls.
CUT = """() => [...document.querySelectorAll('main table :is(th, td, th > *, td > *)')].filter(it => {
    const box = it.getBoundingClientRect(), region = it.closest('.scroll[tabindex="0"]');
    const scrolls = region && region.scrollWidth > region.clientWidth && getComputedStyle(region).overflowX == 'auto';
    return box.width > 1 && box.right > it.closest('.card').getBoundingClientRect().right + 1 && !scrolls;
}).map(it => it.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def run_id(recorded: Services) -> str:
    return run_stories.failed(100).record(recorded)


@pytest.mark.parametrize("width", [1000, 1100, 1200])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_of_a_table_is_cut(console: str, browser: Browser, run_id: str, name: str, width: int) -> None:
    with opened(browser, viewport={"width": width, "height": 800}) as page:
        page.goto(console + PAGES[name].replace("RUN", run_id))
        page.locator("main table.list").first.wait_for()

        assert page.evaluate(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_tables_of_runs_on_the_dashboard_have_room(console: str, browser: Browser) -> None:
    for width in (1000, 1260, 1280):
        with opened(browser, viewport={"width": width, "height": 800}) as page:
            page.goto(f"{console}/?since=7d")
            regions = page.locator(".listing .scroll")
            regions.first.wait_for()

            assert regions.evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)") == [0, 0]


@pytest.mark.parametrize("width", [390, 640, 700, 960, 961])
def test_every_page_can_be_reached_from_the_bar_above(console: str, browser: Browser, width: int) -> None:
    with opened(browser, viewport={"width": width, "height": 800}) as page:
        page.goto(f"{console}/runs")

        assert page.locator(".top nav").evaluate("bar => bar.scrollWidth <= bar.clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth") == width
