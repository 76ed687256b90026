"""The composition root: the only place that constructs and wires objects, a module for each service.

That of the console is loaded by its own process alone: the others have no use for what serves pages.
"""

from agenttrace_server.server.endpoints import Endpoints
from agenttrace_server.server.ingest import ingest_service
from agenttrace_server.server.maintain import maintain_once, maintain_service
from agenttrace_server.server.query import query_service

__all__ = ["Endpoints", "ingest_service", "maintain_once", "maintain_service", "query_service"]
