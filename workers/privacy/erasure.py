"""Erases one customer of a store: first from batches and pages that wait to be applied, then from the tables.

A batch that a worker is applying holds its log's lock. Erasure waits for it and then finds its rows in the tables. A batch
accepted after the erasure started is newer than the request, and is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
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
    list_orders_of,
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


@dataclass(frozen=True, slots=True)
class Person:
    """A customer to erase. `orders` are the platform's ids of their orders, as far as they are known."""

    external_id: int
    orders: frozenset[int] = frozenset()


def erase_customer(pool: Pool, store_id: UUID, external_id: int) -> bool:
    """Erase a customer by their id on the platform; returns whether anything was found. Their orders stay, without a
    customer.

    Raises LockNotAvailable if a worker holds a batch for too long. Repeating the call finishes what was left.
    """
    with pool.connection() as conn, tenant(conn, store_id):
        orders = list_orders_of(conn, store_id, external_id)
    batches = 0
    # Orders first: a refund names its order, and only the order names the customer.
    for entities in (("orders", "customers"), ("refunds",)):
        found, named = _from_batches(pool, store_id, Person(external_id, frozenset(orders)), entities)
        batches += found
        orders |= named
    person = Person(external_id, frozenset(orders))
    with pool.connection() as conn, tenant(conn, store_id):
        take_over_pulls(conn, store_id)
        pages = _from_pages(conn, store_id, person) + _from_rests(conn, store_id, person)
        traces = delete_customer(conn, store_id, external_id, orders)
    found = batches + pages + sum((traces.orders, traces.customers, traces.remarks))
    if found:
        log.info("customer_erased", batches=batches, pages=pages, orders=traces.orders, customers=traces.customers)
    return bool(found)


def _from_batches(pool: Pool, store_id: UUID, person: Person, entities: Collection[str]) -> tuple[int, set[int]]:
    """Returns how many batches named the person, and the ids of their orders in them."""
    found, orders, after = 0, set[int](), 0
    while True:
        with pool.connection() as conn, tenant(conn, store_id):
            batches = lock_kept_batches(conn, store_id, entities, after, BATCHES_AT_ONCE)
            for batch in batches:
                body = unpack(batch.body)
                cleaned = clean_batch(batch.entity, body, person)
                if cleaned is not None:
                    found += 1
                    orders |= _orders_in(batch.entity, body, person)
                    replace_batch(conn, store_id, batch.log_id, pack(cleaned))
        if len(batches) < BATCHES_AT_ONCE:
            return found, orders
        after = batches[-1].accepted_seq


def clean_batch(entity: str, body: bytes, person: Person) -> bytes | None:
    """The batch's JSON without the person; None if it does not name them. Its records keep their number and order."""
    ids = person.orders if entity == "refunds" else {person.external_id}
    if ESCAPED_DIGIT not in body and not any(str(one).encode() in body for one in ids):
        return None
    records = loads(body)
    cleaned = [_clean_record(entity, record, person) for record in records]
    return dumps(cleaned) if cleaned != records else None


def _clean_record(entity: str, record: Any, person: Person) -> Any:
    if not isinstance(record, dict):
        return record
    if entity == "refunds":
        is_theirs = whole_number(record.get("wc_order_id"), DIGITS) in person.orders
        return {**record, "reason": None} if is_theirs and record.get("reason") is not None else record
    field = "wc_customer_id" if entity == "customers" else "customer_id"
    if whole_number(record.get(field), DIGITS) != person.external_id:
        return record
    return ERASED if entity == "customers" else _without_reasons({**record, field: None})


def _orders_in(entity: str, body: bytes, person: Person) -> set[int]:
    if entity != "orders":
        return set()
    theirs = [
        whole_number(record.get("wc_order_id"), DIGITS)
        for record in loads(body)
        if isinstance(record, dict) and whole_number(record.get("customer_id"), DIGITS) == person.external_id
    ]
    return {order_id for order_id in theirs if order_id is not None}


def _without_reasons(order: dict[str, Any]) -> dict[str, Any]:
    # What a person wrote about a cancellation or a refund may name the customer.
    refunds = order.get("refunds")
    if isinstance(refunds, list):
        order["refunds"] = [{**each, "reason": None} if isinstance(each, dict) else each for each in refunds]
    return {**order, "cancel_reason": None} if "cancel_reason" in order else order


def _from_pages(conn: Connection, store_id: UUID, person: Person) -> int:
    found = 0
    for kept in lock_kept_pages(conn, store_id):
        page = _clean_kept(kept.entity, kept.page, person)
        rest = _clean_kept(kept.entity, kept.rest_page, person)
        if (page, rest) != (kept.page, kept.rest_page):
            found += 1
            replace_pages(conn, store_id, KeptPages(kept.log_id, kept.entity, page, rest))
    return found


def _from_rests(conn: Connection, store_id: UUID, person: Person) -> int:
    found = 0
    for entity, page in lock_kept_rests(conn, store_id):
        cleaned = _clean_kept(entity, page, person)
        if cleaned is not None and cleaned != page:
            found += 1
            replace_rest(conn, store_id, entity, cleaned)
    return found


def _clean_kept(entity: str, body: bytes | None, person: Person) -> bytes | None:
    if body is None or (entity != "refunds" and str(person.external_id).encode() not in body):
        return body
    page = decode_page(entity, body)
    cleaned = clean_page(entity, page, person)
    return body if cleaned == page else encode_page(cleaned)


def clean_page(entity: str, page: FetchedPage[Any], person: Person) -> FetchedPage[Any]:
    external_id = person.external_id
    if entity == "refunds":
        refunds = [
            (n, structs.replace(one, reason=None) if one.order_external_id in person.orders else one)
            for n, one in page.records
        ]
        return replace(page, records=refunds)
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
