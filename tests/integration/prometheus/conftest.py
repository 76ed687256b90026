"""The real Prometheus and the real Alertmanager, once for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import pytest

from fix_product import up
from integration.prometheus.load import Load
from integration.prometheus.observing import Observed, record, running_alertmanager, running_prometheus
from integration.prometheus.webhook import Webhook
from tools import tool


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """Everything running; recorded runs replayed, of which Prometheus saw the beginning, and load that goes on."""
    tool("prometheus", package="prometheus")
    tool("prometheus-alertmanager", package="prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("observed")
    with ExitStack() as stack:
        product = stack.enter_context(up(folder))
        webhook = stack.enter_context(Webhook().serving())
        alertmanager = stack.enter_context(running_alertmanager(folder / "alertmanager", webhook.url))
        prometheus = stack.enter_context(running_prometheus(folder / "prometheus", product, alertmanager))
        ingest = stack.enter_context(grpc.insecure_channel(product.endpoints["ingest"]))
        query = stack.enter_context(grpc.insecure_channel(product.endpoints["query"]))
        load = Load(ingest, query)
        agent = record(product, load, prometheus)
        stack.enter_context(load.running())
        yield Observed(product, prometheus, alertmanager, webhook, load, agent)
