"""Opens a store's shop: the client of its platform, with the store's address and its decrypted credentials."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.settings.environment import Settings
from app.settings.logs import get_logger
from db.core.errors import is_retryable, safe_facts
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.stores.stores import Store, get_store, has_key_in_query, set_key_in_query
from schemas.platforms.woocommerce.descriptor import WOOCOMMERCE
from workers.core.runtime import Runtime
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import CallLimits, PlatformError, Shop, ShopAccess
from workers.platforms.registry import open_shop
from workers.platforms.woocommerce.client import WooCommerceClient, open_client
from workers.shops.credentials import CREDENTIALS_UNREADABLE, read_credentials
from workers.shops.tokens import token_store_of

log = get_logger(__name__)

NOT_WOOCOMMERCE = "NOT_WOOCOMMERCE"
SHOP_NOT_SET_UP = "SHOP_NOT_SET_UP"


def open_store_shop(runtime: Runtime, store_id: UUID) -> Shop:
    """The store's shop, to pull from. Makes no call. Raises PlatformError, always permanent."""
    settings, pool = runtime.settings, runtime.pool
    store = _read_store(pool, store_id)
    if store is None:
        raise PlatformError("STORE_GONE", "The store has been deleted.", retryable=False)
    access = ShopAccess(
        store.platform,
        store.shop_url,
        read_credentials(settings, pool, store_id),
        _read_key_in_query(pool, store_id),
        _remember_key_in_query(pool, store_id),
    )
    limits = CallLimits(
        settings.allow_http_shops,
        settings.tiktok_calls_per_second,
        settings.allowed_shop_ports,
        settings.allowed_shop_networks,
    )
    return open_shop(access, limits, token_store_of(settings, pool, store_id), Clock())


def open_store_woocommerce(settings: Settings, pool: Pool, store_id: UUID) -> WooCommerceClient:
    """The store's WooCommerce client, to write to its shop. Makes no call.

    Raises PlatformError, always permanent: NOT_WOOCOMMERCE or SHOP_NOT_SET_UP, or an error of the shop's address.
    """
    store = _read_store(pool, store_id)
    if store is None or store.platform != WOOCOMMERCE.name:
        raise PlatformError(NOT_WOOCOMMERCE, "The store is not a WooCommerce shop.", retryable=False)
    if store.shop_url is None or settings.secret_key is None:
        raise _not_set_up()
    try:
        credentials = read_credentials(settings, pool, store_id)
    except PlatformError as error:
        # Callers tell a shop that can't be called yet by one code, whatever is missing.
        if error.code == CREDENTIALS_UNREADABLE:
            raise PlatformError(SHOP_NOT_SET_UP, error.message, retryable=False) from None
        raise _not_set_up() from None
    return open_client(
        store.shop_url,
        credentials,
        Clock(),
        allow_http=settings.allow_http_shops,
        ports=settings.allowed_shop_ports,
        networks=settings.allowed_shop_networks,
        key_in_query=_read_key_in_query(pool, store_id),
        remember_key_in_query=_remember_key_in_query(pool, store_id),
    )


def _read_key_in_query(pool: Pool, store_id: UUID) -> bool:
    with pool.connection() as conn, tenant(conn, store_id):
        return has_key_in_query(conn, store_id)


def _remember_key_in_query(pool: Pool, store_id: UUID) -> Callable[[bool], None]:
    def remember(is_in_query: bool) -> None:
        try:
            with pool.connection() as conn, tenant(conn, store_id):
                set_key_in_query(conn, store_id, is_in_query=is_in_query)
        except Exception as error:
            # The call has succeeded, and its answer counts. The next client finds out again.
            if not is_retryable(error):
                raise
            log.warning("shop_key_place_not_saved", **safe_facts(error))

    return remember


def _read_store(pool: Pool, store_id: UUID) -> Store | None:
    with pool.connection() as conn, tenant(conn, store_id):
        return get_store(conn, store_id)


def _not_set_up() -> PlatformError:
    return PlatformError(SHOP_NOT_SET_UP, "The store has no shop URL or no credentials yet.", retryable=False)
