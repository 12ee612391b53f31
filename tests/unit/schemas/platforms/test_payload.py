"""Fast readers of platforms never accept more than marshmallow, and load the same records."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from msgspec import Struct
from msgspec.structs import astuple

from schemas.base.error_codes import problems_of
from schemas.base.privacy import email_hasher, hash_email
from schemas.platforms.payload import PlatformPayload
from schemas.platforms.registry import PLATFORMS
from tests.fakes.shopify import records as shopify_records
from tests.fakes.tiktok import records as tiktok_records
from tests.fakes.woocommerce import Settings, orders
from tests.fakes.woocommerce.state import ShopState
from tests.support.examples import examples

HASH = "0" * 64
HASHER = email_hasher(None)
MOMENTS = (1_700_000_000, 1_700_000_060)


def woocommerce_order() -> dict[str, Any]:
    """An order of the fake shop with a coupon and a refund."""
    shop = ShopState(Settings(home="http://shop.test"), {})
    extra: dict[str, Any] = {"coupon_lines": [{"code": "spring10"}], "refunds": [{"total": "-1.00"}], "customer_id": 7}
    return orders.add(shop, datetime(2026, 11, 20, 23, 50, 18, tzinfo=UTC), **extra)


VALID: dict[tuple[str, str], Any] = {
    ("shopify", "orders"): shopify_records.order(12, *MOMENTS) | {"payment_gateway_names": ["a", "b"]},
    ("shopify", "products"): shopify_records.product(12, *MOMENTS),
    ("shopify", "customers"): shopify_records.customer(12, *MOMENTS) | {"email": HASH},
    ("tiktok", "orders"): tiktok_records.order(tiktok_records.FIRST_ORDER + 2, *MOMENTS),
    ("woocommerce", "orders"): woocommerce_order(),
    ("tiktok", "products"): tiktok_records.product(tiktok_records.FIRST_PRODUCT, *MOMENTS),
}
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(2**63 - 2, 2**63 + 2),
    st.integers(-2, 2),
    st.sampled_from([253_402_300_799, 253_402_300_800, Decimal("1.5"), Decimal("7"), Decimal("1E+400")]),
    st.sampled_from(["", " ", "0", "07", " 7 ", "7", "-7", "9223372036854775807", "9223372036854775808", "٣"]),
    st.sampled_from(["a@b.test", "to a@b.test", "@", "\x00", "\ud800", "x" * 101, "x" * 2001, "1.50", "1,5"]),
    st.sampled_from(["2026-01-15T10:30:00-05:00", "9999-12-31T23:59:59-01:00", "1000-01-01T00:00:00+01:00"]),
    st.sampled_from(
        [
            "0999-12-31T23:59:59-01:00",
            "2026-01-15t10:30:00.9999999z",
            "2026-01-15T10:30:00+23:59",
            "2026-01-15T10:30:00+24:00",
            "2026-01-15T10:30:00",
        ]
    ),
    st.sampled_from(["0999-12-31T23:59:59-01:00", "2026-01-15t10:30:00.9999999z"]),
    st.sampled_from([[], {}, ["a", "b@c.test"], ["a", None], [{}], ["x" * 2001], {"id": "5"}, {"amount": "1"}]),
)


def strictly(native: PlatformPayload, payload: Any) -> str:
    """What marshmallow alone makes of a payload, as text: `1.5` equals `1.500000`, but is stored differently."""
    try:
        return repr(native.convert(type(native.schema)().load(payload)))
    except ValidationError as error:
        return repr(problems_of(error))


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every container in a payload with each of its keys."""
    pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    return [(node, key) for key, _ in pairs] + [place for _, child in pairs for place in places(child)]


def copied(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: copied(child) for key, child in node.items()}
    return [copied(child) for child in node] if isinstance(node, list) else node


@pytest.mark.parametrize("name", VALID, ids="-".join)
def test_a_valid_payload_is_read_fast(name: tuple[str, str]) -> None:
    native = PLATFORMS[name[0]].payloads[name[1]]
    fast = native.reader.read_one(VALID[name])
    assert fast is not None
    assert repr(native.convert(fast)) == strictly(native, VALID[name])


@pytest.mark.parametrize("name", VALID, ids="-".join)
@given(data=st.data())
@settings(max_examples=examples(150))
def test_the_reader_agrees_with_marshmallow(name: tuple[str, str], data: st.DataObject) -> None:
    native = PLATFORMS[name[0]].payloads[name[1]]
    payload = copied(VALID[name])
    for _ in range(data.draw(st.integers(1, 3))):
        node, key = data.draw(st.sampled_from(places(payload)))
        node[key] = copied(data.draw(HOSTILE))  # it may be changed itself
    hashed = payload | {"email": hash_email(payload["email"], HASHER)} if "email" in payload else payload
    valid = native.read(VALID[name], HASHER)
    found = native.read_all([VALID[name], payload, VALID[name]], HASHER)
    assert (repr(found[0]), repr(found[1]), repr(found[2])) == (repr(valid), strictly(native, hashed), repr(valid))


@pytest.mark.parametrize("name", VALID, ids="-".join)
def test_amounts_of_a_record_have_six_decimals(name: tuple[str, str]) -> None:
    record = PLATFORMS[name[0]].payloads[name[1]].read(VALID[name], HASHER)
    assert isinstance(record, Struct)
    amounts = [value for row in (record, *getattr(record, "items", ())) for value in astuple(row)]
    assert {value.as_tuple().exponent for value in amounts if isinstance(value, Decimal)} == {-6}
