"""Products of the ERP that are variations in the shop: found by their own SKU, compared and written below their product."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.batches import list_batches
from db.outbound.items import Origin
from db.outbound.mappings import count_mappings, get_mapping
from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.fakes.woocommerce.catalogue import variations
from tests.support.outbound import (
    ask,
    check_drift_now,
    make_erp_product,
    push,
    put_products,
    say_yes_to_takeover,
    statuses,
)
from workers.core.runtime import Runtime
from workers.outbound.intake.discontinue import discontinue_products
from workers.outbound.planning.preview import preview_products
from workers.outbound.runs import approve
from workers.outbound.sending.call_gate import CallGate, CallKind

Variation = dict[str, Any]
SIZES = ("S", "M", "L")
FAILED = "SELECT error_code, retryable FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"


@pytest.fixture
def shirt(connected_shop: FakeWooCommerce) -> dict[str, Variation]:
    """A shirt in three sizes, by SKU."""
    size = {"name": "Size", "variation": True, "options": list(SIZES)}
    parent = connected_shop.add_product(name="Shirt", type="variable", sku="SHIRT", attributes=[size])
    made = [
        connected_shop.add_variation(
            parent["id"],
            sku=f"SHIRT-{one}",
            regular_price="30",
            manage_stock=True,
            stock_quantity=10,
            attributes=[{"name": "Size", "option": one}],
        )
        for one in SIZES
    ]
    return {one["sku"]: one for one in [parent, *made]}


def medium(**overrides: Any) -> dict[str, Any]:
    return make_erp_product(sku="SHIRT-M", name="Shirt M", regular_price="35", stock_quantity=4) | overrides


def in_shop(shop: FakeWooCommerce, *skus: str) -> list[tuple[str, int | None]]:
    found = [shop.product_of(sku) for sku in skus]
    return [(one["regular_price"], one["stock_quantity"]) for one in found if one is not None]


def edit(shop: FakeWooCommerce, variation: Variation, **payload: Any) -> None:
    with shop.state.lock:
        variations.update(shop.state, variation["parent_id"], variation["id"], payload)


def test_a_variation_is_adopted_by_its_own_sku(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    shirt: dict[str, Variation],
) -> None:
    product = medium(image_urls=["https://erp.example.com/m.jpg", "https://erp.example.com/back.jpg"])
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"needs_approval": 1}
    assert in_shop(connected_shop, *shirt)[1:] == [("30", 10)] * 3
    with tenant(conn, store_id):
        [hold] = [one for one in list_batches(conn, store_id, 5) if one.status == "needs_approval"]
        approve(conn, store_id, hold.id)
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1}
    assert in_shop(connected_shop, *shirt)[1:] == [("30", 10), ("35", 4), ("30", 10)]
    parent = connected_shop.product_of("SHIRT")
    assert parent is not None and (parent["name"], parent["description"]) == ("Shirt", "")
    written = connected_shop.product_of("SHIRT-M")
    assert written is not None and written["image"]["src"]
    assert written["attributes"] == shirt["SHIRT-M"]["attributes"]
    with tenant(conn, store_id):
        mapping = get_mapping(conn, store_id, UUID(product["product_id"]))
    assert mapping is not None and mapping.in_sync
    assert (mapping.wc_product_id, mapping.wc_parent_id) == (shirt["SHIRT-M"]["id"], shirt["SHIRT"]["id"])


@pytest.mark.parametrize("has_list_of_all", [True, False])
def test_what_the_shop_sells_is_put_right_by_the_next_statement(
    pushing: Runtime,
    root_conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    shirt: dict[str, Variation],
    has_list_of_all: bool,
) -> None:
    connected_shop.configure(lists_variations=has_list_of_all)
    say_yes_to_takeover(pushing, store_id)
    products = [make_erp_product(sku=sku, regular_price="30", stock_quantity=10) for sku in shirt if sku != "SHIRT"]
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    connected_shop.calls.clear()
    edit(connected_shop, shirt["SHIRT-M"], stock_quantity=7)
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    assert in_shop(connected_shop, *shirt)[1:] == [("30", 10)] * 3
    assert connected_shop.calls["POST /products/{id}/variations/batch"] == 1
    assert "POST /products/batch" not in connected_shop.calls
    assert set(statuses(root_conn, store_id)) == {"completed"}


def of_three_products(shop: FakeWooCommerce) -> list[dict[str, Any]]:
    """The ERP's records of 60 variations in the shop, whose stock differs."""
    products = []
    for name in ("A", "B", "C"):
        parent = shop.add_product(name=name, type="variable", sku=name)
        for number in range(20):
            shop.add_variation(parent["id"], sku=f"{name}-{number}", regular_price="19.90")
            products.append(make_erp_product(sku=f"{name}-{number}", stock_quantity=number + 1))
    return products


def test_variations_of_one_product_go_in_one_call(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    say_yes_to_takeover(pushing, store_id)
    put_products(pushing, store_id, of_three_products(connected_shop))
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 60}
    assert connected_shop.calls["POST /products/{id}/variations/batch"] == 3
    stock = [one["stock_quantity"] for one in connected_shop.state.products.values() if one["type"] == "variation"]
    assert sorted(stock) == sorted(list(range(1, 21)) * 3)


def test_a_shop_that_fails_is_not_called_for_each_product(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    say_yes_to_takeover(pushing, store_id)
    put_products(pushing, store_id, of_three_products(connected_shop))
    connected_shop.faults.add(Fault("gateway_timeout", "^POST"))
    push(pushing, store_id)
    assert connected_shop.calls["POST /products/{id}/variations/batch"] == 1
    assert statuses(root_conn, store_id) == {"pending": 60}


def test_lists_of_an_older_shop_count_as_calls_of_their_own(
    pushing: Runtime,
    root_conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pacing must not take three quick answers for a slow one."""
    kinds: list[CallKind] = []
    enter = CallGate.enter

    def note(gate: CallGate, kind: CallKind) -> float:
        kinds.append(kind)
        return enter(gate, kind)

    monkeypatch.setattr(CallGate, "enter", note)
    connected_shop.configure(lists_variations=False)
    say_yes_to_takeover(pushing, store_id)
    products = of_three_products(connected_shop)
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    kinds.clear()
    connected_shop.calls.clear()
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    assert connected_shop.calls["GET /products/{id}/variations"] == 3
    assert len(kinds) == connected_shop.calls.total()


def test_a_product_is_not_taken_for_its_variation_without_a_sku(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    parent = connected_shop.add_product(name="Cap", type="variable", sku="CAP")
    bare = connected_shop.add_variation(parent["id"], regular_price="8")
    say_yes_to_takeover(pushing, store_id)
    product = {name: value for name, value in make_erp_product(sku="CAP").items() if "price" not in name}
    product.pop("stock_quantity")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    with tenant(conn, store_id):
        mapping = get_mapping(conn, store_id, UUID(product["product_id"]))
    assert mapping is not None
    assert (mapping.wc_product_id, mapping.wc_parent_id) == (parent["id"], None)
    assert connected_shop.state.products[bare["id"]]["regular_price"] == "8"


def test_a_deleted_variation_becomes_no_product_of_its_own(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    shirt: dict[str, Variation],
) -> None:
    say_yes_to_takeover(pushing, store_id)
    product = medium()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    parent_id = shirt["SHIRT"]["id"]
    with connected_shop.state.lock:
        variations.delete(connected_shop.state, parent_id, shirt["SHIRT-M"]["id"], force=True)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert root_conn.execute(FAILED, (store_id,)).fetchall() == [("VARIATION_NOT_IN_SHOP", False)]
    assert connected_shop.product_of("SHIRT-M") is None
    with tenant(conn, store_id):
        mapping = get_mapping(conn, store_id, UUID(product["product_id"]))
    assert mapping is not None and (mapping.sync_status, mapping.in_sync) == ("failed", False)
    assert mapping.differences["status"].theirs == "deleted"
    again = connected_shop.add_variation(parent_id, sku="SHIRT-M", regular_price="30")
    put_products(pushing, store_id, [product | {"regular_price": "36"}])
    push(pushing, store_id)
    assert connected_shop.state.products[again["id"]]["regular_price"] == "36"


def test_stock_that_the_parent_counts_is_no_difference(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    parent = connected_shop.add_product(name="Mug", type="variable", sku="MUG", manage_stock=True, stock_quantity=5)
    for sku in ("MUG-S", "MUG-L"):
        connected_shop.add_variation(parent["id"], sku=sku, regular_price="19.90")
    say_yes_to_takeover(pushing, store_id)
    uncounted = make_erp_product(sku="MUG-S", manage_stock=False, stock_quantity=None)
    unstated = make_erp_product(sku="MUG-L")
    unstated.pop("stock_quantity")
    put_products(pushing, store_id, [uncounted, unstated])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 2}
    assert "POST /products/{id}/variations/batch" not in connected_shop.calls
    with tenant(conn, store_id):
        assert count_mappings(conn, store_id) == (2, 0)


def test_a_discontinued_variation_is_disabled_and_comes_back(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce, shirt: dict[str, Variation]
) -> None:
    say_yes_to_takeover(pushing, store_id)
    product = medium()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    with pushing.pool.connection() as conn, tenant(conn, store_id):
        discontinue_products(conn, store_id, [UUID(product["product_id"])], Origin({"source": "test"}))
    push(pushing, store_id)
    disabled = connected_shop.product_of("SHIRT-M")
    assert disabled is not None and disabled["status"] == "private"
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    enabled = connected_shop.product_of("SHIRT-M")
    assert enabled is not None and enabled["status"] == "publish"


def test_a_price_that_moves_too_far_is_held(
    pushing: Runtime,
    root_conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    shirt: dict[str, Variation],
) -> None:
    say_yes_to_takeover(pushing, store_id)
    put_products(pushing, store_id, [medium(regular_price="3000")])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"needs_approval": 1}
    assert in_shop(connected_shop, "SHIRT-M") == [("30", 10)]


def test_a_price_changed_by_hand_is_repaired(
    pushing: Runtime,
    root_conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    shirt: dict[str, Variation],
) -> None:
    say_yes_to_takeover(pushing, store_id)
    put_products(pushing, store_id, [medium()])
    push(pushing, store_id)
    for is_whole in (True, False):
        check_drift_now(pushing, store_id, whole=is_whole)
        push(pushing, store_id)
        edit(connected_shop, shirt["SHIRT-M"], regular_price="36")
        check_drift_now(pushing, store_id, whole=is_whole)
        push(pushing, store_id)
        push(pushing, store_id)
        assert in_shop(connected_shop, "SHIRT-M") == [("35", 4)]


def test_a_dry_run_compares_a_variation(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce, shirt: dict[str, Variation]
) -> None:
    product = medium()
    put_products(pushing, store_id, [product])
    [found] = preview_products(pushing.settings, pushing.pool, store_id, [UUID(product["product_id"])], "product")
    assert (found.action, found.wc_id) == ("update", shirt["SHIRT-M"]["id"])
    assert [one.field for one in found.differences] == ["regular_price", "stock_quantity"]


def test_an_explicit_request_reads_the_variation(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce, shirt: dict[str, Variation]
) -> None:
    say_yes_to_takeover(pushing, store_id)
    product = medium()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    edit(connected_shop, shirt["SHIRT-M"], stock_quantity=1)
    ask(pushing, store_id, product["product_id"], "stock")
    push(pushing, store_id)
    assert in_shop(connected_shop, "SHIRT-M") == [("35", 4)]
