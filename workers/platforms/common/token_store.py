"""Renews access tokens that expire, one process at a time per shop. The same for every platform.

A platform may accept a refresh token only once: whoever renews must store the new pair, and nobody else may renew meanwhile.
The caller's `TokenStore` does both; nothing here knows a database. A renewal is stored as sent before it is sent, so that the
merchant learns the reason if the answer is lost and the old token no longer works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from app.settings.logs import get_logger
from workers.platforms.common.answers import Answer
from workers.platforms.common.failures import renewal_lost, revoked
from workers.platforms.common.http import Clock, PlatformHttp, Request
from workers.platforms.common.interface import PlatformError

log = get_logger(__name__)

MARGIN_SECONDS = 300  # a token counts as expired this long before its end, so that none expires during a call
EARLY_RENEWAL_SECONDS = 10.0  # time limit of a renewal that is not needed yet
AGAIN_SECONDS = 60.0  # between attempts of such a renewal
PART_OF_LIFE = 0.25  # renew early only in the last quarter of a token's life
NAMES = ("access_token", "refresh_token", "access_token_expire_in", "refresh_token_expire_in", "renewal_sent_at")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair of tokens; either is "" if there is none. Ends are unix seconds, None if unknown.

    `renewal_sent`: the unix second at which a renewal was sent whose answer was not stored.
    """

    access_token: str
    refresh_token: str
    access_token_ends: int | None
    refresh_token_ends: int | None
    renewal_sent: int | None = None

    def is_pair_of(self, other: Tokens) -> bool:
        return (self.access_token, self.refresh_token) == (other.access_token, other.refresh_token)


@dataclass(frozen=True, slots=True)
class TokenStore:
    """Stores the pair of one shop.

    `load` reads the pair. `replace(loaded, new)` commits the new pair; False if the shop was connected again since the pair
    was loaded, and nothing was stored. `renewal_lease` admits one process at a time; it must hold no transaction open, as
    calls are made inside. It may raise a retryable PlatformError if waiting takes too long.
    """

    load: Callable[[], Tokens]
    replace: Callable[[Tokens, Tokens], bool]
    renewal_lease: Callable[[], AbstractContextManager[None]]


Renew = Callable[[Tokens, float], Tokens]  # asks the platform, until a monotonic deadline; raises PlatformError


def tokens_of(credentials: Mapping[str, Any]) -> Tokens:
    access, refresh = (str(credentials.get(name) or "") for name in NAMES[:2])
    access_ends, refresh_ends, sent = (_seconds(credentials.get(name)) for name in NAMES[2:])
    return Tokens(access, refresh, access_ends, refresh_ends, sent)


def with_tokens(credentials: Mapping[str, str], tokens: Tokens) -> dict[str, str]:
    moments = (tokens.access_token_ends, tokens.refresh_token_ends, tokens.renewal_sent)
    values = (tokens.access_token, tokens.refresh_token, *("" if moment is None else str(moment) for moment in moments))
    return {**credentials, **dict(zip(NAMES, values, strict=True))}


def _seconds(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None


def is_over(ends: int | None, now: float, early: float) -> bool:
    """Whether a token is to be replaced. One without a known end lives until the platform refuses it."""
    return ends is not None and now >= ends - early


def send_renewal(http: PlatformHttp, request: Request, spent: Tokens, deadline: float) -> Answer:
    """The answer to a renewal. If the platform refuses a token that was already sent once, the cause is the lost answer."""
    sent = 0 if spent.renewal_sent is None else 1

    def once_more() -> Request:
        nonlocal sent
        sent += 1
        return request

    try:
        return http.call(once_more, deadline)
    except PlatformError as error:
        if error.code == revoked().code and spent.refresh_token and sent > 1:
            raise renewal_lost() from None
        raise


class TokenKeeper:
    """Has a valid access token of one shop at any moment.

    Renews it `early` seconds before its end if possible; a failure stops nothing before the end.
    """

    def __init__(self, store: TokenStore, renew: Renew, clock: Clock, early: float = MARGIN_SECONDS) -> None:
        self._store = store
        self._renew = renew
        self._clock = clock
        self._early = early
        self._tokens: Tokens | None = None
        self._not_before = 0.0  # unix: no early renewal before

    def current(self, deadline: float) -> str:
        """A token that does not expire soon, renewed if necessary. Raises PlatformError if that fails."""
        if self._tokens is None or self._is_over(self._tokens):
            self._tokens = self._store.load()
        if self._is_over(self._tokens):
            self._tokens = self._renewed(self._tokens, deadline)
        elif self._is_due(self._tokens):
            self._tokens = self._renewed_early(self._tokens, deadline)
        return self._tokens.access_token

    def replaced(self, refused: str, deadline: float) -> str:
        if self._tokens is None or self._tokens.access_token == refused:
            self._tokens = self._renewed(self._tokens or self._store.load(), deadline)
        return self._tokens.access_token

    def _is_over(self, tokens: Tokens) -> bool:
        return not tokens.access_token or is_over(tokens.access_token_ends, self._clock.unix(), MARGIN_SECONDS)

    def _is_due(self, tokens: Tokens) -> bool:
        now = self._clock.unix()
        return now >= self._not_before and is_over(tokens.access_token_ends, now, self._early)

    def _renewed_early(self, known: Tokens, deadline: float) -> Tokens:
        now = self._clock.unix()
        self._not_before = now + AGAIN_SECONDS
        try:
            return self._renewed(known, min(deadline, self._clock.monotonic() + EARLY_RENEWAL_SECONDS))
        except PlatformError as error:
            log.warning("token_not_renewed", code=error.code, good_for=int((known.access_token_ends or now) - now))
            return known

    def _renewed(self, known: Tokens, deadline: float) -> Tokens:
        with self._store.renewal_lease():
            stored = self._store.load()
            if stored.access_token != known.access_token and not self._is_over(stored):
                return stored  # another process has renewed it
            now = self._clock.unix()
            if is_over(stored.refresh_token_ends, now, 0):
                raise revoked()
            if stored.renewal_sent is None and not self._store.replace(stored, replace(stored, renewal_sent=int(now))):
                return self._store.load()
            fresh = self._renew(stored, deadline)
            if not self._store.replace(stored, fresh):
                return self._store.load()
        if (
            fresh.access_token_ends is not None
        ):  # a token that lives shorter than `early` must not be renewed at every call
            self._not_before = fresh.access_token_ends - (fresh.access_token_ends - now) * PART_OF_LIFE
        return fresh
