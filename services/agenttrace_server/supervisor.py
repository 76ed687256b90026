"""`up` and `demo`: the whole of AgentTrace on one machine, each service its own process as in production."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from agenttrace_server import bundled, process, prometheus
from agenttrace_server.children import Child, Started, stop_all, stop_event, wait_for_signal
from agenttrace_server.config import Config, environment_of
from agenttrace_server.embedded import EmbeddedPostgres, EmbeddedPostgresError
from agenttrace_server.errors import StartupError
from agenttrace_server.kept_secrets import with_kept_secrets
from agenttrace_server.listening import keys_required, refuse_open_address, split
from agenttrace_server.store import migrations

_ENDPOINTS_FILE = "endpoints.json"
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
        stopping = stop_event(stack)
        if with_prometheus:
            prometheus.require_program()
            _require_free_port("PROMETHEUS_PORT", f"{config.metrics_host}:{config.prometheus_port}")
        endpoints, children = _start(stack, config, stopping)
        processes: list[Started] = [*children]
        if with_prometheus:
            processes.append(_start_prometheus(stack, config, endpoints, stopping))
        if endpoints_file:
            process.write_atomically(endpoints_file, json.dumps(endpoints, indent=2))
            stack.callback(endpoints_file.unlink, missing_ok=True)
        print(_where_to_look(config, endpoints), flush=True)
        return wait_for_signal(processes, stopping)


def demo(config: Config, *, exit_after: bool) -> int:
    """Run everything, record the example agent's runs, and say where to look; return the exit code."""
    if config.log_level == "INFO":
        config = dataclasses.replace(config, log_level="WARNING")  # the runs are what is to be seen
    with ExitStack() as stack:
        stopping = stop_event(stack)
        endpoints, children = _start(stack, config, stopping)
        code = _record_example(config, endpoints)
        if code:
            return code
        if exit_after:
            print(f"\nwhat was recorded is kept in {config.data_directory}; `agenttrace-server up` serves it")
            return 0
        print(
            "\n" + _where_to_look(config, endpoints) + "\n\nCtrl-C stops everything; what was recorded stays.",
            flush=True,
        )
        return wait_for_signal(children, stopping)


@contextmanager
def database(config: Config) -> Iterator[str]:
    """The URL of the database that `up` uses: the one that is set, the one of a running `up`, or its private one."""
    with ExitStack() as stack:
        if config.database_url:
            _prepare_foreign(config.database_url)
            yield config.database_url
        elif running := running_endpoints(config):
            yield str(running["database_url"])
        else:
            yield _private_database(stack, config)


def running_endpoints(config: Config) -> dict[str, Any]:
    """Return the endpoints of an `up` that runs in the data directory; nothing where none does."""
    file = config.data_directory / _ENDPOINTS_FILE
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _start(stack: ExitStack, config: Config, stopping: threading.Event) -> tuple[dict[str, object], list[Child]]:
    """Start database and services; return their endpoints once all are healthy, and the processes."""
    for address in (config.ingest_address, config.query_address, config.console_address):
        refuse_open_address(config, address)
    _require_free_ports(config)
    if config.database_url:
        _prepare_foreign(config.database_url)
        url = config.database_url
    else:
        url = _private_database(stack, config)
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
    _publish(stack, config, endpoints)
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


def _publish(stack: ExitStack, config: Config, endpoints: dict[str, object]) -> None:
    """Let other commands on this machine find what runs here."""
    if config.data_directory.is_dir():
        file = config.data_directory / _ENDPOINTS_FILE
        process.write_atomically(file, json.dumps(endpoints, indent=2))
        stack.callback(file.unlink, missing_ok=True)


def _prepare_foreign(url: str) -> None:
    """Bring an empty database to our schema. One that has data is its owner's to migrate: StartupError."""
    found = migrations.version(url)
    if found:
        migrations.check_version(found)
    else:
        migrations.create_roles(url)
        migrations.migrate(url)


def _private_database(stack: ExitStack, config: Config) -> str:
    """Start the private PostgreSQL and bring it to our schema; return its URL."""
    try:
        postgres = stack.enter_context(EmbeddedPostgres(config.data_directory))
    except EmbeddedPostgresError as error:
        raise StartupError(str(error)) from error
    migrations.create_roles(postgres.url)
    migrations.migrate(postgres.url)
    return postgres.url


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


def _require_free_ports(config: Config) -> None:
    """Notice an occupied port before anything is started or changed."""
    metrics = {
        "INGEST_METRICS_PORT": config.ingest_metrics_port,
        "QUERY_METRICS_PORT": config.query_metrics_port,
        "CONSOLE_METRICS_PORT": config.console_metrics_port,
        "MAINTAIN_METRICS_PORT": config.maintain_metrics_port,
    }
    addresses = {name: f"{config.metrics_host}:{port}" for name, port in metrics.items()}
    addresses |= {"INGEST_ADDRESS": config.ingest_address, "QUERY_ADDRESS": config.query_address}
    addresses |= {"CONSOLE_ADDRESS": config.console_address}
    for name, address in addresses.items():
        if not address.startswith("unix"):  # a file: the service says where it can not be made
            _require_free_port(name, address)


def _require_free_port(name: str, address: str) -> None:
    host, port = split(address)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise StartupError(
                f"can not listen on {address}: stop what does (another `agenttrace-server up`?), "
                f"or set AGENTTRACE_SERVER_{name}"
            ) from None


def _record_example(config: Config, endpoints: Mapping[str, object]) -> int:
    example = bundled.path("examples/customer_support_agent.py")
    found = {"AGENTTRACE_ENDPOINT": endpoints["ingest"], "AGENTTRACE_QUERY_ENDPOINT": endpoints["query"]}
    environment = environment_of(config) | {name: str(address) for name, address in found.items()}
    return subprocess.run([sys.executable, example], env=environment, check=False).returncode


def _where_to_look(config: Config, endpoints: Mapping[str, object]) -> str:
    """What a person needs to go on."""
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
