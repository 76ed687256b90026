"""The page of comparisons in a real browser: it says no more than the samples do."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Browser, Page, expect

import run_stories
from agenttrace import QueryClient
from agenttrace.showing.wording import length, percentile_seconds
from agenttrace.v1.query_service_pb2 import Stats
from agenttrace_server.console.comparison import difference, failed
from fix_console import PHONE, opened, violations
from fix_server import Services

SINCE, UNTIL = (dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=days) for days in (6, 1))
PERIOD = f"since={SINCE:%Y-%m-%dT%H:%M:%SZ}&until={UNTIL:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(scope="module")
def judged(recorded: Services) -> str:
    """An agent whose second version fails much more often than the first, its third about as often as the second."""
    for version, count, failing in (("1.9.0", 60, 6), ("1.10.0", 60, 36), ("2.0.0", 4, 2)):
        for number in range(count):
            story = run_stories.Story("judged", 500 + number, agent_version=version)
            step = story.step("tool", "call", 0, 1)
            if number < failing:
                story.fail(step, "tool", "timeout")
            story.end("FAILURE" if number < failing else "SUCCESS", 2).record(recorded)
    return "judged"


def sides(api: QueryClient) -> tuple[Stats, Stats]:
    first, second = (
        api.stats(agent_id="support", agent_version=version, since=SINCE, until=UNTIL).totals
        for version in ("1.4.0", "1.5.0")
    )
    return first, second


def percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def test_rates_with_intervals_and_sample_sizes_are_those_of_the_query_service(
    console: str, page: Page, api: QueryClient
) -> None:
    rates = [failed(stats) for stats in sides(api)]

    page.goto(f"{console}/compare?agent=support&a=1.4.0&b=1.5.0&{PERIOD}")

    rows = page.locator("[data-chart=failed] tbody tr")
    for row, (version, rate) in enumerate(zip(("1.4.0", "1.5.0"), rates, strict=True)):
        assert rate.value is not None
        low, high = rate.interval
        expect(rows.nth(row).locator("th")).to_have_text(f"{version} ({rate.part} of {rate.whole})")
        expect(rows.nth(row).locator(".value")).to_have_text(percent(rate.value))
        expect(rows.nth(row).locator("small")).to_have_text(f"{percent(low)} to {percent(high)}")
    told = difference(*rates)
    assert told is not None
    expect(page.locator("#verdict")).to_contain_text(
        f"between {told.low * 100:+.1f} and {told.high * 100:+.1f} percentage points"
    )


def test_durations_and_costs_are_those_of_the_query_service(console: str, page: Page, api: QueryClient) -> None:
    first, second = sides(api)

    page.goto(f"{console}/compare?agent=support&a=1.4.0&b=1.5.0&{PERIOD}")

    p50 = page.locator("#durations tbody tr").first.locator("td").all_inner_texts()[:2]
    assert p50 == [length(percentile_seconds(it.run_duration, "p50")) for it in (first, second)]
    costs = page.locator("#per-run tr", has_text="Cost of a successful run").locator("td").all_inner_texts()[:2]
    assert costs == [f"${it.cost_micro_usd / it.success_count / 1e6:.4f}" for it in (first, second)]
    steps = page.locator("#per-run tr", has_text="Steps").locator("td").all_inner_texts()[:2]
    assert steps == [f"{it.step_count / it.run_count:.1f}" for it in (first, second)]


def test_a_clear_difference_is_called_one(console: str, page: Page, judged: str) -> None:
    page.goto(f"{console}/compare?agent={judged}")

    expect(page.locator("#verdict h2")).to_have_text("1.10.0 fails more often than 1.9.0")
    expect(page.locator("#verdict p")).to_contain_text("60.0 % of 60 runs against 10.0 % of 60 runs")


def test_samples_too_small_to_tell_are_called_so(console: str, page: Page, judged: str) -> None:
    page.goto(f"{console}/compare?agent={judged}&a=1.10.0&b=2.0.0")

    expect(page.locator("#verdict h2")).to_have_text("Too few runs to tell whether 1.10.0 or 2.0.0 fails more often")
    expect(page.locator("#verdict p")).to_contain_text("runs of each side would tell")
    expect(page.locator("#durations .few").first).to_contain_text("too few runs to mean much")


def test_versions_are_chosen_by_a_form(console: str, page: Page, judged: str) -> None:
    page.goto(f"{console}/compare?since=24h")

    page.get_by_label("Agent").select_option(judged)
    page.get_by_role("button", name="Compare").click()
    page.get_by_label("First version").select_option("2.0.0")
    page.get_by_label("Second version").select_option("1.9.0")
    page.get_by_role("button", name="Compare").click()

    expect(page.locator("#per-run thead th").nth(1)).to_have_text("2.0.0")
    expect(page.locator("#per-run thead th").nth(2)).to_have_text("1.9.0")


@pytest.mark.parametrize("by", ["environment", "period"])
def test_environments_and_periods_are_compared(console: str, page: Page, api: QueryClient, by: str) -> None:
    page.goto(f"{console}/compare?agent=support&by={by}&{PERIOD}")

    heads = page.locator("#per-run thead th").all_inner_texts()[1:3]
    shown = page.locator("[data-chart=succeeded] tbody th").all_inner_texts()
    if by == "period":
        before = api.stats(agent_id="support", since=SINCE - (UNTIL - SINCE), until=SINCE).totals
        now = api.stats(agent_id="support", since=SINCE, until=UNTIL).totals
        expected = list(zip(("before", "now"), (before, now), strict=True))
    else:
        filters = ({"environment": name} for name in heads)
        expected = [
            (it["environment"], api.stats(agent_id="support", since=SINCE, until=UNTIL, **it).totals)  # type: ignore[arg-type]
            for it in filters
        ]
    assert heads == [name for name, _ in expected]
    assert shown == [f"{name} ({it.success_count} of {failed(it).whole})" for name, it in expected]


def test_one_version_has_nothing_to_be_compared_with(console: str, page: Page, recorded: Services) -> None:
    run_stories.Story("lonely", 100, agent_version="1.0.0").end("SUCCESS", 1).record(recorded)

    page.goto(f"{console}/compare?agent=lonely")

    expect(page.locator(".empty h2")).to_have_text(
        "There is one version of lonely in this period: nothing to compare with"
    )
    page.get_by_role("link", name="compare the period with the one before").click()
    expect(page.locator("#verdict h2")).to_have_text("One side has no run that ended: nothing to tell")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(console: str, browser: Browser, scheme: str) -> None:
    with opened(browser, color_scheme=scheme) as page:
        page.goto(f"{console}/compare?agent=support&since=7d")
        assert violations(page) == []


def test_a_phone_without_scripts_shows_the_page_without_sideways_scrolling(console: str, browser: Browser) -> None:
    with opened(browser, viewport=PHONE, java_script_enabled=False) as page:
        page.goto(f"{console}/compare?agent=support&since=7d")
        expect(page.locator("#verdict")).to_be_visible()
        width = page.locator("html").bounding_box()
        assert width is not None
        assert width["width"] <= PHONE["width"]
