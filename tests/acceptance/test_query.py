"""The query service over the wire, where it differs from its own tests: the whole stack around it."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from fix_server import Services


@pytest.mark.parametrize("method", ["GetRun", "GetStats", "ListRuns", "ListSteps", "ListFailures", "WatchRuns"])
def test_a_malformed_request_is_an_invalid_argument(services: Services, method: str) -> None:
    path = f"/agenttrace.v1.QueryService/{method}"
    streams = method.startswith(("List", "Watch"))
    make = services.query_channel.unary_stream if streams else services.query_channel.unary_unary
    call = make(path, request_serializer=bytes, response_deserializer=bytes)

    with pytest.raises(grpc.RpcError) as error:
        list(call(b"\xff\xff"))

    info = error_details_pb2.ErrorInfo()
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert rpc_status.from_call(error.value).details[0].Unpack(info)
    assert info.reason == "MALFORMED_REQUEST"
