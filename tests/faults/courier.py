"""Sends messages as an agent does: in streams, and again what was not acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from faults.oracle import Item, Journal, Message, request

Messages = Sequence[Sequence[Item]]


def channel_to(address: str) -> grpc.Channel:
    """A channel of its own: the library shares connections between equal ones otherwise."""
    return grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


def explain(error: Any) -> tuple[str, str, float]:
    """A failed call's status, the reason in its ErrorInfo, and when to try again; "" and 0 where it tells none."""
    reason, seconds = "", 0.0
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        if detail.Unpack(retry):
            seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return error.code().name, reason, seconds


def send(
    channel: grpc.Channel,
    messages: Messages,
    journal: Journal,
    *,
    resend: bool = False,
    on_message: Callable[[], object] = lambda: None,
    timeout: float = 60,
) -> list[Message]:
    """Send messages in one stream; return those that were not acknowledged."""

    def requests() -> Iterator[pb.UploadStepsRequest]:
        for message in messages:
            yield request(message, resend=resend)
            on_message()

    try:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        response = stub.UploadSteps(requests(), timeout=timeout)
    except grpc.RpcError as error:
        journal.lose(*explain(error))
        return list(messages)
    journal.acknowledge(messages, response)
    return list(messages[response.acknowledged_message_count :])


def send_streams(
    address: str, streams: Sequence[Messages], journal: Journal, *, clients: int = 4, **options: Any
) -> list[Message]:
    """Send streams from several clients at once, each its share one after the other, over at most 8 connections.

    Returns the messages that were not acknowledged.
    """
    clients = min(clients, len(streams))
    channels = [channel_to(address) for _ in range(min(clients, 8))]
    left: list[Message] = []

    def client(number: int) -> None:
        for messages in streams[number::clients]:
            left.extend(send(channels[number % len(channels)], messages, journal, **options))

    try:
        at_once([lambda n=n: client(n) for n in range(clients)])
    finally:
        for channel in channels:
            channel.close()
    return left


def at_once(acts: Sequence[Callable[[], object]]) -> None:
    """Run all of them in threads, let go together; raise the first of their errors."""
    errors: list[BaseException] = []
    begin = threading.Barrier(max(len(acts), 1))

    def run(act: Callable[[], object]) -> None:
        begin.wait()
        try:
            act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def cut(messages: Messages, size: int) -> list[Messages]:
    """Messages in streams of so many."""
    return [messages[n : n + size] for n in range(0, len(messages), size)]
