"""The AgentTrace services: ingest, query and maintain over PostgreSQL."""
