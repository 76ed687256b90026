from __future__ import annotations

import pytest

import agenttrace
from unit.sdk.double import Double
from unit.sdk.recording_server import RecordingIngest, ScriptedQuery, serving


@pytest.fixture
def double():
    return Double()


@pytest.fixture
def tracer(double):
    tracer = agenttrace.Tracer("support", "1.4.0", "test", exporter=double.exporter)
    yield tracer
    tracer.close(2)


@pytest.fixture
def ingest_service():
    return RecordingIngest()


@pytest.fixture
def query_service():
    return ScriptedQuery()


@pytest.fixture
def endpoint(ingest_service, query_service):
    with serving(ingest_service, query_service) as endpoint:
        yield endpoint
