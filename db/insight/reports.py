"""Figures about one store, read from the tables. Each needs `tenant(conn, store_id)`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class StatusTotal:
    status: str
    currency: str | None
    orders: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """`month` is the first day of a month in UTC."""

    month: date
    currency: str | None
    orders: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class RecordCounts:
    orders: int
    products: int
    customers: int
    categories: int


@dataclass(frozen=True, slots=True)
class UnresolvedLinks:
    """References whose target has not arrived."""

    orders_to_customers: int
    items_to_products: int
    products_to_categories: int
    categories_to_parents: int


def order_totals_by_status(conn: Connection, store_id: UUID) -> list[StatusTotal]:
    with conn.cursor(row_factory=class_row(StatusTotal)) as cursor:
        return cursor.execute(SQL["order_totals_by_status"], {"store_id": store_id}).fetchall()


def order_totals_by_month(conn: Connection, store_id: UUID) -> list[MonthTotal]:
    with conn.cursor(row_factory=class_row(MonthTotal)) as cursor:
        return cursor.execute(SQL["order_totals_by_month"], {"store_id": store_id}).fetchall()


def count_records(conn: Connection, store_id: UUID) -> RecordCounts:
    with conn.cursor(row_factory=class_row(RecordCounts)) as cursor:
        found = cursor.execute(SQL["count_records"], {"store_id": store_id}).fetchone()
    assert found is not None
    return found


def unresolved_links(conn: Connection, store_id: UUID) -> UnresolvedLinks:
    with conn.cursor(row_factory=class_row(UnresolvedLinks)) as cursor:
        found = cursor.execute(SQL["unresolved_links"], {"store_id": store_id}).fetchone()
    assert found is not None
    return found
