"""/healthz says that the process serves; /readyz what it depends on."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from psycopg import Error
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from app.http.services import services
from db.core.installation import ping

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Touches no dependency."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """503 without PostgreSQL. Without Redis batches are accepted all the same, so that is `degraded`, not 503."""
    checks = {"postgres": _postgres(), "redis": _redis()}
    status = "ok" if all(checks.values()) else "degraded" if checks["postgres"] else "unavailable"
    body = {"status": status, "checks": {name: "ok" if fine else "unavailable" for name, fine in checks.items()}}
    return jsonify(body), 200 if checks["postgres"] else 503


def _postgres() -> bool:
    try:
        with services().pool.connection() as conn:
            ping(conn)
    except (Error, PoolTimeout):
        return False
    return True


def _redis() -> bool:
    try:
        return bool(services().wake_up.redis.ping())
    except RedisError:
        return False
