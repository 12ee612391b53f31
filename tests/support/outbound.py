"""The outbound pipeline without processes: an ERP's products in, and their way into a fake shop, in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from app.usecases.stores import set_credentials
from db.core.tenancy import tenant
from db.outbound.drift import request_check
from db.outbound.items import Origin
from db.outbound.mappings import Figures, Look
from db.outbound.takeover import decide_takeover
from tests.fakes.woocommerce import FakeWooCommerce
from workers.core.runtime import Runtime
from workers.outbound.intake.catalogue import Intake, take_categories, take_products
from workers.outbound.requests import request_products
from workers.outbound.sending.push_store import PushOutcome, push_store

SECRET_KEY = "a key for tests that is long enough"
SET_URL = "UPDATE stores SET shop_url = %s WHERE id = %s"


def make_erp_product(**overrides: Any) -> dict[str, Any]:
    """A product as the ERP sends it, whole and valid; a test names what it cares about."""
    product_id = uuid4()
    product = {
        "product_id": str(product_id),
        "sku": f"SKU-{product_id.hex[:12]}",
        "name": "Blue Widget",
        "description": "A widget.",
        "regular_price": "19.90",
        "stock_quantity": 7,
    }
    return product | overrides


def make_look(wc_product_id: int) -> Look:
    """A look at a product of the shop that agrees with the ERP in all of nothing."""
    return Look(wc_product_id, None, "synced", Figures(), None, None, (), {}, {}, {}, is_whole=True)


def with_key(runtime: Runtime) -> Runtime:
    """A runtime that can read credentials."""
    return replace(runtime, settings=replace(runtime.settings, secret_key=SECRET_KEY))


def connect_shop(conn: Connection, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce) -> None:
    """The store's row and credentials name the fake shop."""
    root_conn.execute(SET_URL, (shop.url, store_id))
    set_credentials(conn, SECRET_KEY, store_id, shop.credentials)


def put_products(runtime: Runtime, store_id: UUID, products: list[Any]) -> Intake:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        return take_products(conn, store_id, products, Origin({"source": "test"}))


def put_categories(runtime: Runtime, store_id: UUID, categories: list[Any]) -> Intake:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        return take_categories(conn, store_id, categories, Origin({"source": "test"}))


def ask(runtime: Runtime, store_id: UUID, product_id: str, sync_type: str, *, force: bool = False) -> None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        request_products(conn, store_id, [(UUID(product_id), sync_type)], Origin({"source": "test"}, force))


def check_drift_now(runtime: Runtime, store_id: UUID, *, whole: bool = False) -> None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        request_check(conn, store_id, whole=whole)
    push(runtime, store_id)


def say_yes_to_takeover(runtime: Runtime, store_id: UUID) -> None:
    """As `erp import --adopt`: products that the shop has already go under the ordinary brakes."""
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        decide_takeover(conn, store_id, "beforehand")


def push(runtime: Runtime, store_id: UUID) -> PushOutcome:
    return push_store(runtime, store_id)


def statuses(root_conn: Connection, store_id: UUID) -> dict[str, int]:
    """How many items have each status."""
    query = "SELECT status, count(*) FROM wc_sync_items WHERE store_id = %s GROUP BY status"
    return dict(root_conn.execute(query, (store_id,)).fetchall())


@contextmanager
def hurried(root_conn: Connection, store_id: UUID) -> Iterator[None]:
    """Afterwards nothing waits for a delay any more: the time has passed."""
    yield
    root_conn.execute("UPDATE wc_sync_items SET next_attempt_at = now() WHERE store_id = %s", (store_id,))
    root_conn.execute("UPDATE wc_push_leases SET resume_at = NULL WHERE store_id = %s", (store_id,))


def push_all_attempts(runtime: Runtime, root_conn: Connection, store_id: UUID) -> None:
    """Push until each item has had its attempts, without waiting for their delays."""
    for _ in range(4):
        with hurried(root_conn, store_id):
            push(runtime, store_id)


@pytest.fixture
def connected_shop(conn: Connection, root_conn: Connection, store_id: UUID) -> Iterator[FakeWooCommerce]:
    """A shop that the test's store is connected to."""
    with FakeWooCommerce() as shop:
        connect_shop(conn, root_conn, store_id, shop)
        yield shop


@pytest.fixture
def pushing(runtime: Runtime, connected_shop: FakeWooCommerce) -> Runtime:
    """A runtime that can send to it."""
    return with_key(runtime)
