"""docs/deployment.md, done as it says: every command in its order, but for those that need what no test has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from agenttrace_server.embedded.server import HOST
from certificates import Authority
from deploy_files import DEPLOY, ROOT
from deploy_stand_ins import systemctl, unit_command
from faults.processes import wait_until
from guide_reader import NOT_RUN, SERVICES, STAND_INS, WHERE, Reader, reader
from image_steps import skip_without_registry
from pages import blocks, call, shell
from ports import free_port
from terminal import CommandFailed, Terminal

PAGE = "deployment.md"
TESTS = ROOT / "tests"


def assert_a_service_with_tls_listens_beyond_loopback(someone: Reader) -> None:
    """With the unit of ingest and what TLS says to add to it: it starts, and answers by TLS alone."""
    terminal = someone.terminals["host with TLS"]
    (someone.root / "etc/agenttrace/tls").mkdir()
    Authority(someone.root / "etc/agenttrace/tls").issue("server")
    unit = someone.root / "etc/systemd/system/agenttrace-ingest.service"
    unit.with_name(f"{unit.name}.d").mkdir()
    shutil.copy(DEPLOY / "systemd/tls.conf", unit.with_name(f"{unit.name}.d"))
    command, settings = unit_command(unit, terminal, someone.root / "run/ingest")
    port = free_port()
    own = {"INGEST_ADDRESS": f"0.0.0.0:{port}", "INGEST_METRICS_PORT": "0"}
    own = {f"AGENTTRACE_SERVER_{name}": value for name, value in own.items()}
    someone.start("ingest with TLS", command, settings | own)

    terminal.run(f"until agenttrace-server health ingest {HOST}:{port}; do sleep 1; done")
    with pytest.raises(CommandFailed):
        someone.terminals["host"].run(f"agenttrace-server health ingest {HOST}:{port}")


def test_every_command_of_the_page_is_run_but_those_of_docker_kubectl_and_systemctl(tmp_path: Path) -> None:
    with reader(tmp_path) as someone:
        done: set[str] = set()
        for block in shell(PAGE):
            for command in block.commands():
                try:
                    someone.do(block.section, command)
                except CommandFailed as error:
                    if "pip" in command:
                        skip_without_registry(str(error))
                    raise
            done.add(block.section)
            if block.section == "TLS":
                assert_a_service_with_tls_listens_beyond_loopback(someone)
        clone, host = someone.terminals["clone"], someone.terminals["host"]
        projects, keys = (host.run(f"agenttrace-server {what} list") for what in ("projects", "keys"))
        rounds = round_of_the_cron_job(host)
        wait_until(lambda: console_is_ready(host), "the console reads from query", 30)
        for command in (command for block in shell("postgresql.md") if not block.word for command in block.commands()):
            clone.run(command)
        urls = clone.path_of("urls.env").read_text() + clone.path_of("roles.env").read_text()
        codes = someone.stop()

    assert done == set(WHERE)
    assert {call(command)[0] for command in someone.read} == NOT_RUN
    assert sorted([*someone.ran, *someone.read]) == sorted(c for block in shell(PAGE) for c in block.commands())
    assert "shop" in projects
    assert all(name in keys for name in ("first", "checkout-agent", "on-call"))
    assert "partitions" in rounds
    assert [urls.count(f"AGENTTRACE_SERVER_{name}_DATABASE_URL=") for name in ("INGEST", "QUERY", "MAINTAIN")] == [
        2
    ] * 3
    assert codes == dict.fromkeys([*SERVICES, "ingest with TLS"], 0)


@pytest.mark.parametrize(
    "command",
    [
        "docker compose --file deploy/compose.yml build",
        "docker compose --file deploy/compose.yaml up --detached",
        "docker compose --file deploy/compose.yaml run --rm ingest keys list",
        "docker compose --file deploy/compose.yaml run --rm admin key list",
        "docker build --file deploy/Dockerfile --tag a --build-arg REVISON=b .",
        "kubectl apply --kustomize deploy/kubernetes/overlays/mine",
        "kubectl --namespace agent wait --for=condition=complete job/agenttrace-migrate",
        "kubectl --namespace agenttrace rollout status deployment/agenttrace-ingress",
        "systemctl enable --now agenttrace-ingress",
    ],
)
def test_a_call_that_is_not_made_is_refused_where_it_names_what_there_is_not(command: str) -> None:
    terminal, words = Terminal(ROOT, {}, {"nothing": "else"}), call(command)

    with pytest.raises((AssertionError, FileNotFoundError, SystemExit)):
        systemctl(words, DEPLOY / "systemd") if words[0] == "systemctl" else STAND_INS[words[0]](words, terminal)


def test_what_the_other_pages_of_an_operator_say_is_done_by_the_tests_of_operations() -> None:
    """But for the block of postgresql.md that has no word: it is run above."""
    assert [block.word for block in shell("backup.md") if not block.word] == []
    assert [block.commands() for block in shell("postgresql.md") if not block.word] == [
        ["agenttrace-server roles --generate roles.env"]
    ]
    used = "".join(file.read_text() for file in (*(TESTS / "operations").glob("*.py"), TESTS / "fix_pgbouncer.py"))
    for page in ("backup.md", "postgresql.md"):
        assert [word for word, _ in blocks(page) if f'"{word}")' not in used] == []


def round_of_the_cron_job(host: Terminal) -> str:
    """What components/maintain-cron runs, with the one setting of its own."""
    job = yaml.safe_load((DEPLOY / "kubernetes/components/maintain-cron/maintain.yaml").read_text())
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (setting,) = container["env"]
    told = f"{setting['name']}=/etc/agenttrace/secrets/maintain_database_url"
    unset = "env --unset AGENTTRACE_SERVER_DATABASE_URL_FILE --unset AGENTTRACE_SERVER_KEY_PEPPER_FILE"
    return host.another().run(f"{unset} {told} agenttrace-server {' '.join(container['args'])}")


def console_is_ready(terminal: Terminal) -> bool:
    try:
        terminal.run("agenttrace-server health console")
    except CommandFailed:
        return False
    return True
