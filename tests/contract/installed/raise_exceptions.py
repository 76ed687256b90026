"""Lets real client libraries fail in steps, each in its own way, and prints the id of the run."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import anthropic
import httpx
import openai
import requests
import sqlalchemy

import agenttrace

MESSAGES = [{"role": "user", "content": "x"}]


class Refusing(BaseHTTPRequestHandler):
    """Answers each request with the status that its path begins with."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815 - http.server names methods so

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def ask_openai(url: str) -> None:
    client = openai.OpenAI(base_url=url, api_key="x", max_retries=0)
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES)


def ask_anthropic(url: str) -> None:
    client = anthropic.Anthropic(base_url=url, api_key="x", max_retries=0)
    client.messages.create(model="claude", messages=MESSAGES, max_tokens=1)


def get_with_aiohttp(url: str, seconds: float = 5) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession(raise_for_status=True, timeout=aiohttp.ClientTimeout(seconds)) as session:
            await session.get(url)

    asyncio.run(get())


def ask_sql(statement: str) -> None:
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (a INTEGER UNIQUE)"))
        connection.execute(sqlalchemy.text("INSERT INTO t VALUES (1)"))
        connection.execute(sqlalchemy.text(statement))


def failing(server: str) -> dict[str, Callable[[], object]]:
    nobody = "http://127.0.0.1:1"
    return {
        "openai.429": lambda: ask_openai(f"{server}/429"),
        "openai.401": lambda: ask_openai(f"{server}/401"),
        "openai.400": lambda: ask_openai(f"{server}/400"),
        "openai.503": lambda: ask_openai(f"{server}/503"),
        "openai.nobody": lambda: ask_openai(nobody),
        "anthropic.429": lambda: ask_anthropic(f"{server}/429"),
        "anthropic.404": lambda: ask_anthropic(f"{server}/404"),
        "anthropic.529": lambda: ask_anthropic(f"{server}/529"),
        "anthropic.nobody": lambda: ask_anthropic(nobody),
        "aiohttp.403": lambda: get_with_aiohttp(f"{server}/403"),
        "aiohttp.504": lambda: get_with_aiohttp(f"{server}/504"),
        "aiohttp.nobody": lambda: get_with_aiohttp(nobody),
        "httpx.502": lambda: httpx.get(f"{server}/502").raise_for_status(),
        "httpx.nobody": lambda: httpx.get(nobody),
        "requests.422": lambda: requests.get(f"{server}/422", timeout=5).raise_for_status(),
        "requests.nobody": lambda: requests.get(nobody, timeout=5),
        "sqlalchemy.syntax": lambda: ask_sql("SELEC 1"),
        "sqlalchemy.twice": lambda: ask_sql("INSERT INTO t VALUES (1)"),
    }


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tracer = agenttrace.Tracer("packaging", "1.0.0", "test")
    with tracer.run(session_id="exceptions") as run:
        for name, call in failing(f"http://127.0.0.1:{server.server_port}").items():
            with suppress(Exception), run.step("tool", name):
                call()
    assert tracer.close(timeout_seconds=20).complete
    print(run.run_id)


if __name__ == "__main__":
    main()
