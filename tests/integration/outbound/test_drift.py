"""A drift check finds what was changed in the shop although nobody asked, and acts by the store's policy within the brakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.batches import BatchView, list_batches
from db.outbound.drift import get_check, page_findings, set_drift_settings
from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.support.outbound import check_drift_now, make_erp_product, push, put_products, statuses
from workers.core.runtime import Runtime
from workers.outbound.runs import approve, reject
from workers.outbound.scheduled_tasks import run_task

PRODUCTS = 12


@pytest.fixture
def shop(connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    return connected_shop


@pytest.fixture
def products(pushing: Runtime, store_id: UUID) -> list[dict[str, Any]]:
    """Products that the shop has as the ERP states them."""
    made = [make_erp_product(regular_price="20", stock_quantity=30) for _ in range(PRODUCTS)]
    put_products(pushing, store_id, made)
    push(pushing, store_id)
    return made


def edit(shop: FakeWooCommerce, product: dict[str, Any], *, moves_date: bool = True, **fields: Any) -> None:
    with shop.state.lock:
        found = shop.product_of(product["sku"])
        assert found is not None
        dates = shop.state.dates("date_modified", shop.state.now()) if moves_date else {}
        shop.state.products[found["id"]] = found | fields | dates


def value(shop: FakeWooCommerce, product: dict[str, Any], field: str) -> Any:
    found = shop.product_of(product["sku"])
    assert found is not None
    return found[field]


def findings(conn: Connection, store_id: UUID) -> dict[str, dict[str, tuple[Any, Any]]]:
    with tenant(conn, store_id):
        found = page_findings(conn, store_id, None, 100)
    return {one.sku: {name: (diff.theirs, diff.ours) for name, diff in one.differences.items()} for one in found}


def set_policy(conn: Connection, store_id: UUID, **settings: Any) -> None:
    with tenant(conn, store_id):
        assert set_drift_settings(conn, store_id, settings)


def holds(conn: Connection, store_id: UUID) -> list[BatchView]:
    with tenant(conn, store_id):
        return [one for one in list_batches(conn, store_id, 9) if one.status == "needs_approval"]


def test_edits_by_hand_are_repaired_and_sales_reported(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce, products: list[dict[str, Any]]
) -> None:
    check_drift_now(pushing, store_id)
    edit(shop, products[0], regular_price="25", stock_quantity=27)
    edit(shop, products[1], name="By hand", description="Written by hand")
    edit(shop, products[2], images=[{"id": 1, "src": "https://shop.test/x.png"}])
    check_drift_now(pushing, store_id)
    assert value(shop, products[0], "regular_price") == "20"
    assert value(shop, products[0], "stock_quantity") == 27
    assert (value(shop, products[1], "name"), value(shop, products[1], "description")) == ("Blue Widget", "A widget.")
    assert findings(conn, store_id) == {products[0]["sku"]: {"stock_quantity": (27, 30)}}


def test_a_repair_passes_the_brakes(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce, products: list[dict[str, Any]]
) -> None:
    check_drift_now(pushing, store_id)
    edit(shop, products[0], regular_price="2000")
    check_drift_now(pushing, store_id)
    assert value(shop, products[0], "regular_price") == "2000"
    [hold] = holds(conn, store_id)
    assert hold.preview is not None and hold.preview["reasons"] == ["price_factor"]
    assert hold.preview["changes"][0]["regularPrice"] == ["2000", "20"]
    check_drift_now(pushing, store_id, whole=True)
    [same] = holds(conn, store_id)
    assert (same.id, same.total_items) == (hold.id, 1)


def test_a_policy_of_hold_waits_for_a_person(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce, products: list[dict[str, Any]]
) -> None:
    set_policy(conn, store_id, name="hold", description="report", price="report", stock="repair")
    check_drift_now(pushing, store_id)
    for product in products[:2]:
        edit(shop, product, name="By hand", description="Written by hand", regular_price="21", stock_quantity=27)
    check_drift_now(pushing, store_id)
    assert {value(shop, product, "name") for product in products[:2]} == {"By hand"}
    assert {value(shop, product, "stock_quantity") for product in products[:2]} == {30}
    [hold] = holds(conn, store_id)
    assert hold.preview is not None and (hold.preview["reasons"], hold.total_items) == (["drift"], 2)
    with tenant(conn, store_id):
        assert approve(conn, store_id, hold.id) == 2
    push(pushing, store_id)
    assert {value(shop, product, "name") for product in products[:2]} == {"Blue Widget"}
    left = {"description": ("Written by hand", "A widget."), "regular_price": ("21", "20")}
    assert findings(conn, store_id) == {product["sku"]: left for product in products[:2]}


def test_a_rejected_repair_is_not_asked_for_again(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce, products: list[dict[str, Any]]
) -> None:
    set_policy(conn, store_id, name="hold")
    check_drift_now(pushing, store_id)
    edit(shop, products[0], name="By hand")
    check_drift_now(pushing, store_id)
    [hold] = holds(conn, store_id)
    with tenant(conn, store_id):
        assert reject(conn, store_id, hold.id) == 1
    check_drift_now(pushing, store_id, whole=True)
    assert holds(conn, store_id) == []
    edit(shop, products[0], regular_price="21")
    check_drift_now(pushing, store_id)
    assert (value(shop, products[0], "name"), value(shop, products[0], "regular_price")) == ("By hand", "20")


def test_a_difference_that_no_date_shows_is_found_once_a_day(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    shop: FakeWooCommerce,
    products: list[Any],
) -> None:
    now = datetime.now(UTC)
    run_task(pushing.pool, store_id, "drift")
    root_conn.execute("UPDATE wc_schedules SET next_run_at = now() WHERE store_id = %s AND task = 'drift'", (store_id,))
    run_task(pushing.pool, store_id, "drift")
    push(pushing, store_id)
    with shop.state.lock:  # a plugin writes the price past WooCommerce, long after the date of the product
        found = shop.product_of(products[0]["sku"])
        assert found is not None
        old = shop.state.dates("date_modified", now - timedelta(days=9))
        shop.state.products[found["id"]] = found | {"regular_price": "21"} | old
    for is_a_day_later, price in ((False, "21"), (True, "20")):
        if is_a_day_later:
            root_conn.execute(
                "UPDATE wc_drift_checks SET whole_at = now() - interval '25 h' WHERE store_id = %s", (store_id,)
            )
        root_conn.execute(
            "UPDATE wc_schedules SET next_run_at = now() WHERE store_id = %s AND task = 'drift'", (store_id,)
        )
        run_task(pushing.pool, store_id, "drift")
        push(pushing, store_id)
        assert value(shop, products[0], "regular_price") == price


def test_the_watermark_never_passes_now(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce, products: list[dict[str, Any]]
) -> None:
    check_drift_now(pushing, store_id)
    future = shop.state.dates("date_modified", datetime(2035, 1, 1, tzinfo=UTC))
    edit(shop, products[0], moves_date=False, status="future", **future)
    check_drift_now(pushing, store_id)
    with tenant(conn, store_id):
        found = get_check(conn, store_id)
    assert found is not None and found.watermark is not None and found.due_at is None
    assert found.watermark <= datetime.now(UTC)
    edit(shop, products[1], regular_price="25")
    check_drift_now(pushing, store_id)
    assert value(shop, products[1], "regular_price") == "20"


def test_only_what_changed_is_read_each_hour(
    pushing: Runtime, store_id: UUID, shop: FakeWooCommerce, products: list[dict[str, Any]]
) -> None:
    check_drift_now(pushing, store_id)
    before = shop.calls["GET /products"]
    edit(shop, products[0], stock_quantity=29)
    check_drift_now(pushing, store_id)
    assert shop.calls["GET /products"] == before + 2  # the living, and the trash


def test_trashed_and_deleted_products_are_findings(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    shop: FakeWooCommerce,
    products: list[Any],
) -> None:
    check_drift_now(pushing, store_id)
    for number, force in ((0, False), (1, True)):
        found = shop.product_of(products[number]["sku"])
        assert found is not None
        shop.trash_product(found["id"], force=force)
    check_drift_now(pushing, store_id)
    assert findings(conn, store_id) == {products[0]["sku"]: {"status": ("trash", "in the shop")}}
    check_drift_now(pushing, store_id, whole=True)
    assert findings(conn, store_id) == {
        products[0]["sku"]: {"status": ("trash", "in the shop")},
        products[1]["sku"]: {"status": ("deleted", "in the shop")},
    }
    assert set(statuses(root_conn, store_id)) == {"completed"}


def test_a_manual_offer_is_no_drift(pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce) -> None:
    product = make_erp_product(regular_price="20", allow_manual_woocommerce_offers=True, sale_price=None)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    check_drift_now(pushing, store_id)
    edit(shop, product, sale_price="15")
    check_drift_now(pushing, store_id)
    assert (value(shop, product, "sale_price"), findings(conn, store_id)) == ("15", {})


def test_a_shop_that_fails_is_checked_later(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    shop: FakeWooCommerce,
    products: list[Any],
) -> None:
    check_drift_now(pushing, store_id)
    edit(shop, products[0], regular_price="25")
    shop.faults.add(Fault("database_down", "GET /products", times=1))
    check_drift_now(pushing, store_id)
    with tenant(conn, store_id):
        found = get_check(conn, store_id)
    assert found is not None and found.error_code is not None and found.due_at is not None
    assert found.due_at > datetime.now(UTC)
    root_conn.execute("UPDATE wc_drift_checks SET due_at = now() WHERE store_id = %s", (store_id,))
    push(pushing, store_id)
    assert value(shop, products[0], "regular_price") == "20"


def test_products_that_wait_for_the_takeover_are_not_repaired(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    shop.add_product(sku=product["sku"], name="By hand", regular_price="19")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    check_drift_now(pushing, store_id, whole=True)
    assert value(shop, product, "name") == "By hand"
    assert statuses(root_conn, store_id) == {"needs_approval": 1}
