"""The outbound routes: roles, words, dry runs, statistics; and what the store next door may not see."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection

from app.http.auth import token_sha256
from app.http.services import EXTENSION
from app.settings.environment import Settings
from app.usecases.stores import CreatedStore, create_store, rotate_token
from tests.conftest import Database, Servers
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.application import application
from tests.support.outbound import SECRET_KEY, make_erp_product, push, with_key
from tests.support.pipeline import bearer
from workers.core.runtime import Runtime

WOO = "/api/v1/woocommerce"
ADMIN_ONLY = ("/sync/all", "/sync/categories", "/sync/retry")


@pytest.fixture(scope="module")
def app(settings: Settings, database: Database, servers: Servers) -> Iterator[Flask]:
    """The application that can keep credentials."""
    with application(replace(settings, secret_key=SECRET_KEY), database.url, servers.redis.url) as made:
        yield made


@pytest.fixture
def admin(conn: Connection, store: CreatedStore) -> dict[str, str]:
    token = rotate_token(conn, store.store_id, "admin", timedelta(0))
    assert token is not None and token_sha256(token)
    return bearer(token)


@pytest.fixture
def plugin(store: CreatedStore) -> dict[str, str]:
    return bearer(store.token)


def erp_token(conn: Connection, store: CreatedStore) -> dict[str, str]:
    token = rotate_token(conn, store.store_id, "erp", timedelta(0))
    assert token is not None
    return bearer(token)


@pytest.fixture
def erp(conn: Connection, store: CreatedStore) -> dict[str, str]:
    return erp_token(conn, store)


@pytest.fixture
def shop(connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    return connected_shop


@pytest.fixture
def pushing(runtime: Runtime) -> Runtime:
    return with_key(runtime)


def put(client: FlaskClient, headers: dict[str, str], products: list[Any]) -> dict[str, Any]:
    answer = client.put("/api/v1/erp/products", json={"products": products}, headers=headers)
    assert answer.status_code == 200, answer.json
    data: dict[str, Any] = (answer.json or {})["data"]
    return data


def data_of(answer: Any, status: int) -> Any:
    assert answer.status_code == status, answer.json
    return answer.json["data"]


def test_same_catalogue_again_is_compared_with_the_shop(client: FlaskClient, erp: dict[str, str]) -> None:
    product = make_erp_product(version=2)
    first = put(client, erp, [product, {"sku": "no id"}])
    assert (first["insertedCount"], first["skippedCount"], first["queuedItems"]) == (1, 1, 1)
    assert {"index": 1, "field": "name", "code": "required", "reason": "is missing or empty"} in first["errors"]
    again = put(client, erp, [product])
    assert (again["unchangedCount"], again["queuedItems"]) == (1, 1)  # the shop may have changed meanwhile
    older = put(client, erp, [product | {"version": 1, "regular_price": "1"}])
    assert (older["staleCount"], older["queuedItems"]) == (1, 0)
    newer = put(client, erp, [product | {"version": 3, "regular_price": "21", "stock_quantity": 1}])
    assert (newer["updatedCount"], newer["queuedItems"]) == (1, 3)


def test_a_takeover_may_be_approved_beforehand_by_an_admin(
    client: FlaskClient,
    erp: dict[str, str],
    admin: dict[str, str],
    shop: FakeWooCommerce,
    pushing: Runtime,
    store_id: UUID,
) -> None:
    product = make_erp_product()
    shop.add_product(sku=product["sku"], name="By hand", regular_price="19.90")
    body = {"products": [product]}
    assert client.put("/api/v1/erp/products?adopt=true", json=body, headers=erp).status_code == 403
    put(client, erp, [product])
    push(pushing, store_id)
    assert [one["name"] for one in shop.state.products.values()] == ["By hand"]
    assert client.put("/api/v1/erp/products?adopt=true", json=body, headers=admin).status_code == 200
    push(pushing, store_id)
    assert [one["name"] for one in shop.state.products.values()] == ["Blue Widget"]


def test_one_product_is_sent_whole_if_forced(
    client: FlaskClient, erp: dict[str, str], shop: FakeWooCommerce, pushing: Runtime, store_id: UUID
) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    push(pushing, store_id)
    writes = []
    for query in ("", "?force=true"):
        client.post(f"{WOO}/sync/product/{product['product_id']}{query}", headers=erp)
        push(pushing, store_id)
        writes.append(shop.calls["POST /products/batch"])
    assert writes == [1, 2]


@pytest.mark.parametrize("path", ADMIN_ONLY)
def test_runs_over_the_whole_store_need_an_admin(
    client: FlaskClient, plugin: dict[str, str], admin: dict[str, str], path: str
) -> None:
    assert client.post(WOO + path, headers=plugin).status_code == 403
    assert client.post(WOO + path).status_code == 401
    assert client.post(WOO + path, headers=admin).status_code in (200, 202)
    assert client.get(WOO + "/sync/failed", headers=plugin).status_code == 403


def test_product_sync_is_accepted_and_polled(
    client: FlaskClient, erp: dict[str, str], shop: FakeWooCommerce, pushing: Runtime, store_id: UUID
) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    accepted = data_of(client.post(f"{WOO}/sync/product/{product['product_id']}", headers=erp), 202)
    assert (accepted["syncType"], accepted["status"]) == ("product", "pending")
    push(pushing, store_id)
    item = data_of(client.get(accepted["statusUrl"], headers=erp), 200)
    made = shop.product_of(product["sku"])
    assert made is not None
    assert (item["status"], item["wooCommerceId"], item["attempts"]) == ("completed", made["id"], 1)
    mapping = data_of(client.get(f"{WOO}/mappings/{product['product_id']}", headers=erp), 200)
    assert (mapping["wooCommerceProductId"], mapping["inSync"]) == (made["id"], True)
    stats = data_of(client.get(f"{WOO}/sync/status", headers=erp), 200)
    assert (stats["completed"], stats["queueDepth"], stats["outOfSyncProducts"]) == (1, 0, 0)


def test_product_sync_is_waited_for(
    client: FlaskClient, erp: dict[str, str], shop: FakeWooCommerce, pushing: Runtime, store_id: UUID
) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    later = threading.Timer(0.2, push, (pushing, store_id))
    later.start()
    url = f"{WOO}/sync/price/{product['product_id']}"
    result = data_of(client.post(url, headers=erp | {"Prefer": "wait=10"}), 200)
    later.join()
    made = shop.product_of(product["sku"])
    assert made is not None
    assert (result["success"], result["productId"], result["wooCommerceId"]) == (
        True,
        product["product_id"],
        made["id"],
    )
    assert (result["syncType"], result["error"]) == ("price", None) and result["duration"] >= 0


@pytest.mark.parametrize("path", ["/sync/product/{}", "/sync/stock/{}", "/sync/price/{}"])
def test_unknown_and_malformed_products_are_refused(client: FlaskClient, erp: dict[str, str], path: str) -> None:
    assert client.post(WOO + path.format(uuid4()), headers=erp).status_code == 404
    assert client.post(WOO + path.format("x"), headers=erp).status_code == 400


def test_full_run_lists_its_failed_items(
    client: FlaskClient,
    erp: dict[str, str],
    admin: dict[str, str],
    shop: FakeWooCommerce,
    pushing: Runtime,
    store_id: UUID,
) -> None:
    trashed = shop.add_product(name="Old", sku="TRASHED")
    shop.trash_product(trashed["id"])
    put(client, erp, [*(make_erp_product() for _ in range(5)), make_erp_product(sku="TRASHED")])
    run = data_of(client.post(f"{WOO}/sync/all", json={"force": False}, headers=admin), 202)
    assert run["totalProducts"] == 6
    push(pushing, store_id)
    batch = data_of(client.get(run["statusUrl"], headers=erp), 200)
    assert (batch["status"], batch["synced"], batch["failed"]) == ("completed", 5, 1)
    [failed] = batch["failedItems"]
    assert (failed["error"]["code"], failed["retryable"]) == ("SKU_IN_TRASH", False)
    shop.trash_product(trashed["id"], force=True)
    dry = data_of(client.post(f"{WOO}/sync/retry?dry_run=true", headers=admin), 200)
    assert [(one["label"], one["action"]) for one in dry["changes"]] == [("TRASHED", "create")]
    assert data_of(client.post(f"{WOO}/sync/retry", headers=admin), 200) == {"retryCount": 1}
    push(pushing, store_id)
    batch = data_of(client.get(run["statusUrl"], headers=erp), 200)
    assert (batch["status"], batch["synced"], batch["failed"]) == ("completed", 6, 0)
    assert data_of(client.get(f"{WOO}/sync/failed", headers=admin), 200)["items"] == []


def test_dry_run_answers_differences_and_writes_nothing(
    client: FlaskClient,
    admin: dict[str, str],
    shop: FakeWooCommerce,
    pushing: Runtime,
    store_id: UUID,
) -> None:
    product = make_erp_product()
    put(client, admin, [product])
    push(pushing, store_id)
    put(client, admin, [product | {"regular_price": "25.50"}, make_erp_product(sku="NEW")])
    writes = shop.calls["POST /products/batch"]
    url = f"{WOO}/sync/price/{product['product_id']}?dry_run=true"
    [change] = data_of(client.post(url, headers=admin), 200)["changes"]
    assert change["action"] == "update"
    assert change["differences"] == [{"field": "regular_price", "wooCommerce": "19.9", "erp": "25.5"}]
    found = data_of(client.post(f"{WOO}/sync/all?dry_run=true", headers=admin), 200)
    assert sorted(one["action"] for one in found["changes"]) == ["create", "update"]
    body = {"categories": [{"category_id": str(uuid4()), "name": "Lamps"}]}
    assert client.put("/api/v1/erp/categories", json=body, headers=admin).status_code == 200
    [made] = data_of(client.post(f"{WOO}/sync/categories?dry_run=true", headers=admin), 200)["changes"]
    assert (made["label"], made["action"], made["wooCommerceId"]) == ("Lamps", "create", None)
    order = shop.add_order(datetime.now(UTC) - timedelta(hours=1))
    pulled = data_of(client.post(f"{WOO}/pull/orders?dry_run=true", headers=admin), 200)
    assert ([one["wooCommerceId"] for one in pulled["orders"]], pulled["total"]) == ([order["id"]], 1)
    since = {"since": (datetime.now(UTC) - timedelta(minutes=10)).isoformat()}
    assert data_of(client.post(f"{WOO}/pull/orders?dry_run=true", json=since, headers=admin), 200)["orders"] == []
    assert client.post(f"{WOO}/sync/all?dry_run=perhaps", headers=admin).status_code == 400
    assert shop.calls["POST /products/batch"] == writes


@pytest.mark.parametrize(
    ("decision", "counted", "price"), [("approve", "approvedItems", "0.01"), ("reject", "rejectedItems", "19.9")]
)
def test_held_items_are_decided_by_an_admin(
    client: FlaskClient,
    erp: dict[str, str],
    admin: dict[str, str],
    shop: FakeWooCommerce,
    pushing: Runtime,
    store_id: UUID,
    decision: str,
    counted: str,
    price: str,
) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    push(pushing, store_id)
    put(client, erp, [product | {"regular_price": "0.01"}])
    push(pushing, store_id)
    [hold, *_] = data_of(client.get(f"{WOO}/sync/batches", headers=erp), 200)["batches"]
    assert (hold["status"], hold["preview"]["reasons"]) == ("needs_approval", ["price_factor"])
    url = f"{WOO}/sync/batches/{hold['batchId']}/{decision}"
    assert client.post(url, headers=erp).status_code == 403
    assert data_of(client.post(url, headers=admin), 200)[counted] == 2  # the price, and the whole product
    assert client.post(url, headers=admin).status_code == 409
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == [price]


def test_out_of_sync_lists_products_the_shop_lacks(client: FlaskClient, erp: dict[str, str]) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    [drift] = data_of(client.get(f"{WOO}/mappings?out_of_sync=true", headers=erp), 200)["mappings"]
    assert (drift["internalProductId"], drift["wooCommerceProductId"]) == (product["product_id"], None)
    assert data_of(client.get(f"{WOO}/mappings", headers=erp), 200)["mappings"] == []


@pytest.mark.parametrize("way", ["delete", "event"])
def test_a_discontinued_product_is_hidden_until_the_erp_brings_it_again(
    client: FlaskClient,
    erp: dict[str, str],
    admin: dict[str, str],
    shop: FakeWooCommerce,
    pushing: Runtime,
    store_id: UUID,
    way: str,
) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    push(pushing, store_id)
    if way == "delete":
        gone = data_of(client.delete(f"/api/v1/erp/products/{product['product_id']}", headers=erp), 202)
        assert client.get(gone["statusUrl"], headers=erp).status_code == 200
    else:
        events = [{"event": "product.deleted", "productId": product["product_id"]}]
        data_of(client.post(f"{WOO}/events", json={"events": events}, headers=erp), 202)
    [change] = data_of(client.post(f"{WOO}/sync/product/{product['product_id']}?dry_run=true", headers=admin), 200)[
        "changes"
    ]
    assert change["differences"] == [{"field": "status", "wooCommerce": "publish", "erp": "draft"}]
    push(pushing, store_id)
    assert [one["status"] for one in shop.state.products.values()] == ["draft"]
    events = [{"event": "product.updated", "productId": product["product_id"]}]
    data_of(client.post(f"{WOO}/events", json={"events": events}, headers=erp), 202)
    push(pushing, store_id)
    assert [one["status"] for one in shop.state.products.values()] == ["draft"], "an event states nothing"
    put(client, erp, [product])
    push(pushing, store_id)
    assert [one["status"] for one in shop.state.products.values()] == ["publish"]
    assert client.delete(f"/api/v1/erp/products/{uuid4()}", headers=erp).status_code == 404


def test_the_policy_for_discontinued_products_is_an_admins(
    client: FlaskClient, erp: dict[str, str], admin: dict[str, str]
) -> None:
    url = f"{WOO}/settings/discontinued"
    assert data_of(client.get(url, headers=admin), 200) == {"policy": "draft"}
    assert data_of(client.put(url, json={"policy": "trash"}, headers=admin), 200) == {"policy": "trash"}
    assert data_of(client.get(url, headers=admin), 200) == {"policy": "trash"}
    assert client.put(url, json={"policy": "burn"}, headers=admin).status_code == 400
    assert client.put(url, json={"policy": "draft"}, headers=erp).status_code == 403


def test_events_are_taken_over_http(
    client: FlaskClient, erp: dict[str, str], root_conn: Connection, store_id: UUID
) -> None:
    product_id = str(uuid4())
    events = [
        *({"event": "pricing.price_changed", "productId": product_id} for _ in range(50)),
        {"event": "inventory.stock_changed", "productId": product_id},
        {"event": "weather.changed", "productId": product_id},
        {"event": "product.updated"},
        "nonsense",
    ]
    data = data_of(client.post(f"{WOO}/events", json={"events": events}, headers=erp), 202)
    assert data["acceptedCount"] == 51
    assert [one["reason"] for one in data["refused"]] == ["unknown_event", "no_target_id", "unknown_event"]
    found = root_conn.execute("SELECT sync_type FROM wc_sync_items WHERE store_id = %s ORDER BY 1", (store_id,))
    assert found.fetchall() == [("price",), ("stock",)]


def test_events_that_are_all_refused_are_an_error(client: FlaskClient, erp: dict[str, str]) -> None:
    events = [{"event": "weather.changed"}, {"event": "product.updated"}]
    answer = client.post(f"{WOO}/events", json={"events": events}, headers=erp)
    assert answer.status_code == 400
    error = answer.get_json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["details"] == {
        "refused": [{"index": 0, "reason": "unknown_event"}, {"index": 1, "reason": "no_target_id"}]
    }
    data_of(client.post(f"{WOO}/events", json={"events": []}, headers=erp), 202)


def test_another_store_sees_nothing_of_it(
    client: FlaskClient,
    conn: Connection,
    erp: dict[str, str],
    other_store: CreatedStore,
    pushing: Runtime,
    shop: FakeWooCommerce,
    store_id: UUID,
) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    accepted = data_of(client.post(f"{WOO}/sync/stock/{product['product_id']}", headers=erp), 202)
    push(pushing, store_id)
    theirs = erp_token(conn, other_store)
    assert client.get(accepted["statusUrl"], headers=theirs).status_code == 404
    assert client.get(f"{WOO}/mappings/{product['product_id']}", headers=theirs).status_code == 404
    assert client.post(f"{WOO}/sync/stock/{product['product_id']}", headers=theirs).status_code == 404
    assert data_of(client.get(f"{WOO}/sync/status", headers=theirs), 200)["total"] == 0


def test_woocommerce_orders_are_pulled(client: FlaskClient, plugin: dict[str, str], shop: FakeWooCommerce) -> None:
    accepted = data_of(client.post(f"{WOO}/pull/orders", json={}, headers=plugin), 202)
    job = data_of(client.get(accepted["statusUrl"], headers=plugin), 200)
    assert (job["entity"], job["source"]) == ("orders", "woocommerce")
    assert client.post(f"{WOO}/pull/orders", json={}, headers=plugin).status_code == 409
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for since in ("yesterday", 5, later):
        assert client.post(f"{WOO}/pull/orders", json={"since": since}, headers=plugin).status_code == 400


def test_dry_run_of_an_unconnected_shop_answers_409(conn: Connection, client: FlaskClient) -> None:
    store = create_store(conn, "Not connected", "woocommerce", role="admin")
    for path in ("all", "categories"):
        answer = client.post(f"{WOO}/sync/{path}?dry_run=true", headers=bearer(store.token))
        assert answer.status_code == 409
        assert (answer.json or {})["error"]["details"] == {"code": "SHOP_NOT_SET_UP"}


def test_slow_shops_never_occupy_all_threads(
    client: FlaskClient, plugin: dict[str, str], shop: FakeWooCommerce
) -> None:
    room = client.application.extensions[EXTENSION].shop_room
    url = f"{WOO}/pull/orders?dry_run=true"
    with ExitStack() as others:
        while others.enter_context(room.seat()):
            pass
        put_off = client.post(url, headers=plugin)
        assert put_off.status_code == 503 and put_off.headers["Retry-After"] == "2"
        assert client.get(f"{WOO}/sync/status", headers=plugin).status_code == 200
    data_of(client.post(url, headers=plugin), 200)


def test_drift_is_checked_and_listed(
    client: FlaskClient,
    erp: dict[str, str],
    admin: dict[str, str],
    shop: FakeWooCommerce,
    pushing: Runtime,
    store_id: UUID,
) -> None:
    product = make_erp_product()
    put(client, erp, [product])
    push(pushing, store_id)
    found = shop.product_of(product["sku"])
    assert found is not None
    with shop.state.lock:
        shop.state.products[found["id"]] = found | {"stock_quantity": 3}
    assert client.post(f"{WOO}/drift/check", headers=erp).status_code == 403
    assert data_of(client.post(f"{WOO}/drift/check?whole=true", headers=admin), 202)["isWhole"]
    assert data_of(client.get(f"{WOO}/drift", headers=erp), 200)["isDue"]
    push(pushing, store_id)
    told = data_of(client.get(f"{WOO}/drift", headers=erp), 200)
    assert (told["isDue"], told["error"], told["nextCursor"]) == (False, None, None)
    [one] = told["products"]
    [field] = one["differences"]
    assert (one["productId"], one["isOpen"]) == (product["product_id"], False)
    assert (field["field"], field["wooCommerce"], field["erp"], field["policy"]) == ("stock_quantity", 3, 7, "report")
    mapping = data_of(client.get(f"{WOO}/mappings/{product['product_id']}", headers=erp), 200)
    assert (mapping["inSync"], [one["field"] for one in mapping["differences"]]) == (False, ["stock_quantity"])
