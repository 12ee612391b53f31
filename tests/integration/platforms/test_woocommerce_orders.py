"""Reading orders from the fake shop: changes in the shop hide none, and it takes few calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from schemas.base.privacy import email_hasher
from schemas.platforms.registry import PLATFORMS
from schemas.records.shop import Order, RefundItem
from tests.fakes.woocommerce import FakeWooCommerce, Fault, refunds
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import Page, PlatformError, Source, Window
from workers.platforms.woocommerce.client import open_client
from workers.platforms.woocommerce.orders import OrderSource, WooCommerceShop

BEGIN = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # half an hour before the shop's clock jumps to summer time
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop() -> Iterator[FakeWooCommerce]:
    with FakeWooCommerce(clock=lambda: (BEGIN + timedelta(days=1)).timestamp()) as fake:
        yield fake


@pytest.fixture
def pull(shop: FakeWooCommerce) -> Iterator[WooCommerceShop]:
    door = WooCommerceShop(open_client(shop.url, shop.credentials, Clock(unix=shop.state.clock), allow_http=True))
    yield door
    door.close()


def fill(shop: FakeWooCommerce, count: int) -> list[int]:
    return [shop.add_order(BEGIN + number * MINUTE)["id"] for number in range(count)]


def walk(source: Source, between: Callable[[int], None] = lambda page: None) -> list[Page]:
    """All pages; calls `between` with the number of each."""
    pages = [source.fetch(None)]
    while pages[-1].cursor is not None:
        between(len(pages))
        pages.append(source.fetch(pages[-1].cursor))
    return pages


def ids_of(pages: list[Page]) -> list[int]:
    return [record["id"] for page in pages for record in page.records]


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (99, 1), (100, 1), (101, 2), (1000, 10)])
def test_orders_come_by_id_a_hundred_per_call(
    shop: FakeWooCommerce, pull: WooCommerceShop, count: int, calls: int
) -> None:
    ids = fill(shop, count)
    pages = walk(pull.source("orders", Window()))
    assert ids_of(pages) == ids and shop.calls["GET /orders"] == calls
    assert [page.total for page in pages] == [count, *[None] * (calls - 1)]
    assert {page.server_time for page in pages} == {BEGIN + timedelta(days=1)}


def test_window_spans_the_change_to_summer_time(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 120)
    window = Window(updated_from=BEGIN + 20 * MINUTE, updated_until=BEGIN + 100 * MINUTE)
    assert ids_of(walk(pull.source("orders", window))) == ids[20:100]
    assert ids_of(walk(pull.source("orders", Window(created_from=BEGIN + 118 * MINUTE)))) == ids[118:]
    assert pull.count("orders", window) == 80


def test_only_requested_statuses_are_read(shop: FakeWooCommerce) -> None:
    kept = [shop.add_order(BEGIN, status=status)["id"] for status in ("processing", "completed")]
    for status in ("trash", "checkout-draft", "cancelled"):
        shop.add_order(BEGIN, status=status)
    client = open_client(shop.url, shop.credentials, Clock(unix=shop.state.clock), allow_http=True)
    assert ids_of(walk(OrderSource(client, Window(), ("processing", "completed")))) == kept
    assert len(ids_of(walk(OrderSource(client, Window())))) == 3
    client.close()


def test_order_that_leaves_hides_no_other(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 320)

    def trash(page: int) -> None:
        if page == 1:
            shop.touch_order(ids[5], status="trash")
            shop.touch_order(ids[7], status="trash")

    found = ids_of(walk(pull.source("orders", Window()), trash))
    assert set(found) == set(ids)


def test_order_moved_to_the_page_before_is_read(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 101)
    found = ids_of(walk(pull.source("orders", Window()), lambda page: trash_once(shop, ids[3])))
    assert set(found) == set(ids)


def trash_once(shop: FakeWooCommerce, order_id: int) -> None:
    shop.touch_order(order_id, status="trash")


def test_order_that_enters_early_hides_no_other(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 200)
    window = Window(updated_from=BEGIN + 100 * MINUTE)
    shop.touch_order(ids[0])

    def touch(page: int) -> None:
        for order_id in ids[1:50]:
            shop.touch_order(order_id)

    found = ids_of(walk(pull.source("orders", window), touch))
    assert set(found) >= {ids[0], *ids[100:]}


def test_another_process_can_use_the_cursor(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 250)
    first = pull.source("orders", Window()).fetch(None)
    assert first.cursor is not None
    rest = pull.source("orders", Window()).fetch(first.cursor)
    assert ids_of([first, rest]) == ids[:200]


def test_earlier_ids_are_skipped(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 150)
    window = Window(after_id=ids[119])
    assert ids_of(walk(pull.source("orders", window))) == ids[120:]
    assert pull.count("orders", window) is None


def test_every_page_can_be_read_as_records(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    fill(shop, 3)
    native = PLATFORMS["woocommerce"].payloads["orders"]
    for page in walk(pull.source("orders", Window())):
        for payload in page.records:
            assert set(payload) <= set(native.fields)
            assert isinstance(native.read(payload, email_hasher(None)), Order)


def test_shop_without_modified_after_returns_everything(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 3)
    shop.configure(knows_modified_after=False)
    assert ids_of(walk(pull.source("orders", Window(updated_from=BEGIN + timedelta(days=9))))) == ids


def test_warnings_before_the_json_lose_only_the_totals(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 200)
    shop.faults.add(Fault("php_warning", times=None))
    pages = walk(pull.source("orders", Window()))
    assert ids_of(pages) == ids and shop.calls["GET /orders"] == 3
    assert pages[0].total is None and pages[0].server_time is not None


def test_failed_page_can_be_requested_again(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 120)
    source = pull.source("orders", Window())
    first = source.fetch(None)
    shop.faults.add(Fault("maintenance", seconds=60))
    with pytest.raises(PlatformError) as caught:
        source.fetch(first.cursor)
    assert (caught.value.retryable, caught.value.retry_after) == (True, 60.0)
    assert ids_of([first, source.fetch(first.cursor)]) == ids


def test_other_entities_are_not_pulled(pull: WooCommerceShop) -> None:
    with pytest.raises(PlatformError) as caught:
        pull.source("products", Window())
    assert caught.value.code == "ENTITY_NOT_AVAILABLE"
    assert pull.count("products", Window()) is None


def refunded_line(item: int, total: str, **fields: object) -> dict[str, object]:
    meta = [{"id": 1, "key": "_refunded_item_id", "value": str(item)}]
    return {"id": item + 900, "quantity": 0, "total": f"-{total}", "total_tax": "0.00", "meta_data": meta, **fields}


def record_of(payload: dict[str, object]) -> Order:
    found = PLATFORMS["woocommerce"].payloads["orders"].read(payload, email_hasher(None))
    assert isinstance(found, Order), found
    return found


def test_refunds_of_a_page_take_one_call(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    ids = fill(shop, 1000)
    for order_id in ids[::10]:
        refunds.add(shop.state, order_id, "5.00", line_items=[refunded_line(order_id, "5.00", quantity=-1)])
    pages = walk(pull.source("orders", Window()))
    assert (shop.calls["GET /orders"], shop.calls["GET /refunds"]) == (10, 10)
    given = [record_of(row).refunds for page in pages for row in page.records if row["refunds"]]
    assert len(given) == 100
    (refund,) = given[0]
    assert (refund.amount, refund.created_at) == (Decimal(5), BEGIN + timedelta(days=1))
    assert refund.items == (RefundItem(ids[0], "product", Decimal(1), Decimal(5), Decimal(0)),)


def test_refunds_give_back_shipping_fees_and_bare_amounts(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    (order_id,) = fill(shop, 1)
    shipping, fee = refunded_line(7, "6.00", total_tax="-0.50"), refunded_line(8, "3.00")
    del shipping["quantity"], fee["quantity"]
    refunds.add(shop.state, order_id, "9.50", shipping_lines=[shipping], fee_lines=[fee])
    refunds.add(shop.state, order_id, "0.50")
    (page,) = walk(pull.source("orders", Window()))
    found = record_of(page.records[0])
    assert [refund.amount for refund in found.refunds] == [Decimal("9.5"), Decimal("0.5")]
    assert found.refunded_total == 10
    lines = [(item.kind, item.line_external_id, item.amount, item.tax_total) for item in found.refunds[0].items]
    assert lines == [("shipping", 7, Decimal(6), Decimal("0.5")), ("fee", 8, Decimal(3), Decimal(0))]
    assert found.refunds[1].items == ()


def test_an_old_shop_is_asked_for_each_refunded_order(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    shop.state.settings = replace(shop.state.settings, lists_refunds=False)
    ids = fill(shop, 150)
    for order_id in (ids[0], ids[1], ids[120]):
        refunds.add(shop.state, order_id, "5.00", line_items=[refunded_line(order_id, "5.00")])
    pages = walk(pull.source("orders", Window()))
    found = [record_of(row) for page in pages for row in page.records if row["refunds"]]
    assert [order.refunds[0].items[0].line_external_id for order in found] == [ids[0], ids[1], ids[120]]
    assert shop.calls["GET /refunds"] == 1
    assert sum(count for call, count in shop.calls.items() if call.endswith("/refunds")) == 4


def test_a_refund_without_details_keeps_its_amount(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    (order_id,) = fill(shop, 1)
    refund = refunds.add(shop.state, order_id, "5.00")
    del shop.state.refunds[refund["id"]]  # deleted between the two calls
    (page,) = walk(pull.source("orders", Window()))
    (found,) = record_of(page.records[0]).refunds
    assert (found.external_id, found.amount, found.created_at, found.items) == (refund["id"], Decimal(5), None, ())


def test_only_the_country_and_state_of_an_address_are_asked_for(shop: FakeWooCommerce, pull: WooCommerceShop) -> None:
    fill(shop, 1)
    (page,) = walk(pull.source("orders", Window()))
    assert page.records[0]["shipping"] == {"country": "RO", "state": "B"}
    found = record_of(page.records[0])
    assert (found.ship_country, found.ship_region, found.channel) == ("RO", "B", "checkout")
