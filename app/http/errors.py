"""Error codes, and how an error is answered: a code and plain words, with nothing that tells how Sluice works inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What is said of an error code by the API, the contract and the console.

    `message` is what the caller reads unless the error has words of its own, and the example in the contract. `title` heads the
    console's page. `headers` come with every answer, `may_have` with some; `details` are an example of the facts.
    """

    status: int
    message: str
    title: str = "Something went wrong"
    headers: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()
    details: Mapping[str, Any] | None = None


ERROR_CODES: dict[str, ErrorCode] = {
    "VALIDATION_ERROR": ErrorCode(400, "orders must be an array", "Something is missing or wrong"),
    "INVALID_JSON": ErrorCode(400, "the JSON is broken at line 1, column 12"),
    "UNAUTHORIZED": ErrorCode(
        401, "send a valid token: Authorization: Bearer …", "Sign in", headers=("WWW-Authenticate",)
    ),
    "FORBIDDEN": ErrorCode(
        403, "this needs a token with the scope erp", "Not allowed", details={"missingScopes": ["erp"]}
    ),
    "NOT_FOUND": ErrorCode(404, "not found: it does not exist, or belongs to another store", "Not found"),
    "METHOD_NOT_ALLOWED": ErrorCode(405, "method not allowed"),
    "CONFLICT": ErrorCode(
        409,
        "only a failed job whose payload is still kept can be retried",
        "Not possible now",
        details={"status": "completed"},
    ),
    "LENGTH_REQUIRED": ErrorCode(411, "send Content-Length, or a chunked body"),
    "PAYLOAD_TOO_LARGE": ErrorCode(413, "orders may hold 5000 records, not 5001"),
    "UNSUPPORTED_MEDIA_TYPE": ErrorCode(415, "send application/json"),
    "IDEMPOTENCY_KEY_REUSED": ErrorCode(422, "this Idempotency-Key was used before with another body"),
    "RATE_LIMITED": ErrorCode(429, "more than 1200 requests a minute", "Too many requests", headers=("Retry-After",)),
    "STORAGE_FULL": ErrorCode(
        429,
        "the store holds more than the 1000000000 bytes it may: delete data, or ask for more",
        headers=("Retry-After",),
    ),
    "INTERNAL": ErrorCode(500, "something went wrong on the server; report it with the request id"),
    "SYNC_FAILED": ErrorCode(
        500,
        "the batch could not be processed",
        may_have=("Preference-Applied", "Idempotent-Replayed"),
        details={"syncLogId": "01a1fc05-3a02-7202-b70c-5ff2ed410956", "status": "failed"},
    ),
    "PLATFORM_FAILED": ErrorCode(
        502, "the shop did not answer in time", may_have=("Retry-After",), details={"code": "PLATFORM_TIMED_OUT"}
    ),
    "UNAVAILABLE": ErrorCode(
        503, "the service is not available at the moment", "Not available at the moment", headers=("Retry-After",)
    ),
}
CODES_OF_STATUS = {400: "VALIDATION_ERROR", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}


class ApiError(Exception):
    """An answer other than success. `code` is a key of ERROR_CODES, whose words are used without `message`."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        headers: dict[str, str] | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = ERROR_CODES[code].message if message is None else message
        self.headers = headers or {}
        self.details = details

    @property
    def status(self) -> int:
        return ERROR_CODES[self.code].status


def not_found() -> ApiError:
    """The same for an unknown id and for another store's."""
    return ApiError("NOT_FOUND")


def unavailable() -> ApiError:
    return ApiError("UNAVAILABLE", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def error_response(error: ApiError) -> Response:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        body["details"] = error.details
    response = jsonify({"success": False, "error": body})
    response.status_code = error.status
    g.error_code = error.code  # for the log and the metrics
    response.headers.update(error.headers)
    return response


def register_errors(app: Flask, pool: Pool, render: Callable[[ApiError], Response] = error_response) -> None:
    """Answer every failure of a request with an ApiError that `render` turns into a response."""

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
    # Werkzeug raises these itself, mostly 404 and 405.
    code = CODES_OF_STATUS.get(error.code or 500, "INTERNAL" if (error.code or 500) >= 500 else "VALIDATION_ERROR")
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return ApiError(code, None if code == "NOT_FOUND" else error.name.lower(), headers)


def _unexpected(error: Exception) -> ApiError:
    log.error("request_failed", exc_info=error, **safe_facts(error))
    return ApiError("INTERNAL")
