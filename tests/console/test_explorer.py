"""The run explorer in a real browser: what it lists is what the query service lists."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from agenttrace import QueryClient, Tracer
from fix_console import console_config, opened, serving
from fix_server import Services

ROWS = "#runs tbody tr"
LIVE = "#live.on"


def shown(page: Page) -> list[str]:
    """The ids of the runs that a page shows."""
    return page.locator(ROWS).evaluate_all("rows => rows.map(row => row.dataset.run)")


def listed(api: QueryClient, limit: int = 50, **filters: Any) -> list[str]:
    return [found.run.run_id for found in api.runs(limit=limit, **filters)]


def test_runs_are_listed_newest_first_as_the_query_service_has_them(console: str, page: Page, api: QueryClient) -> None:
    page.goto(f"{console}/runs")

    assert shown(page) == listed(api)


def test_a_row_shows_what_the_query_service_says_of_its_run(console: str, page: Page, api: QueryClient) -> None:
    summary = next(api.runs(status="failure", has_retries=True))
    run = summary.run

    page.goto(f"{console}/runs?agent={run.agent_id}&status=failure&retries=yes")

    row = page.locator(f"tr[data-run='{run.run_id}']")
    expect(row.locator(".c-status")).to_have_text(re.compile("failure"))
    expect(row.locator(".c-agent")).to_have_text(f"{run.agent_id} {run.agent_version} {run.environment}")
    expect(row.locator(".c-steps")).to_have_text(f"{summary.step_count} {summary.failed_step_count} ✗")
    expect(row.locator(".c-retries")).to_have_text(str(summary.retry_count))
    assert row.locator(".c-failures .chip").all_inner_texts() == list(summary.failure_codes)
    assert row.locator("time").get_attribute("datetime") == run.start_time.ToDatetime().isoformat(
        timespec="milliseconds"
    ) + "Z"  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "filters"),
    [
        ("agent=support&agent=coder", {"agent_id": ["support", "coder"]}),
        ("agent=support+coder", {"agent_id": ["support", "coder"]}),
        ("version=1.5.0", {"agent_version": "1.5.0"}),
        ("environment=staging", {"environment": "staging"}),
        ("status=failure&status=partial", {"status": ["failure", "partial"]}),
        ("type=retrieval", {"failure_type": "retrieval"}),
        ("code=timeout", {"failure_code": "timeout"}),
        ("min_duration=15s", {"min_duration": dt.timedelta(seconds=15)}),
        ("max_duration=200ms", {"max_duration": dt.timedelta(milliseconds=200)}),
        ("retries=yes", {"has_retries": True}),
        ("retries=no", {"has_retries": False}),
        ("incomplete=yes", {"incomplete": True}),
        ("since=2d&until=1d", {"since": dt.timedelta(days=2), "until": dt.timedelta(days=1)}),
        ("status=failure&agent=support&since=7d", {"status": "failure", "agent_id": "support",
                                                   "since": dt.timedelta(days=7)}),
        ("session=no-such-session", {"session_id": "no-such-session"}),
        ("tag=no-such-tag", {"tags": "no-such-tag"}),
        ("attribute=region=nowhere", {"attributes": {"region": "nowhere"}}),
        (f"user={'0' * 64}", {"user_key": "0" * 64}),
        (f"parent={uuid.UUID(int=1)}", {"parent_run_id": str(uuid.UUID(int=1))}),
    ],
)  # fmt: skip
def test_every_filter_means_what_it_means_to_the_query_service(
    console: str, page: Page, api: QueryClient, parameters: str, filters: dict[str, Any]
) -> None:
    page.goto(f"{console}/runs?{parameters}")

    assert shown(page) == listed(api, **filters)


def test_a_form_puts_what_it_is_told_into_the_address(console: str, page: Page, api: QueryClient) -> None:
    page.goto(f"{console}/runs")
    page.get_by_label("Agent", exact=True).fill("support")
    page.get_by_label("failure", exact=True).check()
    page.get_by_text("More filters").click()
    page.get_by_label("With retries").select_option("yes")
    with page.expect_navigation():
        page.get_by_role("button", name="Filter").click()

    expect(page).to_have_url(f"{console}/runs?agent=support&status=failure&retries=yes")
    assert shown(page) == listed(api, agent_id="support", status="failure", has_retries=True)
    expect(page.get_by_label("Agent", exact=True)).to_have_value("support")
    expect(page.get_by_label("failure", exact=True)).to_be_checked()
    expect(page.get_by_label("With retries")).to_have_value("yes")


def test_a_filter_is_left_out_by_a_click(console: str, page: Page) -> None:
    page.goto(f"{console}/runs?agent=support&status=failure")

    page.get_by_role("link", name="Leave out status failure").click()

    expect(page).to_have_url(f"{console}/runs?agent=support")


def test_pages_lead_through_every_run_once(console: str, browser: Browser, api: QueryClient) -> None:
    """Without JavaScript, so that what comes live does not move them."""
    seen: list[str] = []
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{console}/runs?agent=support&agent=coder&since=30d")
        seen += shown(page)
        while page.get_by_role("link", name="Older runs").count():
            with page.expect_navigation():
                page.get_by_role("link", name="Older runs").click()
            seen += shown(page)
        with page.expect_navigation():
            page.get_by_role("link", name="Newest", exact=True).click()
        first = shown(page)

    assert len(seen) > 100
    assert seen == listed(api, 0, agent_id=["support", "coder"], since=dt.timedelta(days=30))
    assert first == seen[:50]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("since=yesterday", "since is neither a time"),
        ("min_duration=long", "min_duration is no length of time"),
        ("status=broken", "status is none of"),
        ("retries=maybe", "retries is yes or no"),
        ("attribute=region", "attribute is not of the form key=value"),
        ("user=me", "user_key"),
        ("page_token=AAAA", "page token does not belong"),
    ],
)
def test_what_can_not_be_asked_is_said(console: str, page: Page, parameters: str, said: str) -> None:
    answer = page.goto(f"{console}/runs?{parameters}")

    assert answer is not None
    # What the query service has to be asked for may come after the frame, and its status.
    assert answer.status in ((200, 400) if parameters.startswith("page_token") else (400,))
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_a_search_without_a_hit_says_so(console: str, page: Page) -> None:
    page.goto(f"{console}/runs?agent=nobody")

    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    expect(page.locator("#runs")).to_be_hidden()


@pytest.mark.parametrize("name", ["agent", "since", "min_duration", "page_token", "retries"])
def test_hostile_words_of_an_address_are_no_markup(console: str, page: Page, name: str) -> None:
    page.goto(f"{console}/runs?{name}=\"'><img/src=x/onerror=alert(1)><script>alert(2)</script>")

    expect(page.get_by_role("alert")).to_be_visible()
    assert page.locator("main img, main script").count() == 0


def test_hostile_names_in_the_database_are_shown_as_text(services: Services, browser: Browser) -> None:
    """The boundary lets none in; the page does not rely on it."""
    hostile = "<img/src=x/onerror=alert(1)>"
    tracer = Tracer("victim", endpoint=services.ingest_address)
    with tracer.run() as run, run.step("tool", "search"):
        pass
    tracer.close()
    with psycopg.connect(services.database_url) as connection:
        connection.execute("UPDATE agent_runs SET agent_id = %s, agent_version = %s", [hostile, hostile])

    with serving(console_config(services)) as endpoints, opened(browser) as page:
        page.goto(f"{endpoints.address}/runs")
        page.wait_for_selector(LIVE)
        expect(page.locator(".c-agent")).to_have_text(f"{hostile} {hostile} production")
        page.goto(f"{endpoints.address}/")
        expect(page.get_by_role("rowheader", name=hostile).first).to_be_visible()
        assert page.locator("main img").count() == 0


def test_runs_appear_and_end_while_the_page_is_open(services: Services, browser: Browser) -> None:
    tracer = Tracer("live-agent", endpoint=services.ingest_address)
    with serving(console_config(services)) as endpoints, opened(browser) as page:
        page.goto(f"{endpoints.address}/runs")
        expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        page.wait_for_selector(LIVE)

        with tracer.run() as run:
            with run.step("tool", "search"):
                pass
            tracer.flush()
            row = page.locator(f"tr[data-run='{run.run_id}']")
            expect(row.locator(".c-status")).to_contain_text("running")
        tracer.close()

        expect(row.locator(".c-status")).to_contain_text("success")
        expect(row.locator(".c-steps")).to_have_text("1")
        expect(page.get_by_role("heading", name="No runs yet")).to_be_hidden()
        assert shown(page) == [run.run_id]


def test_a_run_leaves_the_page_of_running_ones_when_it_ends(services: Services, browser: Browser) -> None:
    tracer = Tracer("live-agent", endpoint=services.ingest_address)
    with serving(console_config(services)) as endpoints, opened(browser) as page:
        page.goto(f"{endpoints.address}/runs?status=running")
        page.wait_for_selector(LIVE)

        with tracer.run() as run:
            tracer.flush()
            row = page.locator(f"tr[data-run='{run.run_id}']")
            expect(row).to_be_visible()
        tracer.close()

        expect(row).to_have_count(0)


def test_a_paused_page_stays_as_it_is_and_catches_up(services: Services, browser: Browser) -> None:
    tracer = Tracer("live-agent", endpoint=services.ingest_address)
    with serving(console_config(services)) as endpoints, opened(browser) as page, opened(browser) as other:
        for one in (page, other):
            one.goto(f"{endpoints.address}/runs")
            one.wait_for_selector(LIVE)
        page.get_by_role("button", name="Pause").click()
        with tracer.run() as run:
            pass
        tracer.close()
        other.wait_for_selector(f"tr[data-run='{run.run_id}']")

        assert shown(page) == []
        page.get_by_role("button", name="Go on").click()
        expect(page.locator(f"tr[data-run='{run.run_id}']")).to_be_visible()


def test_a_page_of_older_runs_is_not_live(console: str, page: Page) -> None:
    page.goto(f"{console}/runs")
    page.get_by_role("link", name="Older runs").click()

    expect(page.locator("#live")).to_have_count(0)
    expect(page.get_by_text("older runs ·")).to_be_visible()
