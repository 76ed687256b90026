"""Draws docs/images: the views of the command line, of runs on a server of its own.

python docs/pictures.py
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from docs import pictures_data
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from agenttrace import QueryClient
from agenttrace.cli import commands, doctor, follow
from agenttrace.cli.arguments import parser
from agenttrace.v1.ingest_service_pb2_grpc import IngestServiceStub

IMAGES = Path(__file__).parent / "images"
_SERVER = [sys.executable, "-m", "agenttrace_server"]
_THEME = TerminalTheme(
    (24, 26, 33),
    (214, 217, 224),
    [
        (70, 75, 90), (240, 113, 120), (126, 200, 130), (229, 192, 107),
        (110, 164, 247), (199, 146, 234), (95, 200, 210), (214, 217, 224),
    ],
    [
        (130, 137, 155), (255, 130, 135), (150, 225, 150), (245, 210, 130),
        (140, 185, 255), (215, 170, 245), (125, 220, 230), (255, 255, 255),
    ],
)  # fmt: skip


def main() -> int:
    """Draw everything; return the exit code."""
    IMAGES.mkdir(exist_ok=True)
    with server() as endpoints, QueryClient(endpoints["query"]) as client:
        runs = record(endpoints["ingest"])
        for width in (120, 80):
            draw(client, f"run-{width}", width, "run", runs["failed"])
        draw(client, "run-attempts", 120, "run", runs["persistent"])
        draw(client, "run-running", 80, "run", runs["running"])
        draw(client, "run-silent", 80, "run", runs["silent"])
        for width in (120, 80):
            draw(client, f"runs-{width}", width, "runs", "--limit", "14")
            draw(client, f"failures-{width}", width, "failures", "--limit", "12")
            draw(client, f"stats-{width}", width, "stats", "--by", "version", "--since", "7d")
        draw(client, "tail", 120, "tail", "-n", "9")
        draw(client, "doctor", 100, "doctor", "--endpoint", endpoints["query"])
    print(f"{len(list(IMAGES.glob('*.svg')))} pictures are in {IMAGES}")
    return 0


@contextlib.contextmanager
def server() -> Iterator[dict[str, str]]:
    """Run everything with the sample data for as long as the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "endpoints.json"
        log = (Path(folder) / "log").open("w")
        command = [*_SERVER, "up", "--ephemeral", "--endpoints-file", str(file)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            while not file.exists():
                if process.poll() is not None:
                    raise RuntimeError((Path(folder) / "log").read_text())
                time.sleep(0.1)
            endpoints: dict[str, str] = json.loads(file.read_text())
            database = {"AGENTTRACE_SERVER_DATABASE_URL": endpoints["database_url"]}
            subprocess.run([*_SERVER, "seed"], env=os.environ | database, check=True, stdout=subprocess.DEVNULL)
            os.environ["AGENTTRACE_ENDPOINT"] = endpoints["ingest"]
            yield endpoints
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            log.close()


def record(endpoint: str) -> dict[str, str]:
    """Record the runs of the pictures; return their ids by name."""
    now = dt.datetime.now(dt.UTC)
    stories = {
        "silent": pictures_data.silent(now - dt.timedelta(minutes=4)),
        "persistent": pictures_data.persistent(now - dt.timedelta(minutes=3)),
        "failed": pictures_data.failed(now - dt.timedelta(minutes=2)),
        "running": pictures_data.running(now - dt.timedelta(seconds=15)),
    }
    with grpc.insecure_channel(endpoint) as channel:
        for name, story in stories.items():
            answer = IngestServiceStub(channel).RecordBatch(story.batch)
            if answer.rejections:
                raise RuntimeError(f"{name}: {answer.rejections}")
    return {name: story.run.run_id for name, story in stories.items()}


def draw(client: QueryClient, name: str, width: int, *arguments: str) -> None:
    """Run a command on a screen of this width and keep what it shows."""
    options = parser().parse_args(arguments)
    screen = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, highlight=False, emoji=False)
    if options.command == "doctor":
        doctor.diagnose(options, screen)
    elif options.command == "tail":
        for summary in next(follow.changes(client, options, options.lines)):
            screen.print(follow.line(summary, width), soft_wrap=True)
    else:
        commands.COMMANDS[options.command](client, options, screen)
    title = " ".join(["agenttrace", *(word for word in arguments if word not in {"--endpoint", client.endpoint})])
    svg = screen.export_svg(title=title, theme=_THEME, code_format=svg_format())
    # Ids of elements are made of the text, and would change with each time in it.
    (IMAGES / f"{name}.svg").write_text(re.sub(r"terminal-\d+", f"terminal-{name}", svg))


def svg_format() -> str:
    """Return rich's form of a picture without the fonts that it would fetch from elsewhere."""
    from rich._export_format import CONSOLE_SVG_FORMAT  # noqa: PLC0415 - private: may be gone in a later rich

    return re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
        "Fira Code, monospace", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
    )


if __name__ == "__main__":
    sys.exit(main())
