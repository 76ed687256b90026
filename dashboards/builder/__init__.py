"""Builds the Grafana dashboards: classic JSON that one set of files serves Grafana 10.4 and newer."""
