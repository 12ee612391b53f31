"""The ERP's records: what is accepted, and the codes for what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from schemas.base.error_codes import REASONS, problems_of
from schemas.base.fields import RecordSchema
from schemas.erp.load import load_erp_category, load_erp_product
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema
from tests.support.examples import examples

ID = "6f1ed002-ab55-4585-9014-ebf0951522d9"
PLAIN: dict[str, Any] = {"product_id": ID, "sku": "CAN-5", "name": "Watering can"}


def refusals(**fields: Any) -> list[tuple[str, str]]:
    problems = load_erp_product(PLAIN | fields)
    assert isinstance(problems, list)
    return [(problem.field, problem.code) for problem in problems]


def test_a_product_with_required_fields_only() -> None:
    product = ErpProductSchema().load(PLAIN)
    assert (product.key, product.sku, product.manage_stock, product.image_urls) == (
        UUID(ID),
        "CAN-5",
        False,
        (),
    )
    assert (product.regular_price, product.version, product.allow_manual_woocommerce_offers) == (None, None, False)


def test_a_product_with_all_fields() -> None:
    product = ErpProductSchema().load(
        PLAIN
        | {
            "regular_price": "24.90",
            "sale_price": Decimal("19.9"),
            "sale_from": "2026-11-01T00:00:00+02:00",
            "stock_quantity": "-3",
            "image_urls": ["https://img.test/ä.png?x=1"],
            "category_ids": [ID, ID],
            "allow_manual_woocommerce_offers": "TRUE",
            "version": 7,
            "colour": "unknown fields are dropped",
        }
    )
    assert (product.regular_price, product.sale_price, product.stock_quantity) == (Decimal("24.9"), Decimal("19.9"), -3)
    assert (product.manage_stock, product.allow_manual_woocommerce_offers, product.version) == (True, True, 7)
    assert (product.sale_from.isoformat(), product.category_ids) == ("2026-10-31T22:00:00+00:00", (UUID(ID),))


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"product_id": "7"}, ("product_id", "not_a_uuid")),
        ({"product_id": 7}, ("product_id", "not_a_uuid")),
        ({"sku": " CAN"}, ("sku", "not_a_sku")),
        ({"sku": "A,B"}, ("sku", "not_a_sku")),
        ({"sku": "AB  CD"}, ("sku", "not_a_sku")),
        ({"sku": "AB\tCD"}, ("sku", "not_a_sku")),
        ({"sku": "AB\nCD"}, ("sku", "not_a_sku")),
        ({"sku": "PC%41"}, ("sku", "not_a_sku")),
        ({"sku": "<b>TAG"}, ("sku", "not_a_sku")),
        ({"sku": ""}, ("sku", "required")),
        ({"sku": "x" * 101}, ("sku", "too_long")),
        ({"name": " "}, ("name", "required")),
        ({"regular_price": "12,50"}, ("regular_price", "not_a_number")),
        ({"regular_price": -1}, ("regular_price", "out_of_range")),
        ({"stock_quantity": 1.5}, ("stock_quantity", "not_a_whole_number")),
        ({"stock_quantity": 2**31}, ("stock_quantity", "out_of_range")),
        ({"sale_price": 5}, ("sale_price", "not_below_regular_price")),
        ({"sale_price": 5, "regular_price": 5}, ("sale_price", "not_below_regular_price")),
        ({"sale_from": "2026-02-01", "sale_to": "2026-01-01"}, ("sale_to", "before_its_begin")),
        ({"manage_stock": "maybe"}, ("manage_stock", "not_a_flag")),
        ({"image_urls": ["ftp://x/y"]}, ("image_urls[0]", "not_a_url")),
        ({"image_urls": ["https://user@x/y"]}, ("image_urls[0]", "not_a_url")),
        ({"image_urls": "https://x/y"}, ("image_urls", "not_a_list")),
        ({"category_ids": ["x"]}, ("category_ids[0]", "not_a_uuid")),
        ({"category_ids": [ID] * 101}, ("category_ids", "too_many")),
        ({"version": -1}, ("version", "out_of_range")),
    ],
)
def test_values_that_the_shop_would_change_are_refused(fields: dict[str, Any], refused: tuple[str, str]) -> None:
    assert refusals(**fields) == [refused]
    assert refused[1] in REASONS


def test_a_category_cannot_be_its_own_parent() -> None:
    category = ErpCategorySchema().load({"category_id": ID, "name": "Garden"})
    assert (category.key, category.name, category.parent_id) == (UUID(ID), "Garden", None)
    with pytest.raises(ValidationError) as caught:
        ErpCategorySchema().load({"category_id": ID, "name": "Garden", "parent_id": ID})
    assert caught.value.messages == {"parent_id": ["out_of_range"]}


FULL: dict[str, Any] = PLAIN | {
    "description": "Holds five litres",
    "regular_price": "24.90",
    "sale_price": Decimal("19.9"),
    "sale_from": "2026-11-01T00:00:00+02:00",
    "sale_to": "2026-12-01T00:00:00Z",
    "manage_stock": True,
    "stock_quantity": -3,
    "image_urls": ["https://img.test/a.png", "http://img.test/ä?x=1"],
    "category_ids": [ID, ID],
    "allow_manual_woocommerce_offers": False,
    "version": 7,
}
CATEGORY: dict[str, Any] = {"category_id": ID, "name": "Garden", "parent_id": str(UUID(int=7)), "version": 1}
HOSTILE = st.one_of(
    st.none() | st.booleans() | st.text(max_size=6),
    st.integers(-(2**31) - 1, 2**31 + 1) | st.integers(2**63 - 1, 2**63) | st.integers(-2, 30),
    st.sampled_from(
        [
            "",
            " ",
            " x",
            "A,B",
            "a<b",
            "A  B",
            "A\tB",
            "PC%41",
            "to a@b.test",
            "a&#64;b.test,",
            "x" * 101,
            "\x00",
            "\ud800",
            "true",
            "-7",
        ]
    ),
    st.sampled_from(
        ["24.90", "-0", "1e3", "٣", Decimal("19.9"), Decimal("7"), Decimal("-0.0000001"), Decimal("1E+30")]
    ),
    st.sampled_from([ID, ID.upper(), ID.replace("-", ""), "{" + ID + "}", "urn:uuid:" + ID, ID + "0", UUID(int=7).hex]),
    st.sampled_from(["2026-11-15T00:00:00Z", "2026-11-15 00:00:00.5", "2027-01-01", "0000-00-00 00:00:00"]),
    st.sampled_from(
        [[], {}, [None], [ID], [ID, "x"], [ID] * 101, ["https://img.test/a%40b.test"], ["HTTPS://img.test"]]
    ),
    st.sampled_from([["ftp://x/y"], ["https://x/y", " https://x/y"], ["https://x/y"] * 51, [""], ["https://user@x/y"]]),
)


def load_strictly(schema: RecordSchema, payload: Any) -> Any:
    try:
        return schema.load(payload)
    except ValidationError as error:
        return problems_of(error)


@pytest.mark.parametrize("valid", [PLAIN, FULL, FULL | {"manage_stock": None, "image_urls": None}])
def test_a_valid_product_needs_no_marshmallow(valid: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ErpProductSchema().load(valid)
    monkeypatch.setattr(ErpProductSchema, "load", None)
    assert repr(load_erp_product(valid)) == repr(expected)


@given(st.dictionaries(st.sampled_from(sorted(FULL)), HOSTILE, max_size=3), st.sets(st.sampled_from(sorted(FULL))))
@settings(max_examples=examples(300))
def test_fast_and_strict_products_agree(changed: dict[str, Any], absent: set[str]) -> None:
    payload = {name: value for name, value in (FULL | changed).items() if name in PLAIN or name not in absent}
    assert repr(load_erp_product(payload)) == repr(load_strictly(ErpProductSchema(), payload))


@given(st.dictionaries(st.sampled_from(sorted(CATEGORY)), HOSTILE, max_size=2))
@settings(max_examples=examples(150))
def test_fast_and_strict_categories_agree(changed: dict[str, Any]) -> None:
    payload = CATEGORY | changed
    assert repr(load_erp_category(payload)) == repr(load_strictly(ErpCategorySchema(), payload))
