"""Caches the caller behind a token for a second, so that a busy plugin costs one database look-up a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from db.stores.tokens import Caller

REMEMBERED_SECONDS = 1.0  # a revoked token is accepted for at most this long
MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class TokenCache:
    """Callers by the SHA-256 of their token. Unknown tokens are not cached: one may be created the next moment."""

    clock: Callable[[], float] = time.monotonic
    _known: dict[bytes, tuple[float, Caller]] = field(default_factory=dict)

    def get(self, sha256: bytes, look_up: Callable[[bytes], Caller | None]) -> Caller | None:
        """The caller, from memory or from `look_up`. Two threads may look up the same token at once."""
        now = self.clock()
        remembered = self._known.get(sha256)
        if remembered is not None and now < remembered[0]:
            return remembered[1]
        caller = look_up(sha256)
        if caller is None:
            self._known.pop(sha256, None)
            return None
        if len(self._known) >= MOST_REMEMBERED:
            self._known = {}
        self._known[sha256] = (now + REMEMBERED_SECONDS, caller)
        return caller
