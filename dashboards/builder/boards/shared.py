"""What several dashboards have alike."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.builder import statements, variables
from dashboards.builder.fields import FAILURE_TYPES, Json

_VARIABLES = statements.load("variables")
# Which series PromQL takes, where the agent is a choice; and where it is about processes.
OF_AGENT = 'job=~"$job", instance=~"$instance", project="$project", agent=~"$agent_regex"'
OF_PROCESS = 'job=~"$job", instance=~"$instance"'


def filters() -> list[Json]:
    """Project, agents and environments, as every dashboard on SQL has them."""
    return [
        variables.postgres(),
        variables.project(_VARIABLES["project"]),
        variables.many("agent", "Agent", _VARIABLES["agent"]),
        variables.many("env", "Environment", _VARIABLES["env"]),
    ]


def promql_beside_sql() -> list[Json]:
    """What a dashboard on SQL needs for its panels on PromQL."""
    agents = variables.derived("agent_regex", _VARIABLES["agent_regex"])
    return [variables.prometheus(), agents, *variables.labels(hidden=True)]


def failure_types() -> Json:
    """Which failures."""
    return variables.many_of("failure_type", "Failure type", list(FAILURE_TYPES))


def variable_statements() -> Mapping[str, str]:
    """The statements behind variables that one dashboard alone has."""
    return _VARIABLES
