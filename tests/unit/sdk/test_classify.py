from __future__ import annotations

import pytest

from agenttrace.classify import Classifier, class_name


def named(name, base=Exception, module="somewhere"):
    return type(name, (base,), {"__module__": module})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError, "timeout"),
        (ConnectionResetError, "connection_failed"),
        (PermissionError, "permission_denied"),
        (FileNotFoundError, "not_found"),
        (UnicodeDecodeError, "schema_invalid"),
        (named("RateLimitError"), "rate_limited"),
        (named("ValidationError", ValueError), "schema_invalid"),
        (named("APITimeoutError", named("APIConnectionError")), "timeout"),
        (named("APIConnectionError"), "connection_failed"),
        (named("Mine", TimeoutError), "timeout"),
        (ValueError, "uncaught_exception"),
        (named("Mine"), "uncaught_exception"),
    ],
)
def test_the_code_is_that_of_the_most_special_class_in_the_table(error, code):
    assert Classifier().code(error.__new__(error)) == code


def test_own_entries_come_first_by_class_name_and_qualified_name():
    special = named("Special", TimeoutError)
    classifier = Classifier({KeyError: "missing_key", "Mine": "mine", "somewhere.Special": "special"})

    assert classifier.code(KeyError()) == "missing_key"
    assert classifier.code(named("Mine")()) == "mine"
    assert classifier.code(special()) == "special"
    assert classifier.code(TimeoutError()) == "timeout"


def test_a_class_is_named_by_its_qualified_name_where_that_is_a_token():
    class Local(Exception):
        pass

    assert class_name(ValueError) == "ValueError"
    assert class_name(named("ReadTimeout", module="httpx")) == "httpx.ReadTimeout"
    assert class_name(Local) == ""
