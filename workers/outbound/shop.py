"""Opens the WooCommerce client of a store, with its address and decrypted credentials."""

from __future__ import annotations

from uuid import UUID

from app.settings.environment import Settings
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.stores.stores import get_credentials, get_store
from workers.core.credentials import CredentialsUnreadable, decrypt_credentials
from workers.core.runtime import Runtime
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.client import WooCommerceClient, open_client

NOT_WOOCOMMERCE = "NOT_WOOCOMMERCE"
SHOP_NOT_SET_UP = "SHOP_NOT_SET_UP"


def open_woocommerce(runtime: Runtime, store_id: UUID) -> WooCommerceClient | PlatformError:
    """The store's client, or the error if it can't be opened. Makes no call."""
    try:
        return open_store_client(runtime.settings, runtime.pool, store_id)
    except PlatformError as error:
        return error


def open_store_client(settings: Settings, pool: Pool, store_id: UUID) -> WooCommerceClient:
    """Raises PlatformError, always permanent: the store's row or our settings must be corrected first."""
    with pool.connection() as conn, tenant(conn, store_id):
        store, encrypted = get_store(conn, store_id), get_credentials(conn, store_id)
    if store is None or store.platform != "woocommerce":
        raise PlatformError(NOT_WOOCOMMERCE, "The store is not a WooCommerce shop.", retryable=False)
    if store.shop_url is None or encrypted is None or settings.secret_key is None:
        raise PlatformError(SHOP_NOT_SET_UP, "The store has no shop URL or no credentials yet.", retryable=False)
    try:
        credentials = decrypt_credentials(settings.secret_key, store_id, encrypted, settings.secret_key_old)
    except CredentialsUnreadable:
        message = "The store's credentials can't be read under this SECRET_KEY; set them again."
        raise PlatformError(SHOP_NOT_SET_UP, message, retryable=False) from None
    return open_client(
        store.shop_url,
        credentials,
        Clock(),
        allow_http=settings.allow_http_shops,
        ports=settings.allowed_shop_ports,
    )
