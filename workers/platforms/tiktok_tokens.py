"""TikTok Shop's access tokens: when to refresh, one at a time per shop, and where the new pair goes.

The refresh token is spent by its use: whoever refreshes must store the new pair, and nobody else may refresh meanwhile. How
that is arranged belongs to the caller, who hands in a `TokenDesk`; nothing here knows of a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from workers.platforms.base import PlatformError
from workers.platforms.failures import bad_credentials, revoked, unreadable
from workers.platforms.http import Clock, PlatformHttp, Request

REFRESH_PATH = "/api/v2/token/refresh"
EARLY_SECONDS = 300  # before its end a token counts as over, so that it does not end in mid-call
NAMES = ("access_token", "refresh_token", "access_token_expire_in", "refresh_token_expire_in")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair. The ends are unix seconds, whatever their names at TikTok Shop say; None where they are not known."""

    access_token: str
    refresh_token: str
    access_token_ends: int | None
    refresh_token_ends: int | None


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """How the engine keeps the pair of one shop.

    `load` reads the stored pair. `alone` is entered for a refresh and left after `store`: while one process is inside, any
    other that enters waits; it must hold no transaction open, for calls are made inside (a session's advisory lock on a
    connection of its own will do). It may raise PlatformError, retryable, where waiting takes too long. `store` keeps both
    tokens in one transaction and has committed them when it returns.
    """

    load: Callable[[], Tokens]
    store: Callable[[Tokens], None]
    alone: Callable[[], AbstractContextManager[None]]


def tokens_of(credentials: Mapping[str, Any]) -> Tokens:
    """The pair in a shop's credentials. Raises PlatformError where it is not whole."""
    access, refresh = credentials.get("access_token"), credentials.get("refresh_token")
    if not isinstance(access, str) or not isinstance(refresh, str) or not access or not refresh:
        raise bad_credentials()
    ends = (_seconds(credentials.get("access_token_expire_in")), _seconds(credentials.get("refresh_token_expire_in")))
    return Tokens(access, refresh, *ends)


def with_tokens(credentials: Mapping[str, str], tokens: Tokens) -> dict[str, str]:
    """The credentials with another pair in them, to be stored."""
    ends = (tokens.access_token_ends, tokens.refresh_token_ends)
    values = (tokens.access_token, tokens.refresh_token, *("" if end is None else str(end) for end in ends))
    return {**credentials, **dict(zip(NAMES, values, strict=True))}


def _seconds(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None


def is_over(ends: int | None, now: float, early: float) -> bool:
    """Whether a token that ends then is to be replaced; one whose end is not known lives until the platform says otherwise."""
    return ends is not None and now >= ends - early


class TokenKeeper:
    """The valid access token of one shop, at any moment of a run."""

    def __init__(self, desk: TokenDesk, http: PlatformHttp, app_key: str, app_secret: str, clock: Clock) -> None:
        self._desk = desk
        self._http = http
        self._app = {"app_key": app_key, "app_secret": app_secret}
        self._clock = clock
        self._tokens: Tokens | None = None

    def current(self, deadline: float) -> str:
        """A token that is not about to end, refreshed before if need be. Raises PlatformError where that fails."""
        if self._tokens is None or self._is_over(self._tokens):
            self._tokens = self._desk.load()
        if self._is_over(self._tokens):
            self._tokens = self._refreshed(self._tokens, deadline)
        return self._tokens.access_token

    def replaced(self, refused: str, deadline: float) -> str:
        """Another token than the one that the platform has just refused."""
        if self._tokens is None or self._tokens.access_token == refused:
            self._tokens = self._refreshed(self._tokens or self._desk.load(), deadline)
        return self._tokens.access_token

    def _is_over(self, tokens: Tokens) -> bool:
        return is_over(tokens.access_token_ends, self._clock.unix(), EARLY_SECONDS)

    def _refreshed(self, known: Tokens, deadline: float) -> Tokens:
        """The pair that takes the known one's place: another process's, or one that is fetched now, and stored."""
        with self._desk.alone():
            stored = self._desk.load()
            if stored.access_token != known.access_token and not self._is_over(stored):
                return stored
            if is_over(stored.refresh_token_ends, self._clock.unix(), 0):
                raise revoked()
            fresh = self._fetch(stored, deadline)
            self._desk.store(fresh)
            return fresh

    def _fetch(self, spent: Tokens, deadline: float) -> Tokens:
        query = {**self._app, "refresh_token": spent.refresh_token, "grant_type": "refresh_token"}
        request = Request("GET", f"{self._http.base}{REFRESH_PATH}?{urlencode(query)}")
        answer = self._http.call(lambda: request, deadline)
        data = answer.document.get("data")
        try:
            return tokens_of(data if isinstance(data, dict) else {})
        except PlatformError:
            raise unreadable() from None
