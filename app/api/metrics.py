"""GET /metrics for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.http.operation import Answer
from app.http.serve import operation
from app.http.services import services
from app.metrics.exposition import expose

blueprint = Blueprint("metrics", __name__)

FIGURES = "# HELP sluice_redis_up …\n# TYPE sluice_redis_up gauge\nsluice_redis_up 1.0\n"


@operation(
    blueprint,
    "get",
    "/metrics",
    name="getMetrics",
    tag="Service",
    summary="Figures of all stores together",
    about="Counts and ages, no id and nothing of a store's data. 401 where `METRICS_TOKEN` is set and was not sent; where"
    " it is not set, 403 for requests from another machine or through a proxy.",
    access="metrics",
    answers=(
        Answer(
            200,
            "The figures.",
            raw={"type": "string"},
            mimetype="text/plain",
            example=FIGURES,
            also={"application/openmetrics-text": f"{FIGURES}# EOF\n"},
        ),
    ),
)
def metrics() -> Response:
    services().pool_watch.look()
    page, content_type = expose(services().facts, request.headers.get("Accept", ""))
    return Response(page, content_type=content_type)
