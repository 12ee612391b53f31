"""Compares products of the shop with the ERP's, although nobody asked: what changed there since the last check, or all.

A step compares a page, saves what the shop has, and requests repairs by the store's policy; these pass the brakes as any
other item. Nothing is written to the shop here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.drift import (
    DriftCheck,
    end_check,
    get_drift_settings,
    get_due_check,
    list_busy_products,
    move_check,
    page_mapped,
    postpone_check,
)
from db.outbound.erp_categories import list_erp_categories
from db.outbound.erp_products import get_products
from db.outbound.items import Origin, lock_items
from db.outbound.mappings import ProductLook, get_mappings, get_owners, list_mapped_variations, save_looks
from workers.core.ids import new_id
from workers.outbound.planning.comparison import COMPARED_FIELDS, HEAVY_FIELDS, ShopObject
from workers.outbound.planning.discontinued import TRASH
from workers.outbound.planning.drift import Repair, read_drift_settings, repairs_of
from workers.outbound.planning.product_plan import (
    DELETED,
    ProductTask,
    ShopState,
    compare,
    look_at_gone,
    weighs_otherwise,
)
from workers.outbound.requests import request_products
from workers.outbound.sending.holds import reweigh
from workers.outbound.sending.shop_connection import ShopCalls, ShopConnection
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.auth import Param
from workers.platforms.woocommerce.client import PAGE_SIZE, Listing

log = get_logger(__name__)

FIELDS = (*COMPARED_FIELDS, *HEAVY_FIELDS)
OVERLAP = timedelta(minutes=5)  # clocks, and changes that were not committed yet when they were listed
MOST_PAGES = 20  # if more changed than that, all is compared, which can stop and go on
MOST_WALKS = 3
POSTPONED_SECONDS = 600.0


def check_drift(pool: Pool, store_id: UUID, connection: ShopConnection) -> bool:
    """Make one step of a due check. False if none is due, or the shop can't be read now. Raises LeaseLost."""
    with pool.connection() as conn, tenant(conn, store_id):
        due = get_due_check(conn, store_id)
    if due is None:
        return False
    check, began = due
    calls = ShopCalls(connection)
    try:
        if check.is_whole or check.watermark is None:
            _check_all(pool, store_id, calls, check, began)
        else:
            _check_changed(pool, store_id, calls, check.watermark, began)
    except PlatformError as error:
        with pool.connection() as conn, tenant(conn, store_id):
            postpone_check(conn, store_id, error.code, error.retry_after or POSTPONED_SECONDS)
        log.warning("drift_check_failed", code=error.code)
        return False
    return True


def _check_all(pool: Pool, store_id: UUID, calls: ShopCalls, check: DriftCheck, began: datetime) -> None:
    began_at = check.began_at
    if began_at is None:
        first = calls.read(lambda shop: shop.list_products({"per_page": 1}, ("id",)))
        began_at = first.server_time or datetime.now(UTC)
    with pool.connection() as conn, tenant(conn, store_id):
        product_ids = page_mapped(conn, store_id, check.place, PAGE_SIZE)
        mapped = get_mappings(conn, store_id, product_ids)
        if not product_ids:
            end_check(conn, store_id, began_at, whole=True)
            log.info("drift_check_ended", whole=True)
            return
    found = _read_all(calls, {one.wc_product_id: one.wc_parent_id for one in mapped.values()})
    with pool.connection() as conn, tenant(conn, store_id):
        _save(conn, store_id, found, began)
        move_check(conn, store_id, product_ids[-1], began_at)


def _read_all(calls: ShopCalls, parents: Mapping[int, int | None]) -> dict[int, ShopObject]:
    found = calls.read_products(parents, FIELDS)
    return {wc_id: found.get(wc_id, {"id": wc_id, "status": DELETED}) for wc_id in parents}


def _check_changed(pool: Pool, store_id: UUID, calls: ShopCalls, watermark: datetime, began: datetime) -> None:
    found: dict[int, ShopObject] = {}
    server_time: datetime | None = None
    for status in ("any", TRASH):
        walked = _walk(calls, watermark - OVERLAP, status)
        if walked is None:
            with pool.connection() as conn, tenant(conn, store_id):
                move_check(conn, store_id, None, None)
            return
        products, read_at = walked
        found |= products
        server_time = server_time or read_at
    # A change of a variation moves its product's date.
    variable = [wc_id for wc_id, product in found.items() if product.get("type") == "variable"]
    with pool.connection() as conn, tenant(conn, store_id):
        parents = list_mapped_variations(conn, store_id, variable)
    if parents:
        found |= _read_all(calls, parents)
    for start in range(0, len(found), PAGE_SIZE):
        page = dict(list(found.items())[start : start + PAGE_SIZE])
        with pool.connection() as conn, tenant(conn, store_id):
            _save(conn, store_id, page, began)
    with pool.connection() as conn, tenant(conn, store_id):
        end_check(conn, store_id, server_time or began, whole=False)
    log.info("drift_check_ended", whole=False)


def _walk(calls: ShopCalls, since: datetime, status: str) -> tuple[dict[int, ShopObject], datetime | None] | None:
    """The products that changed since then, and the shop's time as the walk began; None if too many did."""
    for _ in range(MOST_WALKS):
        found: dict[int, ShopObject] = {}
        first: Listing | None = None
        for page in range(1, MOST_PAGES + 1):
            listing = _page_of(calls, since, status, page)
            first = first or listing
            found |= {product["id"]: product for product in listing.records}
            if listing.total != first.total:
                break  # one left the list or came into it, so another may have slipped to a page that was read already
            if len(listing.records) < PAGE_SIZE:
                return found, first.server_time
    return None


def _page_of(calls: ShopCalls, since: datetime, status: str, page: int) -> Listing:
    params: dict[str, Param] = {
        "modified_after": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "dates_are_gmt": True,
        "status": status,
        "orderby": "id",
        "order": "asc",
        "per_page": PAGE_SIZE,
        "page": page,
    }
    return calls.read(lambda shop: shop.list_products(params, FIELDS))


def _save(conn: Connection, store_id: UUID, found: Mapping[int, ShopObject], began: datetime) -> None:
    """Save what the shop has, and request repairs; not of products that were read or sent since the check began."""
    lock_items(conn, store_id)
    owners = get_owners(conn, store_id, list(found))
    product_ids = list(owners.values())
    stored, mapped = get_products(conn, store_id, product_ids), get_mappings(conn, store_id, product_ids)
    busy = list_busy_products(conn, store_id, product_ids)
    settings = read_drift_settings(get_drift_settings(conn, store_id))
    categories = list_erp_categories(conn, store_id).values()
    ids = {one.category_id: one.wc_category_id for one in categories if one.wc_category_id is not None}
    shop = ShopState(found, category_ids=ids)
    looks, repairs = [], []
    for product_id in sorted(product_ids):
        known = mapped[product_id]
        if product_id not in stored or (known.looked_at is not None and known.looked_at > began):
            continue
        task, theirs = ProductTask(product_id, (), stored[product_id], known), found[known.wc_product_id]
        if theirs.get("status") in (TRASH, DELETED):
            looks.append(ProductLook(new_id(), product_id, look_at_gone(task, str(theirs["status"]), shop)))
            continue
        compared = compare(task, theirs, shop)
        look = compared.look()
        status = known.status if look.differences and known.status != "synced" else look.status
        looks.append(ProductLook(new_id(), product_id, replace(look, status=status)))
        if product_id not in busy:
            repairs += repairs_of(compared, known, settings)
    save_looks(conn, store_id, looks)
    reweigh(conn, store_id, [one.product_id for one in looks if weighs_otherwise(mapped.get(one.product_id), one.look)])
    _request(conn, store_id, repairs)


def _request(conn: Connection, store_id: UUID, repairs: Sequence[Repair]) -> None:
    by_origin: dict[tuple[tuple[str, ...], bool], list[Repair]] = {}
    for one in repairs:
        by_origin.setdefault((one.fields, one.is_held), []).append(one)
    for (fields, is_held), several in by_origin.items():
        payload = {
            "source": "drift",
            **({"fields": list(fields)} if fields else {}),
            **({"policy": "hold"} if is_held else {}),
        }
        request_products(conn, store_id, [(one.product_id, one.sync_type) for one in several], Origin(payload))
