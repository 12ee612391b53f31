"""Access tokens that end: when to renew, one at a time per shop, and where the new pair goes. The same for every platform.

A platform may take a refresh token once only: whoever renews must store the new pair, and nobody else may renew meanwhile. How
that is arranged belongs to the caller, who hands in a `TokenStore`; nothing here knows of a database. A renewal is noted before
it is asked for: where its answer is lost and the old token is dead, the merchant is told so.
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

MARGIN_SECONDS = 300  # before its end a token counts as over, so that it does not end in mid-call
EARLY_RENEWAL_SECONDS = 10.0  # how long a renewal may take for which there is no need yet
AGAIN_SECONDS = 60.0  # when to try that one again
PART_OF_LIFE = 0.25  # what is left of a token's life, at least, when the next is asked for
NAMES = ("access_token", "refresh_token", "access_token_expire_in", "refresh_token_expire_in", "renewal_sent_at")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair; either is "" where there is none. The ends are unix seconds, None where they are not known.

    `renewal_sent`: the unix second at which the refresh token was sent to the platform, whose answer never came to be stored.
    """

    access_token: str
    refresh_token: str
    access_token_ends: int | None
    refresh_token_ends: int | None
    renewal_sent: int | None = None

    def is_pair_of(self, other: Tokens) -> bool:
        """Whether these are the same two tokens, whatever is known of them besides."""
        return (self.access_token, self.refresh_token) == (other.access_token, other.refresh_token)


@dataclass(frozen=True, slots=True)
class TokenStore:
    """How the engine keeps the pair of one shop.

    `load` reads the stored pair. `alone` is entered for a renewal and left after `store`: while one process is inside, any
    other that enters waits; it must hold no transaction open, for calls are made inside. It may raise PlatformError, retryable,
    where waiting takes too long. `store` puts a pair in the place of the one that was loaded, both in one transaction, and has
    committed them when it returns; False where the shop was connected anew meanwhile, and nothing was stored.
    """

    load: Callable[[], Tokens]
    replace: Callable[[Tokens, Tokens], bool]
    renewal_lease: Callable[[], AbstractContextManager[None]]


Renew = Callable[[Tokens, float], Tokens]  # asks the platform, until a monotonic deadline; raises PlatformError


def tokens_of(credentials: Mapping[str, Any]) -> Tokens:
    """The pair in a shop's credentials, as far as it is there."""
    access, refresh = (str(credentials.get(name) or "") for name in NAMES[:2])
    access_ends, refresh_ends, sent = (_seconds(credentials.get(name)) for name in NAMES[2:])
    return Tokens(access, refresh, access_ends, refresh_ends, sent)


def with_tokens(credentials: Mapping[str, str], tokens: Tokens) -> dict[str, str]:
    """The credentials with another pair in them, to be stored."""
    moments = (tokens.access_token_ends, tokens.refresh_token_ends, tokens.renewal_sent)
    values = (tokens.access_token, tokens.refresh_token, *("" if moment is None else str(moment) for moment in moments))
    return {**credentials, **dict(zip(NAMES, values, strict=True))}


def _seconds(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None


def is_over(ends: int | None, now: float, early: float) -> bool:
    """Whether a token that ends then is to be replaced; one whose end is not known lives until the platform says otherwise."""
    return ends is not None and now >= ends - early


def send_renewal(http: PlatformHttp, request: Request, spent: Tokens, deadline: float) -> Answer:
    """The answer to a renewal. Where the token is refused that was sent before without an answer, the reason is that loss."""
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
    """The valid access token of one shop, at any moment of a run.

    It is renewed `early` seconds before its end, if the platform lets it: until the end a failure to do so stops nothing.
    """

    def __init__(self, store: TokenStore, renew: Renew, clock: Clock, early: float = MARGIN_SECONDS) -> None:
        self._store = store
        self._renew = renew
        self._clock = clock
        self._early = early
        self._tokens: Tokens | None = None
        self._not_before = 0.0  # unix: when to ask for a token that is not needed yet

    def current(self, deadline: float) -> str:
        """A token that is not about to end, renewed before if need be. Raises PlatformError where that fails."""
        if self._tokens is None or self._is_over(self._tokens):
            self._tokens = self._store.load()
        if self._is_over(self._tokens):
            self._tokens = self._renewed(self._tokens, deadline)
        elif self._is_due(self._tokens):
            self._tokens = self._renewed_early(self._tokens, deadline)
        return self._tokens.access_token

    def replaced(self, refused: str, deadline: float) -> str:
        """Another token than the one that the platform has just refused."""
        if self._tokens is None or self._tokens.access_token == refused:
            self._tokens = self._renewed(self._tokens or self._store.load(), deadline)
        return self._tokens.access_token

    def _is_over(self, tokens: Tokens) -> bool:
        return not tokens.access_token or is_over(tokens.access_token_ends, self._clock.unix(), MARGIN_SECONDS)

    def _is_due(self, tokens: Tokens) -> bool:
        now = self._clock.unix()
        return now >= self._not_before and is_over(tokens.access_token_ends, now, self._early)

    def _renewed_early(self, known: Tokens, deadline: float) -> Tokens:
        """A new pair, or the known one for a while longer."""
        now = self._clock.unix()
        self._not_before = now + AGAIN_SECONDS
        try:
            return self._renewed(known, min(deadline, self._clock.monotonic() + EARLY_RENEWAL_SECONDS))
        except PlatformError as error:
            log.warning("token_not_renewed", code=error.code, good_for=int((known.access_token_ends or now) - now))
            return known

    def _renewed(self, known: Tokens, deadline: float) -> Tokens:
        """The pair that takes the known one's place: another process's, or one that is fetched now, and stored."""
        with self._store.renewal_lease():
            stored = self._store.load()
            if stored.access_token != known.access_token and not self._is_over(stored):
                return stored
            now = self._clock.unix()
            if is_over(stored.refresh_token_ends, now, 0):
                raise revoked()
            if stored.renewal_sent is None and not self._store.replace(stored, replace(stored, renewal_sent=int(now))):
                return self._store.load()
            fresh = self._renew(stored, deadline)
            if not self._store.replace(stored, fresh):
                return self._store.load()
        if fresh.access_token_ends is not None:  # one that lives for less than `early` is not renewed at every call
            self._not_before = fresh.access_token_ends - (fresh.access_token_ends - now) * PART_OF_LIFE
        return fresh
