"""The pure steps between a claim and what is saved: the plan of writes, and the verdict on each item."""

from __future__ import annotations

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
from db.outbound.mappings import FieldDifference, Figures, Mapped
from schemas.records.erp import ErpProduct
from tests.support.outbound import make_look
from workers.outbound.planning.comparison import digest
from workers.outbound.planning.field_groups import hash_groups
from workers.outbound.planning.pauses import pause_seconds
from workers.outbound.planning.product_plan import ProductPlan, ProductTask, ShopState, build_tasks, plan_products
from workers.outbound.planning.results import Adopted, Changed, ClaimResult, Done, Refused, Result
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


IN_SHOP: dict[str, Any] = {
    "id": 11,
    "status": "publish",
    "name": "Lamp",
    "sku": "LAMP",
    "description": "",
    "regular_price": "20.00",
    "sale_price": "15",
    "date_on_sale_from_gmt": None,
    "date_on_sale_to_gmt": None,
    "manage_stock": True,
    "stock_quantity": 7,
    "stock_status": "instock",
    "categories": [{"id": 15, "slug": "uncategorized"}],
    "images": [],
}
WEIGHED = Figures(Decimal(20), Decimal(15), None, None, 7)


def make_task(
    *items: ClaimedItem, product: ErpProduct = PRODUCT, mapped: Mapped | None = None, begun: bool = False
) -> ProductTask:
    return ProductTask(product.product_id, items, StoredProduct(product, hash_groups(product), begun), mapped)


def mapped_task(*items: ClaimedItem, product: ErpProduct = PRODUCT, **more: Any) -> ProductTask:
    """A task of a product that is mapped to the shop's product 11, which has what brakes weighed."""
    return make_task(*items, product=product, mapped=Mapped(11, **({"figures": WEIGHED} | more)))


def plan(task: ProductTask, theirs: dict[str, Any] | None = None, **shop: Any) -> ProductPlan:
    products = {} if theirs is None else {11: theirs}
    return plan_products([task], ShopState(products, now=NOW, **shop))


def test_items_of_one_product_become_one_task() -> None:
    items = [make_item("price"), make_item("stock"), make_item("price", product_id=uuid4())]
    assert [task.items for task in build_tasks(items, {}, {})] == [tuple(items[:2]), (items[2],)]


def test_a_new_product_is_planned_whole() -> None:
    [write] = plan(make_task(make_item("price"))).writes
    assert write.payload["name"] == "Lamp" and write.payload["regular_price"] == "20"
    result = write.answered(IN_SHOP | {"id": 12})
    assert isinstance(result, Done) and result.look is not None
    assert (result.wc_id, result.look.status, result.look.figures) == (12, "synced", WEIGHED)
    assert result.look.seen_hashes == hash_groups(PRODUCT)


@pytest.mark.parametrize(
    ("sync_type", "theirs", "sent"),
    [
        ("stock", {"stock_quantity": 3}, {"manage_stock": True, "stock_quantity": 7}),
        ("product", {"name": "Old &amp; dim"}, {"name": "Lamp"}),
        ("product", {"description": "Written by hand"}, {"description": ""}),
        ("image", {"images": [{"src": "x"}]}, {"images": []}),
        ("category", {"categories": [{"id": 3}]}, {"categories": []}),
    ],
)
def test_only_fields_that_differ_are_planned(sync_type: str, theirs: dict[str, Any], sent: dict[str, Any]) -> None:
    [write] = plan(mapped_task(make_item(sync_type)), IN_SHOP | theirs).writes
    assert write.payload == sent


def test_fields_of_other_groups_are_not_sent() -> None:
    found = plan(mapped_task(make_item("stock")), IN_SHOP | {"regular_price": "9", "name": "Other"})
    [result] = found.results
    assert isinstance(result, Done) and result.look is not None
    assert set(result.look.differences) == {"regular_price", "name"}
    assert set(result.look.seen_hashes) == {"stock", "category", "image"}


def test_a_product_as_it_should_be_is_seen_and_not_sent() -> None:
    task = mapped_task(make_item())
    found = plan(task, IN_SHOP)
    [result] = found.results
    assert not found.writes and isinstance(result, Done) and result.look is not None
    assert (result.look.seen_hashes, result.look.differences) == (hash_groups(PRODUCT), {})
    [write] = plan(mapped_task(make_item("stock", force=True)), IN_SHOP).writes
    assert write.payload == {"manage_stock": True, "stock_quantity": 7}


def test_a_price_that_changed_since_it_was_weighed_goes_back() -> None:
    [result] = plan(mapped_task(make_item("price", approved=True)), IN_SHOP | {"regular_price": "25"}).results
    assert isinstance(result, Changed) and not result.is_repeated
    assert result.look.figures.regular_price == 25
    again = mapped_task(make_item("price", error_code="SHOP_CHANGED"))
    [repeated] = plan(again, IN_SHOP | {"regular_price": "25"}).results
    assert isinstance(repeated, Changed) and repeated.is_repeated


def test_sold_pieces_are_weighed_only_if_all_are_sold() -> None:
    assert plan(mapped_task(make_item("stock")), IN_SHOP | {"stock_quantity": 1}).writes
    [result] = plan(mapped_task(make_item("stock")), IN_SHOP | {"stock_quantity": 0}).results
    assert isinstance(result, Changed)


def test_an_adopted_text_that_changed_since_it_was_seen_goes_back() -> None:
    theirs = IN_SHOP | {"name": "By hand"}
    seen = FieldDifference("Lamp", "By hand", digest("name", "By hand"), NOW)
    task = mapped_task(make_item(), status="adopted", differences={"name": seen})
    [write] = plan(task, theirs).writes
    assert write.payload == {"name": "Lamp"}
    [result] = plan(task, theirs | {"name": "By another hand"}).results
    assert isinstance(result, Changed)


def test_what_a_person_rejected_is_not_sent() -> None:
    hashes = hash_groups(PRODUCT)
    task = mapped_task(make_item("price"), rejected_hashes={"price": hashes["price"]})
    [result] = plan(task, IN_SHOP | {"regular_price": "18"}).results
    assert isinstance(result, Refused) and result.error.code == "REJECTED"
    whole = mapped_task(make_item(), rejected_hashes={"price": hashes["price"]})
    [write] = plan(whole, IN_SHOP | {"regular_price": "18", "name": "Old"}).writes
    assert write.payload == {"name": "Lamp"}
    later = mapped_task(make_item("price"), rejected_hashes={"price": "older"})
    assert plan(later, IN_SHOP | {"stock_quantity": 3, "sale_price": "15.00"}).results


def test_a_product_unknown_to_us_is_refused() -> None:
    [result] = plan(ProductTask(uuid4(), (make_item(),), None, None)).results
    assert isinstance(result, Refused) and result.error.code == "PRODUCT_UNKNOWN"


def test_a_product_found_by_its_sku_is_adopted() -> None:
    there = {"LAMP": IN_SHOP | {"id": 30, "regular_price": "9.50", "sale_price": "", "stock_quantity": 2}}
    [result] = plan(make_task(make_item()), products_by_sku=there).results
    assert isinstance(result, Adopted)
    assert (result.look.status, result.look.figures) == ("adopted", Figures(Decimal("9.50"), None, None, None, 2))
    [ours] = plan(make_task(make_item(), begun=True), products_by_sku=there).results
    assert isinstance(ours, Adopted) and ours.look.status == "synced"
    [alike] = plan(make_task(make_item()), products_by_sku={"LAMP": IN_SHOP}).results
    assert isinstance(alike, Done)
    assert len(plan(make_task(make_item())).writes) == 1  # looked up and not found: created


def test_a_shop_that_cannot_be_read_gets_no_write() -> None:
    found = plan_products([make_task(make_item()), mapped_task(make_item("stock"))], ShopState(error=UNREACHABLE))
    assert not found.writes
    assert [type(result) for result in found.results] == [Refused, Refused]


def test_a_trashed_product_gets_no_write() -> None:
    [result] = plan(mapped_task(make_item()), IN_SHOP | {"status": "trash", "regular_price": "9"}).results
    assert isinstance(result, Refused) and result.error.code == "PRODUCT_IN_TRASH"


def test_a_missing_product_is_created_by_the_next_attempt() -> None:
    [result] = plan(mapped_task(make_item())).results
    assert isinstance(result, Refused) and (result.error.code, result.deleted_wc_id) == ("NOT_IN_SHOP", 11)


def test_a_merchants_own_offer_stays_and_is_remembered() -> None:
    product = replace(PRODUCT, allow_manual_woocommerce_offers=True)
    weighed = replace(WEIGHED, regular_price=Decimal(18), sale_price=Decimal(9))
    task = mapped_task(make_item("price"), product=product, figures=weighed, sent_sale_price=Decimal(14))
    [write] = plan(task, IN_SHOP | {"regular_price": "18", "sale_price": "9"}).writes
    assert write.payload == {"regular_price": "20"}
    result = write.answered(IN_SHOP | {"sale_price": "9"})
    assert isinstance(result, Done) and result.look is not None
    assert result.look.sent_sale_price == 14 and result.look.figures.sale_price == 9


def test_a_product_without_its_category_is_not_done_with_it() -> None:
    product = replace(PRODUCT, category_ids=(LAMPS,))
    [result] = plan(mapped_task(make_item("stock"), product=product), IN_SHOP).results
    assert isinstance(result, Done) and result.look is not None and "category" not in result.look.seen_hashes
    placed = IN_SHOP | {"categories": [{"id": 5}]}
    [result] = plan(mapped_task(make_item("stock"), product=product), placed, category_ids={LAMPS: 5}).results
    assert isinstance(result, Done) and result.look is not None and "category" in result.look.seen_hashes


@pytest.mark.parametrize(
    ("stated", "answer", "fields"),
    [
        ({}, {"regular_price": "", "sale_price": ""}, ["regular_price", "sale_price"]),  # a variable product
        ({"category_ids": (LAMPS,)}, {}, ["categories"]),  # the category is gone
        ({"name": "C:\\temp"}, {"name": "C:temp"}, ["name"]),
        ({"manage_stock": True}, {"manage_stock": False, "stock_quantity": None}, ["manage_stock", "stock_quantity"]),
    ],
)
def test_a_value_that_the_shop_did_not_take_is_a_failure(
    stated: dict[str, Any], answer: dict[str, Any], fields: list[str]
) -> None:
    task = make_task(make_item(), product=replace(PRODUCT, **stated))
    [write] = plan(task, category_ids={LAMPS: 5}).writes
    result = write.answered(IN_SHOP | answer)
    assert isinstance(result, Refused) and result.look is not None
    assert (result.error.code, result.error.retryable) == ("SHOP_KEPT_OTHER_VALUE", False)
    assert result.look.status == "differs"
    assert [name for name, one in result.look.differences.items() if one.was_sent] == fields


def test_other_images_are_not_taken_as_seen_by_another_write() -> None:
    product = replace(PRODUCT, image_urls=("https://img.test/new.png",))
    task = mapped_task(make_item("stock"), product=product, image_hash="of others")
    theirs = IN_SHOP | {"stock_quantity": 3, "images": [{"src": "https://shop.test/old.png"}]}
    [write] = plan(task, theirs).writes
    result = write.answered(theirs | {"stock_quantity": 7})
    assert isinstance(result, Done) and result.look is not None
    assert "image" not in result.look.seen_hashes and result.look.image_hash == "of others"
    assert "images" in result.look.differences


def test_a_value_that_was_not_taken_stays_told_until_it_changes() -> None:
    kept = FieldDifference("20", "25", digest("regular_price", "25"), NOW, was_sent=True)
    task = mapped_task(make_item("stock"), differences={"regular_price": kept})
    [result] = plan(task, IN_SHOP | {"regular_price": "25"}).results
    assert isinstance(result, Done) and result.look is not None and result.look.status == "differs"
    [result] = plan(task, IN_SHOP | {"regular_price": "26"}).results
    assert isinstance(result, Done) and result.look is not None and result.look.status == "synced"
    [result] = plan(task, IN_SHOP, groups=("stock",)).results
    assert isinstance(result, Done) and result.look is not None and result.look.status == "differs"


def test_a_write_into_the_trash_is_a_failure() -> None:
    [write] = plan(mapped_task(make_item("stock")), IN_SHOP | {"stock_quantity": 3}).writes
    result = write.answered(IN_SHOP | {"status": "trash"})
    assert isinstance(result, Refused) and result.error.code == "PRODUCT_IN_TRASH"


def test_a_difference_keeps_the_moment_it_was_first_seen() -> None:
    before = FieldDifference("Lamp", "Old", digest("name", "Old"), NOW - timedelta(hours=5))
    task = mapped_task(make_item("stock"), differences={"name": before})
    for name, since in (("Old", before.since), ("Older", NOW)):
        [result] = plan(task, IN_SHOP | {"name": name}).results
        assert isinstance(result, Done) and result.look is not None
        assert result.look.differences["name"].since == since


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
    changed = Changed([make_item()], make_look(1), OWN, is_repeated=False)
    results: list[Result] = [changed, Adopted([make_item()], make_look(1))]
    returned = decide_items(results, uuid4(), NOTHING_SPENT, NOW).returned
    assert [(one.delay, one.spent) for one in returned] == [(0.0, False)] * 2
    [again] = decide_items([replace(changed, is_repeated=True)], uuid4(), NOTHING_SPENT, NOW).returned
    assert (again.delay, again.spent) == (2.0, True)


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
    first, second = Adopted([make_item()], make_look(30)), Adopted([make_item(product_id=uuid4())], make_look(30))
    kept = refuse_taken_products([first, second], {})
    assert kept[0] == first
    assert isinstance(kept[1], Refused) and kept[1].error.code == "DUPLICATE_SKU"
    [taken] = refuse_taken_products([Done([make_item()], 30, make_look(30))], {30: uuid4()})
    assert isinstance(taken, Refused) and taken.error.code == "DUPLICATE_SKU"
