"""The WooCommerce client against the fake shop, over real sockets: each way in which a real shop answers."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings.logs import logging_dict
from tests.fakes.common.server import Call, Reply
from tests.fakes.common.tls import contexts
from tests.fakes.woocommerce import ApiKey, FakeWooCommerce, Fault, Settings
from tests.fakes.woocommerce.catalogue import variations
from workers.outbound.planning.pacing import MOST_CALLS_AT_ONCE
from workers.outbound.sending.call_gate import CallKind
from workers.platforms.common.address import ShopAddress, read_shop_url
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.auth import ShopKey
from workers.platforms.woocommerce.calls import WooCommerceCalls, once_within
from workers.platforms.woocommerce.client import WooCommerceClient, open_client
from workers.platforms.woocommerce.errors import (
    NetworkError,
    RateLimitError,
    ValidationError,
    WooCommerceApiError,
    WooCommerceError,
)

CAN = {"name": "Can", "sku": "CAN-5", "regular_price": "24.90", "manage_stock": True, "stock_quantity": 3}


@dataclass
class World:
    shop: FakeWooCommerce
    client: WooCommerceClient
    remembered: list[bool] = field(default_factory=list)

    def fault(self, kind: str, pattern: str = "", **how: Any) -> None:
        self.shop.faults.add(Fault(kind, pattern, **how))


@pytest.fixture
def world() -> Iterator[World]:
    with FakeWooCommerce() as shop:
        client = open_client(shop.url, shop.credentials, Clock(), allow_http=True)
        yield World(shop, client)
        client.close()


def address_of(shop: FakeWooCommerce) -> ShopAddress:
    """The address of a fake over https. The guard refuses loopback there, so these tests use clients without one."""
    return ShopAddress(shop.url, "https", "127.0.0.1", int(shop.url.rpartition(":")[2]))


@pytest.fixture
def tls_world(tmp_path: Path) -> Iterator[World]:
    """The same over https, with Basic authentication."""
    server, trusting = contexts(tmp_path)
    with FakeWooCommerce(tls=server) as shop:
        http = httpx.Client(verify=trusting, timeout=10, trust_env=False)
        key = ShopKey(shop.credentials["consumer_key"], shop.credentials["consumer_secret"])
        remembered: list[bool] = []
        calls = WooCommerceCalls(address_of(shop), key, Clock(), client=http, remember_key_in_query=remembered.append)
        client = WooCommerceClient(calls)
        yield World(shop, client, remembered)
        client.close()


def short_of_time(shop: FakeWooCommerce, seconds: float) -> WooCommerceClient:
    """A client with so many seconds for each call."""
    key = ShopKey(shop.credentials["consumer_key"], shop.credentials["consumer_secret"])
    address = read_shop_url(shop.url, allow_http=True)
    return WooCommerceClient(WooCommerceCalls(address, key, Clock(), once_within(seconds)))


def failure(act: Any) -> WooCommerceApiError:
    with pytest.raises(WooCommerceApiError) as caught:
        act()
    return caught.value


def test_product_is_created_found_changed_and_read(world: World) -> None:
    made = world.client.create_product(CAN)
    assert world.client.find_product_by_sku("can-5") == world.client.get_product(made["id"])
    changed = world.client.update_product(made["id"], {"regular_price": "19.9", "stock_quantity": 0})
    assert (changed["regular_price"], changed["stock_quantity"], changed["stock_status"]) == ("19.9", 0, "outofstock")
    assert world.client.get_products([made["id"], 999], ["sku"]) == {made["id"]: {"id": made["id"], "sku": "CAN-5"}}
    assert world.shop.calls["PUT /products/{id}"] == 1


def test_skus_are_looked_up_by_the_hundred(world: World) -> None:
    skus = [f"S-{number:03}" for number in range(250)]
    for sku in skus[::2]:
        world.shop.add_product(name=sku, sku=sku)
    found = world.client.find_products_by_sku([*skus, "a,b", " "])
    assert set(found) == set(skus[::2]) and all(found[sku]["sku"] == sku for sku in found)
    assert world.shop.calls["GET /products"] == 3


def test_variation_is_found_by_its_own_sku(world: World) -> None:
    parent = world.shop.add_product(name="Glove", type="variable", sku="GLOVE")
    made = world.shop.add_variation(parent["id"], sku="GLOVE-M")
    world.shop.add_variation(parent["id"])
    found = world.client.find_products_by_sku(["GLOVE-M", "GLOVE"], ["sku", "images"])
    assert (found["GLOVE-M"]["id"], found["GLOVE-M"]["image"]) == (made["id"], None)
    assert found["GLOVE"]["id"] == parent["id"]


@pytest.mark.parametrize("has_list_of_all", [True, False])
def test_variations_are_read_by_id_in_any_shop(world: World, has_list_of_all: bool) -> None:
    world.shop.configure(lists_variations=has_list_of_all)
    parents = [world.shop.add_product(name=name, type="variable")["id"] for name in ("Glove", "Sock")]
    made = {world.shop.add_variation(parent)["id"]: parent for parent in parents for _ in range(2)}
    trashed, deleted, *_ = made
    with world.shop.state.lock:
        variations.delete(world.shop.state, made[trashed], trashed, force=False)
        variations.delete(world.shop.state, made[deleted], deleted, force=True)
    wanted: dict[int, int | None] = {**made, parents[0]: None}
    found = world.client.read_products(wanted, ["status", "type", "parent_id"])
    assert {wc_id: one["parent_id"] for wc_id, one in found.items() if one["type"] == "variation"} == {
        wc_id: parent for wc_id, parent in made.items() if wc_id != deleted
    }
    assert (found[trashed]["status"], found[parents[0]]["type"]) == ("trash", "variable")


def test_all_calls_that_pacing_allows_are_on_their_way_at_once(world: World) -> None:
    calls_at_once = len(CallKind) * MOST_CALLS_AT_ONCE
    together = threading.Barrier(calls_at_once)
    world.shop.before = lambda endpoint: together.wait(20)
    with ThreadPoolExecutor(calls_at_once) as threads:
        asked = [threads.submit(world.client.get_products, [1], ["sku"]) for _ in range(calls_at_once)]
        assert [one.result() for one in asked] == [{}] * calls_at_once


def test_batch_has_a_result_for_each_item(world: World) -> None:
    first = world.shop.add_product(**CAN)
    answer = world.client.batch_update_products(
        create=[{"name": "New", "sku": "NEW"}, {"name": "Twin", "sku": "can-5"}],
        update=[{"id": first["id"], "regular_price": "1"}, {"id": 999, "regular_price": "1"}],
    )
    assert [item.product and item.product["sku"] for item in answer.created + answer.updated] == [
        "NEW",
        None,
        "CAN-5",
        None,
    ]
    refused = [item.error for item in answer.created + answer.updated if item.error is not None]
    assert [(error.code, error.retryable) for error in refused] == [
        (errors.DUPLICATE_SKU, False),
        (errors.NOT_IN_SHOP, False),
    ]
    assert refused[0].resource_id == first["id"]


def test_failed_items_of_a_batch_have_their_reasons(world: World) -> None:
    world.shop.add_product(name="first", sku="TAKEN")
    trashed = world.shop.add_product(name="gone", sku="TRASHED")
    world.shop.trash_product(trashed["id"])
    bad: list[dict[str, Any]] = [
        {"name": "a", "sku": "taken"},
        {"name": "b", "sku": "TRASHED"},
        {"name": "c", "images": [{"src": "https://img.test/missing.png"}]},
        {"name": "d", "images": [{"id": 4711}]},
    ]
    good = [{"name": f"n{number}", "sku": f"N-{number}"} for number in range(93)]
    gone = [{"id": number, "name": "x"} for number in (901, 902, 903)]
    answer = world.client.batch_update_products(create=[*bad, *good], update=gone)
    refused = [item.error for item in answer.created + answer.updated if item.error]
    assert sum(item.product is not None for item in answer.created) == 93
    assert [error.code for error in refused] == [
        errors.DUPLICATE_SKU,
        errors.PRODUCT_NOT_CREATED,
        errors.IMAGE_REFUSED,
        errors.IMAGE_REFUSED,
        *[errors.NOT_IN_SHOP] * 3,
    ]
    assert [error.retryable for error in refused] == [False, False, True, False, False, False, False]


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.update_product(7, {}),
        lambda client: client.create_product({}),
        lambda client: client.batch_update_products(update=[{"id": 7}]),
        lambda client: client.batch_update_products(update=[{"name": "x"}]),
        lambda client: client.batch_update_products(),
        lambda client: client.batch_update_products(create=[{"name": "x"}] * 101),
        lambda client: client.get_product(0),
        lambda client: client.update_category(True, {"name": "x"}),
    ],
)
def test_senseless_payload_is_not_sent(world: World, send: Any) -> None:
    with pytest.raises(ValidationError):
        send(world.client)
    assert not world.shop.calls


def test_duplicate_and_trashed_sku_are_distinguished(world: World) -> None:
    first = world.client.create_product(CAN)
    assert failure(lambda: world.client.create_product(CAN)).resource_id == first["id"]
    world.shop.trash_product(first["id"])
    found = failure(lambda: world.client.create_product(CAN))
    assert (found.code, found.retryable) == (errors.PRODUCT_NOT_CREATED, False)
    assert world.client.find_products_by_sku(["CAN-5"], trashed=True)["CAN-5"]["id"] == first["id"]
    assert world.client.find_product_by_sku("CAN-5") is None
    assert world.client.get_product(first["id"])["status"] == "trash"


def test_deleted_product_is_reported_as_not_in_shop(world: World) -> None:
    made = world.shop.add_product(**CAN)
    world.shop.trash_product(made["id"], force=True)
    for act in (
        lambda: world.client.get_product(made["id"]),
        lambda: world.client.update_product(made["id"], {"name": "x"}),
    ):
        assert (failure(act).code, failure(act).retryable) == (errors.NOT_IN_SHOP, False)


def test_existing_category_is_returned(world: World) -> None:
    made = world.client.create_category({"name": "Garden & Tools"})
    assert world.client.create_category({"name": "garden & tools"}) == made
    child = world.client.create_category({"name": "Garden & Tools", "parent": made["id"]})
    assert child["id"] != made["id"]
    assert world.client.update_category(child["id"], {"name": "Pots"})["name"] == "Pots"
    assert [row["name"] for row in world.client.get_categories()] == ["Uncategorized", "Garden &amp; Tools", "Pots"]
    assert failure(lambda: world.client.update_category(999, {"name": "x"})).code == errors.NOT_IN_SHOP


def test_categories_are_read_over_several_pages(world: World) -> None:
    for number in range(205):
        world.client.create_category({"name": f"C{number}"})
    ids = [row["id"] for row in world.client.get_categories()]
    assert len(ids) == 206 and ids == sorted(ids)


@pytest.mark.parametrize("permissions", ["read", "write"])
def test_key_without_permission_is_refused(permissions: str) -> None:
    with FakeWooCommerce(keys={"ck_1": ApiKey("cs_1", permissions)}) as shop:
        client = open_client(shop.url, shop.credentials, Clock(), allow_http=True)
        acts: dict[str, Any] = {"read": lambda: client.create_product(CAN), "write": client.get_categories}
        found = failure(acts[permissions])
        assert (found.code, found.retryable, found.status) == (errors.SHOP_REFUSED_KEY, False, 401)
        client.close()


@pytest.mark.parametrize("credentials", [{}, {"consumer_key": "ck_1"}, {"consumer_key": "", "consumer_secret": "x"}])
def test_store_without_credentials_is_refused(credentials: dict[str, str]) -> None:
    with pytest.raises(PlatformError) as caught:
        open_client("https://shop.example.test", credentials, Clock(), allow_http=True)
    assert (caught.value.code, caught.value.retryable) == ("SHOP_CREDENTIALS_INCOMPLETE", False)


def test_wrong_clock_is_reported(world: World) -> None:
    world.client.close()
    slow = open_client(
        world.shop.url, world.shop.credentials, Clock(unix=lambda: world.shop.state.clock() - 1000), allow_http=True
    )
    found = failure(lambda: slow.get_product(7))
    assert (found.code, found.retryable) == (errors.SHOP_CLOCK_DIFFERS, False)
    slow.close()


def test_rate_limit_is_raised_with_its_wait(world: World) -> None:
    world.fault("rate_limit", "POST /products/batch", seconds=3)
    world.fault("rate_limit", "GET /products")
    with pytest.raises(RateLimitError) as caught:
        world.client.batch_update_products(create=[CAN])
    assert caught.value.retry_after == 3.0 and world.shop.product_of("CAN-5") is None
    with pytest.raises(RateLimitError) as caught:
        world.client.find_product_by_sku("CAN-5")
    assert caught.value.retry_after is None


@pytest.mark.parametrize("kind", ["maintenance", "error_page"])
def test_maintenance_is_retryable(world: World, kind: str) -> None:
    world.fault(kind, seconds=600)
    found = failure(lambda: world.client.create_product(CAN))
    assert (found.code, found.retryable, found.retry_after) == (errors.PLATFORM_UNAVAILABLE, True, 600.0)


@pytest.mark.parametrize(("kind", "code"), [("crash", errors.SHOP_CRASHED), ("database_down", errors.PLATFORM_FAILING)])
def test_failing_shop_is_retryable(world: World, kind: str, code: str) -> None:
    world.fault(kind)
    found = failure(lambda: world.client.create_product(CAN))
    assert (found.code, found.retryable) == (code, True)


def test_php_warning_before_the_json_is_skipped(world: World) -> None:
    world.fault("php_warning", times=None)
    made = world.client.create_product(CAN)
    assert world.client.get_product(made["id"])["sku"] == "CAN-5"
    assert failure(lambda: world.client.create_product(CAN)).resource_id == made["id"]
    listing = world.client.get_orders({"per_page": 5})
    assert (listing.records, listing.total, listing.server_time is None) == ([], None, False)


def test_inactive_woocommerce_is_reported(world: World) -> None:
    world.shop.configure(active=False)
    found = failure(lambda: world.client.create_product(CAN))
    assert (found.code, found.retryable) == (errors.WOOCOMMERCE_MISSING, False)


def test_plain_permalinks_over_http_write_nothing(world: World) -> None:
    made = world.shop.add_product(**CAN)
    world.shop.configure(plain_permalinks=True)
    for act in (
        lambda: world.client.update_product(made["id"], {"stock_quantity": 1}),
        lambda: world.client.get_product(made["id"]),
    ):
        found = failure(act)
        assert (found.code, found.retryable) == (errors.PLAIN_PERMALINKS, False)
        assert "Settings > Permalinks" in found.message
    assert world.shop.state.products[made["id"]]["stock_quantity"] == 3


def test_plain_permalinks_over_https_are_worked_around(tls_world: World) -> None:
    tls_world.shop.configure(plain_permalinks=True, authenticates_by_query=True)
    made = tls_world.client.create_product(CAN)
    assert tls_world.client.update_product(made["id"], {"stock_quantity": 1})["stock_quantity"] == 1
    assert tls_world.client.find_product_by_sku("CAN-5") is not None
    assert tls_world.shop.calls["PAGE"] == 2  # the call that met a page, and the look at the index


def test_plain_permalinks_that_ignore_the_key_are_reported(tls_world: World) -> None:
    tls_world.shop.configure(plain_permalinks=True)
    for _ in range(2):
        assert failure(lambda: tls_world.client.create_product(CAN)).code == errors.PLAIN_PERMALINKS
    tls_world.shop.configure(plain_permalinks=False)
    assert tls_world.client.create_product(CAN)["sku"] == "CAN-5"


def test_basic_authentication_over_https(tls_world: World) -> None:
    assert tls_world.client.create_product(CAN)["sku"] == "CAN-5"
    key = next(iter(tls_world.shop.state.keys))
    tls_world.shop.state.keys[key] = ApiKey("cs_changed")
    found = failure(lambda: tls_world.client.find_product_by_sku("CAN-5"))
    assert (found.code, found.status) == (errors.SHOP_REFUSED_KEY, 401)


def test_a_host_that_strips_the_header_gets_the_key_in_the_query(
    tls_world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Once found out it is remembered, a write is done once, and no secret gets into logs or errors."""
    for name, logger in logging_dict("DEBUG", "json")["loggers"].items():
        caplog.set_level(logger["level"], logger=name)
    caplog.set_level("DEBUG")
    tls_world.shop.configure(strips_authorization=True)
    made = tls_world.client.create_product(CAN)
    assert tls_world.remembered == [True]
    tls_world.client.update_product(made["id"], {"regular_price": "9"})
    assert tls_world.shop.calls == {"POST /products": 2, "PUT /products/{id}": 1}
    assert [one["regular_price"] for one in tls_world.shop.state.products.values()] == ["9"]
    tls_world.fault("bad_gateway")
    texts = [repr(failure(lambda: tls_world.client.find_product_by_sku("CAN-5")))]
    with FakeWooCommerce() as gone:
        address = address_of(gone)
    http = httpx.Client(timeout=1, trust_env=False)
    key = ShopKey(*tls_world.shop.credentials.values())
    unreachable = WooCommerceClient(WooCommerceCalls(address, key, Clock(), client=http, key_in_query=True))
    with pytest.raises(NetworkError) as caught:
        unreachable.probe()
    told = capfd.readouterr()
    texts += [*traceback.format_exception(caught.value), told.out, told.err, caplog.text]
    assert not any(secret in text for secret in tls_world.shop.credentials.values() for text in texts)


def test_a_host_that_passes_the_header_again_gets_it(tls_world: World) -> None:
    tls_world.shop.configure(strips_authorization=True)
    tls_world.client.create_product(CAN)
    tls_world.shop.configure(strips_authorization=False, refuses_keys_in_query=True)
    assert tls_world.client.find_product_by_sku("CAN-5") is not None
    assert tls_world.remembered == [True, False]


def test_each_refusal_of_a_key_says_what_is_wrong(tls_world: World) -> None:
    """A revoked key and a stripped header look alike, so the message names both."""
    shop, client = tls_world.shop, tls_world.client
    [(name, key)] = shop.state.keys.items()
    told: dict[str, str] = {}
    for case, keys in {
        "unknown": {},
        "secret": {name: ApiKey("cs_changed")},
        "read only": {name: ApiKey(key.secret, "read")},
        "no manager": {name: ApiKey(key.secret, "read_write", manages=False)},
    }.items():
        shop.state.keys.clear()
        shop.state.keys.update(keys)
        found = failure(lambda: client.create_product(CAN))
        assert (found.code, found.retryable) == (errors.SHOP_REFUSED_KEY, False)
        told[case] = found.message
    assert "revoked" in told["unknown"] and "Authorization" in told["unknown"]
    assert "secret" in told["secret"] and "read/write" in told["read only"] and "user" in told["no manager"]
    assert len(set(told.values())) == 4 and tls_world.remembered == []


def test_a_key_is_never_in_the_query_over_plain_http(world: World) -> None:
    world.shop.state.keys.clear()
    seen: list[str] = []
    original = world.shop._server.answer

    def answer(call: Call) -> Reply:
        seen.append(call.query)
        return original(call)

    world.shop._server.answer = answer
    assert failure(world.client.probe).code == errors.SHOP_REFUSED_KEY
    assert seen and not any("consumer_secret" in query for query in seen)


def test_untrusted_certificate_is_permanent(tls_world: World) -> None:
    http = httpx.Client(timeout=10, trust_env=False)
    client = WooCommerceClient(
        WooCommerceCalls(address_of(tls_world.shop), ShopKey("ck_1", "cs_1"), Clock(), client=http)
    )
    with pytest.raises(PlatformError) as caught:
        client.get_product(7)
    assert (caught.value.code, caught.value.retryable) == ("SHOP_CERTIFICATE_INVALID", False)
    client.close()


def test_firewall_page_is_not_plain_permalinks(world: World) -> None:
    world.fault("html", "PUT")
    made = world.shop.add_product(**CAN)
    found = failure(lambda: world.client.update_product(made["id"], {"stock_quantity": 1}))
    assert (found.code, found.retryable) == (errors.PLATFORM_ANSWER_UNREADABLE, True)
    assert world.client.update_product(made["id"], {"stock_quantity": 1})["stock_quantity"] == 1


def test_product_of_a_lost_answer_can_be_found(world: World) -> None:
    world.fault("lost_answer", "POST /products")
    with pytest.raises(NetworkError) as caught:
        world.client.create_product(CAN)
    assert (caught.value.code, caught.value.retryable) == (errors.PLATFORM_UNREACHABLE, True)
    assert world.client.find_product_by_sku("CAN-5") is not None


def test_dropped_connection_writes_nothing(world: World) -> None:
    world.fault("drop", "POST /products")
    with pytest.raises(NetworkError):
        world.client.create_product(CAN)
    assert world.client.find_product_by_sku("CAN-5") is None


def test_slow_shop_times_out(world: World) -> None:
    world.fault("hang", "PUT", seconds=31)
    made = world.shop.add_product(**CAN)
    client = short_of_time(world.shop, 0.2)
    with pytest.raises(NetworkError) as caught:
        client.update_product(made["id"], {"stock_quantity": 1})
    assert (caught.value.code, caught.value.retryable) == (errors.PLATFORM_TIMED_OUT, True)
    client.close()


def test_missing_shop_is_unreachable() -> None:
    with FakeWooCommerce() as shop:
        url, credentials = shop.url, shop.credentials
    client = open_client(url, credentials, Clock(), allow_http=True)
    with pytest.raises(WooCommerceError) as caught:
        client.get_product(7)
    assert caught.value.code == errors.PLATFORM_UNREACHABLE
    client.close()


def test_signature_is_checked_against_the_home_address(world: World) -> None:
    with FakeWooCommerce(Settings(home="http://www.shop.test")) as shop:
        client = open_client(shop.url, shop.credentials, Clock(), allow_http=True)
        assert failure(lambda: client.get_product(7)).code == errors.SHOP_REFUSED_KEY
        client.close()


def test_client_works_with_ten_thousand_products(world: World) -> None:
    for number in range(10_000):
        world.shop.add_product(name=f"P{number}", sku=f"P-{number:05}", regular_price="1")
    found = world.client.find_products_by_sku([f"P-{number:05}" for number in range(0, 10_000, 50)])
    ids = [product["id"] for product in found.values()]
    assert len(found) == 200 and len(world.client.get_products(ids, ["sku"])) == 200
    answer = world.client.batch_update_products(update=[{"id": wc_id, "stock_quantity": 1} for wc_id in ids[:100]])
    assert all(item.error is None for item in answer.updated)
