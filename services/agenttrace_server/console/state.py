"""What the pages of one console share, and what a request finds there."""

from __future__ import annotations

from dataclasses import dataclass, field

import jinja2
from starlette.requests import Request

from agenttrace import AsyncQueryClient
from agenttrace_server.console.feeds import Feeds
from agenttrace_server.console.readers import Readers
from agenttrace_server.console.sessions import Sessions


class LoginRequired(Exception):
    """The page needs a key, and the visitor has told none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a console is told.

    Attributes:
        login_required: Whether a visitor must tell a key before anything is read.
        hosts: The names under which the console is reached; empty: any.
        grafana_url: Where Grafana is, without a slash at the end; empty: no links to it.
    """

    login_required: bool = False
    hosts: frozenset[str] = frozenset()
    grafana_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the pages share."""

    settings: Settings
    readers: Readers
    sessions: Sessions
    templates: jinja2.Environment
    feeds: Feeds = field(default_factory=Feeds)


def console_of(request: Request) -> Console:
    """Return what the pages share."""
    console: Console = request.app.state.console
    return console


def request_key(request: Request) -> str:
    """Return the API key of the visitor's session; empty for none."""
    return console_of(request).sessions.key(request.cookies)


def reader(request: Request) -> AsyncQueryClient:
    """Return the client with which to read for this visitor; raise LoginRequired where a key is missing."""
    console = console_of(request)
    key = request_key(request)
    if console.settings.login_required and not key:
        raise LoginRequired
    return console.readers.of(key)
