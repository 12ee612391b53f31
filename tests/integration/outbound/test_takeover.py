"""The first time a store adopts products that its shop has already, all of them wait once for a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.batches import BatchView, list_batches
from db.outbound.takeover import get_takeover
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import make_erp_product, push, put_products, say_yes_to_takeover, statuses
from workers.core.runtime import Runtime
from workers.outbound.runs import approve, reject, retry_group, start_full
from workers.outbound.sending import push_store
from workers.outbound.sending.claim import claim_next

PRODUCTS = 60
OWN = {
    "name": "By hand",
    "description": "<p>Written by hand.</p>",
    "regular_price": "20",
    "sale_price": "18",
    "manage_stock": True,
    "stock_quantity": 5,
}
KEPT = ("name", "description", "regular_price", "sale_price", "stock_quantity", "categories", "images")


@pytest.fixture
def shop(connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    for number in range(PRODUCTS):
        connected_shop.add_product(sku=f"KNOWN-{number}", **OWN)
    return connected_shop


@pytest.fixture
def sent_by_tens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six claims look the sixty products up, one after another."""
    monkeypatch.setattr(
        push_store, "claim_next", lambda conn, store_id, holder, _most: claim_next(conn, store_id, holder, 10)
    )


def known(**overrides: Any) -> list[dict[str, Any]]:
    return [make_erp_product(sku=f"KNOWN-{number}", **overrides) for number in range(PRODUCTS)]


def bare(products: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: one[name] for name in ("product_id", "sku", "name")} for one in products]


def seen(shop: FakeWooCommerce) -> list[dict[str, Any]]:
    return [
        {name: one[name] for name in KEPT} for one in shop.state.products.values() if one["sku"].startswith("KNOWN")
    ]


def open_hold(conn: Connection, store_id: UUID) -> BatchView:
    with tenant(conn, store_id):
        [hold] = [one for one in list_batches(conn, store_id, 5) if one.status == "needs_approval"]
    return hold


def decide(conn: Connection, store_id: UUID, decision: Callable[..., int | None]) -> int | None:
    hold = open_hold(conn, store_id)
    with tenant(conn, store_id):
        return decision(conn, store_id, hold.id)


def decision_of(conn: Connection, store_id: UUID) -> str | None:
    with tenant(conn, store_id):
        return get_takeover(conn, store_id)


def test_a_first_import_overwrites_nothing_before_a_yes(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    before = seen(shop)
    products = known(name="From the ERP", regular_price="2000", sale_price=None, stock_quantity=0)
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    assert seen(shop) == before
    assert statuses(root_conn, store_id) == {"needs_approval": PRODUCTS}
    preview = open_hold(conn, store_id).preview
    assert preview is not None
    assert preview["reasons"] == ["price_factor", "price_share", "zero_share", "text_share", "takeover"]
    counts = {one["field"]: one["products"] for one in preview["fields"]}
    assert counts == dict.fromkeys(("name", "description", "regular_price", "sale_price", "stock_quantity"), PRODUCTS)
    [name] = [one for one in preview["fields"] if one["field"] == "name"]
    assert len(name["examples"]) == 10
    assert (name["examples"][0]["shop"], name["examples"][0]["erp"]) == ("By hand", "From the ERP")
    assert len(preview["changes"]) <= 50
    assert decide(conn, store_id, approve) == PRODUCTS
    push(pushing, store_id)
    assert {(one["name"], one["regular_price"], one["stock_quantity"]) for one in seen(shop)} == {
        ("From the ERP", "2000", 0)
    }
    assert statuses(root_conn, store_id) == {"completed": PRODUCTS}
    assert decision_of(conn, store_id) == "approved"


def test_a_harmless_takeover_waits_too_and_is_weighed_whole(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce, sent_by_tens: None
) -> None:
    before = seen(shop)
    new = [make_erp_product() for _ in range(5)]
    put_products(pushing, store_id, known(**OWN | {"stock_quantity": 4}) + new)
    push(pushing, store_id)
    assert seen(shop) == before
    assert statuses(root_conn, store_id) == {"needs_approval": PRODUCTS, "completed": len(new)}
    hold = open_hold(conn, store_id)
    assert hold.preview is not None
    assert (hold.preview["reasons"], hold.preview["adoptedProducts"]) == (["takeover"], PRODUCTS)
    assert all(shop.product_of(one["sku"]) is not None for one in new), "new products are not held"


def test_records_without_values_clear_nothing(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    before = seen(shop)
    put_products(pushing, store_id, bare(known(name="By hand")))
    push(pushing, store_id)
    assert seen(shop) == before
    assert statuses(root_conn, store_id) == {"completed": PRODUCTS}  # nothing differs, so nothing waits
    assert decision_of(conn, store_id) is None


def test_a_rejected_takeover_keeps_the_shop(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    before, products = seen(shop), known(**OWN | {"stock_quantity": 4})
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    assert decide(conn, store_id, reject) == PRODUCTS
    put_products(pushing, store_id, products)  # the same values again
    with tenant(conn, store_id):
        start_full(conn, store_id, "test", force=True)
    push(pushing, store_id)
    assert seen(shop) == before
    assert statuses(root_conn, store_id) == {"failed": 2 * PRODUCTS}
    assert decision_of(conn, store_id) == "rejected"
    put_products(pushing, store_id, [products[0] | {"stock_quantity": 3}])  # the ERP states another value
    push(pushing, store_id)
    assert sorted(one["stock_quantity"] for one in seen(shop)) == [3, *[5] * (PRODUCTS - 1)]
    with tenant(conn, store_id):
        assert retry_group(conn, store_id, "product", "REJECTED")
    push(pushing, store_id)
    assert sorted(one["stock_quantity"] for one in seen(shop)) == [3, *[4] * (PRODUCTS - 1)]


def test_a_yes_beforehand_leaves_the_ordinary_brakes(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce, sent_by_tens: None
) -> None:
    say_yes_to_takeover(pushing, store_id)
    products = known(**OWN | {"regular_price": "21"})
    put_products(pushing, store_id, products[:15])  # a quarter: fewer than the share that is held
    root_conn.execute("UPDATE wc_sync_items SET next_attempt_at = now() WHERE store_id = %s", (store_id,))
    put_products(pushing, store_id, products[15:])
    before = seen(shop)
    push(pushing, store_id)
    assert seen(shop) == before
    preview = open_hold(conn, store_id).preview
    assert preview is not None and preview["reasons"] == ["price_share"]
    assert statuses(root_conn, store_id) == {"needs_approval": PRODUCTS}


def test_an_approval_does_not_cover_what_the_shop_changed(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    products = known(**OWN | {"name": "From the ERP", "regular_price": "21"})
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    changed = shop.product_of("KNOWN-7")
    assert changed is not None
    changed |= {"regular_price": "500", "price": "500"}
    with shop.state.lock:
        shop.state.products[changed["id"]] = changed
    decide(conn, store_id, approve)
    push(pushing, store_id)
    found = shop.product_of("KNOWN-7")
    assert found is not None and found["regular_price"] == "500"
    preview = open_hold(conn, store_id).preview
    assert preview is not None and preview["changes"][0]["regularPrice"] == ["500", "21"]
    assert statuses(root_conn, store_id) == {"completed": PRODUCTS - 1, "needs_approval": 1}
