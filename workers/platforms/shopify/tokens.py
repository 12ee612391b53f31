"""Renews Shopify's access tokens that expire.

An app of the shop's own organisation sends its id and secret, and gets a token for a day; nothing is refreshed. A public
app's token lives an hour, and comes with a refresh token that each use replaces. The old one works until the new one is first
used, so a lost answer costs nothing. A token of an older app never expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

from workers.platforms.common.answers import Answer, failure_by_status
from workers.platforms.common.failures import app_refused, revoked, unknown_shop, unreadable
from workers.platforms.common.http import Clock, PlatformHttp, Request
from workers.platforms.common.interface import PlatformError
from workers.platforms.common.token_store import Renew, Tokens, send_renewal

TOKEN_PATH = "admin/oauth/access_token"  # noqa: S105 - a path, not a token
REFUSALS = {400: revoked, 401: app_refused, 403: app_refused, 404: unknown_shop}


@dataclass(frozen=True, slots=True)
class App:
    """The app that gets the tokens."""

    client_id: str
    client_secret: str


def renewal_failure(answer: Answer, now: float) -> PlatformError | None:
    """The failure that an answer to a renewal means. A refused grant has status 400; a refused app its error's name, or 401."""
    failure = failure_by_status(answer, now)
    if failure is not None or answer.status == 200:
        return failure
    error = answer.document.get("error") if isinstance(answer.document, dict) else None
    return app_refused() if error == "invalid_client" else REFUSALS.get(answer.status, revoked)()


def renewal(http: PlatformHttp, app: App | None, clock: Clock) -> Renew:
    """Asks the shop itself: with the refresh token if there is one, else as the app. Without an app it fails."""

    def renew(spent: Tokens, deadline: float) -> Tokens:
        if app is None:
            raise revoked()
        grant = (
            {"grant_type": "refresh_token", "refresh_token": spent.refresh_token}
            if spent.refresh_token
            else {"grant_type": "client_credentials"}
        )
        body = urlencode({"client_id": app.client_id, "client_secret": app.client_secret, **grant}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = Request("POST", urljoin(f"{http.base}/", TOKEN_PATH), headers, body)
        answer = send_renewal(http, request, spent, deadline)
        return read_tokens(answer.document, spent, clock.unix())

    return renew


def read_tokens(document: dict[str, Any], spent: Tokens, now: float) -> Tokens:
    access = document.get("access_token")
    if not isinstance(access, str) or not access:
        raise unreadable()
    refresh = document.get("refresh_token")
    return Tokens(
        access_token=access,
        refresh_token=refresh if isinstance(refresh, str) else spent.refresh_token,
        access_token_ends=_end(document.get("expires_in"), now),
        refresh_token_ends=_end(document.get("refresh_token_expires_in"), now),
    )


def _end(seconds: Any, now: float) -> int | None:
    return int(now) + seconds if type(seconds) is int and seconds > 0 else None
