"""Compiled schemas never accept more than marshmallow, and load the same records."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields

from schemas.base.fast_validators import compile_schema
from schemas.base.fields import Count, RecordSchema
from schemas.base.strict_json import dumps, loads
from schemas.plugin.entities import ENTITIES, Entity, load_record, load_strictly
from tests.support.examples import examples
from tests.support.factories import MAKERS

HASH = "0" * 64
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**63 - 2, 2**63 + 2),
    st.decimals(allow_nan=False, allow_infinity=False, places=7),
    st.sampled_from(
        ["0", "1.5", "-3", "1e3", "NaN", "Infinity", "-0", "1_000", " 7 ", "٣", "0x10", "99999999999999.9999999"]
    ),
    st.sampled_from([Decimal("1E+400"), Decimal("99999999999999.9999996"), Decimal("-0"), Decimal("0.0000005")]),
    st.sampled_from(["2026-01-15T10:30:00Z", "2026-01-15T10:30:00+00:00", "2026-01-15", "2026-01-15 10:30:00"]),
    st.sampled_from(["2026-02-30T00:00:00Z", "2026-W03-4T10:30:00Z", "2026-01-15T24:00:00Z", "2026-01-15T10:30:60Z"]),
    st.sampled_from(["0999-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00"]),
    st.sampled_from(["0000-00-00T00:00:00", "２026-01-15T10:30:00Z"]),
    st.sampled_from(["", " ", "\x00", "\ud800", "é\n", "\u00a0", HASH, "x" * 101, "x" * 2001, "a" * 21]),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=2),
)


def plain(entity: Entity) -> dict[str, Any]:
    """A valid record as it is stored."""
    record = MAKERS[entity.name]()
    if "email" in record:
        record["email"] = HASH
    value: dict[str, Any] = loads(dumps(record))
    return value


def strictly(entity: Entity, payload: Any) -> Any:
    """Validate with marshmallow alone: in a schema that was not compiled, list entries have no fast check either."""
    return load_strictly(replace(entity, schema=type(entity.schema)()), payload)


@pytest.mark.parametrize("name", ENTITIES)
def test_a_valid_record_passes_the_fast_check(name: str) -> None:
    entity = ENTITIES[name]
    assert entity.fast_load(plain(entity)) == strictly(entity, plain(entity))


@pytest.mark.parametrize("name", ENTITIES)
@given(data=st.data())
@settings(max_examples=examples(150))
def test_the_fast_check_agrees_with_marshmallow(name: str, data: st.DataObject) -> None:
    entity = ENTITIES[name]
    record = plain(entity)
    for field in data.draw(st.lists(st.sampled_from(sorted(entity.known_fields)), max_size=3)):
        record[field] = data.draw(HOSTILE)
    for field in data.draw(st.lists(st.sampled_from(sorted(entity.known_fields)), max_size=2)):
        record.pop(field, None)
    fast = entity.fast_load(record)
    if fast is not None:
        strict = strictly(entity, record)
        assert fast == strict
        assert repr(fast) == repr(strict)  # Decimal("1.5") equals Decimal("1.500000"), but is not stored alike


@given(st.lists(st.dictionaries(st.sampled_from(sorted(ENTITIES["orders"].lists["items"])), HOSTILE), max_size=3))
@settings(max_examples=examples(150))
def test_the_fast_check_of_items_agrees_with_marshmallow(items: list[dict[str, Any]]) -> None:
    entity = ENTITIES["orders"]
    record = plain(entity) | {"items": items}
    fast = entity.fast_load(record)
    assert fast is None or repr(fast) == repr(strictly(entity, record))


@pytest.mark.parametrize("payload", [None, 7, "text", [], {}])
def test_values_that_are_no_record_are_refused(payload: Any) -> None:
    assert all(isinstance(load_record(entity, payload), list) for entity in ENTITIES.values())


def test_a_foreign_field_declines_every_record() -> None:
    class Odd(Schema):
        name = fields.String(required=True)

    assert compile_schema(Odd(), Point)({"name": "x"}) is None


def test_a_subclass_with_its_own_check_declines() -> None:
    class Percentage(Count):
        def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
            raise AssertionError(f"{value} should reach no check here")

    class Growth(RecordSchema):
        percent = Percentage(required=True)

    assert compile_schema(Growth(), Point)({"percent": 5}) is None


class Point:
    """A record type that is never made."""

    __dataclass_fields__: dict[str, Any] = {}  # noqa: RUF012 - what dataclasses.fields reads


def test_fast_moments_and_amounts_equal_the_fields() -> None:
    order = ENTITIES["orders"].fast_load(
        plain(ENTITIES["orders"]) | {"total": "5", "date_created": "2026-01-15T10:30:00Z"}
    )
    assert order.total == Decimal("5.000000")
    assert order.date_created == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
