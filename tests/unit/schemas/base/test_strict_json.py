"""JSON is read strictly, and numbers keep their digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base.strict_json import NotJson, dumps, loads

HOSTILE = {
    "nothing": b"",
    "cut": b'{"a":',
    "trailing": b"{} {}",
    "trailing comma": b"[1,]",
    "single quotes": b"{'a':1}",
    "comment": b"[1] // one",
    "latin-1": '{"a":"é"}'.encode("latin-1"),
    "utf-16": '{"a":1}'.encode("utf-16"),
    "overlong": b'"\xc0\xaf"',
    "surrogate in utf-8": b'"\xed\xa0\x80"',
    "nan": b"[NaN]",
    "infinity": b"[-Infinity]",
    "leading zero": b"[01]",
    "raw control": b'"a\x01"',
    "bad escape": rb'"\q"',
    "huge integer": b"[" + b"9" * 5000 + b"]",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep and open": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_invalid_json_is_refused_without_quoting_it(body: bytes) -> None:
    with pytest.raises(NotJson) as caught:
        loads(body)
    assert len(str(caught.value)) < 100


def test_numbers_keep_their_digits() -> None:
    assert loads(b"[0.1, 1.10, 12345678901234567890.123]") == [
        Decimal("0.1"),
        Decimal("1.10"),
        Decimal("12345678901234567890.123"),
    ]
    assert dumps([Decimal("1.10")]) == b"[1.10]"


@pytest.mark.parametrize("number", [b"1e400", b"1e9999999999999999999", b"-1e9999999999999999999"])
def test_a_number_beyond_decimal_is_refused_by_fields(number: bytes) -> None:
    read = loads(b"[" + number + b"]")
    assert abs(read[0]) > Decimal(10) ** 100
    assert loads(dumps(read)) == read


def test_the_last_of_duplicate_names_counts() -> None:
    assert loads(b'{"a":1,"a":2}') == {"a": 2}
    assert loads(rb'{"a":1,"b":"\ud800","a":2}') == {"a": 2, "b": "\ud800"}


def test_a_lone_surrogate_is_read() -> None:
    assert loads(rb'["\ud800", "\ud83d\ude00"]') == ["\ud800", "😀"]
    assert dumps(["\ud800"]) == rb'["\ud800"]'


def test_numbers_beside_a_lone_surrogate_stay_numbers() -> None:
    assert loads(dumps(loads(rb'[{"a":1.5,"b":"\ud800","c":[null,true,2]}]'))) == [
        {"a": Decimal("1.5"), "b": "\ud800", "c": [None, True, 2]}
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**100), 10**100)
    | st.text(st.characters(), max_size=10)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_values_survive_writing_and_reading(value: Any) -> None:
    read = loads(dumps(value))
    assert loads(dumps(read)) == read


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        dumps(loads(body))
    except NotJson:
        pass
