"""Fast readers never accept more than marshmallow, and load the same records."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from marshmallow import fields
from msgspec import Struct

from schemas.base.fields import AMOUNTS, MOST_KNOWN_AMOUNTS, Count, RecordSchema, reader_of
from schemas.base.strict_json import NotJson, dumps, loads
from schemas.plugin.entities import ENTITIES, ORDERS, Entity, load_record, load_strictly
from tests.support.examples import examples
from tests.support.factories import MAKERS, make_item

HASH = "0" * 64
ITEM = loads(dumps(make_item()))  # as it is stored: with decimals, not floats
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**63 - 2, 2**63 + 2),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**15), 10**15, places=7),
    st.decimals(-(10**15), 10**15, places=7).map(str),
    st.sampled_from(
        ["0", "1.5", "-3", "1e3", "NaN", "Infinity", "-0", "1_000", " 7 ", "٣", "0x10", "99999999999999.9999999"]
    ),
    st.sampled_from([Decimal("1E+400"), Decimal("99999999999999.9999996"), Decimal("-0"), Decimal("0.0000005")]),
    st.sampled_from([Decimal("7"), Decimal("4.217E3"), Decimal("1E+3"), Decimal("0"), Decimal("9E+9999")]),
    st.sampled_from(["+7", "007", "7", "9223372036854775807", "9223372036854775808", "9999999999999999999", "7\n"]),
    st.sampled_from(["2026-01-15T10:30:00Z", "2026-01-15T10:30:00+00:00", "2026-01-15", "2026-01-15 10:30:00"]),
    st.sampled_from(["2026-01-15t10:30:00z", "2026-01-15T10:30:00+0100", "2026-01-15T10:30:00-00:00"]),
    st.sampled_from(["2026-01-15T10:30:00.5Z", "2026-01-15T10:30:00.9999999Z", "2026-01-15T10:30:00.00000049Z"]),
    st.sampled_from(["2026-02-30T00:00:00Z", "2026-W03-4T10:30:00Z", "2026-01-15T24:00:00Z", "2026-01-15T10:30:60Z"]),
    st.sampled_from(["0999-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00"]),
    st.sampled_from(["0999-12-31T23:59:59-01:00", "1000-01-01T00:00:00+01:00", "0000-00-00 00:00:00"]),
    st.sampled_from(["0000-00-00T00:00:00", "２026-01-15T10:30:00Z"]),
    st.sampled_from(["", " ", "\x00", "\ud800", "é\n", "\u00a0", HASH, "x" * 101, "x" * 2001, "😀" * 2000, "a" * 21]),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.sampled_from([[None], [{}], [ITEM], [ITEM | {"quantity": "2"}] * 2, [7]]),
)


def plain(entity: Entity) -> dict[str, Any]:
    """A valid record as it is stored."""
    record = MAKERS[entity.name]()
    if "email" in record:
        record["email"] = HASH
    value: dict[str, Any] = loads(dumps(record))
    return value


def strictly(entity: Entity, payload: Any) -> Any:
    """Validate with marshmallow alone: a schema without a reader has no fast check of list entries either."""
    return load_strictly(replace(entity, schema=type(entity.schema)()), payload)


def assert_agree(entity: Entity, record: Any) -> None:
    """One record or several: the same records or the same problems. As text, because Decimal("1.5") equals 1.500000."""
    expected = strictly(entity, record)
    assert repr(load_record(entity, record)) == repr(expected)
    beside, fast = entity.reader.read_each([plain(entity), record])
    assert repr(beside) == repr(strictly(entity, plain(entity)))
    assert fast is None or repr(fast) == repr(expected)


@pytest.mark.parametrize("name", ENTITIES)
def test_a_valid_record_is_read_fast(name: str) -> None:
    entity = ENTITIES[name]
    assert repr(entity.reader.read_one(plain(entity))) == repr(strictly(entity, plain(entity)))


@pytest.mark.parametrize("name", ENTITIES)
@given(data=st.data())
@settings(max_examples=examples(200))
def test_the_reader_agrees_with_marshmallow(name: str, data: st.DataObject) -> None:
    entity = ENTITIES[name]
    record = plain(entity)
    for field in data.draw(st.lists(st.sampled_from(sorted(entity.known_fields)), max_size=3)):
        record[field] = data.draw(HOSTILE)
    for field in data.draw(st.lists(st.sampled_from(sorted(entity.known_fields)), max_size=2)):
        record.pop(field, None)
    assert_agree(entity, record)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(ORDERS.lists["items"].names)), HOSTILE), max_size=3))
@settings(max_examples=examples(150))
def test_the_reader_of_items_agrees_with_marshmallow(items: list[dict[str, Any]]) -> None:
    assert_agree(ORDERS, plain(ORDERS) | {"items": items})


@given(st.data())
@settings(max_examples=examples(200))
def test_plain_values_of_any_size_are_read_fast(data: st.DataObject) -> None:
    amount = st.decimals(-(10**13) + 1, 10**13 - 1, places=6).map(str) | st.integers(1 - 10**13, 10**13 - 1)
    # What ends on six nines in the bytes may be a time that msgspec rounds, and is left to marshmallow.
    amount = amount.filter(lambda value: ".999999" not in str(value))
    number = st.decimals(-(10**9) + 1, 10**9 - 1, places=6).filter(
        lambda value: abs(value) >= Decimal("0.0001") and ".999999" not in str(value)
    )
    text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
    moment = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)).map(
        lambda value: value.replace(microsecond=0).isoformat()
    )
    zone = st.sampled_from(["", "Z", "+00:00", "-11:30"])
    record = plain(ORDERS) | {
        "wc_order_id": data.draw(st.integers(1, 2**63 - 1)),
        "total": data.draw(amount | number),
        "date_created": data.draw(moment) + data.draw(zone),
        "coupon_used": data.draw(text),
        "customer_id": data.draw(st.none() | st.integers(0, 2**63 - 1)),
    }
    fast = ORDERS.reader.read_one(record)
    assert fast is not None
    assert repr(fast) == repr(strictly(ORDERS, record))


TEXTS_OF_VALUES = [
    b"1e2", b"1E+2", b"4.217E3", b"0.1e1", b"-0", b"-0.0", b"0.1234564999999999999999999", b"0.00000049999999999999999999",
    b"1e400",
    b"999999999.9999994999999", b"12345678901234.5", b"123456789012345678901234567890", b"9007199254740993",
    b"4503599627370497.5", b'"\\u0031"', b'"1\\u00305.50"', b'"\\u0663"', b'"\\ud83d\\ude00"', b'"\\ud800"', b'"\\u0000"',
    b'"2026-01-15T10:30:00.99999949Z"', b'"2026-01-15T10:30:00.9999995Z"', b'"2026-01-15T10:30:59.99999951234567Z"', b"NaN",
    b"1.0", b"42.0", b'" 42"', b"true", b"null", b"[]", b"{}", b'"a", "total":"5"',
]  # fmt: skip


@pytest.mark.parametrize("value", TEXTS_OF_VALUES, ids=lambda value: ascii(value)[:30])
@pytest.mark.parametrize(
    "field", ["wc_order_id", "total", "subtotal", "customer_id", "date_created", "status", "items"]
)
def test_the_reader_agrees_on_odd_json(field: str, value: bytes) -> None:
    record = plain(ORDERS)
    record.pop(field)
    body = dumps(record)[:-1] + b',"' + field.encode() + b'":' + value + b"}"
    found = ORDERS.reader.read_all(b"[" + body + b"]")
    try:
        expected = strictly(ORDERS, loads(body))
    except NotJson:
        assert found is None
    else:
        assert found is None or repr(found) == repr([expected])


@given(st.decimals(-(10**10), 10**10, allow_nan=False), st.integers(0, 12))
@example(Decimal("999999999.9999995"), 7)
@settings(max_examples=examples(300))
def test_amounts_with_many_digits_are_rounded_alike(amount: Decimal, places: int) -> None:
    text = f"{amount:.{places}f}"
    body = dumps(plain(ORDERS) | {"total": "text"}).replace(b'"text"', text.encode())
    found = ORDERS.reader.read_all(b"[" + body + b"]")
    assert found is None or repr(found[0].total) == repr(strictly(ORDERS, loads(body)).total)


def test_a_large_integer_is_not_taken_for_a_fraction() -> None:
    for total in (b"5000000000000", b"5000000000000.0001", b"1e400", b"0.0", b"-0.0"):
        body = dumps(plain(ORDERS) | {"total": "text"}).replace(b'"text"', total)
        found = ORDERS.reader.read_all(b"[" + body + b"]")
        assert found is None or repr(found) == repr([strictly(ORDERS, loads(body))])


@pytest.mark.parametrize("odd", [None, {"wc_order_id": 0}, {"status": "\x00"}, {"status": "\ud800"}])
def test_an_odd_record_leaves_the_others_fast(odd: Any) -> None:
    good = plain(ORDERS)
    found = ORDERS.reader.read_each([good, good, odd, good, good])
    assert [record is not None for record in found] == [True, True, False, True, True]


@pytest.mark.parametrize("payload", [None, 7, "text", [], {}])
def test_values_that_are_no_record_are_refused(payload: Any) -> None:
    assert all(isinstance(load_record(entity, payload), list) for entity in ENTITIES.values())


class Share(Struct):
    percent: int


def test_a_foreign_field_declines_every_record() -> None:
    class Odd(RecordSchema):
        record = Share
        percent = fields.Integer(required=True)

    assert reader_of(Odd()).read_one({"percent": 5}) is None


def test_a_subclass_with_its_own_check_declines() -> None:
    class Percentage(Count):
        def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
            raise AssertionError(f"{value} should reach no check here")

    class Growth(RecordSchema):
        record = Share
        percent = Percentage(required=True)

    assert reader_of(Growth()).read_one({"percent": 5}) is None


def test_known_amounts_are_bounded() -> None:
    for pence in range(MOST_KNOWN_AMOUNTS + 10):
        assert AMOUNTS[f"{pence}.25"] == Decimal(pence) + Decimal("0.25")
    assert len(AMOUNTS) <= MOST_KNOWN_AMOUNTS
    assert (AMOUNTS[None], AMOUNTS[""]) == (None, None)


def test_fast_moments_and_amounts_equal_the_fields() -> None:
    order = ORDERS.reader.read_one(plain(ORDERS) | {"total": "5", "date_created": "2026-01-15T10:30:00Z"})
    assert order is not None
    assert str(order.total) == "5.000000"
    assert order.date_created == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
