"""The variables that several dashboards have alike."""

from __future__ import annotations

from dashboards.builder import statements, variables
from dashboards.builder.fields import FAILURE_TYPES, Json

STATEMENTS = statements.load("variables")


def filters() -> list[Json]:
    """Project, agents and environments, as every dashboard on SQL has them."""
    return [
        variables.postgres(),
        variables.project(STATEMENTS["project"]),
        variables.many("agent", "Agent", STATEMENTS["agent"]),
        variables.many("env", "Environment", STATEMENTS["env"]),
    ]


def promql_beside_sql() -> list[Json]:
    """What a dashboard on SQL needs for its panels on PromQL."""
    agents = variables.derived("agent_regex", STATEMENTS["agent_regex"])
    return [variables.prometheus(), agents, *variables.labels(hidden=True)]


def failure_types() -> Json:
    """Which failures."""
    return variables.many_of("failure_type", "Failure type", list(FAILURE_TYPES))
