"""The variables of the dashboards: data sources, filters of SQL, and selectors of PromQL."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.builder.fields import Json
from dashboards.builder.queries import POSTGRES, PROMETHEUS

# "All" is put into SQL as it stands, whatever the format of the reference: hence the quotes.
_ALL_IN_SQL = "'__all__'"
_ON_TIME_CHANGE = 2
_HIDDEN = 2


def postgres() -> Json:
    """Where the SQL goes."""
    return _data_source("postgres", "AgentTrace PostgreSQL")


def prometheus() -> Json:
    """Where the PromQL goes."""
    return _data_source("prometheus", "AgentTrace Prometheus")


def project(statement: str) -> Json:
    """The one project that is looked at."""
    return _query("project", "Project", statement) | {
        "current": {"text": "default", "value": "default"}, "multi": False, "includeAll": False,
    }  # fmt: skip


def many(name: str, label: str, statement: str) -> Json:
    """Any number of values that SQL finds, or all."""
    return _query(name, label, statement) | _many(_ALL_IN_SQL)


def one(name: str, label: str, statement: str) -> Json:
    """One of the values that SQL finds, at first none."""
    return _query(name, label, statement) | {"multi": False, "includeAll": False, "allValue": None, "current": {}}


def derived(name: str, statement: str) -> Json:
    """A hidden value computed from other variables."""
    return _query(name, name, statement) | {"multi": False, "includeAll": False, "hide": _HIDDEN, "current": {}}


def many_of(name: str, label: str, values: Sequence[str]) -> Json:
    """Any number of these values, or all."""
    return _custom(name, label, values) | _many(_ALL_IN_SQL)


def one_of(name: str, label: str, values: Sequence[str]) -> Json:
    """One of these values, at first the first."""
    current = {"text": values[0], "value": values[0]}
    return _custom(name, label, values) | {"multi": False, "includeAll": False, "current": current}


def text(name: str, label: str, description: str) -> Json:
    """A text box."""
    current = {"text": "", "value": ""}
    return _variable("textbox", name, label, "") | {"description": description, "current": current}


def labels(*, hidden: bool = False) -> list[Json]:
    """Which processes PromQL looks at; hidden where that is not the dashboard's question."""
    job = _label_values("job", "Job", "label_values(agenttrace_build_info, job)")
    instance = _label_values("instance", "Instance", 'label_values(agenttrace_build_info{job=~"$job"}, instance)')
    return [variable | {"hide": _HIDDEN if hidden else 0} for variable in (job, instance)]


def _data_source(kind: str, title: str) -> Json:
    current = {"text": title, "value": f"agenttrace-{kind}"}
    return _variable("datasource", f"{kind}_datasource", f"{kind.capitalize()} data source", kind) | {
        "current": current, "regex": "", "refresh": 1, "multi": False, "includeAll": False,
    }  # fmt: skip


def _label_values(name: str, label: str, query: str) -> Json:
    return _variable("query", name, label, query) | _many(".+") | _answered_by(PROMETHEUS, query)


def _many(every: str) -> Json:
    """Several values or all of them, which is `every`, and at first all."""
    current = {"text": ["All"], "value": ["$__all"]}
    return {"multi": True, "includeAll": True, "allValue": every, "current": current}


def _query(name: str, label: str, statement: str) -> Json:
    return _variable("query", name, label, statement) | _answered_by(POSTGRES, statement)


def _answered_by(source: Json, query: str) -> Json:
    return {"datasource": source, "definition": query, "refresh": _ON_TIME_CHANGE, "sort": 1, "regex": ""}


def _custom(name: str, label: str, values: Sequence[str]) -> Json:
    options = [{"text": value, "value": value, "selected": False} for value in values]
    return _variable("custom", name, label, ",".join(values)) | {"options": options}


def _variable(kind: str, name: str, label: str, query: str) -> Json:
    return {"type": kind, "name": name, "label": label, "query": query, "hide": 0, "options": [], "skipUrlSync": False}
