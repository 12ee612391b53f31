"""What open items would change in the shop, for the brakes; and each store's own limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """How many products are mapped, and how many of them the shop was seen to sell.

    `discontinued` counts those that were discontinued within the last hour and not approved by a person.
    """

    mapped: int
    in_stock: int
    discontinued: int = 0


@dataclass(frozen=True, slots=True)
class OpenChange:
    """One open item that would change a price, take a product out of stock or off sale, or change one that the shop had before.

    The prices are those that count now or later: a sale that has ended is none. `must_be_held`: by the policy for drift.
    """

    id: UUID
    product_id: UUID
    is_held: bool
    sku: str
    seen_regular_price: Decimal | None
    seen_sale_price: Decimal | None
    regular_price: Decimal | None
    sale_price: Decimal | None
    changes_price: bool
    empties_stock: bool
    changes_adopted: bool = False
    changes_texts: bool = False
    must_be_held: bool = False
    takes_off_sale: bool = False


def count_catalogue(conn: Connection, store_id: UUID) -> Catalogue:
    row = conn.execute(SQL["count_catalogue"], {"store_id": store_id}).fetchone()
    return Catalogue(*row) if row else Catalogue(0, 0)


def list_changes(conn: Connection, store_id: UUID, fields: Mapping[str, Sequence[str]]) -> list[OpenChange]:
    """`fields`: the shop's fields that an item of each type may send."""
    parameters = {
        "store_id": store_id,
        "fields": Jsonb({sync_type: list(names) for sync_type, names in fields.items()}),
    }
    with conn.cursor(row_factory=class_row(OpenChange)) as cursor:
        return cursor.execute(SQL["list_changes"], parameters).fetchall()


def get_brakes(conn: Connection, store_id: UUID) -> Any:
    row = conn.execute(SQL["get_brakes"], {"store_id": store_id}).fetchone()
    return row[0] if row else None


def set_brakes(conn: Connection, store_id: UUID, brakes: dict[str, Any]) -> bool:
    return conn.execute(SQL["set_brakes"], {"store_id": store_id, "brakes": Jsonb(brakes)}).rowcount == 1
