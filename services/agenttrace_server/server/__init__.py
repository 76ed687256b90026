"""The composition root: the only place that constructs and wires objects, a module for each service."""

from agenttrace_server.server.endpoints import Endpoints
from agenttrace_server.server.ingest import ingest_service
from agenttrace_server.server.maintain import maintain_once, maintain_service
from agenttrace_server.server.query import query_service

__all__ = ["Endpoints", "ingest_service", "maintain_once", "maintain_service", "query_service"]
