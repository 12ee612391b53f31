"""The plan of a batch: the newest version wins, unchanged records are not written, and the counts add up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from db.catalogue.staged_upsert import StoredVersion, Versioned
from db.sync.logs import Counts
from schemas.base.error_codes import Problem
from schemas.plugin.entities import ENTITIES, load_record
from schemas.records.shop import Category, Order, Product
from tests.support.factories import MAKERS, make_order, make_product, narrow_order
from workers.core.ids import new_id
from workers.inbound.plan import Plan, content_hash, newest_of_each, plan_populate, plan_upserts, versioned

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
ACCEPTED = NOON + timedelta(days=1)
SEQ = 10


def category(key: int = 1, name: str = "Widgets", minutes: int = 0, index: int = 0) -> Versioned[Category]:
    record = Category(key, name, None, None)
    return Versioned(index, record, NOON + timedelta(minutes=minutes), content_hash(record))


def stored(row: Versioned[Any], seq: int = 1) -> StoredVersion:
    return StoredVersion(new_id(), row.source_updated_at, seq, row.content_hash)


def plan(
    records: Sequence[Versioned[Any]], known: Versioned[Any] | None = None, seq: int = 1, barrier: int = 0
) -> Plan:
    return plan_upserts(records, {known.record.external_id: stored(known, seq)} if known else {}, SEQ, barrier)


def test_new_record_is_inserted() -> None:
    planned = plan([category()])
    assert planned.counts == Counts(inserted=1)
    assert planned.writes[0].is_new


def test_changed_record_keeps_its_id() -> None:
    known = stored(category())
    planned = plan_upserts([category(name="Gadgets", minutes=1)], {1: known}, SEQ, 0)
    assert planned.counts == Counts(updated=1)
    assert (planned.writes[0].id, planned.writes[0].is_new) == (known.id, False)


def test_older_record_is_stale() -> None:
    made = plan([category(name="Gadgets")], category(minutes=1))
    assert (made.writes, made.touch, made.counts) == ([], [], Counts(stale=1))
    assert [key for key, _ in made.outdated] == [1]


def test_equal_times_keep_the_later_accepted_record() -> None:
    assert plan([category(name="Gadgets")], category(), seq=SEQ - 1).counts == Counts(updated=1)
    assert plan([category(name="Gadgets")], category(), seq=SEQ + 1).counts == Counts(stale=1)


def test_unchanged_record_is_not_written() -> None:
    assert plan([category(minutes=5)], category()) == Plan([], [], Counts(unchanged=1))


def test_unchanged_record_below_the_barrier_is_touched() -> None:
    planned = plan([category(minutes=5)], category(), seq=3, barrier=4)
    assert planned == Plan([], [(1, NOON + timedelta(minutes=5))], Counts(unchanged=1))


def test_unchanged_record_after_the_barrier_is_not_written() -> None:
    assert plan([category()], category(), seq=4, barrier=4).touch == []


def test_repeated_key_keeps_the_newer_record() -> None:
    planned = plan([category(name="new", minutes=1, index=0), category(name="old", index=1)])
    assert [write.versioned.record.name for write in planned.writes] == ["new"]
    assert planned.counts == Counts(inserted=1, stale=1)


def test_repeated_key_with_equal_times_keeps_the_later() -> None:
    assert [found.index for found in newest_of_each([category(index=0), category(index=1)])] == [1]


def test_rows_are_written_in_key_order() -> None:
    planned = plan([category(key) for key in (3, 1, 2)])
    assert [write.versioned.record.external_id for write in planned.writes] == [1, 2, 3]
    ids = [write.id for write in planned.writes]
    assert len(set(ids)) == 3


def test_oldest_news_is_the_oldest_version_that_was_unknown() -> None:
    known = {key: stored(category(key, "old", minutes)) for key, minutes in ((1, 1), (2, 0), (3, 0))}
    changed = [category(1, "new", minutes=3), category(2, "of the same time"), category(3, "old", minutes=2)]
    assert plan_upserts(changed, known, SEQ, 0).oldest_news == NOON + timedelta(minutes=3)
    with_new = [*changed, category(4, minutes=2), category(5, minutes=9)]
    assert plan_upserts(with_new, known, SEQ, 0).oldest_news == NOON + timedelta(minutes=2)
    assert plan_upserts(changed[1:], known, SEQ, 0).oldest_news is None


def test_populate_writes_only_new_records() -> None:
    records = [category(1, "changed", minutes=9), category(2), category(2, index=5)]
    planned = plan_populate(records, {1: stored(category())})
    assert [(write.versioned.record.external_id, write.is_new) for write in planned.writes] == [(2, True)]
    assert planned.counts == Counts(inserted=1, existing=1, stale=1)


VERSIONS = st.builds(category, st.integers(1, 3), st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 9))


@given(st.lists(VERSIONS, max_size=8), st.lists(VERSIONS, max_size=3), st.integers(1, 20), st.integers(0, 20))
def test_counts_always_add_up(
    records: list[Versioned[Category]], known: list[Versioned[Category]], seq: int, barrier: int
) -> None:
    rows = {row.record.external_id: stored(row, seq) for row in known}
    for planned in (plan_upserts(records, rows, SEQ, barrier), plan_populate(records, rows)):
        assert planned.counts.synced + planned.counts.skipped == len(records)
        assert len(planned.writes) == planned.counts.inserted + planned.counts.updated
        assert len(planned.touch) <= planned.counts.unchanged


def order(**overrides: Any) -> Order:
    record = load_record(ENTITIES["orders"], make_order(items=[]) | MONEY | overrides)
    assert isinstance(record, Order)
    return record


MONEY: dict[str, Any] = dict.fromkeys(("total", "subtotal", "tax_total", "shipping_total"), "5")


@pytest.mark.parametrize(
    "changed", [{"status": "refunded"}, {"total": "5.000001"}, {"customer_id": 0}, {"coupon_used": None}]
)
def test_content_hash_changes_with_any_field(changed: dict[str, Any]) -> None:
    assert content_hash(order()) != content_hash(order(**changed))


@pytest.mark.parametrize(
    "same",
    [{"total": "5.0"}, {"total": 5}, {"discount_total": "-0"}, {"total": Decimal("5.00000049")},
     {"wc_order_id": "1001"}, {"items": None},
     {"date_created": "2026-01-15 10:30"}, {"date_created": "2026-01-15T12:30:00+02:00"}],
    ids=str,
)  # fmt: skip
def test_content_hash_ignores_how_values_are_written(same: dict[str, Any]) -> None:
    assert content_hash(order()) == content_hash(order(**same))


@pytest.mark.parametrize(
    ("entity", "digest"),
    [
        ("orders", "023dcbfb578d895a2b97666f63549e68c8"),
        ("products", "01238bb2c637bf4e22571061c0fcb2221f"),
        ("customers", "01cc933587666c0ed53d2388b632f61a51"),
        ("categories", "010ed616d86e12c1e149b0af12c0c059f4"),
    ],
)
def test_content_hash_is_that_of_stored_rows(entity: str, digest: str) -> None:
    # A hash that changes rewrites every row once, and counts it as updated: then raise SHAPE, and say so in the changelog.
    email = {"email": "0" * 64} if entity == "customers" else {}
    record = load_record(ENTITIES[entity], narrow_order() if entity == "orders" else MAKERS[entity](**email))
    assert not isinstance(record, list)
    assert content_hash(record).hex() == digest


def test_content_hash_has_a_shape_byte_and_128_bits() -> None:
    found = content_hash(order())
    assert (found[0], len(found)) == (Order.SHAPE, 17)


def test_version_is_the_records_own_time() -> None:
    found = versioned(3, order(date_modified="2026-01-15T12:00:00Z"), ACCEPTED)
    assert isinstance(found, Versioned)
    assert (found.index, found.source_updated_at) == (3, NOON)


@pytest.mark.parametrize("record", [order(date_modified=None), Category(1, "Widgets", None, None)])
def test_version_falls_back_to_the_time_of_acceptance(record: Any) -> None:
    found = versioned(0, record, ACCEPTED)
    assert isinstance(found, Versioned)
    assert found.source_updated_at == ACCEPTED


def test_time_over_a_day_ahead_is_refused() -> None:
    ahead = replace(order(), date_modified=ACCEPTED + timedelta(hours=24))
    assert isinstance(versioned(0, ahead, ACCEPTED), Versioned)
    beyond = replace(ahead, date_modified=ACCEPTED + timedelta(hours=24, microseconds=1))
    assert versioned(0, beyond, ACCEPTED) == Problem("date_modified", "too_far_ahead")


def test_time_ahead_is_reported_by_its_contract_name() -> None:
    prices: dict[str, Any] = dict.fromkeys(("price", "regular_price", "sale_price"), "1")
    product = load_record(ENTITIES["products"], make_product(**prices, updated_at="2030-01-01"))
    assert isinstance(product, Product)
    assert versioned(0, product, ACCEPTED) == Problem("updated_at", "too_far_ahead")


def test_unchanged_order_without_own_time_is_touched() -> None:
    timeless = order(date_modified=None)
    before, later = (versioned(0, timeless, ACCEPTED + timedelta(minutes=n)) for n in (0, 5))
    assert isinstance(before, Versioned) and isinstance(later, Versioned)
    assert plan([later], before).touch == [(1001, ACCEPTED + timedelta(minutes=5))]


def test_unchanged_order_with_own_time_is_not_written() -> None:
    found = versioned(0, order(), ACCEPTED)
    assert isinstance(found, Versioned)
    assert plan([found], found) == Plan([], [], Counts(unchanged=1))
