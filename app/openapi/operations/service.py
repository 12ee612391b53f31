"""The service itself: whether it serves, its figures, and this contract."""

from __future__ import annotations

from app.openapi.operation import Answer, Operation

TAG = "Service"
CHECKED = {"type": "string", "enum": ["ok", "unavailable"]}
HEALTH = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"const": "ok"}},
    "additionalProperties": False,
}
READY = {
    "type": "object",
    "required": ["status", "checks"],
    "properties": {
        "status": {"type": "string", "enum": ["ok", "degraded", "unavailable"]},
        "checks": {
            "type": "object",
            "required": ["postgres", "redis"],
            "properties": {"postgres": CHECKED, "redis": CHECKED},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
FIGURES = "# HELP sluice_redis_up …\n# TYPE sluice_redis_up gauge\nsluice_redis_up 1.0\n"
UNCHANGED = Answer(304, "Nothing has changed since that ETag.", headers=("ETag",))

OPERATIONS = (
    Operation(
        name="getHealth",
        method="get",
        path="/healthz",
        tag=TAG,
        summary="Whether the process serves",
        about="Touches nothing else.",
        role=None,
        answers=(Answer(200, "It does.", raw=HEALTH, example={"status": "ok"}),),
        errors=("INTERNAL",),
    ),
    Operation(
        name="getReadiness",
        method="get",
        path="/readyz",
        tag=TAG,
        summary="What the service depends on",
        about="Without Redis batches are accepted all the same: `degraded`.",
        role=None,
        answers=(
            Answer(
                200,
                "PostgreSQL answers.",
                raw=READY,
                example={"status": "ok", "checks": {"postgres": "ok", "redis": "ok"}},
            ),
            Answer(
                503,
                "PostgreSQL does not.",
                raw=READY,
                example={"status": "unavailable", "checks": {"postgres": "unavailable", "redis": "ok"}},
            ),
        ),
        errors=("INTERNAL",),
    ),
    Operation(
        name="getMetrics",
        method="get",
        path="/metrics",
        tag=TAG,
        summary="Figures of all stores together",
        about="Counts and ages, no id and nothing of a store's data. 401 where `METRICS_TOKEN` is set and was not sent; where"
        " it is not set, 403 for whoever comes from another machine or through a proxy.",
        role="metrics",
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
        errors=("UNAUTHORIZED", "FORBIDDEN", "INTERNAL"),
    ),
    Operation(
        name="getContract",
        method="get",
        path="/openapi.json",
        tag=TAG,
        summary="This contract",
        about="OpenAPI 3.1.",
        role=None,
        headers=("If-None-Match",),
        answers=(
            Answer(200, "The document.", raw={"type": "object"}, example={"openapi": "3.1.0"}, headers=("ETag",)),
            UNCHANGED,
        ),
        errors=("INTERNAL",),
    ),
    Operation(
        name="getDocs",
        method="get",
        path="/docs",
        tag=TAG,
        summary="This contract as a page",
        about="Without a script, and without anything from elsewhere.",
        role=None,
        headers=("If-None-Match",),
        answers=(
            Answer(
                200,
                "The page.",
                raw={"type": "string"},
                mimetype="text/html",
                example="<!doctype html>…",
                headers=("ETag", "Content-Security-Policy"),
            ),
            UNCHANGED,
        ),
        errors=("INTERNAL",),
    ),
)
