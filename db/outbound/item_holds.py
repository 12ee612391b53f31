"""Sync items that brakes hold, and items that are reopened. Each change checks the expected status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def list_reopenable_items(
    conn: Connection, store_id: UUID, everything: bool, rest_seconds: float, rejected: str
) -> list[UUID]:
    """Failed items: all, or those that failed for a passing reason at least `rest_seconds` ago. Locks them.

    Items with the error code `rejected` are left out.
    """
    parameters = {
        "store_id": store_id,
        "everything": everything,
        "rest_seconds": rest_seconds,
        "rejected": rejected,
    }
    return [row[0] for row in conn.execute(SQL["list_reopenable_items"], parameters).fetchall()]


def list_held_items(conn: Connection, store_id: UUID, hold_id: UUID) -> list[UUID]:
    parameters = {"store_id": store_id, "hold_id": hold_id}
    return [row[0] for row in conn.execute(SQL["list_held_items"], parameters).fetchall()]


def list_held_of_products(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> list[UUID]:
    parameters = {"store_id": store_id, "product_ids": list(product_ids)}
    return [row[0] for row in conn.execute(SQL["list_held_of_products"], parameters).fetchall()]


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """An item that a person rejected; `batch_id` is its run, `only_fields` as in ClaimedItem."""

    batch_id: UUID | None
    product_id: UUID | None
    sync_type: str
    only_fields: list[str] | None


def reject_items(conn: Connection, store_id: UUID, hold_id: UUID, code: str, message: str) -> list[RejectedItem]:
    """Fail a hold's items for good. Needs `lock_items`."""
    parameters = {"store_id": store_id, "hold_id": hold_id, "code": code, "message": message}
    return [RejectedItem(*row) for row in conn.execute(SQL["reject_items"], parameters).fetchall()]


def list_item_products(conn: Connection, store_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    return [
        row[0] for row in conn.execute(SQL["list_item_products"], {"store_id": store_id, "ids": list(ids)}).fetchall()
    ]


@dataclass(frozen=True, slots=True)
class Reopened:
    """One item that was failed or held. `pending` False: a newer item of its kind superseded it."""

    batch_id: UUID | None
    was_failed: bool
    pending: bool


def reopen_items(conn: Connection, store_id: UUID, ids: Sequence[UUID], approved: bool) -> list[Reopened]:
    """Let failed or held items wait again with all attempts. Needs `lock_items`."""
    parameters = {"store_id": store_id, "ids": list(ids), "approved": approved}
    return [Reopened(*row) for row in conn.execute(SQL["reopen_items"], parameters).fetchall()]


def approve_waiting(conn: Connection, store_id: UUID, ids: Sequence[UUID]) -> None:
    conn.execute(SQL["approve_waiting"], {"store_id": store_id, "ids": list(ids)})


def supersede_held(conn: Connection, store_id: UUID) -> list[UUID | None]:
    """End held items whose change was requested again; returns the run of each, or None. Needs `lock_items`."""
    return [row[0] for row in conn.execute(SQL["supersede_held"], {"store_id": store_id}).fetchall()]


def hold_items(conn: Connection, store_id: UUID, ids: Sequence[UUID], hold_id: UUID) -> None:
    conn.execute(SQL["hold_items"], {"store_id": store_id, "ids": list(ids), "hold_id": hold_id})


def has_unchecked(conn: Connection, store_id: UUID) -> bool:
    row = conn.execute(SQL["has_unchecked"], {"store_id": store_id}).fetchone()
    return bool(row and row[0])


def mark_checked(conn: Connection, store_id: UUID, *, lookups_open: bool) -> int:
    """Returns how many were marked. `lookups_open`: adopted products still wait for others."""
    return conn.execute(SQL["mark_checked"], {"store_id": store_id, "lookups_open": lookups_open}).rowcount


def recheck_products(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> None:
    """Let brakes check all open items of these products before one is claimed again. Needs `lock_items`."""
    conn.execute(SQL["recheck_products"], {"store_id": store_id, "product_ids": list(product_ids)})
