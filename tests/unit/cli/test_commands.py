from __future__ import annotations

import importlib.util
import json

import grpc
import pytest

from agenttrace.cli import main
from agenttrace.cli.completion import command_of
from agenttrace.filters import RunFilters
from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace.v1 import query_service_pb2 as query
from unit.cli.failed_run import RUN_ID, detail, summary


@pytest.fixture
def failed_run(query_service):
    query_service.detail = detail()
    query_service.runs = [summary()]
    query_service.failures = list(query_service.detail.failures)
    query_service.codes = [
        failure_pb2.FailureCode(
            type=failure_pb2.FAILURE_TYPE_TOOL,
            code="timeout",
            title="The tool did not answer in time",
            remedy="Check the tool.",
        )
    ]
    return query_service


@pytest.mark.parametrize("width", [80, 120])
def test_a_failed_run_is_understood_from_one_screen(agenttrace, failed_run, width):
    code, out, _ = agenttrace("run", RUN_ID, width=width)
    lines = out.splitlines()

    assert code == 0
    assert max(map(len, lines)) <= width
    assert len(lines) <= 30
    assert "FAILURE  support 1.4.0 · demo" in lines[0]
    assert any("started 2026-01-31 12:00:00 UTC · took 8.00 s" in line for line in lines)
    assert any("7 steps · 3 failed · 2 retries · 1,203 tokens in, 210 out · $0.0042" in line for line in lines)
    assert any("1 step missing" in line for line in lines[:6])


def test_the_root_failure_comes_before_the_steps_with_its_title_and_remedy(agenttrace, failed_run):
    _, out, _ = agenttrace("run", RUN_ID, width=100)

    head, steps = out.split("STEP", 1)
    assert "✗ timeout · tool failure · in step refund, attempt 2, 3.00 s after the start" in head
    assert "The tool did not answer in time." in head
    assert "→ Check the tool." in head
    assert "httpx.ReadTimeout" in head
    assert "1 failure recovered by a retry" in head
    assert "root failure · caused by timeout in refund" in steps


def test_steps_are_nested_their_attempts_numbered_and_gaps_shown(agenttrace, failed_run):
    _, out, _ = agenttrace("run", RUN_ID, width=80)
    steps = out.split("TOOK\n", 1)[1].splitlines()

    assert [line.split()[0] for line in steps] == [
        "PLAN",
        "MODEL",
        "TOOL",
        "TOOL",
        "⋯",
        "TOOL",
        "TOOL",
        "✗",
        "RESPOND",
    ]
    assert steps[1].index("choose_tools") == steps[0].index("classify") + 2
    assert "└ choose_tools" in steps[1]
    assert "find_order ↻ 1/2" in steps[2]
    assert "━ ✗ not_found" in steps[2], "a failure that a retry made good stands beside its bar"
    assert "find_order ↻ 2/2" in steps[3]
    assert "━ ✓ recovered" in steps[3]
    assert "1 step missing here" in steps[4]
    assert "… ↻ 1/2" in steps[5], "a long name is cut so that the attempt stays in sight"


def test_bars_stand_where_their_step_ran(agenttrace, failed_run):
    _, out, _ = agenttrace("run", RUN_ID, width=120)
    bars = {line.split()[0]: (line.index("━"), line.rindex("━")) for line in out.splitlines() if "━" in line}

    assert bars["PLAN"][0] == bars["MODEL"][0] - round((bars["RESPOND"][1] - bars["PLAN"][0]) * 0.2 / 8)
    assert bars["PLAN"][1] < bars["RESPOND"][0]


def test_more_steps_than_one_answer_holds_are_fetched(agenttrace, failed_run):
    failed_run.detail.next_page_token = "more"
    failed_run.steps = [step_pb2.Step(step_id="x", sequence=8, type=step_pb2.STEP_TYPE_TOOL, name="the_last_one")]

    assert "the_last_one" in agenttrace("run", RUN_ID, width=100)[1]
    assert failed_run.requests[-1].page_token == "more"


@pytest.mark.parametrize("part", ["01935c3e", "5f0e2b7a9c11", "5F0E2B7A9C11"])
def test_a_run_is_found_by_the_start_or_end_of_its_id(agenttrace, failed_run, part):
    code, out, _ = agenttrace("run", part)

    assert code == 0
    assert RUN_ID in out


def test_a_part_of_several_ids_is_not_guessed_at(agenttrace, failed_run):
    failed_run.runs = [summary(), run_pb2.RunSummary(run=run_pb2.Run(run_id=RUN_ID[:-1] + "2"))]

    code, _, err = agenttrace("run", "01935c3e")

    assert code == 1
    assert "several" in err


@pytest.mark.parametrize(("width", "shown"), [(80, RUN_ID[:13]), (140, RUN_ID)])
def test_a_listing_of_runs_shows_ids_by_which_they_are_found(agenttrace, failed_run, width, shown):
    code, out, _ = agenttrace("runs", width=width)

    assert code == 0
    assert shown in out.split()
    assert agenttrace("run", shown)[0] == 0
    assert "FAILURE" in out
    assert "01-31 12:00" in out
    assert max(map(len, out.splitlines())) <= width


def test_flags_become_filters(agenttrace, failed_run):
    agenttrace(
        "runs", "--agent", "a", "--agent", "b", "--status", "failure", "--failure-type", "tool", "--tag", "vip",
        "--failure-code", "timeout", "--session", "s-42", "--has-retries", "--incomplete", "--environment", "demo",
        "--since", "24h", "--limit", "7",
    )  # fmt: skip

    request = failed_run.requests[0]
    assert (list(request.filter.agent_ids), list(request.filter.statuses)) == (["a", "b"], [run_pb2.RUN_STATUS_FAILURE])
    assert (list(request.filter.failure_codes), list(request.filter.tags)) == (["timeout"], ["vip"])
    assert (request.filter.session_id, request.filter.has_retries, request.filter.incomplete) == ("s-42", True, True)
    assert request.filter.start_time_range.HasField("start_time")
    assert request.limit == 7


def test_flags_that_are_not_given_filter_nothing(agenttrace, failed_run):
    agenttrace("runs")

    assert failed_run.requests[0].filter == query.RunFilter()
    assert failed_run.requests[0].limit == 50


def test_every_filter_of_runs_has_its_flag(agenttrace, failed_run):
    """Attributes, durations and what is not there as well."""
    agenttrace(
        "runs", "--attribute", "region=eu", "--attribute", "rows=3", "--attribute", "share=0.5",
        "--attribute", "cached=true", "--min-duration", "1.5s", "--max-duration", "200ms", "--no-has-retries",
        "--no-incomplete", "--user-key", "a" * 64, "--parent-run", RUN_ID,
    )  # fmt: skip

    found = failed_run.requests[0].filter
    assert {key: value.WhichOneof("value") for key, value in found.attributes.items()} == {
        "region": "string_value",
        "rows": "int_value",
        "share": "double_value",
        "cached": "bool_value",
    }
    assert (found.min_duration.ToMilliseconds(), found.max_duration.ToMilliseconds()) == (1500, 200)
    assert (found.HasField("has_retries"), found.has_retries, found.incomplete) == (True, False, False)
    assert (found.user_key, found.parent_run_id) == ("a" * 64, RUN_ID)
    told = {action.dest for action in command_of("runs")._actions} - {"help", "json", "endpoint", "root_certificates"}
    assert len(told - {"limit", "watch", "exit_code"}) == len(RunFilters.__annotations__)


def test_with_exit_code_a_script_learns_whether_there_is_any(agenttrace, failed_run):
    assert agenttrace("runs", "--exit-code")[0] == 4
    failed_run.runs = []
    assert agenttrace("runs", "--exit-code")[0] == 0


def test_listings_are_json_lines(agenttrace, failed_run):
    _, out, _ = agenttrace("runs", "--json")

    (line,) = out.splitlines()
    run = json.loads(line)
    assert (run["run"]["status"], run["run"]["start_time"]) == ("FAILURE", "2026-01-31T12:00:00Z")
    assert (run["step_count"], run["failure_types"]) == (7, [])


def test_a_run_is_one_json_object(agenttrace, failed_run):
    _, out, _ = agenttrace("run", RUN_ID, "--json")

    run = json.loads(out)
    assert run["run"]["run"]["run_id"] == RUN_ID
    assert [step["type"] for step in run["steps"]][:3] == ["PLAN", "MODEL", "TOOL"]
    assert run["steps"][1]["model"]["usage"] == {
        "input_tokens": 1203,
        "output_tokens": 210,
        "input_token_semantics": "UNSPECIFIED",
    }
    assert run["failures"][2]["root"] is True
    assert run["completeness"]["complete"] is False


def test_failures_are_listed(agenttrace, failed_run):
    code, out, _ = agenttrace("failures", "--type", "tool", "--unrecovered", width=130)

    assert code == 0
    assert "not_found" in out
    assert "ReadTimeout" in out
    assert failed_run.requests[0].filter.HasField("recovered")


def test_statistics_are_shown(agenttrace, query_service):
    answer = query_service.stats
    answer.totals.run_count = 200
    answer.totals.failure_count = 116
    answer.totals.success_count = 84
    answer.totals.failure_rate = 0.58
    answer.totals.run_duration.p50.FromMilliseconds(1500)
    answer.groups.add(key="support", agent_version="1.4.0", stats=answer.totals)
    answer.step_types.add(type=step_pb2.STEP_TYPE_TOOL, step_count=1164, failed_step_count=73)
    answer.failures.add(type=failure_pb2.FAILURE_TYPE_TOOL, code="no_seats", agent_id="support", failure_count=9)

    code, out, _ = agenttrace("stats", "--by", "version", "--since", "7d", width=100)

    assert code == 0
    assert "200 runs · 58.0 % failed · 84 success, 116 failure" in out
    assert "p50 1.50 s" in out
    for words in ("support 1.4.0", "TOOL", "1,164", "no_seats"):
        assert words in out
    assert query_service.requests[0].group_by == query.STATS_DIMENSION_AGENT_VERSION
    assert [bool(request.bucket_duration.seconds) for request in query_service.requests] == [False, True, True]


def test_statistics_are_one_json_object(agenttrace, query_service):
    query_service.stats.totals.run_count = 3

    assert json.loads(agenttrace("stats", "--json")[1])["totals"]["run_count"] == 3


def test_nothing_found_is_said(agenttrace, query_service):
    assert agenttrace("runs") == (0, "no runs found\n", "")
    assert agenttrace("runs", "--json") == (0, "", "")


def test_a_run_that_is_not_there_is_exit_code_1(agenttrace, query_service):
    code, out, err = agenttrace("run", RUN_ID)

    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1


def test_a_refusal_is_exit_code_1(agenttrace, query_service):
    query_service.refusal = (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")

    assert agenttrace("runs")[0] == 1


def test_no_server_is_exit_code_3_and_one_line_that_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setenv("AGENTTRACE_QUERY_ENDPOINT", "127.0.0.1:1")

    code = main(["runs"])

    captured = capsys.readouterr()
    assert (code, captured.out) == (3, "")
    assert captured.err.count("\n") == 1
    for words in ("127.0.0.1:1", "agenttrace doctor", "agenttrace-server up", "AGENTTRACE_QUERY_ENDPOINT"):
        assert words in captured.err


def test_a_server_without_its_database_is_told_apart_from_none(agenttrace, query_service):
    query_service.refusal = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")

    code, _, err = agenttrace("runs")

    assert code == 3
    assert "STORE_UNAVAILABLE" in err


def test_an_unknown_word_of_a_filter_is_exit_code_2(agenttrace):
    code, _, err = agenttrace("runs", "--status", "splendid")

    assert code == 2
    assert "success" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["tail", "-n", "x"],
        ["runs", "--attribute", "x"],
        ["runs", "--min-duration", "5"],
        ["completion", "tcsh"],
        [],
        ["fly"],
        ["runs", "--since", "yesterday"],
        ["runs", "--limit", "0"],
        ["stats", "--by", "x"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


def test_without_rich_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert main(["runs"]) == 2
    assert "agenttrace-client[cli]" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("run", RUN_ID), ("runs",), ("failures",), ("stats",)])
def test_no_colour_reaches_a_pipe(agenttrace, failed_run, arguments):
    assert "\x1b" not in agenttrace(*arguments)[1]


def test_a_live_table_needs_a_terminal(agenttrace, failed_run):
    code, out, err = agenttrace("runs", "--watch")

    assert (code, out) == (2, "")
    assert "agenttrace tail" in err


def test_a_part_that_is_no_part_of_an_id_is_wrong_usage(agenttrace, failed_run):
    assert agenttrace("run", "my-run")[0] == 2


@pytest.mark.parametrize(
    ("detail_of", "said"),
    [
        (lambda detail: detail.run.run.ClearField("end_time"), "no step has ended yet"),
        (lambda detail: None, "no step has arrived"),
        (lambda detail: detail.completeness.Clear(), "no steps were recorded"),
    ],
)
def test_a_run_without_steps_says_so(agenttrace, failed_run, detail_of, said):
    del failed_run.detail.steps[:]
    if said == "no step has ended yet":
        failed_run.detail.completeness.Clear()
    detail_of(failed_run.detail)

    assert said in agenttrace("run", RUN_ID, width=80)[1]
