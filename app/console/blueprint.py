"""The console: HTML pages on the API's own use cases, with a policy that lets only our own files run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Blueprint, Flask, Response, g, redirect, render_template, request, url_for

from app.console.notices import notice
from app.console.pages import audit, books, failures, history, login, outbound, overview, starts, stores, system
from app.console.pages import explain as explaining
from app.console.pages.login import ATTEMPTS
from app.console.sessions import PATH, csrf_token, may_administer
from app.console.sign_in_attempts import SignInAttempts
from app.console.views.formatting import FILTERS
from app.http.errors import ERROR_CODES, ApiError, error_response
from app.http.services import EXTENSION, Services
from schemas.platforms.registry import PLATFORMS

MOST_FORM_BYTES = 64 * 1024
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STATIC = Path(__file__).parent / "static"
STATIC_SECONDS = 365 * 86400  # a changed file gets a new URL
VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.rglob("*.*")))).hexdigest()[:12]


def make_blueprint() -> Blueprint:
    blueprint = Blueprint("console", __name__, url_prefix=PATH, static_folder="static", template_folder="templates")
    for group in (login, overview, failures, history, starts, explaining, books, outbound, stores, audit, system):
        group.add_pages(blueprint)
    blueprint.before_request(_limit_form)
    blueprint.app_context_processor(_template_context)
    blueprint.record_once(lambda state: state.app.jinja_env.filters.update(FILTERS))
    return blueprint


def add_console(app: Flask) -> None:
    """Register all pages. Every response below /console gets the security headers, including errors."""
    found: Services = app.extensions[EXTENSION]
    app.register_blueprint(make_blueprint())
    app.extensions[ATTEMPTS] = SignInAttempts(found.wake_up)
    app.after_request(_add_headers)
    app.add_url_rule("/", "root", _show_console)


def _show_console() -> Response:
    answer = redirect(url_for("console.home"))
    return Response(answer.get_data(), status=answer.status_code, headers=dict(answer.headers))


def _limit_form() -> None:
    request.max_content_length = MOST_FORM_BYTES


def _template_context() -> dict[str, object]:
    signed_in, store = g.get("caller"), g.get("store")
    return {
        "caller": signed_in,
        "store": store,
        "platform": PLATFORMS[store.platform] if store else None,
        "is_admin": signed_in is not None and may_administer(),
        "scopes_held": frozenset(signed_in.scopes if signed_in else ()),
        "csrf": csrf_token(),
        "notice": notice(),
        "asset": asset,
    }


def asset(name: str) -> str:
    """The URL of a static file. It changes with the files' content."""
    return url_for("console.static", filename=name, v=VERSION)


def is_page() -> bool:
    return request.path == PATH or request.path.startswith(PATH + "/")


def render_error(error: ApiError) -> Response:
    """An error as a page below /console, and in the API's envelope elsewhere."""
    if not is_page():
        return error_response(error)
    g.error_code = error.code  # for the log and the metrics
    if error.code == "UNAUTHORIZED":
        return _login_redirect()
    title = ERROR_CODES[error.code].title
    page = render_template("console/error.html", title=title, error=error, request_id=g.get("request_id"))
    response = Response(page, status=error.status)
    response.headers.update(error.headers)
    return response


def _login_redirect() -> Response:
    if request.headers.get("HX-Request"):  # a redirect would put the form into the live part of the page
        return Response(status=204, headers={"HX-Redirect": url_for("console.login")})
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    answer = redirect(url_for("console.login", next=back))
    return Response(answer.get_data(), status=answer.status_code, headers=dict(answer.headers))


def _add_headers(response: Response) -> Response:
    if is_page():
        response.headers.update(HEADERS)
        if request.endpoint == "console.static" and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={STATIC_SECONDS}"
    return response
