"""A run is found by as much of its id as a page or a terminal shows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Browser, Page, expect

import run_stories
from agenttrace import QueryClient
from fix_console import PHONE, console_config, opened, serving, violations
from fix_keys import PEPPER, asking_for_keys
from fix_server import Services

FIELD = "Find a run by its id"


@pytest.fixture(scope="module")
def run_id(recorded: Services) -> str:
    return run_stories.failed(100).record(recorded)


@pytest.fixture(scope="module")
def ids(api: QueryClient) -> list[str]:
    """All runs, newest first."""
    return [summary.run.run_id for summary in api.runs()]


def fitting(ids: Sequence[str], part: str) -> list[str]:
    return [run_id for run_id in ids if run_id.startswith(part) or run_id.endswith(part)]


def shared_part(ids: Sequence[str], fewest: int, most: int) -> str:
    """Two digits with which the ids of several runs start or end."""
    parts = (f"{number:02x}" for number in range(256))
    return next(part for part in parts if fewest <= len(fitting(ids, part)) <= most)


@pytest.mark.parametrize("part", [slice(0, 13), slice(-12, None)])
def test_the_start_or_end_of_an_id_opens_its_run(console: str, page: Page, run_id: str, part: slice) -> None:
    page.goto(f"{console}/runs/{run_id[part].upper()}?as=table")

    expect(page).to_have_url(f"{console}/runs/{run_id}?as=table")
    expect(page.get_by_role("heading", name="All steps")).to_be_visible()


def test_a_part_of_several_ids_shows_their_runs(console: str, page: Page, ids: list[str]) -> None:
    part = shared_part(ids, 2, 20)

    page.goto(f"{console}/runs/{part}")

    expect(page.get_by_role("heading", name="Several runs")).to_be_visible()
    links = page.locator("#found th a")
    assert links.all_inner_texts() == fitting(ids, part)
    assert violations(page) == []
    links.first.click()
    expect(page).to_have_url(f"{console}/runs/{fitting(ids, part)[0]}")


def test_of_very_many_runs_the_first_are_shown(console: str, page: Page, ids: list[str]) -> None:
    minute = max((run_id[:8] for run_id in ids), key=lambda start: len(fitting(ids, start)))
    assert len(fitting(ids, minute)) > 20

    page.goto(f"{console}/runs/{minute}")

    expect(page.get_by_text("These are the first 20.")).to_be_visible()
    assert page.locator("#found th a").all_inner_texts() == fitting(ids, minute)[:20]


def test_a_part_of_no_id_is_said_to_be_none(console: str, page: Page) -> None:
    answer = page.goto(f"{console}/runs/ffffffff-ffff")

    assert answer is not None
    # What the query service has to be asked for may come after the frame, and its status.
    assert answer.status in (200, 404)
    expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("nor of the newest 1,000")


@pytest.mark.parametrize("viewport", [None, PHONE])
def test_a_field_on_every_page_leads_to_a_run_without_javascript(
    console: str, browser: Browser, run_id: str, viewport: dict[str, int] | None
) -> None:
    options = {"viewport": viewport} if viewport else {}
    with opened(browser, java_script_enabled=False, **options) as page:
        page.goto(f"{console}/failures")
        page.get_by_label(FIELD).fill(f" {run_id[:13]} ")
        page.get_by_role("button", name="Find", exact=True).click()

        expect(page).to_have_url(f"{console}/runs/{run_id}")


def test_what_is_no_part_of_an_id_is_refused(console: str, page: Page) -> None:
    page.goto(console)
    page.get_by_label(FIELD).fill("my-run")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("hex digits and dashes only")
    page.get_by_role("link", name="Start again").click()
    expect(page).to_have_url(f"{console}/runs")


def test_a_visitor_who_must_sign_in_first_has_no_field(database_url: str, browser: Browser) -> None:
    settings = {"authentication": "keys", "key_pepper": PEPPER}
    with (
        asking_for_keys(database_url) as services,
        serving(console_config(services, **settings)) as endpoints,
        opened(browser) as page,
    ):
        page.goto(f"{endpoints.address}/runs/0193abcd")

        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.get_by_label(FIELD)).to_have_count(0)
        assert "next=%2Fruns%2F0193abcd" in page.url
