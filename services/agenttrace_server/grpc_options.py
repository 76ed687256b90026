"""What gRPC is told of every server: its limits on messages, connections and clients."""

from __future__ import annotations

from agenttrace_server import limits
from agenttrace_server.config import Config

_KIB = 1024
_SECOND = 1000  # gRPC counts in milliseconds
_PENDING_CALLS = 50_000
_FOREVER = 2**31 - 1

Option = tuple[str, int]

_OPTIONS: tuple[Option, ...] = (
    # What every language's client takes by default, and the contract's limit.
    ("grpc.max_receive_message_length", limits.MESSAGE_BYTES),
    # A key and a trace context are below 1 KiB. Between the two limits gRPC refuses some calls at random: they are one.
    ("grpc.max_metadata_size", 16 * _KIB),
    ("grpc.absolute_max_metadata_size", 16 * _KIB),
    # Calls that one connection may have open; a client of gRPC waits with more of them.
    ("grpc.max_concurrent_streams", 10_000),
    # gRPC's own limit ends calls as CANCELLED before we see them; ours answers UNAVAILABLE with a delay.
    ("grpc.server.max_pending_requests", _PENDING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", _PENDING_CALLS),
    # A call that waits for its turn ends by its own deadline; gRPC would end it as CANCELLED after half a minute.
    ("grpc.server_max_unrequested_time_in_server", 600),
    # A connection that has not said what HTTP/2 begins with is closed; gRPC would wait two minutes.
    ("grpc.server_handshake_timeout_ms", 10 * _SECOND),
    # One that nobody calls on is closed: its client opens another when it needs one.
    ("grpc.max_connection_idle_ms", 600 * _SECOND),
    # A peer that is gone without a word is noticed, and its calls end.
    ("grpc.keepalive_time_ms", 60 * _SECOND),
    ("grpc.keepalive_timeout_ms", 20 * _SECOND),
    # Clients may ping every ten seconds, also without a call; one that goes on faster gets GOAWAY.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10 * _SECOND),
    ("grpc.http2.max_ping_strikes", 2),
    # Windows that grow by probing hold megabytes a stream while the writer is slow: backpressure would come after the
    # memory is gone.
    ("grpc.http2.bdp_probe", 0),
)


def options_of(config: Config) -> list[Option]:
    """Return the options of a server."""
    return [
        *_OPTIONS,
        # So that clients spread over replicas again, and no connection lives for ever; gRPC varies it by a tenth.
        ("grpc.max_connection_age_ms", _milliseconds(config.connection_age_seconds)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(config.connection_age_grace_seconds)),
        # Unless it is asked for, a second process on a port must fail to start, not take half of the calls.
        ("grpc.so_reuseport", int(config.reuse_port)),
    ]


def _milliseconds(seconds: float) -> int:
    """Return what gRPC takes; 0 is no limit."""
    return min(int(seconds * _SECOND), _FOREVER) or _FOREVER
