"""Reads a store's credentials, and replaces them if nobody else did meanwhile."""

from __future__ import annotations

from uuid import UUID

from app.settings.environment import Settings
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.stores.stores import get_credentials, replace_credentials
from workers.core.credentials import CredentialsUnreadable, decrypt_credentials, encrypt_credentials
from workers.platforms.common.interface import PlatformError

NO_CREDENTIALS = "NO_CREDENTIALS"
CREDENTIALS_UNREADABLE = "CREDENTIALS_UNREADABLE"


def read_credentials(settings: Settings, pool: Pool, store_id: UUID) -> dict[str, str]:
    """The decrypted credentials. Raises PlatformError, permanent: NO_CREDENTIALS or CREDENTIALS_UNREADABLE."""
    return read_stored_credentials(settings, pool, store_id)[1]


def read_stored_credentials(settings: Settings, pool: Pool, store_id: UUID) -> tuple[bytes, dict[str, str]]:
    """The encrypted value, which `replace_stored_credentials` needs, and what it holds. Raises as `read_credentials`."""
    with pool.connection() as conn, tenant(conn, store_id):
        encrypted = get_credentials(conn, store_id)
    if encrypted is None:
        raise PlatformError(NO_CREDENTIALS, "No access token was found. Connect the shop first.", retryable=False)
    try:
        return encrypted, decrypt_credentials(_key(settings), store_id, encrypted, settings.secret_key_old)
    except CredentialsUnreadable:
        message = "The shop's credentials can't be read any more. Connect the shop again."
        raise PlatformError(CREDENTIALS_UNREADABLE, message, retryable=False) from None


def replace_stored_credentials(
    settings: Settings, pool: Pool, store_id: UUID, encrypted: bytes, credentials: dict[str, str]
) -> bool:
    changed = encrypt_credentials(_key(settings), store_id, credentials)
    with pool.connection() as conn, tenant(conn, store_id):
        return replace_credentials(conn, store_id, encrypted, changed)


def _key(settings: Settings) -> str:
    if settings.secret_key is None:
        raise RuntimeError("a process that opens shops needs SECRET_KEY")
    return settings.secret_key
