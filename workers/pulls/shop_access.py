"""A store's way to its platform: credentials decrypted from its row, and the desk where its tokens are kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from db.core.tenancy import tenant
from db.pulls.refresh_leases import release_lease, take_lease
from db.stores.stores import get_credentials, get_store, replace_credentials
from workers.core.credentials import CredentialsUnreadable, decrypt_credentials, encrypt_credentials
from workers.core.ids import new_id
from workers.core.runtime import Runtime
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import CallLimits, PlatformError, Shop, ShopAccess
from workers.platforms.common.token_store import TokenDesk, Tokens, tokens_of, with_tokens
from workers.platforms.registry import open_shop

LEASE_SECONDS = 120.0  # longer than a refresh can take
WAIT_SECONDS = 20.0
POLL_SECONDS = 0.2


def open_store_shop(runtime: Runtime, store_id: UUID) -> Shop:
    """A client for the store's shop; costs no call. Raises PlatformError, permanent, where the store can't be pulled."""
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        store = get_store(conn, store_id)
    if store is None:
        raise PlatformError("STORE_GONE", "The store has been deleted.", retryable=False)
    access = ShopAccess(store.platform, store.shop_url, _read(runtime, store_id))
    settings = runtime.settings
    limits = CallLimits(settings.allow_http_shops, settings.tiktok_calls_per_second, settings.allowed_shop_ports)
    return open_shop(access, limits, _desk(runtime, store_id), Clock())


def _read(runtime: Runtime, store_id: UUID) -> dict[str, str]:
    return _decrypted(runtime, store_id, _read_encrypted(runtime, store_id))


def _read_encrypted(runtime: Runtime, store_id: UUID) -> bytes:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        encrypted = get_credentials(conn, store_id)
    if encrypted is None:
        raise PlatformError("NO_CREDENTIALS", "No access token was found: connect the shop first.", retryable=False)
    return encrypted


def _decrypted(runtime: Runtime, store_id: UUID, encrypted: bytes) -> dict[str, str]:
    try:
        return decrypt_credentials(_secret_key(runtime), store_id, encrypted, runtime.settings.secret_key_old)
    except CredentialsUnreadable:
        message = "The shop's credentials can't be read any more: connect the shop again."
        raise PlatformError("CREDENTIALS_UNREADABLE", message, retryable=False) from None


def _secret_key(runtime: Runtime) -> str:
    if runtime.settings.secret_key is None:
        raise RuntimeError("a process that pulls is given the SECRET_KEY")
    return runtime.settings.secret_key


def _desk(runtime: Runtime, store_id: UUID) -> TokenDesk:
    def load() -> Tokens:
        return tokens_of(_read(runtime, store_id))

    def store(known: Tokens, fresh: Tokens) -> bool:
        """Both tokens in one transaction, and the rest of the credentials as it is now."""
        encrypted = _read_encrypted(runtime, store_id)
        credentials = _decrypted(runtime, store_id, encrypted)
        if not tokens_of(credentials).is_pair_of(known):
            return False
        changed = encrypt_credentials(_secret_key(runtime), store_id, with_tokens(credentials, fresh))
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            return replace_credentials(conn, store_id, encrypted, changed)

    return TokenDesk(load, store, lambda: _alone(runtime, store_id))


@contextmanager
def _alone(runtime: Runtime, store_id: UUID) -> Iterator[None]:
    """One refresh a shop at a time, over all processes, with no transaction open within."""
    holder = new_id()
    deadline = time.monotonic() + WAIT_SECONDS
    while not _taken(runtime, store_id, holder):
        if time.monotonic() > deadline:
            message = "The shop's access token is being renewed by another run. This one will go on later."
            raise PlatformError("TOKEN_BEING_RENEWED", message, retryable=True, retry_after=WAIT_SECONDS)
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            release_lease(conn, store_id, holder)


def _taken(runtime: Runtime, store_id: UUID, holder: UUID) -> bool:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        return take_lease(conn, store_id, holder, LEASE_SECONDS)
