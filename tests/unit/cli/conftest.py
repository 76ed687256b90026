from __future__ import annotations

import pytest

from agenttrace.cli import main
from unit.sdk.recording_server import RecordingIngest, ScriptedQuery, serving


@pytest.fixture
def query_service():
    return ScriptedQuery()


@pytest.fixture
def agenttrace(query_service, monkeypatch, capsys):
    """Run the command against a server; return exit code, standard output and standard error."""
    with serving(RecordingIngest(), query_service) as endpoint:
        monkeypatch.setenv("AGENTTRACE_QUERY_ENDPOINT", endpoint)

        def run(*arguments: str, width: int | None = None):
            if width:
                monkeypatch.setenv("COLUMNS", str(width))
            code = main(arguments)
            captured = capsys.readouterr()
            return code, captured.out, captured.err

        yield run
