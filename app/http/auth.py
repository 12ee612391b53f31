"""Authenticates a bearer token by its SHA-256. The store of a request comes from the token and from nowhere else."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

import structlog
from flask import g, request

from app.http.errors import ApiError
from app.http.scopes import Scope
from app.http.services import services
from db.stores.tokens import Caller, authenticate_token

TOKEN_PREFIX = "slc_"  # noqa: S105 - lets a leaked token be recognised, and is no secret


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def enter(scopes: tuple[Scope, ...]) -> None:
    """Let in a token of a store that has one of `scopes`; `current_store_id` is its store.

    Raises ApiError 401, 403 or 429. The caller is noted even if refused: the request's log line and the audit trail name it.
    """
    g.caller = caller = authenticate()
    structlog.contextvars.bind_contextvars(token_id=str(caller.token_id))
    if caller.store_id is None:
        raise ApiError("FORBIDDEN", "this needs a store's token; an operator's token belongs to no store")
    services().limiter.check(caller.store_id)
    check_scopes(caller, scopes)
    g.store_id = caller.store_id
    structlog.contextvars.bind_contextvars(store_id=str(caller.store_id))


def check_scopes(caller: Caller, scopes: tuple[Scope, ...]) -> None:
    """Raises ApiError 403, which names the missing scopes, unless the token has one of `scopes`."""
    if not any(scope in caller.scopes for scope in scopes):
        message = f"this needs a token with the scope {' or '.join(scopes)}"
        raise ApiError("FORBIDDEN", message, details={"missingScopes": list(scopes)})


def authenticate() -> Caller:
    """The caller of the Authorization header's token. Raises ApiError 401, the same for every kind of wrong token."""
    token = bearer_token()
    caller = services().token_cache.get(token_sha256(token), _look_up) if token else None
    if caller is None:
        raise unauthorized()
    g.caller = caller
    return caller


def bearer_token() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def _look_up(sha256: bytes) -> Caller | None:
    return services().token_throttle.look_up(request.remote_addr, sha256, _ask_database)


def _ask_database(sha256: bytes) -> Caller | None:
    with services().pool.connection() as conn:
        return authenticate_token(conn, sha256)


def unauthorized() -> ApiError:
    return ApiError("UNAUTHORIZED", headers={"WWW-Authenticate": "Bearer"})


def current_store_id() -> UUID:
    """The store of this request, in a view that `enter` let in."""
    store_id: UUID = g.store_id
    return store_id
