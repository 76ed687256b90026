"""How soon a page of the console begins and ends, and what a hundred live pages hold."""

from __future__ import annotations

import http.client
import itertools
import math
import socket
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks import stored_data
from benchmarks.bench import Bench, measure, megabytes
from benchmarks.figures import Figure, Goal, percentile
from benchmarks.loads import SteadyLoad
from benchmarks.products import BenchProduct

METHOD = (
    "The pages of the console over BENCH_STEPS steps (1,000,000) of a month, one visitor, one page at a time, a "
    "connection kept: from the request to the first byte of the body and to its last. Up to 60 pages or 10 s each. "
    "Then 100 live pages of the explorer stay open for a while in which runs are recorded at 500 steps a second."
)
_PAGES, _SECONDS, _WARM_UP = 60, 10.0, 3
_LIVE_PAGES, _CLIENTS, _STEPS = 100, 10, 50
_LIVE_SECONDS, _LONG_LIVE_SECONDS = 30.0, 180.0
_FIRST_BYTE = Goal(at_most=100)
_GROWTH = Goal(at_most=20)


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    product = bench.loaded_product()
    figures = list(itertools.chain.from_iterable(_page(product, name, path) for name, path in _paths(product).items()))
    return [*figures, *_live(bench, product)]


def _paths(product: BenchProduct) -> Mapping[str, str]:
    (run_id,) = stored_data.run_ids(product.database_url, 1)
    return {
        "dashboard, 1 h": "/?since=1h",
        "dashboard, 24 h": "/",
        "dashboard, 30 d": "/?since=30d",
        "runs": "/runs",
        "runs, status FAILURE": "/runs?status=failure",
        "run": f"/runs/{run_id}",
        "failures, 24 h": "/failures",
        "compare, 24 h": "/compare",
    }


def _page(product: BenchProduct, name: str, path: str) -> Iterator[Figure]:
    """The 95th percentiles of a page's first and last byte, in milliseconds."""
    connection = _connection(product)
    first, last, size = [], [], 0
    until = math.inf
    for number in range(-_WARM_UP, _PAGES):
        began = time.perf_counter()
        if number == 0:
            until = began + _SECONDS
        if began > until:
            break
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(1)
        seen = time.perf_counter()
        body += answer.read()
        if answer.status != 200:
            yield Figure(name=f"{name} first byte p95", unit="ms", samples=[math.nan], note=f"{answer.status}")
            return
        if number >= 0:
            first.append((seen - began) * 1000)
            last.append((time.perf_counter() - began) * 1000)
            size = len(body)
    connection.close()
    note = f"{len(first)} pages of {size / 1000:.0f} kB, p50 {percentile(first, 50):.1f} ms"
    yield Figure(name=f"{name} first byte p95", unit="ms", samples=[percentile(first, 95)], goal=_FIRST_BYTE, note=note)
    yield Figure(name=f"{name} last byte p95", unit="ms", samples=[percentile(last, 95)])


def _live(bench: Bench, product: BenchProduct) -> Iterator[Figure]:
    """Memory of the console with live pages open, at the start and at the end of a load."""
    pids = product.console_pids()
    before = megabytes(pids)
    seconds = (_LONG_LIVE_SECONDS if bench.large else _LIVE_SECONDS) / 3
    with ThreadPoolExecutor(_LIVE_PAGES) as threads, ExitStack() as stack:
        pages = [_open_live(product) for _ in range(_LIVE_PAGES)]
        for page in pages:
            stack.callback(page.shutdown, socket.SHUT_RDWR)  # ends the thread that reads from it
        read = [threads.submit(_read_all, page) for page in pages]
        sizes = []
        for _ in range(3):
            measure(product, _load(bench, product, seconds))
            sizes.append(megabytes(pids))
    told = sum(reading.result() for reading in read)
    note = f"{_LIVE_PAGES} pages were told {told / 1e6:.0f} MB in {3 * seconds:.0f} s"
    growth = sizes[-1] - sizes[0]
    yield Figure(name="memory without live pages", unit="MB", samples=[before])
    yield Figure(name="memory with live pages, first third", unit="MB", samples=[sizes[0]], note=note)
    yield Figure(name="memory, growth to the last third", unit="MB", samples=[growth], goal=_GROWTH)


def _load(bench: Bench, product: BenchProduct, seconds: float) -> SteadyLoad:
    """Ten clients, each a message of 50 steps a second."""
    workloads = bench.workloads(_CLIENTS, _CLIENTS * int(seconds + 1) * _STEPS, steps_per_message=_STEPS)
    return SteadyLoad(address=product.ingest, workloads=workloads, interval=1.0, seconds=seconds)


def _open_live(product: BenchProduct) -> socket.socket:
    """Open a live page as a browser does, which sends and takes no more than it must."""
    where = urllib.parse.urlsplit(product.console)
    page = socket.create_connection((str(where.hostname), where.port or 80))
    page.sendall(f"GET /live/runs HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    return page


def _read_all(page: socket.socket) -> int:
    """Read until the page is closed; return how many bytes came."""
    with page:
        return sum(iter(lambda: len(page.recv(65_536)), 0))


def _connection(product: BenchProduct) -> http.client.HTTPConnection:
    where = urllib.parse.urlsplit(product.console)
    return http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
