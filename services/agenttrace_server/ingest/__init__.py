"""The ingest service: takes what agents report, and reads nothing."""
