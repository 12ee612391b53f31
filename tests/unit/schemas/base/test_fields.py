"""Each shared field: what it accepts, what it loads, and its codes for what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from schemas.base.error_codes import REASONS
from schemas.base.fields import (
    BIGINT_MAX,
    MONEY_BOUND,
    Count,
    EmailHash,
    ExternalId,
    Money,
    Records,
    RecordSchema,
    Reference,
    Text,
    Timestamp,
)

OPTIONAL: dict[str, Any] = {"load_default": None, "allow_none": True}
TEXT = Text(longest=5, **OPTIONAL)
NAME = Text(required=True, blank=False)
ID = ExternalId(required=True)
REFERENCE = Reference(**OPTIONAL)
COUNT = Count(**OPTIONAL)
MONEY = Money(**OPTIONAL)
WHEN = Timestamp(**OPTIONAL)
REQUIRED_WHEN = Timestamp(required=True)
EMAIL = EmailHash(**OPTIONAL)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


class _Entry(RecordSchema):
    record = dict
    quantity = Money(required=True)


LIST = Records(_Entry, most=2)

ACCEPTED: list[tuple[fields.Field[Any], Any, Any]] = [
    (TEXT, "", ""),
    (TEXT, "ünïcö", "ünïcö"),
    (TEXT, "😀", "😀"),
    (TEXT, None, None),
    (NAME, " x ", " x "),
    (ID, 1, 1),
    (ID, BIGINT_MAX, BIGINT_MAX),
    (ID, " 42 ", 42),
    (REFERENCE, 0, None),
    (REFERENCE, "0", None),
    (REFERENCE, "", None),
    (REFERENCE, "7", 7),
    (COUNT, 0, 0),
    (COUNT, "12", 12),
    (COUNT, "", None),
    (MONEY, 5, Decimal("5.000000")),
    (MONEY, "49.99", Decimal("49.990000")),
    (MONEY, Decimal("0.1"), Decimal("0.100000")),
    (MONEY, "-3", Decimal("-3.000000")),
    (MONEY, "1e2", Decimal("100.000000")),
    (MONEY, ".5", Decimal("0.500000")),
    (MONEY, "0.0000005", Decimal("0.000001")),
    (MONEY, "", None),
    (MONEY, "-0", Decimal(0)),
    (WHEN, "2026-01-15T12:00:00Z", NOON),
    (WHEN, "2026-01-15 12:00:00", NOON),
    (WHEN, "2026-01-15t12:00:00z", NOON),
    (WHEN, "2026-01-15T12:00", NOON),
    (WHEN, "2026-01-15T13:30:00+01:30", NOON),
    (WHEN, "2026-01-15T12:00:00.123456789z", NOON.replace(microsecond=123456)),
    (WHEN, "2026-01-15", NOON.replace(hour=0)),
    (WHEN, "0000-00-00 00:00:00", None),
    (WHEN, "", None),
    (EMAIL, "a" * 64, "a" * 64),
    (LIST, [], ()),
    (LIST, None, ()),
    (LIST, [{"quantity": 1}], ({"quantity": Decimal("1.000000")},)),
]

REFUSED: list[tuple[fields.Field[Any], Any, str]] = [
    (TEXT, 5, "not_text"),
    (TEXT, True, "not_text"),
    (TEXT, {}, "not_text"),
    (TEXT, "123456", "too_long"),
    (TEXT, "a\x00", "bad_characters"),
    (TEXT, "\ud800", "bad_characters"),
    (TEXT, "\udfff", "bad_characters"),
    (NAME, None, "required"),
    (NAME, "", "required"),
    (NAME, " \t", "required"),
    (ID, None, "required"),
    (ID, "", "required"),
    (ID, 0, "not_an_id"),
    (ID, -1, "not_an_id"),
    (ID, 2**63, "not_an_id"),
    (ID, True, "not_an_id"),
    (ID, Decimal("1.0"), "not_an_id"),
    (ID, "٤٢", "not_an_id"),
    (ID, "1_000", "not_an_id"),
    (ID, "9" * 5000, "not_an_id"),
    (REFERENCE, -1, "not_an_id"),
    (REFERENCE, 2**63, "not_an_id"),
    (REFERENCE, False, "not_an_id"),
    (COUNT, -1, "out_of_range"),
    (COUNT, 2**63, "out_of_range"),
    (COUNT, Decimal("1.5"), "not_a_whole_number"),
    (COUNT, True, "not_a_whole_number"),
    (COUNT, "many", "not_a_whole_number"),
    (MONEY, "NaN", "not_a_number"),
    (MONEY, "Infinity", "not_a_number"),
    (MONEY, Decimal("NaN"), "not_a_number"),
    (MONEY, Decimal("sNaN"), "not_a_number"),
    (MONEY, Decimal("Infinity"), "out_of_range"),
    (MONEY, True, "not_a_number"),
    (MONEY, [], "not_a_number"),
    (MONEY, "1,5", "not_a_number"),
    (MONEY, "0x10", "not_a_number"),
    (MONEY, "1e400", "out_of_range"),
    (MONEY, Decimal("1E+400"), "out_of_range"),
    (MONEY, 10**14, "out_of_range"),
    (MONEY, "99999999999999.9999999", "out_of_range"),
    (WHEN, 1736935800, "not_a_date"),
    (WHEN, "yesterday", "not_a_date"),
    (WHEN, "2026-02-30", "not_a_date"),
    (WHEN, "10000-01-01", "not_a_date"),
    (WHEN, "0999-12-31", "not_a_date"),
    (WHEN, "9999-12-31T23:59:59-01:00", "not_a_date"),
    (WHEN, "1000-01-01T00:00:00+01:00", "not_a_date"),
    (WHEN, "2026-01-15T12:00:00+99:00", "not_a_date"),
    (REQUIRED_WHEN, "0000-00-00 00:00:00", "not_a_date"),
    (REQUIRED_WHEN, "", "required"),
    (EMAIL, False, "not_text"),
    (EMAIL, "john", "not_text"),
    (LIST, {}, "not_a_list"),
    (LIST, "x", "not_a_list"),
    (LIST, [{}, {}, {}], "too_many"),
]


def named(value: Any) -> str:
    """A short name of a value for a test's id, in ASCII."""
    return type(value).__name__ if isinstance(value, fields.Field) else ascii(value)[:30]


def code_of(error: ValidationError) -> str:
    assert isinstance(error.messages, list)
    return str(error.messages[0])


@pytest.mark.parametrize(("field", "value", "meant"), ACCEPTED, ids=named)
def test_accepts(field: fields.Field[Any], value: Any, meant: Any) -> None:
    assert field.deserialize(value) == meant


@pytest.mark.parametrize(("field", "value", "code"), REFUSED, ids=named)
def test_refuses(field: fields.Field[Any], value: Any, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        field.deserialize(value)
    assert code_of(caught.value) == code


def test_money_is_rounded_like_postgres_numeric() -> None:
    assert MONEY.deserialize("0.0000015") == Decimal("0.000002")
    assert MONEY.deserialize("-0.0000015") == Decimal("-0.000002")


def test_a_refused_list_entry_is_named_by_index() -> None:
    with pytest.raises(ValidationError) as caught:
        LIST.deserialize([{"quantity": 1}, {"quantity": "x"}])
    assert caught.value.messages == {1: {"quantity": ["not_a_number"]}}


def test_a_null_entry_of_a_list_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        LIST.deserialize([None])
    assert caught.value.messages == {0: ["required"]}


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(st.characters(), max_size=40),
    st.decimals(),
    st.lists(st.none(), max_size=2),
    st.just({}),
)


@pytest.mark.parametrize("field", [TEXT, NAME, ID, REFERENCE, COUNT, MONEY, WHEN, EMAIL, LIST], ids=named)
@given(value=ANYTHING)
def test_no_value_is_refused_but_by_a_known_code(field: fields.Field[Any], value: Any) -> None:
    try:
        field.deserialize(value)
    except ValidationError as error:
        found = error.messages if isinstance(error.messages, list) else [error.messages[0][0]]
        assert set(found) <= REASONS.keys()


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_money_that_is_accepted_fits_the_column(number: Decimal) -> None:
    try:
        kept = MONEY.deserialize(number)
    except ValidationError:
        assert abs(number) >= MONEY_BOUND - 1
    else:
        assert abs(kept) < MONEY_BOUND and kept.as_tuple().exponent == -6


@given(st.datetimes(min_value=datetime(1001, 1, 1), timezones=st.timezones()))
def test_a_moment_keeps_its_instant(moment: datetime) -> None:
    offset = moment.utcoffset()
    if offset is None or offset.seconds % 60 or moment > datetime(9999, 12, 30, tzinfo=UTC):
        return  # ISO 8601 has no seconds in an offset
    read = WHEN.deserialize(moment.isoformat())
    assert read is not None and read - moment == timedelta(0) and read.tzinfo is UTC
