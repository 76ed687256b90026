"""The manifests against Kubernetes' own schemas, and against what they name."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from agenttrace.v1 import ingest_service_pb2, query_service_pb2
from agenttrace_server import cli, config
from deploy_files import DEPLOY, PORTS, SECRETS_SCRIPT, SETTINGS, manifests

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATIONS = sorted(FOLDER.rglob("kustomization.yaml"))
HEALTH_NAMES = {
    "ingest": ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name,
    "query": query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name,
}
OBJECTS = {(told["kind"], told["metadata"]["name"]): told for told in manifests()}
CRON = FOLDER / "components/maintain-cron"
CRON_JOB: dict[str, Any] = yaml.safe_load((CRON / "maintain.yaml").read_text())
# The oldest that base/kustomization.yaml speaks of, and the newest that there are schemas of.
VERSIONS = ["1.30", ".".join(kubernetes_validate.latest_version().split(".")[:2])]


def env_file() -> dict[str, str]:
    lines = (FOLDER / "base/server.env").read_text().split()
    return dict(line.split("=", 1) for line in lines)


def pod_of(told: dict[str, Any]) -> dict[str, Any]:
    spec = told["spec"]["jobTemplate"]["spec"] if told["kind"] == "CronJob" else told["spec"]
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, pod and the one container of each Deployment, Job and CronJob."""
    for told in (*OBJECTS.values(), CRON_JOB):
        if told["kind"] in {"Deployment", "Job", "CronJob"}:
            pod = pod_of(told)
            (container,) = pod["containers"]
            yield container["name"], pod, container


def deployment(name: str) -> dict[str, Any]:
    return OBJECTS["Deployment", f"agenttrace-{name}"]


def kustomization(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(file.read_text())
    return loaded


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_what_kubernetes_says(version: str) -> None:
    for told in (*OBJECTS.values(), CRON_JOB):
        kubernetes_validate.validate(told, version, strict=True)


def test_the_schema_refuses_what_is_none() -> None:
    broken = deployment("ingest") | {"spec": {**deployment("ingest")["spec"], "replica": 1}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda file: str(file.parent.relative_to(FOLDER)))
def test_what_a_kustomization_names_is_there(file: Path) -> None:
    told = kustomization(file)
    patches = [patch["path"] for patch in told.get("patches", [])]
    commented = re.findall(r"^#   - (\S+)", file.read_text(), re.MULTILINE)
    envs = [env for each in told.get("configMapGenerator", []) for env in each["envs"]]

    for name in [*told.get("resources", []), *told.get("components", []), *commented, *patches, *envs]:
        assert (file.parent / name).exists(), name


def test_every_manifest_is_part_of_the_base() -> None:
    files = {file.name for file in (FOLDER / "base").glob("*.yaml")} - {"kustomization.yaml"}

    assert files == set(kustomization(FOLDER / "base/kustomization.yaml")["resources"])


def test_every_command_is_understood() -> None:
    for name, _, container in pods():
        assert cli._parser().parse_args(container["args"]), name
        once = name == "migrate" or "startupProbe" not in container
        assert container["args"] == ([name] if once else ["serve", name])


def test_every_setting_is_one_that_there_is() -> None:
    assert set(env_file()) <= SETTINGS
    for name, _, container in pods():
        assert {told["name"] for told in container["env"]} <= SETTINGS, name
    patches = [(FOLDER / "components/tls" / name).read_text() for name in ("ingest.yaml", "query.yaml", "console.yaml")]
    assert set(re.findall(r"AGENTTRACE_SERVER_\w+", "".join(patches))) <= SETTINGS


def test_the_settings_can_be_read_and_have_the_ports_of_the_pods() -> None:
    read = config.read(env_file())

    for name in ("ingest", "query", "console"):
        assert getattr(read, f"{name}_address") == f"0.0.0.0:{min(PORTS[name] - {9464, 9465, 9466})}"
    for name, _, container in pods():
        if "ports" in container:
            assert {told["containerPort"] for told in container["ports"]} == PORTS[name]
    assert read.console_query_endpoint == "http://agenttrace-query:50052"


def test_services_lead_to_the_pods() -> None:
    for name in ("ingest", "query", "console"):
        service = OBJECTS["Service", f"agenttrace-{name}"]["spec"]
        template = deployment(name)["spec"]["template"]
        (port,) = service["ports"]

        assert service["selector"].items() <= template["metadata"]["labels"].items()
        assert {"name": port["targetPort"], "containerPort": port["port"]} in pod_of(deployment(name))["containers"][0][
            "ports"
        ]


@pytest.mark.parametrize("name", sorted(HEALTH_NAMES))
def test_an_outage_of_the_database_takes_a_pod_out_and_restarts_nobody(name: str) -> None:
    (container,) = pod_of(deployment(name))["containers"]

    assert container["readinessProbe"]["grpc"]["service"] == HEALTH_NAMES[name]
    for probe in ("livenessProbe", "startupProbe"):
        assert "service" not in container[probe]["grpc"]
    assert {container[p]["grpc"]["port"] for p in ("readinessProbe", "livenessProbe", "startupProbe")} < PORTS[name]


def test_there_is_time_to_drain() -> None:
    drain = config.read(env_file()).drain_seconds

    for name in ("ingest", "query", "console"):
        pod = pod_of(deployment(name))
        wait = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > wait + drain


def test_disruptions_and_autoscaling_are_of_deployments_that_there_are() -> None:
    for (kind, name), told in OBJECTS.items():
        if kind == "PodDisruptionBudget":
            labels = OBJECTS["Deployment", name]["spec"]["template"]["metadata"]["labels"]
            assert told["spec"]["selector"]["matchLabels"].items() <= labels.items()
        if kind == "HorizontalPodAutoscaler":
            assert told["spec"]["scaleTargetRef"]["name"] == name
            assert "replicas" not in OBJECTS["Deployment", name]["spec"]  # each apply would undo it
            assert "cpu" in pod_of(OBJECTS["Deployment", name])["containers"][0]["resources"]["requests"]
            assert told["spec"]["minReplicas"] > OBJECTS["PodDisruptionBudget", name]["spec"]["minAvailable"]


def test_pods_may_do_nothing_that_they_need_not() -> None:
    for name, pod, container in pods():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_network_policies_deny_what_they_do_not_name() -> None:
    policies = {name: told["spec"] for (kind, name), told in OBJECTS.items() if kind == "NetworkPolicy"}
    components = {name for name, _, _ in pods()}

    assert policies["agenttrace-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        for told in policy["podSelector"].get("matchExpressions", []):
            assert set(told["values"]) <= components, name
        opened = {port["port"] for rule in policy.get("ingress", []) for port in rule["ports"]}
        assert opened <= set.union(*PORTS.values()), name


def test_every_secret_that_is_mounted_is_generated_with_the_files_that_are_read(tmp_path: Path) -> None:
    generated = {
        told["name"]: dict(file.split("=") for file in told["files"])
        for told in kustomization(FOLDER / "overlays/example/kustomization.yaml")["secretGenerator"]
    }
    subprocess.run(["sh", SECRETS_SCRIPT, tmp_path / "secrets"], check=True, capture_output=True)

    for source in (source for files in generated.values() for source in files.values()):
        assert (tmp_path / source).is_file(), source
    for name, pod, container in pods():
        (secret,) = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        read = {Path(told["value"]).name for told in container["env"]}
        assert read <= set(generated[secret]), name


def test_nobody_but_the_migration_gets_the_owners_url() -> None:
    for name, pod, _ in pods():
        mounted = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert ("agenttrace-owner" in mounted) == (name == "migrate")


@pytest.mark.parametrize("name", ["ingest", "query", "console"])
def test_a_patch_for_tls_is_of_a_container_that_there_is(name: str) -> None:
    (patch,) = yaml.safe_load_all((FOLDER / f"components/tls/{name}.yaml").read_text())
    (container,) = pod_of(patch)["containers"]

    assert patch["metadata"]["name"] == deployment(name)["metadata"]["name"]
    assert container["name"] == name
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if name != "console":
            assert container[probe]["grpc"] is None
            assert cli._parser().parse_args(container[probe]["exec"]["command"][1:]).service == name


def test_maintenance_by_the_hour_is_one_round_at_a_time_in_the_place_of_the_deployment() -> None:
    removed = yaml.safe_load((CRON / "no-deployment.yaml").read_text())
    template = CRON_JOB["spec"]["jobTemplate"]["spec"]["template"]
    served = deployment("maintain")

    assert (CRON_JOB["spec"]["schedule"], CRON_JOB["spec"]["concurrencyPolicy"]) == ("7 * * * *", "Forbid")
    assert removed == {
        "apiVersion": served["apiVersion"],
        "kind": "Deployment",
        "metadata": {"name": served["metadata"]["name"]},
        "$patch": "delete",
    }
    # Network policies know its pods by the same labels; its settings and secrets are those of the Deployment.
    assert template["metadata"]["labels"] == served["spec"]["template"]["metadata"]["labels"]
    (once,), (forever,) = template["spec"]["containers"], pod_of(served)["containers"]
    assert all(once[name] == forever[name] for name in ("image", "envFrom", "env", "resources", "volumeMounts"))
    assert template["spec"]["volumes"] == pod_of(served)["volumes"]


def test_kustomize_builds_an_installation_that_kubernetes_takes(tmp_path: Path) -> None:
    """With every component; needs the program alone, and no cluster."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is not installed: what kustomize builds of the manifests is not checked")
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes/overlays/example"
    subprocess.run(["sh", SECRETS_SCRIPT, overlay / "secrets"], check=True, capture_output=True)
    file = overlay / "kustomization.yaml"
    file.write_text(re.sub(r"^# (components:|  - )", r"\1", file.read_text(), flags=re.MULTILINE))

    built = subprocess.run([kubectl, "kustomize", overlay], check=True, capture_output=True, text=True).stdout

    objects = list(yaml.safe_load_all(built))
    kinds = {told["kind"] for told in objects if told["metadata"]["name"] == "agenttrace-maintain"}
    assert kinds == {"CronJob"}
    for told in objects:
        kubernetes_validate.validate(told, VERSIONS[0], strict=True)
        if told["kind"] in {"Deployment", "Job", "CronJob"}:
            (container,) = pod_of(told)["containers"]
            assert container["image"] == "registry.example.com/agenttrace-server:0.1.0"
            names = {each["metadata"]["name"] for each in objects if each["kind"] == "Secret"} | {"agenttrace-tls"}
            mounted = {volume["secret"]["secretName"] for volume in pod_of(told)["volumes"] if "secret" in volume}
            assert mounted <= names
            if container["name"] in HEALTH_NAMES:
                assert set(container["readinessProbe"]) & {"grpc", "exec"} == {"exec"}
