"""The page of failures in a real browser: its numbers are those of the query service."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Browser, Page, expect

from agenttrace import QueryClient
from agenttrace.v1.failure_pb2 import FailureType
from fix_console import PHONE, opened, violations

# A period that has ended: no other test adds to it while the page and the query service are compared.
SINCE, UNTIL = (dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=days) for days in (6, 1))
PERIOD = f"since={SINCE:%Y-%m-%dT%H:%M:%SZ}&until={UNTIL:%Y-%m-%dT%H:%M:%SZ}"


def value(page: Page, name: str) -> str:
    return page.locator(f"[data-value={name}]").inner_text()


def kinds(page: Page) -> list[list[str]]:
    """Code, title, failures, recovered, runs, agents of each kind."""
    rows = page.locator(".kinds tbody tr")
    return [rows.nth(row).locator("th, td").all_inner_texts()[:6] for row in range(rows.count())]


def word(failure_type: int) -> str:
    return FailureType.Name(failure_type).removeprefix("FAILURE_TYPE_").lower()  # type: ignore[arg-type]


def test_totals_are_those_of_the_query_service(console: str, page: Page, api: QueryClient) -> None:
    stats = api.stats(since=SINCE, until=UNTIL)
    total = sum(told.failure_count for told in stats.failures)
    recovered = sum(told.recovered_failure_count for told in stats.failures)

    page.goto(f"{console}/failures?{PERIOD}")

    assert total > 50
    assert value(page, "failures") == str(total)
    assert value(page, "recovered") == f"{recovered / total:.1%}".replace("%", " %")
    assert value(page, "rate") == f"{stats.totals.failure_rate:.1%}".replace("%", " %")
    assert value(page, "steps") == str(stats.totals.failed_step_count)


def test_each_kind_has_its_catalogue_text_and_counts(console: str, page: Page, api: QueryClient) -> None:
    titles = {(entry.type, entry.code): entry.title for entry in api.failure_codes()}
    found: dict[tuple[int, str], list[int]] = {}
    for told in api.stats(since=SINCE, until=UNTIL).failures:
        counts = found.setdefault((told.type, told.code), [0, 0, 0])
        for place, count in enumerate((told.failure_count, told.recovered_failure_count, told.run_count)):
            counts[place] += count

    page.goto(f"{console}/failures?{PERIOD}")

    shown = {(code, title): rest for code, title, *rest in kinds(page)}
    assert len(shown) == len(found)
    for (kind, code), (failures, recovered, runs) in found.items():
        told_failures, told_recovered, told_runs, _ = shown[code, titles.get((kind, code), f"{word(kind)} failure")]
        assert (told_failures, told_runs) == (str(failures), str(runs))
        assert told_recovered == f"{recovered / failures:.1%}".replace("%", " %")


def test_the_chart_over_time_adds_up_to_the_failures_that_occurred(console: str, page: Page, api: QueryClient) -> None:
    listed = list(api.failures(since=SINCE, until=UNTIL))

    page.goto(f"{console}/failures?{PERIOD}")

    page.locator("figure", has_text="Failures over time").get_by_text("As a table").click()
    cells = page.locator("figure", has_text="Failures over time").locator("tbody td").all_inner_texts()
    assert sum(map(int, cells)) == len(listed)
    newest = page.locator("section", has_text="Newest failures").locator("tbody tr th code").all_inner_texts()
    assert newest == [it.failure.code for it in listed[: len(newest)]]


def test_a_kind_leads_to_its_runs(console: str, page: Page, api: QueryClient) -> None:
    page.goto(f"{console}/failures?{PERIOD}")
    row = page.locator(".kinds tbody tr").first
    code = row.locator("code").inner_text()
    runs = int(row.locator("td").nth(3).inner_text())

    row.locator("td a").click()

    expect(page.locator("#runs tbody tr")).to_have_count(min(runs, 50))
    kind = page.locator("#runs .c-failures").first.inner_text()
    assert code in kind


def test_a_chosen_code_tells_what_to_do_and_counts_itself_alone(console: str, page: Page, api: QueryClient) -> None:
    entry = next(it for it in api.failure_codes() if it.code == "timeout" and word(it.type) == "tool")
    counts = [
        it for it in api.stats(since=SINCE, until=UNTIL).failures if (it.type, it.code) == (entry.type, entry.code)
    ]

    page.goto(f"{console}/failures?{PERIOD}")
    page.locator(".kinds tr", has_text=entry.title).locator("th a").click()

    expect(page.locator(".what")).to_contain_text(entry.remedy)
    expect(page.locator(".kinds tbody tr")).to_have_count(1)
    assert value(page, "failures") == str(sum(it.failure_count for it in counts))
    assert [row[0] for row in kinds(page)] == ["timeout"]
    page.locator(".narrowed a", has_text="code").click()
    expect(page.locator(".narrowed a")).to_have_count(1)
    page.locator(".narrowed a", has_text="type").click()
    expect(page.locator(".kinds tbody tr").nth(1)).to_be_visible()


@pytest.mark.parametrize(("by", "key"), [("agent", "agent_id"), ("version", "agent_version")])
def test_failures_are_counted_by_agent_and_version(
    console: str, page: Page, api: QueryClient, by: str, key: str
) -> None:
    found: dict[str, int] = {}
    for told in api.stats(since=SINCE, until=UNTIL).failures:
        name = told.agent_id if by == "agent" else f"{told.agent_id} {told.agent_version}"
        found[name] = found.get(name, 0) + told.failure_count

    page.goto(f"{console}/failures?{PERIOD}&by={by}")

    rows = page.locator("#by tbody tr")
    shown = dict(zip(rows.locator("th").all_inner_texts(), rows.locator(".value").all_inner_texts(), strict=True))
    assert shown == {name: f"{count:,}" for name, count in found.items()}
    assert key


@pytest.mark.parametrize("by", ["tool", "model"])
def test_failed_steps_are_counted_by_tool_and_model(console: str, page: Page, api: QueryClient, by: str) -> None:
    groups = api.stats(group_by=by, since=SINCE, until=UNTIL).groups
    failed = sorted((it for it in groups if it.stats.failed_step_count), key=lambda it: -it.stats.failed_step_count)
    expected = {it.key or "not told": str(it.stats.failed_step_count) for it in failed[:10]}

    page.goto(f"{console}/failures?{PERIOD}&by={by}")

    rows = page.locator("#by tbody tr")
    assert (
        dict(zip(rows.locator("th").all_inner_texts(), rows.locator(".value").all_inner_texts(), strict=True))
        == expected
    )


def test_longer_periods_say_what_they_do_not_count(console: str, page: Page) -> None:
    page.goto(f"{console}/failures?since=30d&by=tool")

    expect(page.locator("#by")).to_contain_text("of the last 7 days of the period")


def test_a_period_without_failures_says_so(console: str, page: Page) -> None:
    page.goto(f"{console}/failures?since=2020-01-01T00:00&until=2020-01-02T00:00&agent=nobody")

    expect(page.locator(".empty h2")).to_have_text("No failures in this period of nobody")


@pytest.mark.parametrize(
    "parameters", ["type=other", "by=weather", "since=tomorrow", "since=2026-01-02&until=2026-01-01"]
)
def test_what_can_not_be_asked_is_explained(console: str, page: Page, parameters: str) -> None:
    page.goto(f"{console}/failures?{parameters}")

    expect(page.locator("[role=alert]")).to_contain_text(parameters.split("=", maxsplit=1)[0])


def test_it_works_without_scripts(console: str, browser: Browser) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{console}/failures?since=7d")
        page.get_by_label("Agent", exact=True).fill("support")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#by tbody th")).to_have_text(["support"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(console: str, browser: Browser, scheme: str) -> None:
    with opened(browser, color_scheme=scheme) as page:
        page.goto(f"{console}/failures?since=7d&type=tool&code=timeout")
        assert violations(page) == []


def test_a_phone_shows_the_page_without_sideways_scrolling(console: str, browser: Browser) -> None:
    with opened(browser, viewport=PHONE) as page:
        page.goto(f"{console}/failures?since=7d&by=version")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
