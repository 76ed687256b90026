"""Translates the database's errors into ours: the only place that knows both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import psycopg.errors
import psycopg_pool

from agenttrace_server.errors import Overloaded, QueryTooExpensive, StoreUnavailable

# A server that is shutting down, a standby that is being promoted, a full disk: it passes, and none of
# it is a fault of the call.
_OUTAGES = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
_REFUSALS = (psycopg.DataError, psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)


class RowsRefused(Exception):
    """The database refuses the content of a row. Which one is found by writing fewer of them."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise our errors for outages, overload and timeouts; everything else stays and is a bug."""
    try:
        yield
    # Both pool errors are OperationalErrors: they come first.
    except psycopg_pool.TooManyRequests as exc:
        raise Overloaded from exc
    except psycopg_pool.PoolTimeout as exc:
        raise StoreUnavailable from exc
    except psycopg.errors.QueryCanceled as exc:
        raise QueryTooExpensive from exc
    except _OUTAGES as exc:
        raise StoreUnavailable from exc
    except _REFUSALS as exc:
        raise RowsRefused from exc
