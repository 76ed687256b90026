"""What all pages have in common: signing in, outages, safety, and that everybody can use them."""

from __future__ import annotations

import http.client
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from agenttrace import Tracer
from fix_console import PHONE, console_config, opened, serving, violations
from fix_keys import PEPPER, asking_for_keys, new_key, new_project, revoke
from fix_server import Services, config_for, running

PAGES = {"dashboard": "/?since=7d", "runs": "/runs", "no runs": "/runs?agent=nobody", "error": "/runs?since=x",
         "login": "/login", "no such page": "/nowhere"}  # fmt: skip
KEYS = {"authentication": "keys", "key_pepper": PEPPER}
DOWN = "The query service does not answer"


@pytest.fixture
def locked(database_url: str) -> Iterator[tuple[Services, str]]:
    """Services that ask for keys, and a console over them."""
    with asking_for_keys(database_url) as services, serving(console_config(services, **KEYS)) as endpoints:
        yield services, endpoints.address


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def record(services: Services, agent: str, key: str) -> None:
    tracer = Tracer(agent, endpoint=services.ingest_address, api_key=key)
    with tracer.run():
        pass
    assert tracer.close().complete


def ask(url: str, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=20)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_visitor_signs_in_and_sees_the_page_that_was_asked_for(
    locked: tuple[Services, str], browser: Browser
) -> None:
    services, url = locked
    key = new_key(services.database_url)
    record(services, "of-the-project", key)

    with opened(browser) as page:
        page.goto(f"{url}/runs?agent=of-the-project")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        sign_in(page, key)

        expect(page).to_have_url(f"{url}/runs?agent=of-the-project")
        expect(page.locator("#runs tbody tr")).to_have_count(1)
        page.wait_for_selector("#live.on")
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        assert key not in cookie["value"]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto(f"{url}/runs")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_key_shows_the_runs_of_its_project_alone(locked: tuple[Services, str], browser: Browser) -> None:
    services, url = locked
    new_project(services.database_url, "other")
    record(services, "of-the-default", new_key(services.database_url))
    other = new_key(services.database_url, "other")
    record(services, "of-the-other", other)

    with opened(browser) as page:
        page.goto(f"{url}/login")
        sign_in(page, other)
        page.goto(f"{url}/runs")

        assert page.locator(".c-agent a").all_inner_texts() == ["of-the-other"]


@pytest.mark.parametrize("kind", ["unknown", "no key", "without the scope"])
def test_a_key_that_does_not_count_is_refused(locked: tuple[Services, str], browser: Browser, kind: str) -> None:
    services, url = locked
    keys = {
        "unknown": f"at_{'a' * 12}_{'b' * 43}",
        "no key": "open sesame",
        "without the scope": new_key(services.database_url, "default", "ingest"),
    }

    with opened(browser) as page:
        page.goto(f"{url}/login")
        sign_in(page, keys[kind])

        said = "may not read" if kind == "without the scope" else "no API key that counts"
        expect(page.get_by_role("alert")).to_contain_text(said)
        assert page.context.cookies() == []
        assert keys[kind] not in page.content()


@pytest.fixture
def query_address() -> str:
    """Where a query service will listen, and listen again."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


def at(query_address: str) -> dict[str, object]:
    """The settings of a console of a query service that need not be there."""
    return {
        "console_address": "127.0.0.1:0",
        "console_metrics_port": 0,
        "console_query_endpoint": query_address,
    }


def test_a_revoked_key_ends_its_session(database_url: str, query_address: str, browser: Browser) -> None:
    """A query service remembers a key for ten seconds; one that starts anew does not."""
    key = new_key(database_url)
    with serving(config_for(database_url, **KEYS, **at(query_address))) as endpoints, opened(browser) as page:
        with asking_for_keys(database_url, query_address=query_address):
            page.goto(f"{endpoints.address}/login")
            sign_in(page, key)
            expect(page.get_by_role("heading", name="No runs in this period")).to_be_visible()
        revoke(database_url, key)
        with asking_for_keys(database_url, query_address=query_address):
            page.goto(f"{endpoints.address}/runs")

            expect(page.get_by_text("Your key is not accepted any more")).to_be_visible()


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(locked: tuple[Services, str], browser: Browser, goal: str) -> None:
    services, url = locked

    with opened(browser) as page:
        page.goto(f"{url}/login?{urllib.parse.urlencode({'next': goal})}")
        sign_in(page, new_key(services.database_url))

        expect(page).to_have_url(f"{url}/")


def test_nothing_is_read_without_a_key(locked: tuple[Services, str]) -> None:
    _, url = locked

    answers = {path: ask(url, path).status for path in ("/", "/runs", "/runs/0193", "/live/runs", "/healthz")}

    assert answers == {"/": 303, "/runs": 303, "/runs/0193": 303, "/live/runs": 401, "/healthz": 200}


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_a_form_of_another_site_is_refused(console: str, path: str, origin: str) -> None:
    assert ask(console, path, "POST", **({"Origin": origin} if origin else {})).status == 403


def test_a_name_of_another_site_is_refused(console: str) -> None:
    """Its name may lead to this machine: then its page reads what this console shows."""
    assert ask(console, "/runs", Host="evil.example").status == 421
    assert ask(console, "/runs", Host="localhost").status == 200


def test_answers_are_not_kept_framed_or_extended(console: str) -> None:
    for path in PAGES.values():
        headers = ask(console, path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_static_files_are_kept_until_they_change(console: str, page: Page) -> None:
    page.goto(f"{console}/runs")
    path = page.locator("link[rel=stylesheet]").first.get_attribute("href")

    assert path is not None
    assert "immutable" in ask(console, path).headers["Cache-Control"]
    assert ask(console, path.partition("?")[0]).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_the_console_only_reads(console: str, method: str) -> None:
    assert ask(console, "/runs", method).status == 405


def test_pages_say_that_the_query_service_is_down_and_come_back_with_it(
    database_url: str, query_address: str, browser: Browser
) -> None:
    with serving(config_for(database_url, **at(query_address))) as endpoints, opened(browser) as page:
        page.goto(f"{endpoints.address}/runs")
        expect(page.get_by_role("heading", name=DOWN)).to_be_visible()
        assert ask(endpoints.address, "/healthz").status == 503
        assert ask(endpoints.address, "/livez").status == 200

        with running(config_for(database_url, query_address=query_address)):
            expect(page.get_by_role("heading", name="No runs yet")).to_be_visible(timeout=30_000)
            page.wait_for_selector("#live.on")
            assert ask(endpoints.address, "/healthz").status == 200


def test_an_open_page_ends_with_the_console(services: Services, browser: Browser) -> None:
    with opened(browser) as page:
        with serving(console_config(services, drain_seconds=20.0)) as endpoints:
            page.goto(f"{endpoints.address}/runs")
            page.wait_for_selector("#live.on")

        expect(page.locator("#live .word")).to_have_text("the console does not answer")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_use_the_page(console: str, browser: Browser, name: str, scheme: str) -> None:
    with opened(browser, color_scheme=scheme) as page:
        page.goto(console + PAGES[name])

        assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_the_page_without_scrolling_sideways(console: str, browser: Browser, name: str) -> None:
    with opened(browser, viewport=PHONE) as page:
        page.goto(console + PAGES[name])

        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert violations(page) == []


@pytest.mark.parametrize("name", ["dashboard", "runs"])
def test_a_page_works_without_javascript(console: str, browser: Browser, name: str) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(console + PAGES[name])

        expect(page.get_by_role("link", name="tau-airline").or_(page.get_by_role("link", name="support")).first
               ).to_be_visible()  # fmt: skip
        expect(page.locator("#live")).to_be_hidden()


@pytest.mark.parametrize("name", ["dashboard", "runs"])
def test_a_page_weighs_less_than_200_kb_with_all_it_brings(console: str, browser: Browser, name: str) -> None:
    weights: dict[str, int] = {}
    with opened(browser) as page:
        page.on("response", lambda got: weights.update({got.url: 0}))
        page.goto(console + PAGES[name])
        for url in weights:
            if "/live/" not in url:
                weights[url] = len(urllib.request.urlopen(url).read())

    assert sum(weights.values()) < 200_000, weights
    assert all(url.startswith(console) for url in weights)


def test_the_keyboard_reaches_the_page_and_its_runs(console: str, page: Page) -> None:
    page.goto(f"{console}/runs")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")

    assert page.url.endswith("#main")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#runs') !== null"):
            break
    else:
        pytest.fail("no run within 60 stops")


def test_requests_are_counted_by_route(services: Services) -> None:
    with serving(console_config(services)) as endpoints:
        ask(endpoints.address, "/runs?agent=secret-name")
        ask(endpoints.address, "/runs")
        ask(endpoints.address, "/etc/passwd")
        told = urllib.request.urlopen(endpoints.metrics_url).read().decode()

    assert re.search(r'agenttrace_http_requests_total\{method="GET",route="/runs",status="200"\} 2\.0', told)
    assert re.search(r'agenttrace_http_requests_total\{method="GET",route="_OTHER",status="404"\} 1\.0', told)
    assert re.search(r'agenttrace_http_request_duration_seconds_count\{route="/runs"\} 2\.0', told)
    assert "secret-name" not in told
    assert "passwd" not in told
