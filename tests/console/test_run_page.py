"""The page of one run in a real browser: why it failed is seen at once, and what is drawn is what was recorded."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

import run_stories
from agenttrace import QueryClient
from fix_console import PHONE, SCREEN, opened, violations
from fix_server import Services
from run_stories import Story

ROWS = ".lanes tbody tr:not(.gap):not(.inspector)"
HOSTILE_TITLE = '<img src=x onerror="window.hacked=1"> \u202e"&lt;b&gt;'
HOSTILE_REMEDY = "</p><script>window.hacked=1</script>{{ 7*7 }}"


@pytest.fixture(scope="module")
def failed(recorded: Services) -> str:
    return run_stories.failed(100).record(recorded)


@pytest.fixture(scope="module")
def long(recorded: Services) -> str:
    return run_stories.long(200).record(recorded)


@pytest.fixture(scope="module")
def deep(recorded: Services) -> str:
    return run_stories.deep(300).record(recorded)


@pytest.fixture(scope="module")
def hostile(recorded: Services) -> Iterator[str]:
    """A run whose names are as wild as the contract lets them be, with a catalogue that has no limits but length."""
    story = Story("a" * 128, 400, agent_version="@<".replace("<", "/../") + "x" * 20, tags=["tag|--|+@x"])
    outer = story.step("plan", "_" + "n" * 127, 0, 2)
    story.fail(story.step("tool", "onerror=alert".replace("=", "@"), 0.5, 1, outer), "tool", "hostile_code")
    insert = "INSERT INTO failure_codes (type, code, title, remedy) VALUES ('TOOL', 'hostile_code', %s, %s)"
    with psycopg.connect(recorded.database_url, autocommit=True) as connection:
        connection.execute(insert, (HOSTILE_TITLE, HOSTILE_REMEDY))
        yield story.end("FAILURE", 2).record(recorded)
        connection.execute("DELETE FROM failure_codes WHERE code = 'hostile_code'")


def names(page: Page) -> list[str]:
    return page.locator(f"{ROWS} th > a").all_inner_texts()


def test_the_root_cause_and_its_remedy_are_on_the_first_screen(console: str, page: Page, failed: str) -> None:
    page.goto(f"{console}/runs/{failed}")

    cause = page.locator("#root-cause")
    box, row = cause.bounding_box(), page.locator(".lanes tr.is-root").bounding_box()
    assert box is not None
    assert row is not None
    assert box["y"] + box["height"] < SCREEN["height"] / 2
    assert row["y"] + row["height"] < SCREEN["height"]
    expect(cause.locator("h2")).to_have_text("The tool did not answer in time")
    expect(cause).to_contain_text(
        "timeout tool failure in POST_/v2/offers/confirm, in all 2 attempts, first 8.10 s after"
    )
    expect(cause).to_contain_text("Check the tool and its time limit")
    expect(cause).to_contain_text("exception httpx.ReadTimeout · HTTP status 504")
    expect(cause).to_contain_text("Led to → tool_error in confirm_offer → subagent_failed in flight_agent")


def test_the_root_cause_of_every_kind_of_failed_run_is_on_the_first_screen(
    console: str, page: Page, api: QueryClient
) -> None:
    seen = set()
    for summary in api.runs(status="failure", limit=200):
        kinds = tuple(summary.failure_codes)
        root = next((it for it in api.run(summary.run.run_id).failures if it.root), None)
        if root is None or kinds in seen or len(seen) == 6:
            continue
        seen.add(kinds)
        page.goto(f"{console}/runs/{summary.run.run_id}")
        box = page.locator("#root-cause").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < SCREEN["height"]
        expect(page.locator("#root-cause .code")).to_have_text(root.failure.code)
    assert len(seen) >= 3


def test_facts_are_those_of_the_query_service(console: str, page: Page, api: QueryClient, failed: str) -> None:
    summary = api.run(failed).run

    page.goto(f"{console}/runs/{failed}")

    strip = page.locator("dl.strip")
    told = dict(zip(strip.locator("dt").all_inner_texts(), strip.locator("dd").all_inner_texts(), strict=True))
    assert told["Took"] == "12.7 s"
    assert told["Steps"] == f"{summary.step_count} {summary.failed_step_count} failed"
    assert told["Retries"] == str(summary.retry_count) == "2"
    assert told["Tokens"] == f"{summary.input_tokens:,} → {summary.output_tokens:,}"
    assert told["Cost"] == f"${summary.cost_micro_usd / 1e6:.4f}"
    assert told["Completeness"] == "1 step missing"
    expect(page.locator("h1")).to_have_text("trip-planner 2.3.0")
    expect(page.locator(".about")).to_contain_text(f"agenttrace run {failed}")
    grafana = page.get_by_role("link", name="this run in Grafana")
    expect(grafana).to_have_attribute("href", f"https://grafana.example.com/d/agenttrace-run?var-run_id={failed}")


def test_bars_stand_where_their_steps_were_in_time(console: str, page: Page, api: QueryClient, failed: str) -> None:
    detail = api.run(failed)
    start = detail.run.run.start_time.ToNanoseconds() / 1e9
    page.goto(f"{console}/runs/{failed}")
    axis = page.locator(".axis").bounding_box()
    assert axis is not None

    for step in detail.steps:
        bar = page.locator(f".lane a[href*='step={step.step_id}'] .body").bounding_box()
        assert bar is not None
        began, ended = ((time.ToNanoseconds() / 1e9 - start) / 12.7 for time in (step.start_time, step.end_time))
        middle = bar["x"] + bar["width"] / 2 - axis["x"]
        assert middle == pytest.approx((began + ended) / 2 * axis["width"], abs=1.5)
        # The browser counts the stroke around a bar.
        assert bar["width"] == pytest.approx((ended - began) * axis["width"], abs=4)


def test_rows_are_nested_attempts_numbered_and_the_missing_step_is_told(console: str, page: Page, failed: str) -> None:
    page.goto(f"{console}/runs/{failed}")

    assert names(page) == [
        "plan_trip", "flight_agent", "search_flights", "rank_offers", "confirm_offer", "POST_/v2/offers/confirm",
        "apologise",
    ]  # fmt: skip
    depths = [page.locator(f"{ROWS} th").nth(row).get_attribute("class") for row in range(7)]
    assert depths == [f"nested d{depth}" for depth in (0, 0, 1, 1, 1, 2, 0)]
    marks = page.locator("tr", has_text="search_flights").locator(".attempts a")
    assert marks.all_text_contents() == ["1✗ failed", "2✓ ok"]
    expect(page.locator("tr.gap")).to_have_text("⋯ 1 step missing here: recorded by the agent, not received")
    expect(page.locator(".lanes tr.is-root .lane")).to_contain_text("timeout (2 times) · root cause")
    expect(page.locator("tr", has_text="search_flights").locator(".lane")).to_contain_text(
        "recovered from rate_limited"
    )
    outcomes = page.locator("#failures tbody tr td:nth-child(4)").all_inner_texts()
    assert outcomes == ["recovered", "root cause", "not recovered", "caused by another", "caused by another"]


def test_a_step_is_looked_at_without_leaving_the_page(console: str, page: Page, failed: str) -> None:
    page.goto(f"{console}/runs/{failed}")
    page.evaluate("window.same = true")

    page.get_by_role("link", name="rank_offers", exact=True).click()

    details = page.locator(".inspected")
    expect(details).to_contain_text("gpt-4o")
    expect(details).to_contain_text("4,406")
    expect(details).to_contain_text("in flight_agent")
    assert "step=" in page.url
    page.keyboard.press("j")
    expect(details.locator("h3")).to_contain_text("confirm_offer")
    page.keyboard.press("k")
    expect(details.locator("h3")).to_contain_text("rank_offers")
    page.keyboard.press("k")
    expect(details.locator("h3")).to_contain_text("search_flights")
    page.keyboard.press("Escape")
    expect(details).to_have_count(0)
    page.go_back()
    expect(details.locator("h3")).to_contain_text("search_flights")
    assert page.evaluate("window.same")


def test_a_drag_over_the_bars_zooms(console: str, page: Page, failed: str) -> None:
    page.goto(f"{console}/runs/{failed}")
    axis = page.locator(".axis").bounding_box()
    assert axis is not None

    page.mouse.move(axis["x"] + axis["width"] * 7 / 12.7, axis["y"] + 40)
    page.mouse.down()
    page.mouse.move(axis["x"] + axis["width"] * 9 / 12.7, axis["y"] + 45, steps=5)
    page.mouse.up()

    expect(page.locator(ROWS)).to_have_count(3)
    assert names(page) == ["flight_agent", "confirm_offer", "POST_/v2/offers/confirm"]
    page.get_by_role("link", name="Whole run", exact=True).click()
    expect(page.locator(ROWS)).to_have_count(7)


def test_everything_works_without_scripts(console: str, browser: Browser, failed: str) -> None:
    with opened(browser, java_script_enabled=False) as page:
        rows = page.locator(f"{ROWS} th > a")
        page.goto(f"{console}/runs/{failed}")
        page.get_by_role("link", name="search_flights", exact=True).first.click()
        expect(page.locator(".inspected h3")).to_have_text("search_flights attempt 2 of 2")
        page.get_by_role("link", name="Only it and what is nested in it").click()
        expect(rows).to_have_text(["search_flights"])
        page.get_by_role("link", name="Whole run", exact=True).click()
        expect(rows).to_have_count(7)
        page.get_by_role("link", name="Zoom in").click()
        expect(rows).to_have_count(5)
        page.get_by_role("link", name="Table").click()
        expect(page.locator(".steps tbody th").first).to_have_text("flight_agent")


def test_the_table_has_every_attempt_with_its_numbers(console: str, page: Page, failed: str) -> None:
    page.goto(f"{console}/runs/{failed}?as=table")

    rows = page.locator(".steps tbody tr")
    expect(rows).to_have_count(9)
    cells = page.locator(".steps tr", has_text="rank_offers").locator("td").all_inner_texts()
    assert cells == ["4", "model", "", "ok", "5.00 s", "1.00 s", "1.00 s", "gpt-4o", "4,406", "388", "$0.0149", ""]
    assert page.locator(".steps tr.is-root td").nth(2).inner_text() == "1 of 2"


def test_two_thousand_steps_open_at_the_root_cause_and_are_all_reached(console: str, page: Page, long: str) -> None:
    page.goto(f"{console}/runs/{long}")

    expect(page.locator("#root-cause .code")).to_have_text("connection_failed")
    expect(page.locator(".lanes tr.is-root")).to_have_count(1)
    expect(page.locator(".tools h2")).to_have_text("Trace timeline 2,000 steps")
    last = names(page)
    page.get_by_role("link", name="Earlier rows").first.click()
    expect(page.locator(ROWS)).to_have_count(120)
    assert not set(names(page)[:1]) & set(last)
    page.goto(f"{console}/runs/{long}?row=0")
    assert names(page)[0].endswith(".0")
    expect(page.get_by_role("link", name="Earlier rows")).to_have_count(0)


@pytest.mark.parametrize("parameters", ["", "?row=0", "?as=table&row=0", "?since=0&until=1000"])
def test_a_page_of_a_long_run_is_below_200_kb(console: str, long: str, parameters: str) -> None:
    with urllib.request.urlopen(f"{console}/runs/{long}{parameters}") as answer:
        assert len(answer.read()) < 200_000


def test_sixty_levels_of_nesting_stay_readable(console: str, page: Page, deep: str) -> None:
    page.goto(f"{console}/runs/{deep}")

    assert names(page) == [f"level_{level}" for level in range(1, 61)]
    root = page.locator(".lanes tr.is-root th")
    cell, link = root.bounding_box(), root.locator(":scope > a").bounding_box()
    assert cell is not None
    assert link is not None
    assert link["x"] + link["width"] < cell["x"] + cell["width"]
    expect(root.locator(".deep")).to_have_text("59")
    root.locator(":scope > a").click()
    expect(page.locator(".inspected .path")).to_contain_text("level_59")


def test_neighbours_are_the_runs_of_the_agent_before_and_after(console: str, page: Page, api: QueryClient) -> None:
    newest = [found.run.run_id for found in api.runs(agent_id="support", limit=4)]

    page.goto(f"{console}/runs/{newest[2]}")

    previous, following = (page.locator(f"a[rel={rel}]") for rel in ("prev", "next"))
    expect(previous).to_have_attribute("href", f"/runs/{newest[3]}")
    expect(following).to_have_attribute("href", f"/runs/{newest[1]}")
    following.click()
    page.locator("a[rel=next]").click()
    expect(page.locator(".beside")).to_contain_text("Next: none")


def test_the_next_run_is_found_where_thousands_came_after(console: str, page: Page, api: QueryClient) -> None:
    """The oldest of an agent with more later runs than one listing of the search holds."""
    every = [found.run.run_id for found in api.runs(agent_id="support")]
    assert len(every) > 60

    page.goto(f"{console}/runs/{every[-1]}")

    expect(page.locator("a[rel=next]")).to_have_attribute("href", f"/runs/{every[-2]}")
    expect(page.locator(".beside")).to_contain_text("Previous: none")


def test_hostile_texts_are_shown_as_text(console: str, page: Page, hostile: str) -> None:
    page.goto(f"{console}/runs/{hostile}")

    expect(page.locator("#root-cause h2")).to_have_text(HOSTILE_TITLE)
    expect(page.locator(".remedy")).to_contain_text(HOSTILE_REMEDY)
    expect(page.locator("h1")).to_contain_text("a" * 128)
    assert page.evaluate(
        "window.hacked === undefined && document.querySelectorAll('main img, main script').length === 0"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", "?as=table", "chosen"])
def test_the_page_is_accessible(
    console: str, browser: Browser, api: QueryClient, failed: str, scheme: str, view: str
) -> None:
    chosen = f"?step={api.run(failed).steps[2].step_id}"
    with opened(browser, color_scheme=scheme) as page:
        page.goto(f"{console}/runs/{failed}{chosen if view == 'chosen' else view}")
        assert violations(page) == []


@pytest.mark.parametrize("run", ["failed", "long", "deep", "hostile"])
def test_a_phone_shows_the_page_without_sideways_scrolling(
    console: str, browser: Browser, run: str, request: pytest.FixtureRequest
) -> None:
    with opened(browser, viewport=PHONE) as page:
        page.goto(f"{console}/runs/{request.getfixturevalue(run)}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        expect(page.locator("#root-cause h2")).to_be_visible()
        expect(page.locator(".lane").first).to_be_visible()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/runs/6f1d3c1e-5c1b-4b53-9a53-0f2a7d3e8a10", "There is no such run"),
        ("/runs/no-uuid", "run_id"),
        ("/runs/%3Cscript%3E", "run_id"),
        ("/runs/RUN?since=never", "since is no number of milliseconds"),
        ("/runs/RUN?since=5&until=4", "until must be after since"),
        ("/runs/RUN?row=-1", "row is no number"),
    ],
)
def test_wrong_addresses_are_explained(console: str, page: Page, failed: str, path: str, told: str) -> None:
    page.goto(console + path.replace("RUN", failed))

    expect(page.locator("[role=alert]")).to_contain_text(told)


def test_a_step_that_the_run_does_not_have_shows_the_whole_run(console: str, page: Page, failed: str) -> None:
    page.goto(f"{console}/runs/{failed}?step=no-such-step&under=nor-this")

    assert len(names(page)) == 7
