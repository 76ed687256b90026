"""What an open page is told: each run once, as it is now; too much is told as too much."""

from __future__ import annotations

from agenttrace.v1.run_pb2 import Run, RunStatus, RunSummary
from agenttrace_server.console.feeds import Mailbox


def summary(run_id: str, status: str = "RUNNING") -> RunSummary:
    return RunSummary(run=Run(run_id=run_id, status=RunStatus.Value(f"RUN_STATUS_{status}")))


def test_a_run_that_changed_twice_is_told_once_as_it_is_now() -> None:
    mailbox = Mailbox(most=2)
    for told in (summary("a"), summary("b"), summary("a", "SUCCESS")):
        mailbox.put(told)

    assert mailbox.news.is_set()
    assert mailbox.take() == [summary("a", "SUCCESS"), summary("b")]
    assert mailbox.take() == []
    assert not mailbox.news.is_set()


def test_more_runs_than_the_page_shows_are_not_held() -> None:
    mailbox = Mailbox(most=2)
    for number in range(1_000):
        mailbox.put(summary(str(number)))

    assert mailbox.take() is None
    mailbox.put(summary("a"))
    assert mailbox.take() == [summary("a")]
