from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import agenttrace
from agenttrace.errors import InvalidRequestError, RateLimitedError, ServerError, UnauthenticatedError, UnavailableError
from agenttrace.v1 import ingest_service_pb2 as ingest
from agenttrace.v1 import run_pb2
from unit.sdk.double import Double, record


def asking_to_wait(seconds):
    error = UnavailableError("busy")
    error.retry_after_seconds = seconds
    return error


def run_python(code, *arguments):
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_flush_returns_what_became_of_everything(double):
    tracer = record(double, 3)

    assert tracer.flush(5) == agenttrace.Receipt(sent=5, accepted=5)
    assert tracer.flush(5).complete


def test_nothing_recorded_starts_no_thread(double):
    double.exporter.flush(0.1)

    assert not double.exporter._delivery.started


def test_batches_are_bounded_by_number(double):
    record(double, 1200)
    double.exporter.flush(5)

    sizes = [len(message.steps) + len(message.runs) for stream in double.streams for message in stream]
    assert sum(sizes) == 1202
    assert max(sizes) <= 512


def test_what_was_not_acknowledged_is_sent_again_marked_so():
    double = Double()
    double.answers = [UnavailableError("down"), asking_to_wait(0.01)]
    tracer = record(double, 2)

    assert tracer.flush(5) == agenttrace.Receipt(sent=4, accepted=4)
    assert [[message.resend for message in stream] for stream in double.streams] == [[False], [True], [True]]
    tracer.close()


def test_only_the_messages_that_were_not_taken_are_sent_again():
    partly = ingest.UploadStepsResponse(acknowledged_message_count=1, close_reason=ingest.CLOSE_REASON_DRAINING)
    partly.counts.runs.accepted = 1
    partly.counts.steps.accepted = 511
    double = Double(delay_seconds=60, batch_items=10_000)
    double.answers = [partly]

    result = record(double, 1200).close(5)

    first, second = double.streams
    assert (len(first), len(second)) == (3, 2)
    assert [message.resend for message in second] == [True, True]
    assert (result.sent, result.accepted) == (1202, 1202)


def test_a_full_queue_drops_the_newest_counts_them_and_warns_once(caplog):
    double = Double(max_items=10, delay_seconds=60)
    tracer = record(double, 50)
    result = tracer.close(5)

    assert result.dropped == 50 - 9
    assert {step.name for step in double.steps} == {f"step-{number}" for number in range(9)}
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS, "there is room left for the ends of runs"
    assert double.end.expected_step_count == 50
    assert len(caplog.records) == 1


def test_memory_is_bounded_too():
    double = Double(max_bytes=10_000, delay_seconds=60)
    result = record(double, 50).close(5)

    assert 0 < result.dropped < 50


@pytest.mark.parametrize("error", [InvalidRequestError("bad"), RateLimitedError("too much")])
def test_a_batch_the_server_will_never_take_is_given_up_and_counted(double, error):
    double.answers = [error]
    result = record(double).flush(5)

    assert (result.dropped, result.pending) == (3, 0)


def test_a_fault_of_the_server_holds_nothing_up_for_good(double, monkeypatch):
    monkeypatch.setattr("agenttrace.backoff._FIRST_SECONDS", 0.001)
    double.answers = [ServerError("fault")] * 5
    result = record(double).flush(5)

    assert (result.dropped, result.pending) == (3, 0)
    assert len(double.streams) == 5


def test_a_wrong_key_may_become_right(double, monkeypatch):
    monkeypatch.setattr("agenttrace.backoff._FIRST_SECONDS", 0.001)
    double.answers = [UnauthenticatedError("who?")] * 8

    assert record(double).flush(5).accepted == 3


@pytest.mark.parametrize("status", ["CANCELLED", "ABORTED", "UNIMPLEMENTED"])
def test_a_stream_that_was_reset_is_no_fault_and_is_sent_again_however_often(double, monkeypatch, status):
    monkeypatch.setattr("agenttrace.backoff._FIRST_SECONDS", 0.001)
    error = ServerError("reset")
    error.status = status
    double.answers = [error] * 9

    assert record(double).flush(5) == agenttrace.Receipt(sent=3, accepted=3)


def test_the_wait_grows_and_honours_what_the_server_asks():
    from agenttrace.backoff import Backoff

    backoff = Backoff()
    delays = [backoff.delay_seconds(UnavailableError("down")) for _ in range(20)]

    assert 0.125 <= delays[0] <= 0.25
    assert 0.25 <= delays[1] <= 0.5
    assert 15 <= delays[-1] <= 30
    assert 7 <= Backoff().delay_seconds(asking_to_wait(7)) < 8


def test_rejections_are_counted_and_logged_without_a_value(double, caplog):
    answer = ingest.UploadStepsResponse(acknowledged_message_count=1)
    answer.counts.runs.accepted = 2
    answer.counts.steps.rejected = 1
    answer.counts.rejected_attribute_count = 2
    answer.rejections.add(
        kind=ingest.ITEM_KIND_STEP, reason=ingest.REJECTION_REASON_TOO_OLD, field=ingest.REJECTION_FIELD_START_TIME
    )
    double.answers = [answer]
    result = record(double).flush(5)

    assert (result.accepted, result.rejected, result.rejected_attributes) == (2, 1, 2)
    assert caplog.messages == ["agenttrace: the server refused START_TIME TOO_OLD"]


def test_a_message_refused_whole_counts_its_items_as_rejected(double):
    answer = ingest.UploadStepsResponse(acknowledged_message_count=1)
    answer.counts.rejected_message_count = 1
    double.answers = [answer]

    assert record(double).flush(5).rejected == 3


def test_closing_twice_is_closing_once_and_later_items_are_counted_as_dropped(double):
    tracer = record(double)
    first = tracer.close(5)

    assert tracer.close(5) == first
    record(double)
    assert tracer.close(5).dropped == 3


def test_a_server_that_never_was_costs_a_warning_and_the_end_tells_the_loss(caplog):
    tracer = agenttrace.Tracer("support", endpoint="127.0.0.1:1")
    for _ in range(20):
        with tracer.run() as run, run.step("tool", "search"):
            pass
    start = time.monotonic()
    result = tracer.close(5)

    assert result.pending == 60
    assert time.monotonic() - start < 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert caplog.messages == [
        "agenttrace: upload failed (UNAVAILABLE); to be sent again",
        "agenttrace: closed with 60 items not delivered: they are lost",
    ]


def test_open_runs_say_that_they_are_alive_and_forgotten_ones_do_not():
    double = Double(heartbeat_seconds=0.05)
    tracer = agenttrace.Tracer("support", exporter=double.exporter)
    forgotten = tracer.run().start().run_id
    with tracer.run() as run:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            beats = [message for message in double.runs if message.HasField("heartbeat_time")]
            if beats:
                break
            time.sleep(0.02)
    tracer.close(5)

    assert {beat.run_id for beat in beats} == {run.run_id}
    assert forgotten not in {beat.run_id for beat in beats}
    assert all(beat.status == run_pb2.RUN_STATUS_RUNNING and beat.HasField("start_time") for beat in beats)
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_many_threads_record_everything_once(double):
    tracer = agenttrace.Tracer("support", exporter=double.exporter)
    with tracer.run() as run:

        def work():
            for _ in range(200):
                with run.step("tool", "search"):
                    pass

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert double.end.expected_step_count == 1600
    assert len({step.step_id for step in double.steps}) == 1600
    assert sorted(step.sequence for step in double.steps) == list(range(1600))


def test_uploads_reach_a_server_with_the_key(endpoint, ingest_service):
    tracer = agenttrace.Tracer("support", endpoint=endpoint, api_key="at_test_key")
    with tracer.run() as run, run.step("tool", "search"):
        pass

    assert tracer.close(5).complete
    assert ingest_service.metadata["authorization"] == "Bearer at_test_key"
    assert [step.name for stream in ingest_service.streams for message in stream for step in message.steps] == [
        "search"
    ]


def test_where_no_thread_can_start_the_last_batch_goes_as_a_unary_call(endpoint, ingest_service, monkeypatch):
    """While the interpreter shuts down no thread can start, and a stream takes one."""
    import grpc

    from agenttrace.transport import GrpcSender

    def fail(*args, **kwargs):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(grpc._channel, "_consume_request_iterator", fail)
    sender = GrpcSender(endpoint, "")
    message = ingest.UploadStepsRequest()
    message.steps.add(name="search")

    answer = sender([message, message], 5)
    sender.close()

    assert (answer.acknowledged_message_count, answer.counts.steps.accepted) == (1, 1)
    assert [step.name for batch in ingest_service.batches for step in batch.steps] == ["search"]


def test_the_exit_of_the_process_flushes(endpoint, ingest_service):
    done = run_python(
        """
        import agenttrace, sys
        with agenttrace.Tracer("support", endpoint=sys.argv[1]).run() as run, run.step("tool", "last_words"):
            pass
        """,
        endpoint,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [step.name for stream in ingest_service.streams for message in stream for step in message.steps] == [
        "last_words"
    ]


def test_a_forked_child_sends_its_own_steps_and_not_its_parents(endpoint, ingest_service):
    done = run_python(
        """
        import agenttrace, os, sys
        tracer = agenttrace.Tracer("support", endpoint=sys.argv[1])
        with tracer.run() as run:
            with run.step("tool", "before"):
                pass
            tracer.flush(5)
            with run.step("tool", "queued"):
                pass
            child = os.fork()
            if child == 0:
                with run.step("tool", "child"):
                    pass
                receipt = tracer.flush(5)
                os._exit(0 if receipt.accepted == 1 else 1)
            with run.step("tool", "after"):
                pass
            _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status) or not tracer.close(5).complete)
        """,
        endpoint,
    )

    names = [step.name for stream in ingest_service.streams for message in stream for step in message.steps]
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(names) == ["after", "before", "child", "queued"]


def test_disabled_records_nothing(monkeypatch, double):
    monkeypatch.setenv("AGENTTRACE_DISABLED", "1")
    tracer = record(double, 3)
    with tracer.run() as run:
        step = run.record_step  # the whole surface is there
        with agenttrace.step("tool", "x") as current:
            current.set(rows=1).usage(input_tokens=1).retrieval("help").tell(model="m")
            current.cost_micro_usd = 5
            current.fail("timeout")
        run.set(rows=1)
        run.fail("x")

    assert callable(step)
    assert tracer.close(1) == agenttrace.Receipt()
    assert not double.streams
