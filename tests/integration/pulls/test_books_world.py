"""A generated world of sales on three platforms: the views agree with an oracle that shares no code with the product.

Orders come by batches and pulls in any order, some in an older state after the newer one, and workers die in between.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from app.usecases.stores import create_store, set_timezone
from db.core.tenancy import tenant
from tests.conftest import Database
from tests.support.books import oracle
from tests.support.books.sales import (
    CATEGORIES,
    CUSTOMERS,
    EXPONENTS,
    GONE_PRODUCT,
    GONE_VARIATION,
    PRODUCTS,
    VARIATIONS_EACH,
    Can,
    Sale,
    make_sales,
)
from tests.support.books.telling import FIRST_TIKTOK, Told, by_plugin, by_shopify, by_tiktok, by_woocommerce
from tests.support.pipeline import sync
from workers.core.runtime import Runtime
from workers.platforms.common.interface import Page, Window
from workers.pulls.start import Wanted, start_pull
from workers.pulls.turn import Turn, pull

PAGE, BATCH = 40, 25
CATEGORIES_OF = {product: 1 + product % CATEGORIES for product in range(1, PRODUCTS)}
DEATHS = 3
MONEY = {"gross", "discounts", "platform_discounts", "shipping", "fees", "tips", "tax", "total", "refunds", "net", "sold",
         "refunded", "amount"}  # fmt: skip
COUNTED = {("refunds_daily", "refunds")}  # a number of refunds there, money elsewhere


class Killed(BaseException):
    """Ends the worker at this point; no handler of ours catches it."""


@dataclass
class ListShop:
    """Serves rows as they are, in pages, and dies before some of them."""

    rows: list[Told]
    dying: set[int]
    fetches: int = field(default=0)

    def source(self, entity: str, _window: Window) -> ListShop:
        assert entity == "orders"
        return self

    def fetch(self, cursor: str | None) -> Page:
        self.fetches += 1
        if self.fetches in self.dying:
            raise Killed
        start = int(cursor or 0)
        following = str(start + PAGE) if start + PAGE < len(self.rows) else None
        return Page(self.rows[start : start + PAGE], following, len(self.rows), datetime.now(UTC))

    def count(self, _entity: str, _window: Window) -> int | None:
        return len(self.rows)

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Store:
    """A store, what was sold in it, and in which zone its days are."""

    id: UUID
    zone: str
    sales: list[Sale]


def catalogue() -> Iterator[tuple[str, Told]]:
    """What a shop has besides orders; one product and some variations are gone."""
    for number in range(1, CATEGORIES + 1):
        yield "categories", {"wc_category_id": number, "name": f"Category {number}"}
    for number in range(1, CUSTOMERS + 1):
        yield "customers", {"wc_customer_id": number, "email": f"{number:064x}"}
    for product, category in CATEGORIES_OF.items():
        if product == GONE_PRODUCT:
            continue
        yield "products", {"wc_product_id": product, "name": f"Product {product}", "category_id": category}
        for number in range(VARIATIONS_EACH):
            if number != GONE_VARIATION:
                attributes = [{"name": "Size", "option": "SML"[number]}]
                ids = {"wc_variation_id": product * 100 + number, "wc_product_id": product}
                yield "variations", ids | {"attributes": attributes}


def older(sale: Sale) -> Told:
    """The order before its refunds, with another total, as a late batch brings it."""
    earlier = by_plugin(replace(sale, refunds=(), fee=sale.fee + 100))
    return earlier | {"date_modified": (sale.at - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}


def pull_all(runtime: Runtime, database: Database, store_id: UUID, platform: str, shop: ListShop) -> None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        log_id = start_pull(conn, store_id, platform, Wanted("orders", "full"), "test").log_id
    while True:
        try:
            outcome = pull(runtime, store_id, log_id, lambda _runtime, _store_id: shop)
        except Killed:
            with psycopg.connect(database.url, autocommit=True) as own, tenant(own, store_id):
                own.execute("UPDATE sync_logs SET next_attempt_at = now(), attempts = 0")
            continue
        assert outcome is Turn.COMPLETED
        return


def deliver(runtime: Runtime, store_id: UUID, draw: random.Random, orders: list[Told]) -> None:
    """Catalogue and orders in any order, in batches of one entity."""
    waiting = [*catalogue(), *(("orders", order) for order in orders)]
    draw.shuffle(waiting)
    batches: dict[str, list[Told]] = {}
    for entity, record in waiting:
        batch = batches.setdefault(entity, [])
        batch.append(record)
        if len(batch) == BATCH:
            sync(runtime, store_id, entity, batches.pop(entity))
    for entity, batch in batches.items():
        sync(runtime, store_id, entity, batch)


def make_store(database: Database, platform: str, zone: str, made: list[Sale]) -> Store:
    with psycopg.connect(database.url, autocommit=True) as conn:
        store_id = create_store(conn, f"Books of {platform}", platform).store_id
        assert set_timezone(conn, store_id, zone)
    return Store(store_id, zone, made)


def woocommerce(runtime: Runtime, database: Database, draw: random.Random, count: int) -> Store:
    """Some orders are posted, some pulled, some both."""
    made = make_sales(draw, count, Can(), 1)
    store = make_store(database, "woocommerce", "Europe/Bucharest", made)
    posted = [sale for sale in made if draw.random() < 0.6]
    keys = {sale.key for sale in posted}
    pulled = [sale for sale in made if sale.key not in keys or draw.random() < 0.2]
    late = [older(sale) for sale in posted if draw.random() < 0.2]
    deliver(runtime, store.id, draw, [*map(by_plugin, posted), *late])
    draw.shuffle(pulled)
    pull_all(runtime, database, store.id, "woocommerce", ListShop([*map(by_woocommerce, pulled)], deaths(draw)))
    return store


def shopify(runtime: Runtime, database: Database, draw: random.Random, count: int) -> Store:
    made = make_sales(draw, count, Can(tips=True, tax_included=True), 1)
    store = make_store(database, "shopify", "America/New_York", made)
    pull_all(runtime, database, store.id, "shopify", ListShop([*map(by_shopify, made)], deaths(draw)))
    deliver(runtime, store.id, draw, [])
    return store


def tiktok(runtime: Runtime, database: Database, draw: random.Random, count: int) -> Store:
    made = make_sales(draw, count, Can(refunds=False, platform_discounts=True, cancelled_units=True), FIRST_TIKTOK)
    store = make_store(database, "tiktok", "Asia/Kolkata", made)
    deliver(runtime, store.id, draw, [])
    pull_all(runtime, database, store.id, "tiktok", ListShop([*map(by_tiktok, made)], deaths(draw)))
    return store


def deaths(draw: random.Random) -> set[int]:
    return {draw.randint(1, 8) for _ in range(DEATHS)}


def viewed(conn: psycopg.Connection, store: Store, view: str, keys: tuple[str, ...], names: set[str]) -> oracle.Figures:
    """The rows of a view by their keys, money in smallest units."""
    with tenant(conn, store.id), conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(f"SELECT * FROM analytics.{view}".encode()).fetchall()
    found: oracle.Figures = {}
    for row in rows:
        key = tuple(str(row[name]) if name == "day" else row[name] for name in keys)
        assert key not in found
        found[key] = {name: _units(view, name, row) for name in names}
    return found


def _units(view: str, name: str, row: dict[str, Any]) -> int:
    value = Decimal(row[name])
    if name in MONEY and (view, name) not in COUNTED:
        value = value.scaleb(EXPONENTS[row["currency"]])
    assert value == int(value), (view, name, row)
    return int(value)


def check(conn: psycopg.Connection, store: Store) -> None:
    wanted: dict[tuple[str, tuple[str, ...]], oracle.Figures] = {
        ("sales", ("external_id", "currency")): oracle.sales(store.sales),
        ("sales_daily", ("day", "currency")): oracle.sales_daily(store.sales, store.zone),
        ("sales_by_product", ("product_external_id", "currency")): oracle.sales_by_product(store.sales),
        ("sales_by_variant", ("product_external_id", "variation_external_id", "currency")): oracle.sales_by_variant(
            store.sales
        ),
        ("refunds_daily", ("day", "currency")): oracle.refunds_daily(store.sales, store.zone),
        ("categories", ("category_external_id", "currency")): oracle.categories(store.sales, CATEGORIES_OF),
    }
    for (view, keys), figures in wanted.items():
        names = {name for row in figures.values() for name in row}
        assert viewed(conn, store, view, keys, names) == figures, view
    with tenant(conn, store.id):
        findings = conn.execute("SELECT * FROM order_findings").fetchall()
        ids: dict[UUID, int] = dict(conn.execute("SELECT id, external_id FROM customers").fetchall())
    assert findings == []
    by_id = viewed(conn, store, "customers", ("customer_id", "currency"), {"orders", "net"})
    by_number = {(ids[customer], currency): figures for (customer, currency), figures in by_id.items()}
    assert by_number == oracle.customers(store.sales)


PLATFORMS: tuple[Callable[[Runtime, Database, random.Random, int], Store], ...] = (woocommerce, shopify, tiktok)


@pytest.mark.parametrize("make", PLATFORMS, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    ("seed", "count"),
    [(1, 150), (2, 150), pytest.param(3, 6_667, marks=pytest.mark.slow)],
    ids=["one", "two", "twenty-thousand"],
)
def test_views_agree_with_the_oracle(
    runtime: Runtime,
    database: Database,
    make: Callable[[Runtime, Database, random.Random, int], Store],
    seed: int,
    count: int,
) -> None:
    store = make(runtime, database, random.Random(seed), count)
    with psycopg.connect(database.url, autocommit=True) as conn:
        check(conn, store)


def test_the_world_has_what_it_must(runtime: Runtime, database: Database) -> None:
    made = make_sales(random.Random(1), 150, Can(tips=True, tax_included=True), 1)
    kinds = [len(sale.refunds) for sale in made]
    assert {"sold", "cancelled", "pending", "test"} == {sale.state for sale in made}
    assert {0, 1, 2} <= set(kinds) and {sale.currency for sale in made} == set(EXPONENTS)
    assert {sale.tax_included for sale in made} == {True, False}
    parts = [part for sale in made for refund in sale.refunds for part in refund.parts]
    assert any(part.line is None for part in parts) and any(part.line for part in parts)
    assert any(refund.bare and not refund.parts for sale in made for refund in sale.refunds)
    assert any(line.product == GONE_PRODUCT for sale in made for line in sale.lines)
    assert any(line.variation and line.variation % 100 == GONE_VARIATION for sale in made for line in sale.lines)


def test_the_oracle_notices_a_missing_cent(runtime: Runtime, database: Database) -> None:
    store = woocommerce(runtime, database, random.Random(4), 30)
    with psycopg.connect(database.url, autocommit=True) as conn:
        check(conn, store)
        with tenant(conn, store.id):
            conn.execute(
                "UPDATE orders SET total = total + 1 WHERE external_id = (SELECT min(external_id) FROM analytics.sales)"
            )
        with pytest.raises(AssertionError):
            check(conn, store)
