"""The web console: server-rendered pages over the query service, a client of it like any other."""
