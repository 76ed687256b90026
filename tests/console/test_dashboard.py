"""The dashboard in a real browser: its numbers are those of the query service."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from agenttrace import QueryClient
from agenttrace.showing.wording import dollars, failure_type_word, length, percentile_seconds
from agenttrace.v1.query_service_pb2 import GetStatsResponse
from agenttrace.v1.run_pb2 import RunSummary
from agenttrace_server.console.explorer import PAGE_SIZE
from agenttrace_server.console.wording import compact
from fix_console import console_config, opened, serving
from fix_server import Services

# Midnight, so that the buckets of the chart are whole; the sample data is of the days before today.
UNTIL = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SINCE = UNTIL - dt.timedelta(days=3)
PERIOD = f"since={SINCE:%Y-%m-%dT%H:%M}&until={UNTIL:%Y-%m-%dT%H:%M}"


def stats(api: QueryClient, since: dt.datetime = SINCE, until: dt.datetime = UNTIL, **more: Any) -> GetStatsResponse:
    return api.stats(since=since, until=until, **more)


def facts(page: Page) -> dict[str, list[str]]:
    """Each figure with its name: its value, then what is said of it."""
    found = page.locator(".fact").evaluate_all(
        "facts => facts.map(fact => [fact.querySelector('dt').innerText, "
        "Array.from(fact.querySelectorAll('dd'), said => said.innerText.trim())])"
    )
    return dict(found)


def rows(page: Page, label: str) -> list[list[str]]:
    """The cells of a table's rows."""
    table = page.get_by_role("region", name=label).locator("tbody tr")
    found: list[list[str]] = table.evaluate_all(
        "rows => rows.map(row => Array.from(row.cells, cell => cell.innerText.trim()))"
    )
    return found


def took(summary: RunSummary) -> float:
    run = summary.run
    return (run.end_time.ToDatetime() - run.start_time.ToDatetime()).total_seconds()


def percent(rate: float) -> str:
    return f"{rate * 100:.1f} %"


def test_the_figures_are_those_of_the_query_service(console: str, page: Page, api: QueryClient) -> None:
    totals = stats(api).totals

    page.goto(f"{console}/?{PERIOD}")

    told = {name: said[0] for name, said in facts(page).items()}
    assert told["Runs"] == f"{totals.run_count:,}"
    assert told["Success rate"] == percent(totals.success_rate)
    assert told["Failed runs"] == f"{totals.failure_count + totals.abandoned_count:,}"
    assert told["Median duration"] == length(percentile_seconds(totals.run_duration, "p50"))
    assert told["95th percentile"] == length(percentile_seconds(totals.run_duration, "p95"))
    assert told["Tokens"] == compact(totals.input_tokens + totals.output_tokens)
    assert told["Cost"] == dollars(totals.cost_micro_usd)


def test_each_figure_is_compared_with_the_period_before(console: str, page: Page, api: QueryClient) -> None:
    now, before = stats(api).totals, stats(api, SINCE - (UNTIL - SINCE), SINCE).totals
    points = (now.success_rate - before.success_rate) * 100
    cost = (now.cost_micro_usd - before.cost_micro_usd) / before.cost_micro_usd * 100

    page.goto(f"{console}/?{PERIOD}")

    told = facts(page)
    assert told["Success rate"][1] == f"{'▲' if points > 0 else '▼'} {abs(points):.1f} points"
    assert told["Cost"][1] == (f"{'▲' if cost > 0 else '▼'} {abs(cost):.1f} %" if round(abs(cost), 1) else "no change")
    expect(page.locator(".fact", has_text="Success rate").locator(".change")).to_have_class(
        re.compile("better" if points > 0 else "worse")
    )


def test_the_outcomes_over_time_are_the_buckets_of_the_query_service(
    console: str, page: Page, api: QueryClient
) -> None:
    width = dt.timedelta(hours=2)
    buckets = {group.bucket_start_time.seconds: group.stats for group in stats(api, bucket=width).groups}
    starts = [SINCE + width * index for index in range(36)]
    found = [buckets.get(int(start.timestamp())) for start in starts]

    page.goto(f"{console}/?{PERIOD}")

    figure = page.locator("figure", has_text="Runs by outcome")
    names = figure.locator("thead th").all_text_contents()
    cells: list[list[str]] = figure.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => Array.from(row.cells, cell => cell.textContent.trim()))"
    )
    assert [row[0] for row in cells] == [f"{start:%m-%d %H:%M}" for start in starts]
    for column, name in enumerate(names, start=1):
        assert [row[column] for row in cells] == [str(getattr(one, f"{name}_count") if one else 0) for one in found], (
            name
        )


def test_the_agents_are_those_of_the_query_service(console: str, page: Page, api: QueryClient) -> None:
    expected = [
        [
            group.key,
            f"{group.stats.run_count:,}",
            percent(group.stats.success_rate),
            f"{group.stats.failure_count + group.stats.abandoned_count:,}",
            f"{group.stats.retry_count:,}",
        ]
        for group in stats(api, group_by="agent").groups
    ]

    page.goto(f"{console}/?{PERIOD}")

    assert [[row[0], row[1], row[2], row[4], row[7]] for row in rows(page, "Agents")] == expected


def test_failures_are_counted_by_type_and_code(console: str, page: Page, api: QueryClient) -> None:
    types, codes = Counter[str](), Counter[tuple[str, str]]()
    for told in stats(api).failures:
        types[failure_type_word(told.type)] += told.failure_count
        codes[failure_type_word(told.type), told.code] += told.failure_count

    page.goto(f"{console}/?{PERIOD}")

    bars = page.locator("figure", has_text="Failures by type").locator("tbody tr")
    shown = {bar.locator("th").inner_text(): bar.locator(".value").inner_text() for bar in bars.all()}
    assert shown == {name: f"{count:,}" for name, count in types.items()}
    chips = page.locator("ul.codes .chip")
    styles = chips.locator(".swatch").evaluate_all("all => all.map(one => one.className)")
    words = [
        (style.removeprefix("swatch f-"), *chip.split())
        for style, chip in zip(styles, chips.all_inner_texts(), strict=True)
    ]
    assert [(kind, code, int(count)) for kind, code, count in words] == [
        (*key, count) for key, count in codes.most_common(8)
    ]


def test_the_slowest_and_costliest_runs_are_shown(console: str, page: Page, api: QueryClient) -> None:
    runs = list(api.runs(since=SINCE, until=UNTIL))
    slowest = sorted((took(run) for run in runs if run.run.HasField("end_time")), reverse=True)[:5]
    costliest = sorted((run.cost_micro_usd for run in runs), reverse=True)[:5]

    page.goto(f"{console}/?{PERIOD}")

    assert [row[4] for row in rows(page, "Slowest runs")] == [length(seconds) for seconds in slowest]
    assert [row[4] for row in rows(page, "Costliest runs")] == [f"${cost / 1e6:.4f}" for cost in costliest]
    expect(page.get_by_text(f"Of the {len(runs)} newest runs in the period.").first).to_be_visible()


def test_an_agent_and_an_environment_narrow_everything(console: str, page: Page, api: QueryClient) -> None:
    totals = stats(api, agent_id="support", environment="staging").totals

    page.goto(f"{console}/?{PERIOD}")
    page.get_by_label("Agent", exact=True).fill("support")
    page.get_by_label("Environment").fill("staging")
    with page.expect_navigation():
        page.get_by_role("button", name="Show").click()

    assert facts(page)["Runs"][0] == str(totals.run_count)
    assert [row[0] for row in rows(page, "Agents")] == ["support"]


@pytest.mark.parametrize("choice", ["1h", "6h", "24h", "7d", "30d"])
def test_a_period_is_chosen_by_a_click_and_kept_in_the_address(console: str, page: Page, choice: str) -> None:
    page.goto(f"{console}/?agent=support")
    page.get_by_role("link", name=choice, exact=True).click()

    expect(page).to_have_url(f"{console}/?agent=support&since={choice}")
    expect(page.get_by_role("link", name=choice, exact=True)).to_have_attribute("aria-current", "true")


def test_the_failed_runs_are_a_click_away(console: str, page: Page, api: QueryClient) -> None:
    failed = [run.run.run_id for run in api.runs(since=SINCE, until=UNTIL, status=["failure", "abandoned"])]

    page.goto(f"{console}/?{PERIOD}")
    page.locator(".fact", has_text="Failed runs").get_by_role("link").click()

    page.wait_for_url("**/runs?**")
    shown = page.locator("#runs tbody tr").evaluate_all("rows => rows.map(row => row.dataset.run)")
    assert shown == failed[:PAGE_SIZE]


def test_a_period_without_runs_says_what_to_do(services: Services, browser: Browser) -> None:
    with serving(console_config(services)) as endpoints, opened(browser) as page:
        page.goto(endpoints.address)

        expect(page.get_by_role("heading", name="No runs in this period")).to_be_visible()
        expect(page.get_by_text("agenttrace.Tracer(")).to_be_visible()
