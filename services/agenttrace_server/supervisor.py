"""`up`: the whole of AgentTrace on one machine, each service its own process as in production."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from agenttrace_server import process, prometheus
from agenttrace_server.children import Child, Started, stop_all, stop_event, wait_for_signal
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError
from agenttrace_server.kept_secrets import with_kept_secrets
from agenttrace_server.listening import LOCAL_SCHEMES, keys_required, refuse_open_address, socket_of, split
from agenttrace_server.local_database import made_database, publish

# Where the command line looks by itself.
_QUERY_PORT = ":50052"


def up(
    config: Config, *, ephemeral: bool = False, endpoints_file: Path | None = None, with_prometheus: bool = False
) -> int:
    """Run everything until SIGTERM or SIGINT; return the exit code.

    Raises StartupError, before anything is changed where that is possible.
    """
    with ExitStack() as stack:
        if ephemeral:
            config = _ephemeral(stack, config)
        if sys.stderr.isatty():
            config = without_routine(config)
        stopping = stop_event(stack)
        if with_prometheus:
            prometheus.require_program()
        endpoints, children = start(stack, config, stopping, with_prometheus=with_prometheus)
        processes: list[Started] = [*children]
        if with_prometheus:
            processes.append(_start_prometheus(stack, config, endpoints, stopping))
        if endpoints_file:
            process.write_atomically(endpoints_file, json.dumps(endpoints, indent=2))
            stack.callback(endpoints_file.unlink, missing_ok=True)
        print(where_to_look(config, endpoints), flush=True)
        return wait_for_signal(processes, stopping)


def without_routine(config: Config) -> Config:
    """The configuration that logs only what goes wrong, unless it names a level: for people at a terminal."""
    return config if config.log_level else dataclasses.replace(config, log_level="WARNING")


def start(
    stack: ExitStack, config: Config, stopping: threading.Event, *, with_prometheus: bool = False
) -> tuple[dict[str, object], list[Child]]:
    """Start database and services; return their endpoints once all are healthy, and the processes.

    `with_prometheus`: its port must be free as well; the caller starts it.
    """
    for address in (config.ingest_address, config.query_address, config.console_address):
        refuse_open_address(config, address)
    _require_free_ports(config, with_prometheus=with_prometheus)
    url = stack.enter_context(made_database(config))
    config = dataclasses.replace(with_kept_secrets(config), database_url=url, reflection=True)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agenttrace-")))
    children: list[Child] = []
    # Last in, first out: the services drain before the database stops.
    stack.callback(stop_all, children)
    reports = _serve(children, [name for name in process.SERVICES if name != "console"], config, folder, stopping)
    # Only now is it known where the query service is.
    console = dataclasses.replace(config, query_address=reports["query"]["address"])
    reports |= _serve(children, ["console"], console, folder, stopping)
    endpoints = _endpoints(config, reports, url)
    publish(stack, config, endpoints)
    return endpoints, children


def _start_prometheus(
    stack: ExitStack, config: Config, endpoints: dict[str, Any], stopping: threading.Event
) -> prometheus.Prometheus:
    """Start a Prometheus that watches what runs; its URL joins the endpoints once it answers."""
    server = prometheus.Prometheus(config)
    stack.callback(stop_all, [server])
    server.start(endpoints["metrics_urls"])
    server.wait_until_ready(stopping)
    endpoints["prometheus"] = server.url
    return server


def _serve(
    children: list[Child], names: Sequence[str], config: Config, folder: Path, stopping: threading.Event
) -> dict[str, dict[str, Any]]:
    """Start services and add their processes to `children`; return their reports once all serve."""
    started = [Child(name, config, folder) for name in names]
    children += started
    for child in started:
        child.start()
    return {child.name: child.wait_until_serving(stopping) for child in started}


def _endpoints(config: Config, reports: Mapping[str, Mapping[str, Any]], url: str) -> dict[str, object]:
    """Where everything is: the console by its URL, the services by host and port."""
    # Without a scheme the SDK takes an address of this machine for plaintext.
    scheme = "https://" if config.tls_certificate_file else ""
    return {
        "ingest": scheme + reports["ingest"]["address"],
        "query": scheme + reports["query"]["address"],
        "console": reports["console"]["address"],
        "metrics": {name: report["metrics_url"] for name, report in reports.items()},
        # Of each of several workers.
        "metrics_urls": {name: report.get("metrics_urls", [report["metrics_url"]]) for name, report in reports.items()},
        "database_url": url,
    }


def _ephemeral(stack: ExitStack, config: Config) -> Config:
    """The configuration in a temporary folder and on free ports."""
    folder = tempfile.mkdtemp(prefix="agenttrace-")
    # Its files may belong to PostgreSQL's own user, and are gone with it.
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return dataclasses.replace(
        config,
        data_directory=Path(folder) / "data",
        ingest_address="127.0.0.1:0",
        query_address="127.0.0.1:0",
        console_address="127.0.0.1:0",
        console_metrics_port=0,
        prometheus_port=0,
        ingest_metrics_port=0,
        query_metrics_port=0,
        maintain_metrics_port=0,
    )


def _require_free_ports(config: Config, *, with_prometheus: bool) -> None:
    """Notice occupied ports before anything is started or changed, and tell all of them at once."""
    addresses = _addresses(config)
    if with_prometheus:
        addresses["PROMETHEUS_PORT"] = f"{config.metrics_host}:{config.prometheus_port}"
    taken = [f"{address} ({PREFIX}{name})" for name, address in addresses.items() if not _is_free(address)]
    if taken:
        raise StartupError(
            f"can not listen on {', '.join(taken)}: stop what does (another `agenttrace-server up`?), or set others"
        )


def _addresses(config: Config) -> dict[str, str]:
    """Where everything will listen, by the name of its setting."""
    names = [f.name.upper() for f in dataclasses.fields(config)]
    listening = {name: str(getattr(config, name.lower())) for name in names if name.endswith("_ADDRESS")}
    return listening | {
        name: f"{config.metrics_host}:{getattr(config, name.lower())}"
        for name in names
        if name.endswith("_METRICS_PORT")
    }


def _is_free(address: str) -> bool:
    if address.startswith(LOCAL_SCHEMES):  # a file: the service says where it can not be made
        return True
    host, port = split(address)
    with socket_of(host) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def where_to_look(config: Config, endpoints: Mapping[str, object]) -> str:
    """Return what a person needs to go on."""
    metrics = endpoints["metrics"]
    assert isinstance(metrics, dict)
    command = _command("agenttrace")
    lines = [
        "AgentTrace is running.",
        f"  see      {endpoints['console']}",
        *_elsewhere(endpoints),
        f"  look     {command} runs · {command} run ID · {command} failures · {command} stats",
        f"  record   gRPC {endpoints['ingest']}   (AGENTTRACE_ENDPOINT)",
        f"  read     gRPC {endpoints['query']}   (AGENTTRACE_QUERY_ENDPOINT)",
        *(f"  metrics  {name:8} {url}" for name, url in metrics.items()),
    ]
    if "prometheus" in endpoints:
        lines.append(f"  alerts   {endpoints['prometheus']}/alerts")
    if any(keys_required(config, address) for address in (config.ingest_address, config.query_address)):
        create = f"{_command('agenttrace-server')} keys create NAME --scope ingest,query"
        lines.append(f"  keys     calls need one: {create}   (AGENTTRACE_API_KEY)")
    return "\n".join(lines)


def _elsewhere(endpoints: Mapping[str, object]) -> list[str]:
    """What the command line has to be told where the query service is not where it looks by itself."""
    if str(endpoints["query"]).endswith(_QUERY_PORT):
        return []
    return [f"  first    export AGENTTRACE_QUERY_ENDPOINT={endpoints['query']}"]


def _command(name: str) -> str:
    """How a command that was installed beside us is called from here."""
    if shutil.which(name):
        return name
    beside = Path(sys.executable).parent / name
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)
