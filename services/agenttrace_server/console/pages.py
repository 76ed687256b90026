"""How a page is made: templates filled on the server, every value escaped."""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from agenttrace.showing.wording import STATUS_MARKS
from agenttrace_server.console.state import console_of, request_key
from agenttrace_server.console.wording import FILTERS

STATIC = Path(__file__).with_name("static")
NAVIGATION = (
    ("/", "Dashboard"),
    ("/runs", "Runs"),
    ("/failures", "Failures"),
    ("/compare", "Compare"),
)


def environment() -> jinja2.Environment:
    """Return the templates. A name that a page forgot to give is an error, not an empty text."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("agenttrace_server.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    versions = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in STATIC.iterdir()}
    made.globals["static"] = lambda name: f"/static/{name}?v={versions[name]}"
    # All of them on every page: the frame of a page is sent before it is known what it will show.
    made.globals["STYLESHEETS"] = sorted(name for name in versions if name.endswith(".css"))
    made.globals["url"] = url
    made.globals["STATUS_MARKS"] = STATUS_MARKS
    made.filters |= FILTERS
    return made


def render(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Return a page made of a template and what it is to show."""
    return HTMLResponse(fill(request, template, **context), status_code, headers)


def fill(request: Request, template: str, **context: Any) -> str:
    """Return a template filled with what it is to show and what every page has."""
    console = console_of(request)
    every = {
        "navigation": NAVIGATION,
        "path": request.url.path,
        "signed_in": bool(request_key(request)),
        "login_required": console.settings.login_required,
        "grafana_url": console.settings.grafana_url,
    }
    return console.templates.get_template(template).render(every | context)


def url(path: str, *parameters: Mapping[str, Any] | tuple[tuple[str, str], ...], **more: Any) -> str:
    """Return a link with parameters; empty ones are left out, a list gives one for each value."""
    pairs: list[tuple[str, Any]] = []
    for group in (*parameters, more):
        pairs += group.items() if isinstance(group, Mapping) else group
    told = urllib.parse.urlencode([(name, value) for name, value in pairs if value not in ("", None, [])], doseq=True)
    return f"{path}?{told}" if told else path
