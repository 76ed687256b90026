"""The ways to send: as fast as it goes, at a steady rate, all at once. They run in a client process of their own."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from agenttrace.v1 import ingest_service_pb2
from benchmarks.workload import Message, Workload, joined, resent

_METHOD = "/agenttrace.v1.IngestService/UploadSteps"
# What a client puts into one stream, below the server's limit.
_STREAM_BYTES = 6 * 1024 * 1024
_PAUSE_SECONDS = 0.05


@dataclass(slots=True)
class Sent:
    """What became of what was sent.

    `streams`: that ended OK; `errors`: the others by status code; `acknowledged`: messages of each client.
    """

    elapsed: float = 0.0
    cpu_seconds: float = 0.0
    steps: int = 0
    runs_started: int = 0
    runs_ended: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    acknowledged: list[int] = field(default_factory=list)
    streams: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    ack_seconds: list[float] = field(default_factory=list)
    call_seconds: list[float] = field(default_factory=list)
    late_seconds: list[float] = field(default_factory=list)

    @property
    def steps_per_second(self) -> float:
        """Acknowledged steps in the time from the first message to the last acknowledgement."""
        return self.steps / self.elapsed

    def add(self, messages: Sequence[Message], response: ingest_service_pb2.UploadStepsResponse) -> None:
        """Count what a stream's response acknowledges."""
        self.streams += 1
        taken = messages[: response.acknowledged_message_count]
        self.steps += sum(message.steps for message in taken)
        self.runs_started += sum(message.runs_started for message in taken)
        self.runs_ended += sum(message.runs_ended for message in taken)
        counts = response.counts
        self.accepted += counts.steps.accepted
        self.duplicate += counts.steps.duplicate
        self.rejected += sum(kind.rejected for kind in (counts.runs, counts.steps, counts.failures))
        self.rejected += counts.rejected_attribute_count + counts.rejected_message_count


@dataclass(kw_only=True)
class Load(ABC):
    """Something to send to an address; each client has a connection of its own, as on a machine of its own."""

    address: str
    workloads: Sequence[Workload]

    def prepare(self) -> None:
        """Make the messages, so that what is measured is sending them."""
        self.queues = [deque(self.messages(index)) for index in range(self.clients)]

    def messages(self, index: int) -> list[Message]:
        """The messages of a client."""
        return self.workloads[index].messages()

    async def connect(self, stack: AsyncExitStack) -> list[Any]:
        """The clients' calls, connected."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        channels = [grpc.aio.insecure_channel(self.address, options=options) for _ in range(self.connections)]
        for channel in channels:
            await stack.enter_async_context(channel)
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        deserialize = ingest_service_pb2.UploadStepsResponse.FromString
        # Without a serializer bytes go as they are.
        return [channel.stream_unary(_METHOD, response_deserializer=deserialize) for channel in channels]

    @property
    def clients(self) -> int:
        """How many clients send."""
        return len(self.workloads)

    @property
    def connections(self) -> int:
        """How many connections: one for each client."""
        return self.clients

    @abstractmethod
    async def run(self, uploads: list[Any], sent: Sent) -> None:
        """Send everything."""


@dataclass(kw_only=True)
class FullLoad(Load):
    """Each client sends as fast as it may, one stream after the other, until it has no more or the time is over.

    `stream_messages`: so many in one stream at most.
    """

    seconds: float
    stream_messages: int = 1_000

    async def run(self, uploads: list[Any], sent: Sent) -> None:
        """Send until the time is over."""
        self._until = time.perf_counter() + self.seconds
        sent.acknowledged = [0] * self.clients
        await asyncio.gather(*(self._client(index, upload, sent) for index, upload in enumerate(uploads)))

    async def _client(self, index: int, upload: Any, sent: Sent) -> None:
        queue = self.queues[index]
        while queue and time.perf_counter() < self._until:
            messages: list[Message] = []
            try:
                response = await self._stream(upload, queue, messages)
            except grpc.aio.AioRpcError as error:
                sent.errors[error.code().name] += 1
                queue.extendleft(map(resent, reversed(messages)))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            sent.add(messages, response)
            count = response.acknowledged_message_count
            sent.acknowledged[index] += count
            queue.extendleft(map(resent, reversed(messages[count:])))

    async def _stream(
        self, upload: Any, queue: deque[Message], messages: list[Message]
    ) -> ingest_service_pb2.UploadStepsResponse:
        """Send one stream of what waits; tell in `messages` what went into it."""
        call = upload()
        size = 0
        while (
            queue
            and len(messages) < self.stream_messages
            and size < _STREAM_BYTES
            and time.perf_counter() < self._until
        ):
            messages.append(queue.popleft())
            size += len(messages[-1].data)
            try:
                await call.write(messages[-1].data)
            except asyncio.InvalidStateError:  # the server has answered early
                break
        await call.done_writing()
        return await call  # type: ignore[no-any-return]


@dataclass(kw_only=True)
class ResendLoad(FullLoad):
    """Each client sends again what it has sent: of a workload the first messages, as many as given.

    Where `workloads` are given, each message is joined with a new one. `marked`: as the contract asks for.
    """

    known: Sequence[tuple[Workload, int]]
    marked: bool = True

    @property
    def clients(self) -> int:
        """How many clients send."""
        return len(self.known)

    def messages(self, index: int) -> list[Message]:
        """The messages of a client."""
        workload, count = self.known[index]
        messages = workload.messages()[:count]
        if self.workloads:
            new = self.workloads[index].messages()
            messages = [joined(*pair) for pair in zip(messages, new, strict=False)]
        return list(map(resent, messages)) if self.marked else messages


@dataclass(kw_only=True)
class SteadyLoad(Load):
    """Each client sends a message every `interval` seconds, each in a stream of its own; the clients take turns."""

    interval: float
    seconds: float

    async def run(self, uploads: list[Any], sent: Sent) -> None:
        """Send at the rate, as far as the answers allow."""
        begin = time.perf_counter() + _PAUSE_SECONDS
        await asyncio.gather(*(self._client(index, upload, begin, sent) for index, upload in enumerate(uploads)))

    async def _client(self, index: int, upload: Any, begin: float, sent: Sent) -> None:
        due = begin + self.interval * index / len(self.workloads)
        until = begin + self.seconds
        while self.queues[index] and due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            try:
                await self._stream(upload, self.queues[index].popleft(), due, sent)
            except grpc.aio.AioRpcError as error:
                sent.errors[error.code().name] += 1
            except asyncio.InvalidStateError:
                sent.errors["answered early"] += 1
            due += self.interval

    async def _stream(self, upload: Any, message: Message, due: float, sent: Sent) -> None:
        began = time.perf_counter()
        call = upload()
        await call.write(message.data)
        await call.done_writing()
        written = time.perf_counter()
        response = await call
        now = time.perf_counter()
        sent.add([message], response)
        sent.ack_seconds.append(now - written)
        sent.call_seconds.append(now - began)
        # From when it was due: what a slow answer delays counts as well.
        sent.late_seconds.append(now - due)


@dataclass(kw_only=True)
class BurstLoad(Load):
    """As many streams as clients, all open at once: each sends a message, waits for the others to, and sends another.

    `channels`: the connections they share.
    """

    channels: int
    timeout: float = 30.0

    @property
    def connections(self) -> int:
        """How many connections."""
        return self.channels

    async def run(self, uploads: list[Any], sent: Sent) -> None:
        """Open all streams and end them together."""
        self._left = len(self.workloads)
        self._all_open = asyncio.Event()
        streams = (
            self._stream(uploads[index % len(uploads)], list(queue), sent) for index, queue in enumerate(self.queues)
        )
        await asyncio.gather(*streams)

    async def _stream(self, upload: Any, messages: list[Message], sent: Sent) -> None:
        opened = False
        try:
            call = upload(timeout=self.timeout)
            for message in messages:
                await call.write(message.data)
                if not opened:
                    opened = True
                    await self._wait_for_all()
            await call.done_writing()
            sent.add(messages, await call)
        except asyncio.InvalidStateError:
            sent.errors["answered early"] += 1
        except grpc.aio.AioRpcError as error:
            sent.errors[error.code().name] += 1
        finally:
            if not opened:
                self._count_down()

    async def _wait_for_all(self) -> None:
        self._count_down()
        await self._all_open.wait()

    def _count_down(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._all_open.set()
