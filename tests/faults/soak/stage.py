"""What a soak runs on: a durable PostgreSQL, two ingest services, and ways between all of them that can be cut."""

from __future__ import annotations

import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import grpc
import psycopg
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg.conninfo import make_conninfo

from agenttrace_server.embedded import EmbeddedPostgres
from faults.postgres import answers, host_and_port, stop_at_once
from faults.processes import IngestProcess, Proxy
from fix_postgres import PostgresServer

_SERVICE = "agenttrace.v1.IngestService"


class Stage:
    """The processes of a soak.

    Attributes:
        steady: The service that lives from the start to the end: its memory and files tell of leaks.
        victim: The service that is killed and drained.
        ways: How clients reach the two.
        database_way: How both reach PostgreSQL.
    """

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres")

    def __enter__(self) -> Stage:
        with ExitStack() as stack:
            stack.enter_context(self.postgres)
            server = PostgresServer(self.postgres.url)
            self._database = server.create(template=server.template)
            self.database_way = stack.enter_context(Proxy(host_and_port(self.postgres.url)))
            self.steady, self.victim = (stack.enter_context(self._service(name)) for name in ("steady", "victim"))
            self.ways = [stack.enter_context(Proxy(("127.0.0.1", 1))) for _ in range(2)]
            self.lead()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _service(self, name: str) -> IngestProcess:
        (self._folder / name).mkdir()
        url = make_conninfo(self.url, host="127.0.0.1", port=self.database_way.port)
        return IngestProcess(self._folder / name, url)

    @property
    def url(self) -> str:
        """How to reach the database directly, wherever it is now."""
        return make_conninfo(self.postgres.url, dbname=self._database)

    @property
    def services(self) -> tuple[IngestProcess, IngestProcess]:
        return self.steady, self.victim

    def lead(self) -> None:
        """Let the ways lead to where the services are now."""
        for way, service in zip(self.ways, self.services, strict=True):
            way.lead_to(service.address)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)

    def stop_database(self) -> None:
        """As `pg_ctl stop -m immediate`."""
        stop_at_once(self.postgres)

    def start_database(self) -> None:
        """Start it again; return once it answers."""
        self.postgres.start()
        self.database_way.target = host_and_port(self.postgres.url)
        while not answers(self.url):
            time.sleep(0.02)

    def is_serving(self, service: IngestProcess) -> bool:
        """What the health service of a service says."""
        with grpc.insecure_channel(service.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                request = health_pb2.HealthCheckRequest(service=_SERVICE)
                answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=2, wait_for_ready=True)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def metrics(self) -> str:
        """What both services tell Prometheus."""
        return "".join(urllib.request.urlopen(service.metrics_url).read().decode() for service in self.services)
