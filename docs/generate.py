"""Writes docs/configuration.md, .env.example, docs/exception-codes.md and docs/metrics.md; with --check compares them.

The first two are the server's settings, then the SDK's table of exceptions, and the server's metrics.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from agenttrace.exception_codes import CARRIERS, CODES, DEFAULT_CODE, GRPC_CODES, HTTP_CODES
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.metrics import (
    ConsoleMetrics,
    DomainMetrics,
    IngestMetrics,
    LiveRunMetrics,
    Metrics,
    ReplicationMetrics,
)
from agenttrace_server.metrics.declarations import Declared

_Key = TypeVar("_Key")

ROOT = Path(__file__).resolve().parent.parent
_PAGE_HEAD = """# Configuration of the server

Read once at start, from the environment. An unknown name under `AGENTTRACE_SERVER_` is an error. A URL, pepper or key
may stand in a file instead: `AGENTTRACE_SERVER_KEY_PEPPER_FILE=/run/secrets/key_pepper`, and so with the others.
Written by `make configuration` from `services/agenttrace_server/config.py`.

| setting | default | |
|---|---|---|
"""
_SDK = """
The SDK and the command line read `AGENTTRACE_ENDPOINT`, `AGENTTRACE_QUERY_ENDPOINT`, `AGENTTRACE_API_KEY`,
`AGENTTRACE_ROOT_CERTIFICATES`, `AGENTTRACE_CLIENT_CERTIFICATE`, `AGENTTRACE_CLIENT_KEY`,
`AGENTTRACE_SPOOL_DIRECTORY` and `AGENTTRACE_DISABLED`.
"""
_EXCEPTIONS_HEAD = f"""# Codes of exceptions

How the Python SDK tells the code of a failure from an exception that leaves a step or a run. It goes by the name of
the class and by statuses that are numbers; the text of an exception is never read, and no library is imported. Written
by `make configuration` from `clients/python/src/agenttrace/exception_codes.py`. What the codes mean:
[failure-codes.md](failure-codes.md).

It looks at the exception, then at what it was raised from (`raise ... from`) and, of a group, at its members. Of each
the classes are looked at from the most special to the most general. The first that tells a code counts:

1. your own entries, `Tracer(classify={{...}})`: by class, by name, or by qualified name;
2. the gRPC status, of exceptions of `grpc`;
3. the class, by the table below;
4. the HTTP status: `status_code`, `status` or `code` of the exception or of its `response`, 400 to 599.

If none of them tells: `{DEFAULT_CODE}`. The statuses are recorded with the failure.

## Classes

A name alone stands for a class of that name in any library, `package.Name` for one of that package.

| code | classes |
|---|---|
"""
_CARRIERS = """
These say little by themselves; the HTTP status they carry and what they were raised from come before their class: {}.

## Statuses

| code | HTTP | gRPC |
|---|---|---|
"""
_METRICS_HEAD = """# Metrics

Each process serves its own at `/metrics` ([ports](configuration.md)), as OpenMetrics with exemplars where the scraper
asks for it. Written by `make configuration` from `services/agenttrace_server/metrics`.

```yaml
scrape_configs:
  - job_name: agenttrace
    static_configs:
      - targets: [localhost:9464, localhost:9465, localhost:9467]  # ingest, query, maintain
```

Several workers (`serve ingest --workers N`) have a port each: scrape all of them, and `sum` over `instance`.

## How they count

- **Newly stored, and after COMMIT.** Steps and failures count once, when they are stored; sent again they are
  `duplicate` items. A run counts as started when something of it is first stored, and as finished at its first end.
  An end that changes after that counts in `agenttrace_run_status_corrections_total`, and so does one that a run has
  after it was ABANDONED: it stays counted as ABANDONED. SQL shows the status that a run has in the end.
- **What a process counted ends with it**, as Prometheus expects of counters: `rate` and `increase` bridge a restart.
  One that dies between COMMIT and counting counts too little, as does an answer to COMMIT that was lost with its
  connection: what is sent again is then known already.
- **Calls end as their handler does.** A client that leaves while the service works for it ends its call as `Canceled`;
  one that leaves an upload between two messages looks like one that ends it, `OK`. What was committed counts in both.
- **An agent is not always known.** Of a run of which only steps or failures came so far the agent is `_UNKNOWN`, also
  in what was counted of it when the agent is told later.
- **Labels are closed or capped sets.** `AGENTTRACE_SERVER_METRICS_AGENT_LIMIT` agents (of all projects together), 50
  models and 50 projects have series of their own in a process, the first that it sees; what comes after is `_OTHER`,
  and counted in `agenttrace_label_overflow_total`. Names that agents made up get no further than that; ids, users and
  texts are in no label. A method that a service does not have is `_OTHER` as well.
- **Series begin at 0**, for one that is born at 1 has no `increase`: those of closed sets at start, those of an agent
  when it is first seen, and at start those of the agents of the last 7 days.
- **One value a database** have the gauges of the maintain process: where several run, take `max`, never `sum`. They are
  measured every 15 seconds, and left out while the database does not answer.
- **Spelling.** Types and statuses are spelt as they are stored (`type="TOOL"`, `status="FAILURE"`), status codes as the
  gRPC libraries of Go and Java do (`grpc_code="DeadlineExceeded"`), so that public dashboards fit.
- **Exemplars** `{run_id}`: `grpc_server_handling_seconds`, `agenttrace_run_duration_seconds` and
  `agenttrace_failures_total` name a run to look at (Prometheus: `--enable-feature=exemplar-storage`).

The failure rate of agents, as everywhere else:

```promql
sum by (agent) (rate(agenttrace_runs_finished_total{status=~"FAILURE|ABANDONED"}[15m]))
  / sum by (agent) (rate(agenttrace_runs_finished_total{status=~"SUCCESS|PARTIAL|FAILURE|ABANDONED"}[15m]))
```

Column *OpenTelemetry* names what its semantic conventions call the same thing, where they have it.
"""
_PROCESS_METRICS = """
Beside them each process has the usual `process_*` (on Linux: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_start_time_seconds`, `process_open_fds`,
`process_max_fds`) and `python_gc_*` (`python_gc_collections_total`, `python_gc_objects_collected_total`,
`python_gc_objects_uncollectable_total`, by `generation`).
"""


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current: run `make configuration`", file=sys.stderr)
        return 1 if stale else 0
    for path, text in files().items():
        path.write_text(text)
    return 0


def files() -> dict[Path, str]:
    """Return the text of each file."""
    settings = dataclasses.fields(Config)
    rows = [f"| `{_name(field)}` | {_default(field)} | {field.metadata['help']} |" for field in settings]
    example = [f"# {field.metadata['help']}\n#{_name(field)}={field.default}" for field in settings]
    return {
        ROOT / "docs" / "configuration.md": _PAGE_HEAD + "\n".join(rows) + "\n" + _SDK,
        ROOT / ".env.example": "\n".join(example) + "\n",
        ROOT / "docs" / "exception-codes.md": _exception_codes(),
        ROOT / "docs" / "metrics.md": _metrics(),
    }


def _exception_codes() -> str:
    classes = [f"| `{code}` | {_quoted(_keys(CODES, code))} |" for code in dict.fromkeys(CODES.values())]
    statuses = [
        f"| `{code}` | {_spans(_keys(HTTP_CODES, code))} | {_spans(_keys(GRPC_CODES, code))} |"
        for code in sorted({*HTTP_CODES.values(), *GRPC_CODES.values()})
    ]
    page = _EXCEPTIONS_HEAD + "\n".join(classes) + "\n" + _CARRIERS.format(_quoted(sorted(CARRIERS)))
    return page + "\n".join(statuses) + "\n"


def _metrics() -> str:
    every = Metrics()
    ingest, query, maintain, console = Metrics(), Metrics(), Metrics(), Metrics()
    IngestMetrics(ingest)
    DomainMetrics(ingest, agent_limit=1)
    ReplicationMetrics(query)
    LiveRunMetrics(maintain, agent_limit=1)
    ConsoleMetrics(console)
    common = len(every.declared)
    return _METRICS_HEAD + "".join(
        (
            _metrics_table("Every process", every.declared),
            _PROCESS_METRICS,
            _metrics_table("The ingest service", ingest.declared[common:]),
            _metrics_table("The query service", query.declared[common:]),
            _metrics_table("The maintain process", maintain.declared[common:]),
            _metrics_table("The console", console.declared[common:]),
        )
    )


def _metrics_table(title: str, declared: list[Declared]) -> str:
    head = f"\n## {title}\n\n| metric | type | labels | meaning | OpenTelemetry |\n|---|---|---|---|---|\n"
    return head + "".join(map(_metric, declared))


def _metric(metric: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} | {metric.otel} |\n"


def _keys(codes: Mapping[_Key, str], code: str) -> list[_Key]:
    return [key for key, value in codes.items() if value == code]


def _spans(statuses: list[int]) -> str:
    """Return numbers with runs of them as spans: "500-503, 505-599"."""
    spans: list[list[int]] = []
    for status in sorted(statuses):
        if spans and status == spans[-1][-1] + 1:
            spans[-1].append(status)
        else:
            spans.append([status])
    return ", ".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _name(field: dataclasses.Field[object]) -> str:
    return PREFIX + field.name.upper()


def _default(field: dataclasses.Field[object]) -> str:
    return f"`{field.default}`" if str(field.default) else ""


if __name__ == "__main__":
    sys.exit(main())
