"""Products that somebody put into the shop's trash: what a statement of the ERP does follows the store's policy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.batches import list_batches
from db.outbound.mappings import count_mappings
from db.outbound.policies import set_policy
from tests.fakes.woocommerce import FakeWooCommerce
from tests.fakes.woocommerce.catalogue import variations
from tests.support.outbound import (
    ask,
    check_drift_now,
    make_erp_product,
    push,
    push_all_attempts,
    put_products,
    say_yes_to_takeover,
    statuses,
)
from workers.core.runtime import Runtime
from workers.outbound.runs import reject

FAILED = "SELECT DISTINCT error_code FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"


def choose(runtime: Runtime, store_id: UUID, policy: str) -> None:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        assert set_policy(conn, store_id, "trashed", policy)


def trashed(runtime: Runtime, store_id: UUID, shop: FakeWooCommerce) -> tuple[dict[str, Any], int]:
    """A product of the ERP that is in the trash, and its id there."""
    product = make_erp_product()
    put_products(runtime, store_id, [product])
    push(runtime, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None
    shop.trash_product(found["id"])
    return product, found["id"]


def test_a_trashed_product_is_restored_with_what_the_erp_states(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    choose(pushing, store_id, "restore")
    product, wc_id = trashed(pushing, store_id, connected_shop)
    put_products(pushing, store_id, [product | {"regular_price": "21"}])
    push(pushing, store_id)
    restored = connected_shop.state.products[wc_id]
    assert (restored["status"], restored["regular_price"]) == ("publish", "21")
    assert set(statuses(root_conn, store_id)) == {"completed"}
    with tenant(conn, store_id):
        assert count_mappings(conn, store_id) == (1, 0)


def test_a_trashed_product_is_deleted_and_created_anew(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    choose(pushing, store_id, "recreate")
    product, wc_id = trashed(pushing, store_id, connected_shop)
    put_products(pushing, store_id, [product | {"regular_price": "21"}])
    push_all_attempts(pushing, root_conn, store_id)
    [made] = connected_shop.state.products.values()
    assert (made["sku"], made["status"], made["regular_price"]) == (product["sku"], "publish", "21")
    assert made["id"] != wc_id
    assert set(statuses(root_conn, store_id)) == {"completed"}
    with tenant(conn, store_id):
        assert count_mappings(conn, store_id) == (1, 0)


@pytest.mark.parametrize("policy", ["restore", "recreate"])
def test_a_rejected_product_stays_in_the_trash(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    policy: str,
) -> None:
    choose(pushing, store_id, policy)
    product, wc_id = trashed(pushing, store_id, connected_shop)
    put_products(pushing, store_id, [product | {"regular_price": "1990"}])
    push(pushing, store_id)
    with tenant(conn, store_id):
        [hold] = [one for one in list_batches(conn, store_id, 5) if one.status == "needs_approval"]
        reject(conn, store_id, hold.id)
    ask(pushing, store_id, product["product_id"], "product")
    push(pushing, store_id)
    left = connected_shop.state.products[wc_id]
    assert (left["status"], left["regular_price"]) == ("trash", "19.9")
    assert set(statuses(root_conn, store_id)) == {"completed", "failed"}


@pytest.mark.parametrize("policy", ["restore", "recreate"])
def test_a_drift_check_only_reports_what_is_in_the_trash(
    pushing: Runtime, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce, policy: str
) -> None:
    choose(pushing, store_id, policy)
    _, wc_id = trashed(pushing, store_id, connected_shop)
    for is_whole in (True, False):
        check_drift_now(pushing, store_id, whole=is_whole)
        push(pushing, store_id)
    assert connected_shop.state.products[wc_id]["status"] == "trash"
    with tenant(conn, store_id):
        assert count_mappings(conn, store_id) == (1, 1)


def test_a_trashed_variation_is_restored(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    choose(pushing, store_id, "restore")
    say_yes_to_takeover(pushing, store_id)
    parent = connected_shop.add_product(name="Mug", type="variable", sku="MUG")
    wc_id = connected_shop.add_variation(parent["id"], sku="MUG-S", regular_price="19.90")["id"]
    product = make_erp_product(sku="MUG-S")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    with connected_shop.state.lock:
        variations.delete(connected_shop.state, parent["id"], wc_id, force=False)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert connected_shop.state.products[wc_id]["status"] == "publish"
    assert set(statuses(root_conn, store_id)) == {"completed"}
