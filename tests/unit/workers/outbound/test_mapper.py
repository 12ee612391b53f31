"""Payloads of ERP products, and their comparison with the shop's products."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.erp import ErpProduct
from tests.support.recorded import altered_writes, recording
from workers.outbound.planning.comparison import Difference, differences
from workers.outbound.planning.mapper import (
    keep_manual_offer,
    price_text,
    to_woocommerce_price,
    to_woocommerce_product,
    to_woocommerce_stock,
)

GARDEN, SEEDS, UNMAPPED = (UUID(int=number) for number in (1, 2, 3))
CATEGORIES = {GARDEN: 18, SEEDS: 16}
NOW = datetime(2026, 11, 15, tzinfo=UTC)
PRODUCT = ErpProduct(
    product_id=UUID(int=9),
    sku="CAN-5",
    name="Can & hose",
    description="Steel\n\nbrass",
    regular_price=Decimal("24.90"),
    sale_price=Decimal("19.5"),
    sale_from=datetime(2026, 11, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    sale_to=datetime(2026, 12, 1, 23, 59, 59, 900_000, tzinfo=UTC),
    manage_stock=True,
    stock_quantity=7,
    image_urls=("https://img.test/a.png", "https://img.test/b.png"),
    category_ids=(GARDEN, SEEDS, UNMAPPED),
    allow_manual_woocommerce_offers=False,
    version=1,
)


def test_the_payload_of_a_whole_product() -> None:
    assert to_woocommerce_product(PRODUCT, CATEGORIES) == {
        "name": "Can & hose",
        "sku": "CAN-5",
        "description": "Steel\n\nbrass",
        "regular_price": "24.9",
        "sale_price": "19.5",
        "date_on_sale_from_gmt": "2026-11-01T00:00:00",
        "date_on_sale_to_gmt": "2026-12-01T23:59:59",
        "manage_stock": True,
        "stock_quantity": 7,
        "categories": [{"id": 16}, {"id": 18}],
        "images": [{"src": "https://img.test/a.png"}, {"src": "https://img.test/b.png"}],
    }


def test_a_product_without_sale_clears_price_and_dates() -> None:
    plain = to_woocommerce_price(replace(PRODUCT, sale_price=None))
    assert plain == {
        "regular_price": "24.9",
        "sale_price": "",
        "date_on_sale_from_gmt": "",
        "date_on_sale_to_gmt": "",
    }


def test_unmanaged_stock_sends_no_quantity() -> None:
    assert to_woocommerce_stock(replace(PRODUCT, manage_stock=False)) == {"manage_stock": False}
    assert to_woocommerce_stock(replace(PRODUCT, stock_quantity=None))["stock_quantity"] == 0


def test_missing_categories_and_images_are_left_out() -> None:
    bare = to_woocommerce_product(replace(PRODUCT, stated_fields=(), category_ids=(), image_urls=()), CATEGORIES)
    assert not {"images", "categories"} & bare.keys()
    assert "categories" not in to_woocommerce_product(replace(PRODUCT, category_ids=(UNMAPPED,)), CATEGORIES)


def test_empty_categories_and_images_clear_the_shops() -> None:
    cleared = to_woocommerce_product(replace(PRODUCT, image_urls=(), category_ids=()), CATEGORIES)
    assert (cleared["images"], cleared["categories"]) == ([], [])


@given(st.decimals(min_value=0, max_value=Decimal("99999999999999"), places=6))
def test_a_price_text_is_plain_and_keeps_its_value(amount: Decimal) -> None:
    text = price_text(amount)
    assert Decimal(text) == amount
    assert set(text) <= set("0123456789.") and not text.endswith(".") and (text == "0" or not text.endswith(".0"))


def in_shop(**changes: Any) -> dict[str, Any]:
    """The product as the shop shows it after the payload was written."""
    return {
        "id": 11,
        "name": "Can &amp; hose",
        "sku": "CAN-5",
        "description": "<p>Steel</p>\n<p>brass</p>\n",
        "regular_price": "24.90",
        "sale_price": "19.50",
        "date_on_sale_from_gmt": "2026-11-01T00:00:00",
        "date_on_sale_to_gmt": "2026-12-01T23:59:59",
        "manage_stock": True,
        "stock_quantity": 7,
        "categories": [{"id": 18, "name": "Garden"}, {"id": 16, "name": "Seeds"}],
        "images": [{"id": 1, "src": "https://shop.test/a.png"}, {"id": 2, "src": "https://shop.test/b.png"}],
        **changes,
    }


def test_a_product_as_it_was_sent_has_no_differences() -> None:
    assert differences(to_woocommerce_product(PRODUCT, CATEGORIES), in_shop(), NOW) == []


@pytest.mark.parametrize(
    ("field", "theirs", "ours"),
    [
        ("regular_price", "24.91", "24.9"),
        ("sale_price", "", "19.5"),
        ("stock_quantity", None, 7),
        ("stock_quantity", 0, 7),
        ("manage_stock", False, True),
        ("name", "Can", "Can & hose"),
        ("description", "", "Steel\n\nbrass"),
        ("date_on_sale_to_gmt", None, "2026-12-01T23:59:59"),
    ],
)
def test_a_difference_shows_both_sides(field: str, theirs: Any, ours: Any) -> None:
    found = differences(to_woocommerce_product(PRODUCT, CATEGORIES), in_shop(**{field: theirs}), NOW)
    assert found == [Difference(field, theirs, ours)]


def test_categories_and_images_are_compared_as_lists() -> None:
    payload = to_woocommerce_product(PRODUCT, CATEGORIES)
    found = differences(payload, in_shop(categories=[{"id": 18}], images=[{"src": "https://shop.test/a.png"}]), NOW)
    assert found == [
        Difference("categories", [18], [16, 18]),
        Difference("images", ["https://shop.test/a.png"], list(PRODUCT.image_urls)),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Steel & <b>brass</b>", "Steel &amp; <b>brass</b>"),
        ("<p>Steel</p><br/>brass", "Steel\n\nbrass"),
        ("<a title='x' href=\"https://a.test\">y</a>", '<a href="https://a.test" title="x">y</a>'),
        ("caf\u00e9\u00a0noir", "caf&eacute;&nbsp;noir"),
        ('<img src="a.png">', '<img src="a.png" />'),
    ],
)
def test_html_is_compared_by_what_it_shows(ours: str, theirs: str) -> None:
    assert differences({"description": ours}, {"description": theirs}, NOW) == []
    assert differences({"description": ours}, {"description": f"{theirs}!"}, NOW) != []


def test_escaped_markup_is_not_markup() -> None:
    assert differences({"description": "<b>x</b>"}, {"description": "&lt;b&gt;x&lt;/b&gt;"}, NOW) != []


@pytest.mark.parametrize("theirs", [("19.50", "2026-12-01T23:59:59"), ("", None), ("12", "2026-11-20T00:00:00")])
def test_a_sale_that_has_ended_is_none(theirs: tuple[str, str | None]) -> None:
    ended = NOW + timedelta(days=60)
    found = differences(
        to_woocommerce_price(PRODUCT), in_shop(sale_price=theirs[0], date_on_sale_to_gmt=theirs[1]), ended
    )
    assert found == []
    running = in_shop(sale_price="12", date_on_sale_to_gmt=None)
    assert [one.field for one in differences(to_woocommerce_price(PRODUCT), running, ended)] == [
        "sale_price",
        "date_on_sale_to_gmt",
    ]


def test_a_product_without_category_is_in_the_default_one() -> None:
    default = [{"id": 15, "slug": "uncategorized"}]
    assert differences({"categories": []}, {"categories": default}, NOW) == []
    renamed = [{"id": 15, "slug": "altele"}]
    assert differences({"categories": []}, {"categories": renamed}, NOW) != []
    assert differences({"categories": []}, {"categories": renamed}, NOW, is_answer=True) == []
    assert differences({"categories": [{"id": 18}]}, {"categories": default}, NOW, is_answer=True) != []


def test_other_images_differ_whatever_their_number() -> None:
    payload = {"images": [{"src": "https://img.test/a.png"}]}
    theirs = {"images": [{"src": "https://shop.test/b.png"}]}
    assert differences(payload, theirs, NOW) == []
    assert [one.field for one in differences(payload, theirs, NOW, new_images=True)] == ["images"]


def test_cleared_prices_equal_unset_ones() -> None:
    cleared = to_woocommerce_price(replace(PRODUCT, sale_price=None))
    shop = in_shop(sale_price="", date_on_sale_from_gmt=None, date_on_sale_to_gmt=None)
    assert differences(cleared, shop, NOW) == []


@pytest.mark.parametrize(
    ("theirs", "last_sent", "kept"),
    [("9.99", None, True), ("9.99", Decimal("8"), True), ("9.99", Decimal("9.990"), False), ("", None, False)],
)
def test_a_manual_offer_is_not_overwritten(theirs: str, last_sent: Decimal | None, kept: bool) -> None:
    payload = keep_manual_offer(to_woocommerce_price(PRODUCT), in_shop(sale_price=theirs), last_sent)
    assert ("sale_price" not in payload and "date_on_sale_to_gmt" not in payload) is kept
    assert "regular_price" in payload


def test_a_recorded_answer_matches_what_was_sent() -> None:
    """The real shop's own answers: what was sent as `_gmt` dates and texts comes back equal."""
    steps = [step for step in recording("recorded")[1] if step.get("name", "").startswith(("02 003", "02 048"))]
    assert len(steps) == 2
    for step in steps:
        sent = {name: value for name, value in read_json(step["body"]).items() if name != "id"}
        assert differences(sent, step["answer"], NOW) == []


ALTERED = {
    "PUT price to the variable parent": ["regular_price", "sale_price"],
    "PUT price and stock to the grouped product": ["regular_price", "manage_stock", "stock_quantity"],
    "PUT variation: sale above regular": ["sale_price"],
    "sku AB  CD: create": [],  # one blank of several: the same SKU to the shop
    "sku PC%20ENT: create": ["sku"],
    "sku <b>TAG-1</b>: create": ["sku"],
    "sku LT<1: create": ["sku"],
    'sku Q"1: create': [],
    "name less and greater: create": ["name"],
    "name backslash: create": ["name"],
    "name ampersand: create": [],
    "name script: create": ["name"],
    "name empty: create": ["name"],
    "description HTML: create": ["description"],
    "category unknown id on create": ["categories"],
    "category list empty": [],
    "regular_price '1e3'": ["regular_price"],
    'stock_quantity "8.0"': [],
    "description null": [],
    "sale equal to regular": ["sale_price"],
}


def test_each_altered_write_is_recorded() -> None:
    assert set(altered_writes()) == set(ALTERED)


@pytest.mark.parametrize("name", list(ALTERED))
def test_what_the_shop_altered_is_found_in_its_answer(name: str) -> None:
    step = altered_writes()[name]
    found = differences(step["sent"], step["answer"], NOW, is_answer=True)
    assert [one.field for one in found] == ALTERED[name]


def read_json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
