"""TikTok Shop's way to renew a pair of tokens. The refresh token is spent by its use, and the secrets stand in the URL."""

from __future__ import annotations

from urllib.parse import urlencode

from workers.platforms.common.failures import bad_credentials, unreadable
from workers.platforms.common.http import PlatformHttp, Request
from workers.platforms.common.token_store import Renew, Tokens, send_renewal, tokens_of

REFRESH_PATH = "/api/v2/token/refresh"
# Of the seven days that an access token lives. Whether the platform takes a refresh token again whose answer was lost is not
# documented: if it does not, this is how long the shop is still pulled, should it let the old access token live.
EARLY_SECONDS = 86_400


def renewal(http: PlatformHttp, app_key: str, app_secret: str) -> Renew:
    """Asks the token host. The ends in its answer are moments, whatever their names say."""

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
