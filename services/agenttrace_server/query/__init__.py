"""The query service: reads what was stored."""
