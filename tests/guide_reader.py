"""Somebody who does what docs/deployment.md says, on machines of their own; for its test.

Two PostgreSQL stand for theirs: the one at db.example.com, and the one of the machine with systemd.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from agenttrace_server.embedded.server import HOST
from deploy_files import ROOT
from deploy_stand_ins import docker, kubectl, systemctl, unit_command
from fix_product import clean_environment
from operations.machine import Machine, machine
from pages import call
from ports import free_port
from terminal import Terminal

# Their calls are read and not made: they need Docker's engine, a cluster, systemd.
STAND_INS = {"docker": docker, "kubectl": kubectl}
NOT_RUN = {*STAND_INS, "systemctl"}
# Whose terminal the commands below a heading are typed into.
WHERE = {
    "Containers": "clone",
    "Kubernetes": "clone",
    "systemd": "host",
    "TLS": "host with TLS",
    "Keys and secrets": "host",
    "Roles of the database": "clone",
    "Upgrade": "clone",
    "Health": "host",
}
CLONE = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "clients/python",
    "db",
    "dashboards",
    "examples",
    "services",
    "deploy",
)
SERVICES = ("ingest", "query", "console", "maintain")
# Passwords count from other machines; the socket and the administrator of db.example.com are trusted.
HBA = f"""
local all postgres,root trust
host all postgres,admin {HOST}/32 trust
host all all {HOST}/32 scram-sha-256
"""


class Reader:
    """Somebody who does what the page says, in a clone of the repository and on machines of their own."""

    def __init__(self, servers: Machine, folder: Path) -> None:
        self.root = folder / "root"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ran: list[str] = []
        self.read: list[str] = []
        (self.root / "etc/systemd/system").mkdir(parents=True)
        clone = copy_of_the_repository(folder / "clone")
        (servers.folder / "hba.conf").write_text(HBA)
        (servers.folder / "hba.conf").chmod(0o644)
        settings = f"hba_file = '{servers.folder}/hba.conf'\nunix_socket_directories = '{servers.folder}'\n"
        remote, local = (servers.cluster(name, settings).rpartition("@")[2] for name in ("remote", "local"))
        with psycopg.connect(f"postgresql://postgres@{remote}/postgres", autocommit=True) as connection:
            connection.execute("CREATE ROLE admin LOGIN SUPERUSER")
            connection.execute("CREATE DATABASE agenttrace")
        self.addresses = {name: f"{HOST}:{free_port()}" for name in SERVICES[:3]}
        self.places = {
            "/opt/agenttrace": f"{self.root}/opt/agenttrace",
            "/etc/agenttrace": f"{self.root}/etc/agenttrace",
            "/etc/systemd": f"{self.root}/etc/systemd",
            "/var/run/postgresql": str(servers.folder),
            "db.example.com:5432": remote,
            "127.0.0.1:5432": local,
            "10.0.0.7:50052": self.addresses["query"],
            # Who logs in as postgres over the socket is believed here.
            "sudo -u postgres ": "PGUSER=postgres ",
        }
        path = f"{servers.binaries}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        local_port = local.rpartition(":")[2]
        host = clean_environment(
            PATH=f"{self.root}/opt/agenttrace/bin:{path}",
            # What a PostgreSQL of Debian needs not be told, and root is.
            PGHOST=str(servers.folder),
            PGPORT=local_port,
            PGUSER="root",
            **{f"AGENTTRACE_SERVER_{name.upper()}_ADDRESS": address for name, address in self.addresses.items()},
        )
        self.terminals = {
            "clone": Terminal(clone, clean_environment(PATH=path), self.places),
            "host": Terminal(clone, host, self.places),
        }

    def do(self, section: str, command: str) -> None:
        """Run a command, or have it read by the stand-in of its program."""
        name = WHERE[section]
        if name == "host with TLS" and name not in self.terminals:
            self.terminals[name] = self.terminals["host"].another()
        terminal, words = self.terminals[name], call(command)
        if words[0] not in NOT_RUN:
            terminal.run(command)
            self.ran.append(command)
            return
        self.read.append(command)
        if words[0] == "systemctl":
            for unit in systemctl(words, self.root / "etc/systemd/system"):
                self._start(unit, terminal)
        elif STAND_INS[words[0]](words, terminal).command == "apply":
            self._migrate_as_the_job(terminal)

    def _migrate_as_the_job(self, terminal: Terminal) -> None:
        """Do what the Job that is applied does, with the secret that it gets."""
        secret = terminal.path_of("deploy/kubernetes/overlays/mine/secrets/owner_database_url")
        pod = "env --unset AGENTTRACE_SERVER_DATABASE_URL"
        terminal.another().run(f"{pod} AGENTTRACE_SERVER_DATABASE_URL_FILE={secret} agenttrace-server migrate")

    def _start(self, unit: Path, terminal: Terminal) -> None:
        name = unit.stem.removeprefix("agenttrace-")
        credentials = self.root / f"run/{name}"
        credentials.mkdir(parents=True)
        # On ports of its own, by the file that the page has for settings of one service.
        told = {f"{name.upper()}_METRICS_PORT": str(free_port())}
        if name in self.addresses:
            told[f"{name.upper()}_ADDRESS"] = self.addresses[name]
        if name == "console":
            told["CONSOLE_QUERY_ENDPOINT"] = f"http://{self.addresses['query']}"
        lines = [f"AGENTTRACE_SERVER_{key}={value}\n" for key, value in told.items()]
        (self.root / f"etc/agenttrace/{name}.env").write_text("".join(lines))
        command, settings = unit_command(unit, terminal, credentials)
        self.start(name, command, settings)

    def start(self, name: str, command: list[str], settings: dict[str, str]) -> None:
        log = (self.root / f"{name}.log").open("wb")
        with log:
            self.processes[name] = subprocess.Popen(
                command, cwd="/", env=clean_environment(**settings), stdout=log, stderr=log
            )

    def stop(self) -> dict[str, int]:
        """End what runs by a signal; return the exit codes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(timeout=60) for name, process in self.processes.items()}


def copy_of_the_repository(folder: Path) -> Path:
    """What a clone has of what the page needs, and nothing that was made in it since."""
    made = shutil.ignore_patterns("__pycache__", "*.egg-info", "dist", "secrets", ".env", "mine")
    for name in CLONE:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, ignore=made) if source.is_dir() else shutil.copy(source, target)
    return folder


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    with machine() as servers:
        made = Reader(servers, folder)
        try:
            yield made
        finally:
            made.stop()
