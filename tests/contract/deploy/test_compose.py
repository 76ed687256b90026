"""compose.yaml against the schema of its language, and against what it names: settings, commands, files, ports."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agenttrace_server import cli, config
from deploy_files import COMPOSE, DEPLOY, PORTS, ROOT, SECRETS_SCRIPT, SETTINGS, compose, our_services

VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:-[^}]*)?\}")
SERVING = sorted(PORTS)


def schema() -> dict[str, Any]:
    file = importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    loaded: dict[str, Any] = json.loads(file.read_text())
    return loaded


def options(arguments: list[str]) -> Any:
    return cli._parser().parse_args(arguments)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "secrets"
    subprocess.run(["sh", SECRETS_SCRIPT, folder], check=True, capture_output=True)
    return folder


def test_it_is_what_the_specification_says() -> None:
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(compose())) == []


def test_the_schema_refuses_what_is_none() -> None:
    broken = compose() | {"services": {"ingest": {"image": "a", "comand": "b"}}}

    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(broken))


def test_every_command_is_understood() -> None:
    for name, told in our_services().items():
        assert options(told["command"]), name


@pytest.mark.parametrize("name", SERVING)
def test_a_service_is_probed_by_its_own_health(name: str) -> None:
    service = our_services()[name]
    test = service["healthcheck"]["test"]

    assert service["command"] == ["serve", name]
    assert test[:2] == ["CMD", "agenttrace-server"]
    assert options(test[2:]).service == name


def test_every_setting_is_one_that_there_is() -> None:
    for name, told in our_services().items():
        assert set(told["environment"]) <= SETTINGS, name


@pytest.mark.parametrize("name", SERVING)
def test_the_settings_of_a_service_can_be_read(name: str, secrets: Path) -> None:
    told = {
        key: VARIABLE.sub(lambda found: (found[2] or ":-")[2:], value).replace("/run/secrets", str(secrets))
        for key, value in our_services()[name]["environment"].items()
    }

    read = config.read(told)

    if name != "maintain":
        address = getattr(read, f"{name}_address")
        assert address.startswith("0.0.0.0:")
        assert int(address.rpartition(":")[2]) in PORTS[name]


def test_the_project_asks_for_keys_wherever_it_listens() -> None:
    for name in ("ingest", "query", "console"):
        assert our_services()[name]["environment"]["AGENTTRACE_SERVER_AUTHENTICATION"] == "keys"


def test_a_process_has_its_own_database_url_and_nobody_the_owners() -> None:
    for name in ("ingest", "query", "maintain"):
        urls = [secret for secret in our_services()[name]["secrets"] if secret.endswith("_url")]
        assert urls == [f"{name}_database_url"]
    assert "console_session_key" in our_services()["console"]["secrets"]
    assert not any(secret.endswith("_url") for secret in our_services()["console"]["secrets"])


def test_every_secret_is_declared_mounted_and_made_by_the_script(secrets: Path) -> None:
    declared = compose()["secrets"]
    made = {file.name for file in secrets.iterdir()}

    assert {told["file"] for told in declared.values()} == {f"./secrets/{name}" for name in declared}
    assert set(declared) == made
    for name, told in compose()["services"].items():
        mounted = set(told.get("secrets", []))
        named = set(re.findall(r"/run/secrets/(\w+)", json.dumps(told)))
        assert named == mounted, name
        assert mounted <= set(declared)


def test_the_script_keeps_what_there_is_and_lets_nobody_in(secrets: Path) -> None:
    before = {file.name: file.read_text() for file in secrets.iterdir()}

    subprocess.run(["sh", SECRETS_SCRIPT, secrets], check=True, capture_output=True)

    assert {file.name: file.read_text() for file in secrets.iterdir()} == before
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    passwords = [text for name, text in before.items() if not name.endswith("_url")]
    assert len(set(passwords)) == len(passwords)
    assert all(re.fullmatch("[0-9a-f]{64}", text) for text in passwords)


def test_no_password_stands_in_a_file_that_is_committed() -> None:
    text = COMPOSE.read_text() + (DEPLOY / ".env.example").read_text()

    assert not re.search(
        r"(?i)(password|secret|token|pepper)\w*[ \t]*[:=][ \t]*(?!/run/secrets)[\"']?[a-z0-9]{4,}", text
    )
    assert not re.search(r"://\w+:[^@\s]+@", text)


def test_every_variable_has_a_default_and_is_in_the_example() -> None:
    example = set(re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    found = VARIABLE.findall(COMPOSE.read_text())

    assert {name for name, _ in found} == example
    assert all(default for _, default in found)


def test_every_file_that_is_mounted_is_there() -> None:
    for name, told in compose()["services"].items():
        for mount in told.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), (name, source)
            else:
                assert source in compose()["volumes"], (name, source)
        if "build" in told:
            context = DEPLOY / told["build"]["context"]
            assert context.resolve() == ROOT
            assert (context / told["build"]["dockerfile"]).is_file()


def test_networks_and_dependencies_are_there() -> None:
    services = compose()["services"]

    for name, told in services.items():
        assert set(told["networks"]) <= set(compose()["networks"]), name
        for other, condition in told.get("depends_on", {}).items():
            probed = services[other].get("healthcheck", {}).get("test")
            assert probed if condition["condition"] == "service_healthy" else services[other]["restart"] == "no"


def test_what_must_be_reachable_shares_a_network() -> None:
    networks = {name: set(told["networks"]) for name, told in compose()["services"].items()}

    for one, other in [
        *((name, "postgres") for name in ("roles", "migrate", "ingest", "query", "maintain", "admin", "grafana")),
        *(("prometheus", name) for name in (*SERVING, "alertmanager")),
        ("grafana", "prometheus"),
        ("grafana", "alertmanager"),
        ("console", "query"),
    ]:
        assert networks[one] & networks[other], (one, other)
    assert not networks["console"] & networks["postgres"]


@pytest.mark.parametrize("name", [*SERVING, "alertmanager"])
def test_prometheus_looks_where_the_services_are(name: str) -> None:
    ((target,),) = [entry["targets"] for entry in json.loads((DEPLOY / f"compose/targets/{name}.json").read_text())]
    host, port = target.split(":")

    assert host == name
    assert int(port) in PORTS.get(name, {9093})
    # The same files that the scrape configuration names.
    assert (ROOT / f"dashboards/prometheus/targets/{name}.json").is_file()


def test_grafana_is_told_what_its_provisioning_asks_for() -> None:
    provisioning = (ROOT / "dashboards/grafana/provisioning/datasources/agenttrace.yml").read_text()
    grafana = compose()["services"]["grafana"]

    asked = set(re.findall(r"\$__env\{(\w+)\}", provisioning))

    assert asked <= {*grafana["environment"], *re.findall(r"export (\w+)=", grafana["entrypoint"][-1])}


def test_ours_can_change_nothing_of_their_own() -> None:
    for name, told in our_services().items():
        assert told["read_only"], name
        assert told["cap_drop"] == ["ALL"]
        assert told["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in told  # the image's, which is not root


def test_nothing_is_published_beyond_this_machine_unless_told() -> None:
    for told in compose()["services"].values():
        for port in told.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${AGENTTRACE_BIND:-127.0.0.1}:"))


def test_the_script_is_plain_sh() -> None:
    assert os.access(SECRETS_SCRIPT, os.X_OK)
    subprocess.run(["sh", "-n", SECRETS_SCRIPT], check=True)
