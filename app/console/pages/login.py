"""Signing in and out."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.console.sessions import (
    COOKIE,
    LIFETIME_SECONDS,
    LOGIN_COOKIE,
    PATH,
    check_csrf,
    cookie_of,
    csrf_of,
    delete_cookie,
    session_required,
    set_cookie,
    sign_in,
    sign_out,
    signed_in,
)
from app.console.sign_in_attempts import SignInAttempts
from app.http.errors import ApiError

ATTEMPTS = "sluice_console_attempts"
FORM_SECONDS = 3600


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/login", "login", show_login, methods=["GET"])
    blueprint.add_url_rule("/login", "try_login", try_login, methods=["POST"])
    blueprint.add_url_rule("/logout", "logout", log_out, methods=["POST"])


def show_login() -> AnyResponse:
    if signed_in() is not None:
        return redirect(url_for("console.home"))
    return _form()


def try_login() -> AnyResponse:
    """A wrong token, a stale form or too many attempts show the form again, with the reason."""
    token = request.form.get("token", "").strip()
    attempts: SignInAttempts = current_app.extensions[ATTEMPTS]
    try:
        attempts.check(request.remote_addr, token)
        check_csrf(LOGIN_COOKIE)
    except ApiError as error:
        return _form(error)
    secret = sign_in(token) if token else None
    if secret is None:
        attempts.note_failure(request.remote_addr, token)
        return _form(ApiError("UNAUTHORIZED", _why(token)))
    response = redirect(_destination(request.form.get("next", "")))
    set_cookie(response, COOKIE, secret, LIFETIME_SECONDS)
    delete_cookie(response, LOGIN_COOKIE)
    return response


def _why(token: str) -> str:
    if not token:
        return "Paste a token to sign in."
    return "This token is not known here. It may have been revoked, have expired, or be cut short."


def _form(error: ApiError | None = None) -> Response:
    """The form's CSRF token goes with a cookie of its own: there is no session yet."""
    secret = cookie_of(LOGIN_COOKIE) or secrets.token_urlsafe(32)
    page = render_template(
        "console/login.html",
        csrf=csrf_of(secret),
        error=error.message if error else None,
        next=_destination(request.values.get("next", "")),
    )
    response = Response(page, status=error.status if error else 200)
    response.headers.update(error.headers if error else {})
    set_cookie(response, LOGIN_COOKIE, secret, FORM_SECONDS)
    return response


def _destination(asked: str) -> str:
    """Only a page of the console; anything else, another site above all, leads to its first page."""
    is_ours = asked.startswith(PATH + "/") and not any(mark in asked for mark in ("\\", "//", "\r", "\n"))
    return asked if is_ours else url_for("console.home")


@session_required
def log_out() -> AnyResponse:
    sign_out()
    response = redirect(url_for("console.login"))
    delete_cookie(response, COOKIE)
    return response
