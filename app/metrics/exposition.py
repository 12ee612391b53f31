"""Renders one scrape: what all API processes counted, and the facts of PostgreSQL and Redis."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.metrics.processes import counts_with_others
from app.metrics.requests import REGISTRY


def expose(facts: Collector, accept: str) -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics if `accept` names it, else the plain text format."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry()
    if counts_with_others():
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types there
    else:
        registry.register(REGISTRY)
    registry.register(facts)
    return encode(registry), content_type
