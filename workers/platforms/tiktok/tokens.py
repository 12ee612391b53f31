"""Renews TikTok Shop's tokens. A refresh token works once, and the secrets are in the URL."""

from __future__ import annotations

from urllib.parse import urlencode

from workers.platforms.common.failures import bad_credentials, unreadable
from workers.platforms.common.http import PlatformHttp, Request
from workers.platforms.common.token_store import Renew, Tokens, send_renewal, tokens_of

REFRESH_PATH = "/api/v2/token/refresh"
# An access token lives seven days. Whether a refresh token works again after a lost answer is not documented: if not, the shop
# can still be pulled for this long with the old access token.
EARLY_SECONDS = 86_400


def renewal(http: PlatformHttp, app_key: str, app_secret: str) -> Renew:
    """Asks the token host. The "expire_in" values in its answer are moments, not durations."""

    def renew(spent: Tokens, deadline: float) -> Tokens:
        if not spent.refresh_token:
            raise bad_credentials()
        app = {"app_key": app_key, "app_secret": app_secret}
        query = {**app, "refresh_token": spent.refresh_token, "grant_type": "refresh_token"}
        request = Request("GET", f"{http.base}{REFRESH_PATH}?{urlencode(query)}")
        data = send_renewal(http, request, spent, deadline).document.get("data")
        fresh = tokens_of(data if isinstance(data, dict) else {})
        if not fresh.access_token or not fresh.refresh_token:
            raise unreadable()
        return fresh

    return renew
