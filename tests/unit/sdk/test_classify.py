"""Codes of exceptions: of the standard library, of real libraries, and of the host's own."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import ssl
import subprocess
import tomllib
import urllib.error
from email.message import Message
from pathlib import Path

import grpc
import httpx
import langchain_core.exceptions
import langgraph.errors
import psycopg
import psycopg_pool
import pydantic_ai.exceptions
import pytest
import requests
import urllib3.exceptions
from pydantic import TypeAdapter, ValidationError

import agenttrace
from agenttrace.classify import Classifier, causes, class_name, grpc_status_of, http_status_of, is_cancellation
from agenttrace.exception_codes import CODES, GRPC_CODES, HTTP_CODES

ROOT = Path(__file__).parents[3]
REQUEST = httpx.Request("GET", "https://example.test")


def named(name, base=Exception, module="somewhere"):
    return type(name, (base,), {"__module__": module})


def made(cls, **attributes):
    """An exception of a class, without what its constructor asks for."""
    error = cls.__new__(cls)
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


def caused(error, cause):
    error.__cause__ = cause
    return error


def answered(status):
    """What requests raises for an answer of this status."""
    answer = requests.Response()
    answer.status_code = status
    return requests.HTTPError(response=answer)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "timeout"),
        (subprocess.TimeoutExpired("x", 1), "timeout"),
        (ConnectionResetError(), "connection_failed"),
        (ssl.SSLCertVerificationError(), "connection_failed"),
        (asyncio.IncompleteReadError(b"", 1), "connection_failed"),
        (PermissionError(), "permission_denied"),
        (FileNotFoundError(), "not_found"),
        (IsADirectoryError(), "invalid_arguments"),
        (json.JSONDecodeError("x", "x", 0), "schema_invalid"),
        (tomllib.TOMLDecodeError(), "schema_invalid"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), "schema_invalid"),
        (RecursionError(), "max_steps_exceeded"),
        (subprocess.CalledProcessError(1, "x"), "tool_error"),
        (sqlite3.OperationalError(), "tool_error"),
        (sqlite3.IntegrityError(), "invalid_arguments"),
        (urllib.error.URLError("x"), "connection_failed"),
        (urllib.error.HTTPError("x", 429, "x", Message(), None), "rate_limited"),
        (OSError(), "uncaught_exception"),
        (ValueError(), "uncaught_exception"),
        (LookupError(), "uncaught_exception"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_exceptions_of_the_standard_library(error, code):
    assert Classifier().code(error) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ReadTimeout("x"), "timeout"),
        (httpx.PoolTimeout("x"), "timeout"),
        (httpx.ConnectError("x"), "connection_failed"),
        (httpx.ReadError("x"), "connection_failed"),
        (httpx.InvalidURL("x"), "invalid_arguments"),
        (httpx.HTTPStatusError("x", request=REQUEST, response=httpx.Response(429)), "rate_limited"),
        (httpx.HTTPStatusError("x", request=REQUEST, response=httpx.Response(504)), "timeout"),
        (httpx.HTTPStatusError("x", request=REQUEST, response=httpx.Response(302)), "uncaught_exception"),
        (requests.ConnectTimeout(), "timeout"),
        (requests.ConnectionError(), "connection_failed"),
        (requests.JSONDecodeError("x", "x", 0), "schema_invalid"),
        (answered(503), "unavailable"),
        (answered(404), "not_found"),
        (answered(418), "uncaught_exception"),
        (urllib3.exceptions.ReadTimeoutError(None, "x", "x"), "timeout"),
        (made(urllib3.exceptions.NameResolutionError), "connection_failed"),
        (
            caused(urllib3.exceptions.MaxRetryError(None, "x"), made(urllib3.exceptions.ConnectTimeoutError)),
            "timeout",
        ),
        (urllib3.exceptions.MaxRetryError(None, "x"), "connection_failed"),
        (psycopg.OperationalError(), "connection_failed"),
        (psycopg.errors.QueryCanceled(), "timeout"),
        (psycopg.errors.InsufficientPrivilege(), "permission_denied"),
        (psycopg.errors.UndefinedTable(), "not_found"),
        (psycopg.errors.SyntaxError(), "invalid_arguments"),
        (psycopg.errors.UniqueViolation(), "invalid_arguments"),
        (psycopg.errors.DeadlockDetected(), "unavailable"),
        (psycopg_pool.PoolTimeout(), "timeout"),
        (psycopg_pool.TooManyRequests(), "unavailable"),
        (langgraph.errors.GraphRecursionError(), "max_steps_exceeded"),
        (langgraph.errors.GraphInterrupt(), "cancelled"),
        (langchain_core.exceptions.OutputParserException("x"), "schema_invalid"),
        (pydantic_ai.exceptions.ModelHTTPError(429, "x"), "rate_limited"),
        (pydantic_ai.exceptions.UsageLimitExceeded("x"), "max_steps_exceeded"),
        (pydantic_ai.exceptions.UnexpectedModelBehavior("x"), "schema_invalid"),
        (pydantic_ai.exceptions.ContentFilterError("x"), "content_filtered"),
        (pydantic_ai.exceptions.ModelRetry("x"), "tool_error"),
        (agenttrace.UnavailableError("x"), "unavailable"),
        (agenttrace.DeadlineExceededError("x"), "timeout"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_exceptions_of_real_libraries(error, code):
    assert Classifier().code(error) == code


def test_an_answer_that_is_not_of_its_schema():
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(int).validate_python("x")

    assert Classifier().code(refused.value) == "schema_invalid"


def test_the_status_of_a_real_grpc_call():
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/x/y", request_serializer=bytes, response_deserializer=bytes)(b"", timeout=5)

    assert Classifier().code(refused.value) == "unavailable"
    assert grpc_status_of(refused.value) == 14
    assert grpc_status_of(ValueError()) is None


@pytest.mark.parametrize("status", [code for code in grpc.StatusCode if code.value[0]], ids=lambda code: code.name)
def test_every_status_of_grpc(status):
    error = grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata())

    assert grpc_status_of(error) == status.value[0]
    assert Classifier().code(error) == GRPC_CODES.get(status.value[0], "uncaught_exception")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (made(Exception, status_code=429), 429),
        (made(Exception, status=503), 503),
        (made(Exception, code=404), 404),
        (made(Exception, response=made(Exception, status_code=401)), 401),
        (made(Exception, status_code="429"), None),
        (made(Exception, status_code=True), None),
        (made(Exception, code=2), None),
        (made(Exception, response={"status_code": 429}), None),
    ],
)
def test_an_http_status_is_a_whole_number_and_that_of_an_error(error, status):
    assert http_status_of(error) == status
    assert Classifier().code(error) == HTTP_CODES.get(status, "uncaught_exception")


def test_the_most_special_class_in_the_table_tells_the_code():
    assert Classifier().code(named("APITimeoutError", named("APIConnectionError"))()) == "timeout"
    assert Classifier().code(named("Mine", TimeoutError)()) == "timeout"
    assert Classifier().code(named("Mine")()) == "uncaught_exception"


def test_a_class_in_the_table_tells_more_than_the_status_it_carries():
    too_long = made(named("ContextWindowExceededError", named("BadRequestError")), status_code=400)

    assert Classifier().code(too_long) == "context_length_exceeded"
    assert http_status_of(too_long) == 400


def test_what_an_exception_was_raised_from_tells_the_code_where_it_does_not():
    mine = named("Mine")
    timeout = caused(mine(), caused(mine(), TimeoutError()))
    wrapped = named("OperationalError", module="sqlalchemy.exc")

    assert Classifier().code(timeout) == "timeout"
    assert Classifier().code(caused(PermissionError(), TimeoutError())) == "permission_denied"
    assert Classifier().code(caused(wrapped(), psycopg.errors.QueryCanceled())) == "timeout"
    assert Classifier().code(wrapped()) == "unavailable"


def test_an_exception_that_was_only_being_handled_tells_nothing():
    error = named("Mine")()
    error.__context__ = TimeoutError()

    assert Classifier().code(error) == "uncaught_exception"


def test_a_group_is_what_its_first_known_member_is():
    group = ExceptionGroup("x", [named("Mine")(), ExceptionGroup("y", [TimeoutError()])])

    assert Classifier().code(group) == "timeout"


def test_exceptions_that_cause_each_other_are_looked_at_once_and_long_chains_in_part():
    first, second = named("A")(), named("B")()
    caused(first, caused(second, first))
    many = ExceptionGroup("x", [ValueError() for _ in range(100)])

    assert list(causes(first)) == [first, second]
    assert len(list(causes(many))) == 16


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError(), langgraph.errors.GraphInterrupt()])
def test_what_ends_work_from_outside_is_a_cancellation(error):
    assert is_cancellation(error)


@pytest.mark.parametrize("error", [TimeoutError(), pydantic_ai.exceptions.RunTimedOut("x"), ValueError()])
def test_what_fails_is_none(error):
    assert not is_cancellation(error)


def test_own_entries_come_first_by_class_name_and_qualified_name():
    special = named("Special", TimeoutError)
    classifier = Classifier({KeyError: "missing_key", "Mine": "mine", "somewhere.Special": "special"})

    assert classifier.code(KeyError()) == "missing_key"
    assert classifier.code(named("Mine")()) == "mine"
    assert classifier.code(special()) == "special"
    assert classifier.code(named("More", special)()) == "special"
    assert classifier.code(TimeoutError()) == "timeout"


def test_an_own_entry_may_be_a_function_of_the_exception():
    refused = named("BadRequestError")
    classifier = Classifier({"BadRequestError": lambda error: error.code})

    assert classifier.code(made(refused, code="context_length_exceeded")) == "context_length_exceeded"
    assert classifier.code(made(refused, code="")) == "invalid_arguments"


@pytest.mark.parametrize("told", ["two words", None, 3])
def test_a_function_that_tells_no_token_or_fails_leaves_it_to_the_table(told):
    assert Classifier({TimeoutError: lambda _: told}).code(TimeoutError()) == "timeout"
    assert Classifier({TimeoutError: lambda error: error.missing}).code(TimeoutError()) == "timeout"


def test_reading_what_an_exception_carries_cannot_hurt():
    class Hostile(Exception):
        @property
        def status_code(self):
            raise RuntimeError

        def __getattr__(self, name):
            raise RuntimeError

    looks_like_grpc = type("RpcError", (Exception,), {"__module__": "grpc", "code": lambda _: 1 / 0})

    assert Classifier().code(Hostile()) == "uncaught_exception"
    assert Classifier().code(looks_like_grpc()) == "uncaught_exception"


def test_a_class_is_named_by_its_qualified_name_where_that_is_a_token():
    class Local(Exception):
        pass

    assert class_name(ValueError) == "ValueError"
    assert class_name(named("ReadTimeout", module="httpx")) == "httpx.ReadTimeout"
    assert class_name(Local) == ""


def test_every_code_of_the_table_is_explained():
    explained = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/failure-codes.md").read_text(), re.MULTILINE))

    assert {*CODES.values(), *HTTP_CODES.values(), *GRPC_CODES.values()} <= explained
