"""The pure steps between a claim and what is saved: the plan of writes, and the verdict on each item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.outbound.erp_products import StoredProduct
from db.outbound.item_claims import ClaimedItem, Spent
from db.outbound.mappings import Sent
from schemas.records.erp import ErpProduct
from workers.outbound.planning.field_groups import FIELD_GROUPS, hash_groups
from workers.outbound.planning.pauses import pause_seconds
from workers.outbound.planning.product_plan import ProductPlan, ProductTask, ShopState, build_tasks, plan_products
from workers.outbound.planning.results import Adopted, ClaimResult, Done, Refused, Requeued, Result
from workers.outbound.planning.verdicts import decide_items
from workers.outbound.sending.save_results import refuse_taken_products
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import RateLimitError, WooCommerceApiError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOTHING_SPENT = Spent(0.0, 0.0)
UNREACHABLE = PlatformError("PLATFORM_UNREACHABLE", "No answer.", retryable=True)
OWN = WooCommerceApiError(errors.PLATFORM_FAILING, status=500, wc_code="of_an_item", retryable=True)
REFUSED_KEY = PlatformError("SHOP_REFUSED_KEY", "Refused.", retryable=False)
LAMPS = UUID(int=1)
PRODUCT = ErpProduct(
    product_id=UUID(int=9),
    sku="LAMP",
    name="Lamp",
    description=None,
    regular_price=Decimal(20),
    sale_price=Decimal(15),
    sale_from=None,
    sale_to=None,
    manage_stock=True,
    stock_quantity=7,
    image_urls=(),
    category_ids=(),
    allow_manual_woocommerce_offers=False,
    version=1,
)


def make_item(sync_type: str = "product", **more: Any) -> ClaimedItem:
    item = ClaimedItem(
        id=uuid4(),
        product_id=PRODUCT.product_id,
        category_id=None,
        sync_type=sync_type,
        priority=1,
        force=False,
        approved=False,
        attempts=1,
        max_attempts=3,
        batch_id=None,
        created_at=NOW,
        due_at=NOW + timedelta(minutes=2),
        platform_seconds=0.0,
        backoff_seconds=0.0,
        validation_seconds=0.0,
    )
    return replace(item, **more)


def make_task(
    *items: ClaimedItem, product: ErpProduct = PRODUCT, sent: Mapping[str, str] | None = None, begun: bool = False
) -> ProductTask:
    """A task of a stored product; it is mapped to the shop's product 11 if `sent` has hashes."""
    state = None if sent is None else Sent(11, sent, Decimal(18), Decimal(14), 3)
    return ProductTask(product.product_id, items, StoredProduct(product, hash_groups(product), begun), state)


def plan(task: ProductTask, **shop: Any) -> ProductPlan:
    return plan_products([task], ShopState(**shop))


def test_items_of_one_product_become_one_task() -> None:
    items = [make_item("price"), make_item("stock"), make_item("price", product_id=uuid4())]
    assert [task.items for task in build_tasks(items, {}, {})] == [tuple(items[:2]), (items[2],)]


def test_a_new_product_is_planned_whole() -> None:
    [write] = plan(make_task(make_item("price"))).writes
    assert write.groups == FIELD_GROUPS
    assert write.payload["name"] == "Lamp" and write.payload["regular_price"] == "20"
    assert write.done(12).sent == Sent(12, hash_groups(PRODUCT), Decimal(20), Decimal(15), 7)


def test_a_price_change_is_planned_alone() -> None:
    task = make_task(make_item("price"), sent=hash_groups(PRODUCT) | {"price": "old", "stock": "old"})
    [write] = plan(task).writes
    assert write.payload.keys() == {
        "regular_price",
        "sale_price",
        "date_on_sale_from_gmt",
        "date_on_sale_to_gmt",
    }
    assert write.done(11).sent == Sent(11, {"price": hash_groups(PRODUCT)["price"]}, Decimal(20), Decimal(15), 3)


def test_an_unchanged_product_is_done_unless_forced() -> None:
    task = make_task(make_item("stock"), sent=hash_groups(PRODUCT))
    assert plan(task) == ProductPlan([], [Done(task.items, 11)])
    [write] = plan(make_task(make_item("stock", force=True), sent=hash_groups(PRODUCT))).writes
    assert write.groups == ("stock",)


def test_a_product_unknown_to_us_is_refused() -> None:
    [result] = plan(ProductTask(uuid4(), (make_item(),), None, None)).results
    assert isinstance(result, Refused) and result.error.code == "PRODUCT_UNKNOWN"


def test_a_product_found_by_its_sku_is_adopted() -> None:
    there = {"LAMP": {"id": 30, "regular_price": "9.50", "manage_stock": True, "stock_quantity": 2}}
    task = make_task(make_item(), begun=True)
    assert plan(task, products_by_sku=there).results == [Adopted(task.items, Sent(30, {}, Decimal("9.50"), None, 2))]
    assert len(plan(task).writes) == 1  # looked up and not found: created


def test_a_shop_that_cannot_be_read_gets_no_write() -> None:
    unchanged = make_task(make_item("stock"), sent=hash_groups(PRODUCT))
    found = plan_products([make_task(make_item()), unchanged], ShopState(error=UNREACHABLE))
    assert not found.writes
    assert [type(result) for result in found.results] == [Refused, Done]


def test_a_merchants_own_offer_stays_and_is_remembered() -> None:
    product = replace(PRODUCT, allow_manual_woocommerce_offers=True)
    task = make_task(make_item("price"), product=product, sent={})
    assert task.needs_sale_price
    [write] = plan(task, sale_prices={11: {"sale_price": "9"}}).writes
    assert write.payload == {"regular_price": "20"}
    assert write.done(11).sent == Sent(11, {"price": hash_groups(product)["price"]}, Decimal(20), Decimal(14), 3)


def test_a_product_without_its_category_is_not_done_with_it() -> None:
    task = make_task(make_item(), product=replace(PRODUCT, category_ids=(LAMPS,)))
    assert "category" not in plan(task).writes[0].hashes
    assert "category" in plan(task, category_ids={LAMPS: 5}).writes[0].hashes


def test_a_change_with_nothing_to_tell_the_shop_is_done() -> None:
    task = make_task(make_item("image"), sent=hash_groups(PRODUCT) | {"image": "old"})
    assert plan(task) == ProductPlan(
        [], [Done(task.items, 11, Sent(11, hash_of("image"), Decimal(18), Decimal(14), 3))]
    )


def hash_of(group: str) -> dict[str, str]:
    return {group: hash_groups(PRODUCT)[group]}


@pytest.mark.parametrize(
    ("error", "attempts", "late", "delay", "spent"),
    [
        (OWN, 1, False, 2.0, True),
        (OWN, 2, False, 4.0, True),
        (OWN, 3, False, None, None),
        (UNREACHABLE, 1, False, 0.0, False),
        (UNREACHABLE, 3, False, 0.0, False),
        (UNREACHABLE, 1, True, 2.0, True),
        (UNREACHABLE, 3, True, None, None),
        (REFUSED_KEY, 1, False, None, None),
        (RateLimitError(30), 3, False, 0.0, False),
        (RateLimitError(None), 3, True, 0.0, False),
    ],
)
def test_an_error_returns_an_item_or_fails_it(
    error: PlatformError, attempts: int, late: bool, delay: float | None, spent: bool | None
) -> None:
    now = NOW + timedelta(minutes=3 if late else 1)
    verdicts = decide_items([Refused([make_item(attempts=attempts)], error)], uuid4(), NOTHING_SPENT, now, 4.0)
    assert [(one.delay, one.spent) for one in verdicts.returned] == ([] if delay is None else [(delay, spent)])
    assert [one.paused for one in verdicts.returned] == [4.0 if spent is False else 0.0] * len(verdicts.returned)
    assert [one.code for one in verdicts.failed] == ([error.code] if delay is None else [])


def test_what_was_learned_spends_no_attempt() -> None:
    results: list[Result] = [Requeued([make_item()]), Adopted([make_item()], Sent(1, {}, None, None, None))]
    returned = decide_items(results, uuid4(), NOTHING_SPENT, NOW).returned
    assert [(one.delay, one.spent) for one in returned] == [(0.0, False)] * 2


def test_late_items_are_counted_with_their_cause() -> None:
    ended = NOW + timedelta(minutes=3)
    verdicts = decide_items([Done([make_item()], 11)], uuid4(), Spent(170.0, 0.0), ended)
    assert ([one.breach for one in verdicts.completed], verdicts.late) == (["platform"], 1)


def test_a_failure_of_the_whole_shop_is_told_from_an_items() -> None:
    limit = RateLimitError(40)
    refused = [Refused([make_item()], error) for error in (OWN, UNREACHABLE, limit)]
    assert ClaimResult(refused, 2, NOTHING_SPENT).shop_failure is limit
    assert ClaimResult(refused[:2], 2, NOTHING_SPENT).shop_failure is UNREACHABLE
    assert ClaimResult(refused[:1], 1, NOTHING_SPENT).shop_failure is None


@given(st.integers(1, 1000), st.none() | st.floats(0, 1e5), st.booleans())
def test_pauses_grow_and_never_exceed_what_is_asked(failures: int, asked: float | None, is_limit: bool) -> None:
    error = WooCommerceApiError(errors.PLATFORM_UNAVAILABLE, status=503, retryable=True, retry_after=asked)
    error = RateLimitError(asked) if is_limit else error
    seconds, later = pause_seconds(failures, error), pause_seconds(failures + 1, error)
    assert 0.5 <= seconds <= later <= 30
    assert asked is None or seconds <= max(asked, 0.5)


def test_a_shop_product_is_mapped_to_one_product_only() -> None:
    sent = Sent(30, {}, None, None, None)
    first, second = Adopted([make_item()], sent), Adopted([make_item(product_id=uuid4())], sent)
    kept = refuse_taken_products([first, second], {})
    assert kept[0] == first
    assert isinstance(kept[1], Refused) and kept[1].error.code == "DUPLICATE_SKU"
    written = Done([make_item()], 30, sent)
    assert refuse_taken_products([written], {30: uuid4()}) == [replace(written, sent=None)]
