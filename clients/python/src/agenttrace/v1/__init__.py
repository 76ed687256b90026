"""The generated messages and services of agenttrace.v1."""
