"""How many distinct names a project may have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agenttrace_server.ingest import convert, name_caps
from agenttrace_server.ingest.name_caps import NameCaps
from agenttrace_server.ingest.values import Period
from items import new_id, run, step, upload

PERIOD = Period.around(datetime.now(UTC), timedelta(days=90))
FIELDS = {
    "AGENT_ID": lambda name: {"runs": [run(new_id(), agent_id=name)]},
    "NAME": lambda name: {"steps": [step(new_id(), name=name)]},
    "TOOL_NAME": lambda name: {"steps": [step(new_id(), tool={"name": name})]},
    "REQUEST_MODEL": lambda name: {"steps": [step(new_id(), model={"request_model": name})]},
    "RESPONSE_MODEL": lambda name: {"steps": [step(new_id(), model={"response_model": name})]},
}


def refusals(caps: NameCaps, field: str, name: str, project_id: int = 1) -> list[tuple[str, str]]:
    batch = convert.batch_from_message(upload(**FIELDS[field](name)), PERIOD, caps.encoder(project_id))
    return [(refused.reason, refused.field) for refused in batch.refused]


@pytest.mark.parametrize("field", FIELDS)
def test_a_name_too_many_is_refused_and_the_known_ones_go_on(field: str) -> None:
    caps = NameCaps(3)

    first = [refusals(caps, field, f"name-{number}") for number in range(3)]
    too_many = refusals(caps, field, "name-3")
    known = [refusals(caps, field, f"name-{number}") for number in range(3)]

    assert first == known == [[], [], []]
    assert too_many == [("TOO_MANY_NAMES", field)]


def test_each_project_has_names_of_its_own() -> None:
    caps = NameCaps(1)

    assert refusals(caps, "NAME", "mine", project_id=1) == []
    assert refusals(caps, "NAME", "theirs", project_id=2) == []
    assert refusals(caps, "NAME", "theirs", project_id=1) == [("TOO_MANY_NAMES", "NAME")]


def test_what_is_no_name_takes_no_place() -> None:
    caps = NameCaps(1)

    assert refusals(caps, "NAME", "what the user said") == [("INVALID_TOKEN", "NAME")]
    assert refusals(caps, "NAME", "") == [("REQUIRED", "NAME")]
    assert refusals(caps, "AGENT_ID", "") == refusals(caps, "TOOL_NAME", "") == []
    assert refusals(caps, "NAME", "lookup") == []


def test_without_a_cap_any_number_is_accepted() -> None:
    caps = NameCaps(0)

    assert [found for n in range(25_000) if (found := refusals(caps, "AGENT_ID", f"agent-{n}"))] == []


def test_what_is_remembered_of_all_projects_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_caps, "_MAX_KNOWN", 100)
    caps = NameCaps(10)
    for project_id in range(1, 51):
        for number in range(10):
            assert refusals(caps, "NAME", f"name-{number}", project_id) == []

    known = sum(len(caps.encoder(project_id).names.step_names) for project_id in range(1, 51))

    assert known <= 100
