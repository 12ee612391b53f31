"""Erases a customer wherever something is kept: rows, waiting batches and pages, record errors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """A batch that may still be applied. `body` is compressed."""

    accepted_seq: int
    log_id: UUID
    entity: str
    body: bytes


@dataclass(frozen=True, slots=True)
class KeptPages:
    """The pages that a run keeps: one to apply, and one left for the next run."""

    log_id: UUID
    entity: str
    page: bytes | None
    rest_page: bytes | None


@dataclass(frozen=True, slots=True)
class Traces:
    """How many rows were changed or deleted."""

    orders: int
    customers: int
    remarks: int


def lock_kept_batches(
    conn: Connection, store_id: UUID, entities: Collection[str], after: int, most: int
) -> list[KeptBatch]:
    """The next batches of these entities after `after`. Raises LockNotAvailable if a worker takes too long."""
    parameters = {"store_id": store_id, "entities": list(entities), "after": after, "most": most}
    with conn.cursor(binary=True) as cursor:
        return [KeptBatch(*row) for row in cursor.execute(SQL["lock_kept_batches"], parameters).fetchall()]


def replace_batch(conn: Connection, store_id: UUID, log_id: UUID, body: bytes) -> None:
    conn.execute(SQL["replace_batch"], {"store_id": store_id, "log_id": log_id, "body": body})


def take_over_pulls(conn: Connection, store_id: UUID) -> None:
    conn.execute(SQL["take_over_pulls"], {"store_id": store_id})


def lock_kept_pages(conn: Connection, store_id: UUID) -> list[KeptPages]:
    with conn.cursor(row_factory=class_row(KeptPages)) as cursor:
        return cursor.execute(SQL["lock_kept_pages"], {"store_id": store_id}).fetchall()


def replace_pages(conn: Connection, store_id: UUID, pages: KeptPages) -> None:
    parameters = {"store_id": store_id, "log_id": pages.log_id, "page": pages.page, "rest_page": pages.rest_page}
    conn.execute(SQL["replace_pages"], parameters)


def lock_kept_rests(conn: Connection, store_id: UUID) -> Sequence[tuple[str, bytes]]:
    return [(row[0], row[1]) for row in conn.execute(SQL["lock_kept_rests"], {"store_id": store_id}).fetchall()]


def replace_rest(conn: Connection, store_id: UUID, entity: str, page: bytes) -> None:
    conn.execute(SQL["replace_rest"], {"store_id": store_id, "entity": entity, "rest_page": page})


def list_orders_of(conn: Connection, store_id: UUID, external_id: int) -> set[int]:
    rows = conn.execute(SQL["list_orders_of"], {"store_id": store_id, "external_id": external_id}).fetchall()
    return {row[0] for row in rows}


def delete_customer(conn: Connection, store_id: UUID, external_id: int, orders_of: Collection[int]) -> Traces:
    """`orders_of`: the platform's ids of the customer's orders, also of those that have not come yet."""
    parameters = {"store_id": store_id, "external_id": external_id, "orders": list(orders_of)}
    conn.execute(SQL["forget_refund_reasons"], parameters)
    conn.execute(SQL["forget_separate_reasons"], parameters)
    orders = conn.execute(SQL["forget_customer_of_orders"], parameters).rowcount
    customers = conn.execute(SQL["delete_customer"], parameters).rowcount
    errors = conn.execute(SQL["delete_customer_errors"], parameters).rowcount
    arrivals = conn.execute(SQL["delete_customer_arrivals"], parameters).rowcount
    return Traces(orders, customers, errors + arrivals)
