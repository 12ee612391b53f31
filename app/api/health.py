"""/healthz says that the process serves; /readyz what it depends on."""

from __future__ import annotations

from flask import Blueprint, Response
from psycopg import Error
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from app.http.operation import Answer
from app.http.serve import bare, operation
from app.http.services import services
from db.core.installation import ping
from schemas.answers.service import Checks, Health, Readiness
from workers.core.presence import read_processes, state_of_workers

blueprint = Blueprint("health", __name__)


@operation(
    blueprint,
    "get",
    "/healthz",
    name="getHealth",
    tag="Service",
    summary="Whether the process serves",
    about="Asks nothing else.",
    access=None,
    answers=(Answer(200, "It does.", Health, bare=True),),
)
def healthz() -> Response:
    return bare(Health("ok"))


@operation(
    blueprint,
    "get",
    "/readyz",
    name="getReadiness",
    tag="Service",
    summary="What the service depends on",
    about="Without Redis or workers batches are still accepted: `degraded`.",
    access=None,
    answers=(
        Answer(200, "PostgreSQL answers.", Readiness, bare=True),
        Answer(
            503,
            "PostgreSQL does not.",
            Readiness,
            bare=True,
            example={"status": "unavailable", "checks": {"postgres": "unavailable", "redis": "ok", "workers": "ok"}},
        ),
    ),
)
def readyz() -> Response:
    postgres, workers = _postgres(), _workers()
    status = "ok" if postgres and workers == "ok" else "degraded" if postgres else "unavailable"
    redis = "unavailable" if workers == "unknown" else "ok"
    checks = Checks("ok" if postgres else "unavailable", redis, workers)
    return bare(Readiness(status, checks), 200 if postgres else 503)


def _postgres() -> bool:
    try:
        with services().pool.connection() as conn:
            ping(conn)
    except (Error, PoolTimeout):
        return False
    return True


def _workers() -> str:
    """Asks Redis, which is away if nothing is known."""
    try:
        return state_of_workers(read_processes(services().wake_up.redis))
    except RedisError:
        return "unknown"
