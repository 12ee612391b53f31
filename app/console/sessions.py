"""Who is signed in: a random cookie that names a session, and a CSRF token that goes with it on every change.

The cookie holds no token of the API, and the database only the cookie's SHA-256. Each request asks anew whether the token
that opened the session still holds, so that revoking it ends the session at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

import structlog
from flask import g, request
from werkzeug.wrappers import Response

from app.http.auth import token_sha256
from app.http.errors import ApiError, not_found
from app.http.services import services
from db.core.tenancy import tenant
from db.stores.console_sessions import close_session, find_session, open_session
from db.stores.stores import Store, get_store
from db.stores.tokens import Caller

P = ParamSpec("P")
T = TypeVar("T")

COOKIE = "sluice_console"
LOGIN_COOKIE = "sluice_console_login"
PATH = "/console"
LIFETIME_SECONDS = 12 * 3600
CSRF_FIELD = "csrf"


def sign_in(token: str) -> str | None:
    """Open a session with a token of the API; the cookie's value, or None for a token that opens no door."""
    secret = secrets.token_urlsafe(32)
    with services().pool.connection() as conn:
        caller = open_session(conn, _sha256(secret), token_sha256(token), LIFETIME_SECONDS)
    return secret if caller else None


def sign_out() -> None:
    with services().pool.connection() as conn:
        close_session(conn, _sha256(request.cookies.get(COOKIE, "")))


def signed_in() -> Caller | None:
    secret = request.cookies.get(COOKIE)
    if not secret:
        return None
    with services().pool.connection() as conn:
        return find_session(conn, _sha256(secret))


def set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """For this browser and this site alone, out of reach of scripts; over https never in clear."""
    response.set_cookie(
        name, value, max_age=seconds, path=PATH, httponly=True, samesite="Strict", secure=request.is_secure
    )


def csrf_token(cookie: str = COOKIE) -> str:
    """What a form must send beside the cookie; it tells nothing about the cookie's value."""
    return csrf_of(request.cookies.get(cookie, ""))


def csrf_of(secret: str) -> str:
    return hashlib.sha256(b"csrf|" + secret.encode("utf-8", "surrogateescape")).hexdigest()


def check_csrf(cookie: str = COOKIE) -> None:
    """Raises ApiError where the form was not made for this browser's session."""
    sent = request.form.get(CSRF_FIELD, "").encode("utf-8", "surrogateescape")
    if not request.cookies.get(cookie) or not hmac.compare_digest(sent, csrf_token(cookie).encode()):
        raise ApiError("FORBIDDEN", "This form is out of date. Go back, reload the page, and send it again.")


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def session_required(view: Callable[P, T]) -> Callable[P, T]:
    """Only for who is signed in; every change with its CSRF token."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        _enter()
        return view(*args, **kwargs)

    guarded.requires = "session"  # type: ignore[attr-defined]  # read by the test that walks all routes
    return guarded


def operator_page(view: Callable[P, T]) -> Callable[P, T]:
    """For operators alone; to a store's token there is no such page."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        if _enter().store_id is not None:
            raise not_found()
        return view(*args, **kwargs)

    guarded.requires = "operator session"  # type: ignore[attr-defined]
    return guarded


def store_page(view: Callable[..., T]) -> Callable[..., T]:
    """A page of one store, named in its address: of the caller's own, or of any to an operator. Else there is no such page."""

    @wraps(view)
    def guarded(store_id: UUID, **kwargs: object) -> T:
        _enter_store(_enter(), store_id)
        return view(**kwargs)

    guarded.requires = "session of the store"  # type: ignore[attr-defined]
    return guarded


def admin_page(view: Callable[..., T]) -> Callable[..., T]:
    """The same for who administers the store, and operators."""

    @wraps(view)
    def guarded(store_id: UUID, **kwargs: object) -> T:
        _enter_store(_enter(), store_id)
        if not may_administer():
            raise ApiError("FORBIDDEN", "This takes an admin token of the store, or an operator's.")
        return view(**kwargs)

    guarded.requires = "admin session of the store"  # type: ignore[attr-defined]
    return guarded


def may_administer() -> bool:
    return caller().role in ("admin", "operator")


def caller() -> Caller:
    """Who is signed in, within a page."""
    found: Caller = g.caller
    return found


def current_store() -> Store:
    """The store whose page this is."""
    store: Store = g.store
    return store


def _enter() -> Caller:
    found = signed_in()
    if found is None:
        raise ApiError("UNAUTHORIZED", "Your session has ended. Sign in again.")
    services().limiter.check(found.token_id)  # a budget beside the store's own: pages are watched while a plugin floods
    g.caller = found
    structlog.contextvars.bind_contextvars(token_id=str(found.token_id), role=found.role)
    if request.method == "POST":
        check_csrf()
    return found


def _enter_store(found: Caller, store_id: UUID) -> None:
    if found.store_id not in (None, store_id):
        raise not_found()
    with services().pool.connection() as conn, tenant(conn, store_id):
        store = get_store(conn, store_id)
    if store is None:
        raise not_found()
    g.store, g.store_id = store, store_id
    structlog.contextvars.bind_contextvars(store_id=str(store_id))
