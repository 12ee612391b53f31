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
    sign_in_by_link,
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
    blueprint.add_url_rule("/sign-in", "show_link", show_link, methods=["GET"])
    blueprint.add_url_rule("/sign-in", "try_link", try_link, methods=["POST"])
    blueprint.add_url_rule("/logout", "logout", log_out, methods=["POST"])


def show_login() -> AnyResponse:
    if signed_in() is not None:
        return redirect(url_for("console.home"))
    return _form()


def try_login() -> AnyResponse:
    """Show the form again, with the reason, for a wrong token, a stale form or too many attempts."""
    token = request.form.get("token", "").strip()
    attempts: SignInAttempts = current_app.extensions[ATTEMPTS]
    try:
        attempts.check(request.remote_addr, token)
        check_csrf(LOGIN_COOKIE)
    except ApiError as error:
        return _form(error)
    secret = sign_in(token) if token else None
    if secret is None:  # an empty token counts as a failure, too
        attempts.note_failure(request.remote_addr, token)
        message = "This token is unknown. It may be revoked, expired or incomplete." if token else "Enter a token."
        return _form(ApiError("UNAUTHORIZED", message))
    return _enter(secret)


def show_link() -> AnyResponse:
    """Ask before the link is used: a mail scanner or a browser's prefetch must not use it up."""
    return _form(template="console/sign_in.html")


def try_link() -> AnyResponse:
    """Sign in with a one-use link; the form for a token, with the reason, if the link is used or over."""
    link = request.form.get("link", "")
    attempts: SignInAttempts = current_app.extensions[ATTEMPTS]
    try:
        attempts.check(request.remote_addr, link)
        check_csrf(LOGIN_COOKIE)
    except ApiError as error:
        return _form(error)
    secret = sign_in_by_link(link)
    if secret is None:
        attempts.note_failure(request.remote_addr, link)
        return _form(ApiError("UNAUTHORIZED", "This link was used already, or it has expired. Sign in with a token."))
    return _enter(secret)


def _enter(secret: str) -> AnyResponse:
    response = redirect(_destination(request.form.get("next", "")))
    set_cookie(response, COOKIE, secret, LIFETIME_SECONDS)
    delete_cookie(response, LOGIN_COOKIE)
    return response


def _form(error: ApiError | None = None, template: str = "console/login.html") -> Response:
    # There is no session yet, so the form's CSRF token has a cookie of its own.
    secret = cookie_of(LOGIN_COOKIE) or secrets.token_urlsafe(32)
    page = render_template(
        template,
        csrf=csrf_of(secret),
        error=error.message if error else None,
        next=_destination(request.values.get("next", "")),
        link=request.args.get("link", ""),
    )
    response = Response(page, status=error.status if error else 200)
    response.headers.update(error.headers if error else {})
    set_cookie(response, LOGIN_COOKIE, secret, FORM_SECONDS)
    return response


def _destination(asked: str) -> str:
    # An open redirect would help phishing: only pages of the console are allowed.
    is_ours = asked.startswith(PATH + "/") and not any(mark in asked for mark in ("\\", "//", "\r", "\n"))
    return asked if is_ours else url_for("console.home")


@session_required
def log_out() -> AnyResponse:
    sign_out()
    response = redirect(url_for("console.login"))
    delete_cookie(response, COOKIE)
    return response
