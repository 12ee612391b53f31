"""Erases one customer of a store: first from batches and pages that wait to be applied, then from the tables.

A batch that a worker is applying holds its log's lock. Erasure waits for it and then finds its rows in the tables. A batch
accepted after the erasure started is newer than the request, and is kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from msgspec import structs
from psycopg import Connection

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.stores.erasure import (
    KeptPages,
    delete_customer,
    lock_kept_batches,
    lock_kept_pages,
    lock_kept_rests,
    replace_batch,
    replace_pages,
    replace_rest,
    take_over_pulls,
)
from schemas.base.fields import DIGITS, whole_number
from schemas.base.strict_json import dumps, loads
from schemas.records.shop import Order
from workers.inbound.payload import pack, unpack
from workers.inbound.validate import ERASED, erased_error
from workers.pulls.page_codec import FetchedPage, decode_page, encode_page

BATCHES_AT_ONCE = 50
# Batches are stored as they were received, and JSON may write the digits of an id as \u0030 to \u0039.
ESCAPED_DIGIT = rb"\u003"

log = get_logger(__name__)


def erase_customer(pool: Pool, store_id: UUID, external_id: int) -> bool:
    """Erase a customer by their id on the platform; returns whether anything was found. Their orders stay, without a
    customer.

    Raises LockNotAvailable if a worker holds a batch for too long. Repeating the call finishes what was left.
    """
    batches = _from_batches(pool, store_id, external_id)
    with pool.connection() as conn, tenant(conn, store_id):
        take_over_pulls(conn, store_id)
        pages = _from_pages(conn, store_id, external_id) + _from_rests(conn, store_id, external_id)
        traces = delete_customer(conn, store_id, external_id)
    found = batches + pages + sum((traces.orders, traces.customers, traces.remarks))
    if found:
        log.info("customer_erased", batches=batches, pages=pages, orders=traces.orders, customers=traces.customers)
    return bool(found)


def _from_batches(pool: Pool, store_id: UUID, external_id: int) -> int:
    found, after = 0, 0
    while True:
        with pool.connection() as conn, tenant(conn, store_id):
            batches = lock_kept_batches(conn, store_id, after, BATCHES_AT_ONCE)
            for batch in batches:
                cleaned = clean_batch(batch.entity, unpack(batch.body), external_id)
                if cleaned is not None:
                    found += 1
                    replace_batch(conn, store_id, batch.log_id, pack(cleaned))
        if len(batches) < BATCHES_AT_ONCE:
            return found
        after = batches[-1].accepted_seq


def clean_batch(entity: str, body: bytes, external_id: int) -> bytes | None:
    """The batch's JSON without the customer; None if it does not name them. Its records keep their number and order."""
    if str(external_id).encode() not in body and ESCAPED_DIGIT not in body:
        return None
    records = loads(body)
    cleaned = [_clean_record(entity, record, external_id) for record in records]
    return dumps(cleaned) if cleaned != records else None


def _clean_record(entity: str, record: Any, external_id: int) -> Any:
    field = "wc_customer_id" if entity == "customers" else "customer_id"
    if not isinstance(record, dict) or whole_number(record.get(field), DIGITS) != external_id:
        return record
    return ERASED if entity == "customers" else _without_reasons({**record, field: None})


def _without_reasons(order: dict[str, Any]) -> dict[str, Any]:
    # What a person wrote about a cancellation or a refund may name the customer.
    refunds = order.get("refunds")
    if isinstance(refunds, list):
        order["refunds"] = [{**each, "reason": None} if isinstance(each, dict) else each for each in refunds]
    return {**order, "cancel_reason": None} if "cancel_reason" in order else order


def _from_pages(conn: Connection, store_id: UUID, external_id: int) -> int:
    found = 0
    for kept in lock_kept_pages(conn, store_id):
        page = _clean_kept(kept.entity, kept.page, external_id)
        rest = _clean_kept(kept.entity, kept.rest_page, external_id)
        if (page, rest) != (kept.page, kept.rest_page):
            found += 1
            replace_pages(conn, store_id, KeptPages(kept.log_id, kept.entity, page, rest))
    return found


def _from_rests(conn: Connection, store_id: UUID, external_id: int) -> int:
    found = 0
    for entity, page in lock_kept_rests(conn, store_id):
        cleaned = _clean_kept(entity, page, external_id)
        if cleaned is not None and cleaned != page:
            found += 1
            replace_rest(conn, store_id, entity, cleaned)
    return found


def _clean_kept(entity: str, body: bytes | None, external_id: int) -> bytes | None:
    if body is None or str(external_id).encode() not in body:
        return body
    return encode_page(clean_page(entity, decode_page(entity, body), external_id))


def clean_page(entity: str, page: FetchedPage[Any], external_id: int) -> FetchedPage[Any]:
    if entity == "orders":
        orders = [
            (n, _without_customer(one) if one.customer_external_id == external_id else one) for n, one in page.records
        ]
        return replace(page, records=orders)
    kept = [(n, one) for n, one in page.records if one.external_id != external_id]
    places = [n for n, one in page.records if one.external_id == external_id]
    named = [
        replace(error, external_id=None) if whole_number(error.external_id, DIGITS) == external_id else error
        for error in page.errors
    ]
    return replace(page, records=kept, errors=[*named, *(erased_error(n) for n in places)])


def _without_customer(order: Order) -> Order:
    refunds = tuple(structs.replace(refund, reason=None) for refund in order.refunds)
    return structs.replace(order, customer_external_id=None, cancel_reason=None, refunds=refunds)
