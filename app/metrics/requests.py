"""What the API counts of its own requests, over all its processes (`app/metrics/processes.py`).

No label comes from a caller: routes are our own rules, and a method counts only if a rule knows it.
"""

from __future__ import annotations

import functools
import re

from prometheus_client import CollectorRegistry, Counter, Histogram
from werkzeug.routing import Rule

REGISTRY = CollectorRegistry()
CONVERTER = re.compile(r"<[^<>]*:(\w+)>")
NO_ROUTE = "(none)"
# From a busy machine's accept to the longest Prefer: wait.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Counter(
    "sluice_http_requests", "Requests answered, by route and status.", ("method", "route", "status"), registry=REGISTRY
)
SECONDS = Histogram(
    "sluice_http_request_seconds", "Time from a request to its answer.", ("route",), registry=REGISTRY, buckets=BUCKETS
)
REFUSALS = Counter(
    "sluice_http_refusals", "Requests answered with an error, by its code.", ("route", "code"), registry=REGISTRY
)
RECORDS = Counter(
    "sluice_records_received", "Records of the batches that were accepted.", ("entity",), registry=REGISTRY
)


@functools.lru_cache(maxsize=256)
def _shortened(rule: str) -> str:
    return CONVERTER.sub(r"<\1>", rule)


def route_of(rule: Rule | None) -> str:
    """A route's name in metrics and logs, such as `/api/sync/<entity>`; one name for all unknown paths."""
    return _shortened(rule.rule) if rule is not None else NO_ROUTE


@functools.lru_cache(maxsize=4096)
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    # Cached: finding a series by its labels costs as much as counting.
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(route)


@functools.lru_cache(maxsize=16)
def _records_of(entity: str) -> Counter:
    return RECORDS.labels(entity)


def note_request(method: str, route: str, status: int, seconds: float, code: str | None) -> None:
    """Count an answer. `code` is the error's; None for a success."""
    answered, took = _series(method if route != NO_ROUTE else "any", route, status)
    answered.inc()
    took.observe(seconds)
    if code is not None:
        REFUSALS.labels(route, code).inc()


def note_records(entity: str, records: int) -> None:
    _records_of(entity).inc(records)
