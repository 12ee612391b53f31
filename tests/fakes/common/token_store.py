"""A shop's tokens in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from workers.platforms.common.token_store import Tokens, TokenStore, tokens_of


@dataclass
class MemoryTokens:
    """`stored` has every pair so far, the newest last."""

    stored: list[Tokens]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.lock:
            yield

    def _store(self, known: Tokens, fresh: Tokens) -> bool:
        if not self.stored[-1].is_pair_of(known):
            return False
        self.stored.append(fresh)
        return True

    @property
    def store(self) -> TokenStore:
        return TokenStore(lambda: self.stored[-1], self._store, self._alone)


def memory_tokens(credentials: Mapping[str, str]) -> MemoryTokens:
    return MemoryTokens([tokens_of(credentials)])
