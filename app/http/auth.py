"""Who is calling: a bearer token, looked up by its SHA-256. The store comes from the token and from nowhere else."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

import structlog
from flask import g, request

from app.http.errors import ApiError
from app.http.services import services
from db.stores.tokens import Caller, authenticate_token

P = ParamSpec("P")
T = TypeVar("T")
TOKEN_PREFIX = "slc_"  # noqa: S105 - lets a leaked token be recognised, and is no secret


def new_token() -> str:
    """256 random bits behind a prefix."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def store_required(view: Callable[P, T]) -> Callable[P, T]:
    """Only for callers that belong to a store; a view behind it asks `current_store_id`."""
    return _guarded(view, "store", ("store", "admin"))


def admin_required(view: Callable[P, T]) -> Callable[P, T]:
    """Only for those who administer a store; a view behind it asks `current_store_id`."""
    return _guarded(view, "admin", ("admin",))


def _guarded(view: Callable[P, T], requires: str, roles: tuple[str, ...]) -> Callable[P, T]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        caller = authenticate()
        if caller.store_id is None:
            raise ApiError("FORBIDDEN", "this is for a store's token; an operator's belongs to none")
        if caller.role not in roles:
            raise ApiError("FORBIDDEN", "this is for an admin token of the store")
        services().limiter.check(caller.store_id)
        g.store_id = caller.store_id
        structlog.contextvars.bind_contextvars(store_id=str(caller.store_id))
        return view(*args, **kwargs)

    guarded.requires = requires  # type: ignore[attr-defined]  # read by the test that walks all routes
    return guarded


def authenticate() -> Caller:
    """The caller behind the Authorization header. Raises ApiError 401, alike for every kind of wrong token."""
    token = bearer_token()
    caller = services().callers.get(token_sha256(token), _look_up) if token else None
    if caller is None:
        raise unauthorized()
    return caller


def bearer_token() -> str | None:
    """The token that came with the request, whatever it is worth."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def _look_up(sha256: bytes) -> Caller | None:
    with services().pool.connection() as conn:
        return authenticate_token(conn, sha256)


def unauthorized() -> ApiError:
    """The same for every kind of wrong token."""
    return ApiError("UNAUTHORIZED", "send a valid token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})


def current_store_id() -> UUID:
    """The tenant of this request."""
    store_id: UUID = g.store_id
    return store_id
