"""Keeps the tokens of a store's shop in its credentials, and lets one process at a time renew them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from app.settings.environment import Settings
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.pulls.refresh_leases import release_lease, take_lease
from workers.core.ids import new_id
from workers.platforms.common.interface import PlatformError
from workers.platforms.common.token_store import Tokens, TokenStore, tokens_of, with_tokens
from workers.shops.credentials import read_credentials, read_stored_credentials, replace_stored_credentials

LEASE_SECONDS = 120.0  # longer than a renewal can take
WAIT_SECONDS = 20.0
POLL_SECONDS = 0.2


def token_store_of(settings: Settings, pool: Pool, store_id: UUID) -> TokenStore:
    def load() -> Tokens:
        return tokens_of(read_credentials(settings, pool, store_id))

    def replace(loaded: Tokens, fresh: Tokens) -> bool:
        encrypted, credentials = read_stored_credentials(settings, pool, store_id)
        if not tokens_of(credentials).is_pair_of(loaded):
            return False
        return replace_stored_credentials(settings, pool, store_id, encrypted, with_tokens(credentials, fresh))

    return TokenStore(load, replace, partial(_renewal_lease, pool, store_id))


@contextmanager
def _renewal_lease(pool: Pool, store_id: UUID) -> Iterator[None]:
    # A lease, not a lock: a lock would keep a transaction open during the call to the platform.
    holder = new_id()
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        with pool.connection() as conn, tenant(conn, store_id):
            if take_lease(conn, store_id, holder, LEASE_SECONDS):
                break
        if time.monotonic() > deadline:
            message = "Another run is renewing the shop's access token. This run continues later."
            raise PlatformError("TOKEN_BEING_RENEWED", message, retryable=True, retry_after=WAIT_SECONDS)
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        with pool.connection() as conn, tenant(conn, store_id):
            release_lease(conn, store_id, holder)
