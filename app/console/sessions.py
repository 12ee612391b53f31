"""Sessions of the console: a random cookie, and a CSRF token that every change must send with it.

The cookie contains no API token, and the database stores only the cookie's SHA-256. Each request checks that the token that
opened the session is still valid, so revoking the token ends the session at once.
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

from app.http.auth import check_scopes, token_sha256
from app.http.errors import ApiError, not_found
from app.http.scopes import Scope
from app.http.services import services
from app.usecases.sign_in_links import link_hash
from db.core.tenancy import tenant
from db.stores.console_sessions import close_session, find_session, open_session, use_link
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
    """Open a session with an API token. Returns the cookie's value, or None if the token is invalid."""
    secret = secrets.token_urlsafe(32)
    with services().pool.connection() as conn:
        # Only hashes reach the database, so a copy of it opens no session.
        caller = open_session(conn, _sha256(secret), token_sha256(token), LIFETIME_SECONDS)
    if caller is None:
        return None
    g.caller = caller
    return secret


def sign_in_by_link(link: str) -> str | None:
    """Open a session with a one-use link. Returns the cookie's value, or None if the link is used or over."""
    secret = secrets.token_urlsafe(32)
    with services().pool.connection() as conn:
        caller = use_link(conn, link_hash(link), _sha256(secret), LIFETIME_SECONDS)
    if caller is None:
        return None
    g.caller = caller
    return secret


def sign_out() -> None:
    with services().pool.connection() as conn:
        close_session(conn, _sha256(cookie_of(COOKIE) or ""))


def signed_in() -> Caller | None:
    secret = cookie_of(COOKIE)
    if not secret:
        return None
    return services().token_throttle.look_up(request.remote_addr, _sha256(secret), _find_session)


def _find_session(sha256: bytes) -> Caller | None:
    with services().pool.connection() as conn:
        return find_session(conn, sha256)


def cookie_of(name: str) -> str | None:
    """The value of a cookie that this host set, or None."""
    return request.cookies.get(_name_and_path(name)[0])


def set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie for this site only, hidden from scripts. Over https it is never sent in clear."""
    full_name, path = _name_and_path(name)
    response.set_cookie(
        full_name, value, max_age=seconds, path=path, httponly=True, samesite="Strict", secure=request.is_secure
    )


def delete_cookie(response: Response, name: str) -> None:
    full_name, path = _name_and_path(name)
    response.delete_cookie(full_name, path=path, httponly=True, samesite="Strict", secure=request.is_secure)


def _name_and_path(name: str) -> tuple[str, str]:
    # Browsers accept the prefix only from this host, over https, and with the root's path.
    return (f"__Host-{name}", "/") if request.is_secure else (name, PATH)


def csrf_token(cookie: str = COOKIE) -> str:
    """What a form must send with the cookie. It does not reveal the cookie's value."""
    return csrf_of(cookie_of(cookie) or "")


def csrf_of(secret: str) -> str:
    return hashlib.sha256(b"csrf|" + secret.encode("utf-8", "surrogateescape")).hexdigest()


def check_csrf(cookie: str = COOKIE) -> None:
    """Raises ApiError if the form does not belong to this browser's session."""
    sent = request.form.get(CSRF_FIELD, "").encode("utf-8", "surrogateescape")
    # Without the cookie, the token of an empty secret would pass.
    if not cookie_of(cookie) or not hmac.compare_digest(sent, csrf_token(cookie).encode()):
        raise ApiError("FORBIDDEN", "This form is out of date. Go back, reload the page, and send it again.")


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def session_required(view: Callable[P, T]) -> Callable[P, T]:
    """A page for signed-in users. Every change needs its CSRF token."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        _enter()
        return view(*args, **kwargs)

    guarded.requires = "session"  # type: ignore[attr-defined]  # read by the test that walks all routes
    return guarded


def operator_page(view: Callable[P, T]) -> Callable[P, T]:
    """A page for operators. A store's token gets 404."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        if _enter().store_id is not None:
            raise not_found()
        return view(*args, **kwargs)

    guarded.requires = "operator session"  # type: ignore[attr-defined]
    return guarded


def store_page(*scopes: Scope) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """A page of the store that its URL names: the caller's own, or any store for an operator; otherwise 404.

    The token that opened the session needs one of `scopes`, like the API's route for the same action.
    """

    def decorate(view: Callable[..., T]) -> Callable[..., T]:
        @wraps(view)
        def guarded(store_id: UUID, **kwargs: object) -> T:
            found = _enter()
            _enter_store(found, store_id)
            check_scopes(found, scopes)
            return view(**kwargs)

        guarded.requires = ("session of the store", *scopes)  # type: ignore[attr-defined]
        return guarded

    return decorate


def may_administer() -> bool:
    return "admin" in caller().scopes


def caller() -> Caller:
    """Who is signed in. Only for views of the decorators above."""
    found: Caller = g.caller
    return found


def current_store() -> Store:
    """The store of the page. Only for views of `store_page`."""
    store: Store = g.store
    return store


def _enter() -> Caller:
    found = signed_in()
    if found is None:
        raise ApiError("UNAUTHORIZED", "Your session has ended. Sign in again.")
    services().limiter.check(found.token_id)  # not the store's own limit: pages must work while a plugin floods it
    g.caller = found
    structlog.contextvars.bind_contextvars(token_id=str(found.token_id), role=found.role)
    if request.method == "POST":
        check_csrf()
    return found


def _enter_store(found: Caller, store_id: UUID) -> None:
    if found.store_id not in (None, store_id):
        raise not_found()  # not 403: nobody learns which stores exist
    with services().pool.connection() as conn, tenant(conn, store_id):
        store = get_store(conn, store_id)
    if store is None:
        raise not_found()
    g.store, g.store_id = store, store_id
    structlog.contextvars.bind_contextvars(store_id=str(store_id))
