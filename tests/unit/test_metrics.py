"""The declarations of metrics, and the parts that count."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.exposition import generate_latest as as_text
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from agenttrace_server.metrics import (
    ConsoleMetrics,
    DomainMetrics,
    IngestMetrics,
    LiveRunMetrics,
    Metrics,
    ReplicationMetrics,
)
from agenttrace_server.metrics.batch_histogram import BatchHistogram
from agenttrace_server.metrics.calls import CODES
from agenttrace_server.metrics.declarations import Declarations, Declared
from agenttrace_server.metrics.exposition import OPENMETRICS, TEXT, content_type, exposition
from agenttrace_server.metrics.label_caps import LabelCaps
from agenttrace_server.records import AbandonedRuns, AgentActivity, RunEvents

_DOCUMENTED = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
_BOUNDS = (0.01, 0.02, 0.5, 1, 2.5)
_RUN_ID = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"


class _Queue:
    depth, capacity, oldest_age_seconds = 3, 50_000, 0.25


def everything() -> Declarations:
    """The metrics of all services in one process, with something in each that has to come from somewhere."""
    own = Metrics()
    IngestMetrics(own).watch(_Queue())
    domain = DomainMetrics(own, agent_limit=10)
    domain.expect("default", "support")
    return own


def elsewhere() -> Declarations:
    """The metrics of the processes that take no uploads."""
    own = Metrics()
    LiveRunMetrics(own, agent_limit=1).show([AgentActivity("default", "support", 1, 0, 1.0, 2.0)])
    ConsoleMetrics(own).observe("GET", "/", 200, 0.01)
    ReplicationMetrics(own).show(0.5)
    return own


def maintain() -> LiveRunMetrics:
    return LiveRunMetrics(Metrics(), agent_limit=2)


def declared() -> dict[str, Declared]:
    return {metric.name: metric for metric in (*everything().declared, *elsewhere().declared)}


def test_every_metric_is_documented_and_every_documented_one_is_declared() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", _DOCUMENTED, re.MULTILINE)

    told = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert told == {name: (metric.kind, metric.labels) for name, metric in declared().items()}


def test_every_declared_metric_is_exposed_as_it_was_declared() -> None:
    families = [*everything().registry.collect(), *elsewhere().registry.collect()]

    exposed = {f.name + ("_total" if f.type == "counter" else ""): f.type for f in families}
    ours = {name: kind for name, kind in exposed.items() if not name.startswith(("process_", "python_"))}
    assert ours == {name: metric.kind for name, metric in declared().items()}
    assert {name for name in exposed if name not in ours} <= set(re.findall(r"`(\w+)`", _DOCUMENTED))


def test_names_end_as_their_kind_asks_for() -> None:
    for name, metric in declared().items():
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert re.match(r"grpc_server_|agenttrace_", name), name
        assert metric.meaning.endswith("."), name


def observed(values: Sequence[float]) -> list[tuple[str, float]]:
    """What prometheus_client's own histogram makes of values."""
    histogram = prometheus_client.Histogram("h", "h", buckets=_BOUNDS, registry=None)
    for value in values:
        histogram.observe(value)
    return [(s.labels.get("le", s.name), s.value) for s in next(iter(histogram.collect())).samples]


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_histogram_counts_as_any_other(seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.choice([*_BOUNDS, 0, 100, chance.uniform(0, 3)]) for _ in range(500)]
    one_by_one, sorted_ones = (BatchHistogram("h", "h", (), _BOUNDS) for _ in range(2))

    for value in values:
        one_by_one.labels().observe(value)
    for part in (values[:200], [], values[200:]):
        microseconds = sorted(round(value * 1_000_000) for value in part)
        sorted_ones.labels().observe_sorted(microseconds, per_unit=1_000_000)

    for histogram in (one_by_one, sorted_ones):
        found = [(s.labels.get("le", s.name), s.value) for s in next(iter(histogram.collect())).samples]
        assert dict(found) == pytest.approx(dict(observed(values)))


def test_an_exemplar_is_a_runs_id_and_nothing_else() -> None:
    own = everything()
    calls = own.calls.method("unary", "s", "GetRun")  # type: ignore[attr-defined]
    calls.begin()
    calls.end("OK", 0.1, "my name is Anna")
    before = exposition(own.registry, OPENMETRICS).decode()

    calls.begin()
    calls.end("OK", 0.1, _RUN_ID)

    assert "Anna" not in before
    assert f'# {{run_id="{_RUN_ID}"}}' in exposition(own.registry, OPENMETRICS).decode()


def test_what_we_write_is_read_as_what_prometheus_client_writes() -> None:
    own = everything()
    hostile = own.gauge("agenttrace_hostile", 'back\\slash "quote"\nline', ["label"])
    for value, number in (('a"b', float("inf")), ("c\\d", float("-inf")), ("e\nf", 1e300)):
        hostile.labels(value).set(number)
    runs = own.counter("agenttrace_with_exemplar_total", "One.")
    runs.inc(2, {"run_id": _RUN_ID})

    texts = {kind: exposition(own.registry, kind).decode() for kind in (TEXT, OPENMETRICS)}

    # What the process uses differs between two looks.
    def read(text: str, reader: object) -> list[object]:
        return [f for f in reader(text) if not f.name.startswith(("process_", "python_"))]  # type: ignore[operator]

    assert read(texts[TEXT], read_text) == read(as_text(own.registry).decode(), read_text)
    openmetrics = as_openmetrics(own.registry).decode()
    assert read(texts[OPENMETRICS], read_openmetrics) == read(openmetrics, read_openmetrics)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [("", TEXT), ("*/*", TEXT), ("application/openmetrics-text; version=1.0.0,text/plain;q=0.5", OPENMETRICS)],
)
def test_the_scraper_chooses_the_format(accept: str, wanted: str) -> None:
    assert content_type(accept) == wanted


def test_agents_beyond_the_cap_are_others_and_the_known_keep_their_names() -> None:
    own = Declarations()
    caps = LabelCaps(own, agents=2)

    seen = [caps.agent("default", name) for name in ("a", "b", "c", "", "a", "d")]

    assert seen == [("default", name) for name in ("a", "b", "_OTHER", "_UNKNOWN", "a", "_OTHER")]
    assert own.registry.get_sample_value("agenttrace_label_overflow_total", {"label": "agent"}) == 2


def test_two_projects_have_agents_of_the_same_name() -> None:
    caps = LabelCaps(Declarations(), agents=2)

    assert [caps.agent(project, "a") for project in ("one", "two")] == [("one", "a"), ("two", "a")]
    assert caps.agent("one", "b") == ("one", "_OTHER")


def test_an_agents_series_begin_at_zero() -> None:
    own = everything()

    def value(name: str, **labels: str) -> float | None:
        return own.registry.get_sample_value(name, {"project": "default", "agent": "support", **labels})

    for status in ("SUCCESS", "FAILURE", "PARTIAL", "CANCELLED"):
        assert value("agenttrace_runs_finished_total", status=status) == 0
    for type_ in ("TOOL", "MODEL", "RETRIEVAL", "ORCHESTRATION"):
        assert value("agenttrace_failures_total", type=type_) == 0
    for type_ in ("PLAN", "RETRIEVE", "TOOL", "MODEL", "RESPOND"):
        for status in ("OK", "ERROR"):
            assert value("agenttrace_steps_total", type=type_, status=status) == 0
    assert value("agenttrace_run_duration_seconds_count") == 0
    assert value("agenttrace_cost_usd_total") == 0
    assert value("agenttrace_runs_started_total") == 0


def test_a_hundred_agents_stay_within_the_budget_of_series() -> None:
    own = Metrics()
    IngestMetrics(own).watch(_Queue())
    domain = DomainMetrics(own, agent_limit=100)
    for number in range(200):
        run_id = f"run-{number}"
        domain.count_runs("default", RunEvents({run_id: f"agent-{number}"}, [run_id]))

    assert sum(len(family.samples) for family in own.registry.collect()) < 4_500


def test_status_codes_are_spelt_as_the_other_grpc_libraries_do() -> None:
    assert CODES["DEADLINE_EXCEEDED"] == "DeadlineExceeded"
    assert CODES["CANCELLED"] == "Canceled"
    assert CODES["OK"] == "OK"
    assert len(CODES) == 17


def test_others_are_measured_together() -> None:
    own = Metrics()
    live = LiveRunMetrics(own, agent_limit=1)
    live.show([AgentActivity("default", name, 2, 1, last, last) for name, last in (("a", 1.0), ("b", 5.0), ("c", 3.0))])

    def value(name: str, agent: str) -> float | None:
        return own.registry.get_sample_value(name, {"project": "default", "agent": agent})

    assert [value("agenttrace_runs_in_progress", agent) for agent in ("a", "_OTHER")] == [2, 4]
    assert [value("agenttrace_runs_stalled", agent) for agent in ("a", "_OTHER")] == [1, 2]
    assert value("agenttrace_agent_last_run_timestamp_seconds", "_OTHER") == 5.0
    assert own.registry.get_sample_value("agenttrace_oldest_open_run_age_seconds") == 5.0


def test_without_a_measurement_there_is_nothing_to_see() -> None:
    own = Metrics()
    live = LiveRunMetrics(own, agent_limit=1)
    live.show([AgentActivity("default", "a", 1, 0, 1.0, 1.0)])
    live.count_abandoned([AbandonedRuns("default", "a", 3, 2)])

    live.show_nothing()

    assert own.registry.get_sample_value("agenttrace_oldest_open_run_age_seconds") is None
    finished = {"project": "default", "agent": "a", "status": "ABANDONED"}
    assert own.registry.get_sample_value("agenttrace_runs_finished_total", finished) == 2
