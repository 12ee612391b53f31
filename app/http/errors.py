"""Every error leaves in the envelope: a code, plain words, and nothing of the inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, jsonify
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from werkzeug.exceptions import HTTPException

from app.settings.logs import get_logger
from db.core.errors import is_retryable, safe_facts
from db.core.pool import Pool

log = get_logger(__name__)
RETRY_AFTER_SECONDS = 5

STATUSES = {
    "VALIDATION_ERROR": 400,
    "INVALID_JSON": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "CONFLICT": 409,
    "LENGTH_REQUIRED": 411,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "SYNC_FAILED": 500,
    "PLATFORM_FAILED": 502,
    "UNAVAILABLE": 503,
}
CODES_OF_STATUS = {400: "VALIDATION_ERROR", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}


class ApiError(Exception):
    """An answer other than success. `code` is a key of STATUSES; `headers` go out with it."""

    def __init__(
        self, code: str, message: str, headers: dict[str, str] | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details


def not_found() -> ApiError:
    """The same for an unknown id and for another store's."""
    return ApiError("NOT_FOUND", "there is no such thing here")


def unavailable() -> ApiError:
    return ApiError(
        "UNAVAILABLE", "the service is not available for the moment", {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


def error_response(error: ApiError) -> Response:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        body["details"] = error.details
    response = jsonify({"success": False, "error": body})
    response.status_code = STATUSES[error.code]
    g.error_code = error.code  # for the log and the metrics
    response.headers.update(error.headers)
    return response


def register_errors(app: Flask, pool: Pool, render: Callable[[ApiError], Response] = error_response) -> None:
    """One handler for each kind of failure, the last for whatever is left; `render` says how an error looks."""

    def database_failed(error: DatabaseError) -> Response:
        if not is_retryable(error):
            return render(_unexpected(error))
        log.warning("database_unavailable", **safe_facts(error))
        pool.check()  # one dead connection is seldom alone
        return render(unavailable())

    app.register_error_handler(ApiError, render)
    app.register_error_handler(PoolTimeout, lambda error: render(_database_away(error)))
    app.register_error_handler(DatabaseError, database_failed)
    app.register_error_handler(HTTPException, lambda error: render(_http_error(error)))
    app.register_error_handler(Exception, lambda error: render(_unexpected(error)))


def _database_away(error: PoolTimeout) -> ApiError:
    log.warning("database_unavailable", error=type(error).__name__)
    return unavailable()


def _http_error(error: HTTPException) -> ApiError:
    """Werkzeug's own refusals, 404 and 405 above all; their headers (Allow) are kept."""
    code = CODES_OF_STATUS.get(error.code or 500, "INTERNAL" if (error.code or 500) >= 500 else "VALIDATION_ERROR")
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return ApiError(code, error.name.lower(), headers)


def _unexpected(error: Exception) -> ApiError:
    log.error("request_failed", exc_info=error, **safe_facts(error))
    return ApiError("INTERNAL", "something went wrong on our side; the request id helps to find it")
