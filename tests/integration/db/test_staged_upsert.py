"""A planned write whose row changed meanwhile is refused, and leaves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.catalogue.staged_upsert import ConcurrentChange, Versioned, Write, get_versions, upsert
from db.core.pool import Pool
from db.core.tenancy import tenant
from schemas.records.entities import ENTITY_RECORDS
from schemas.records.shop import Category
from workers.core.ids import new_id
from workers.inbound.plan import content_hash

CATEGORIES = ENTITY_RECORDS["categories"]
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def write(row_id: UUID, minutes: int, *, is_new: bool, key: int = 7) -> Write[Category]:
    record = Category(key, f"Widgets {minutes}", None, None)
    return Write(row_id, is_new, Versioned(0, record, NOON + timedelta(minutes=minutes), content_hash(record)))


@pytest.fixture
def stored(pool: Pool, store_id: UUID) -> UUID:
    row_id = new_id()
    with pool.connection() as conn, tenant(conn, store_id):
        upsert(conn, store_id, CATEGORIES, 1, [write(row_id, 0, is_new=True)])
    return row_id


@pytest.mark.parametrize("minutes", [-1, 1])
def test_a_new_record_whose_row_appeared_meanwhile(pool: Pool, store_id: UUID, stored: UUID, minutes: int) -> None:
    planned = [write(new_id(), minutes, is_new=True), write(new_id(), 0, is_new=True, key=8)]
    with pytest.raises(ConcurrentChange), pool.connection() as conn, tenant(conn, store_id):
        upsert(conn, store_id, CATEGORIES, 2, planned)
    with pool.connection() as conn, tenant(conn, store_id):
        found = get_versions(conn, store_id, CATEGORIES, [7, 8])
    assert {key: (version.id, version.source_updated_at) for key, version in found.items()} == {7: (stored, NOON)}


def test_a_change_whose_row_became_newer_meanwhile(pool: Pool, store_id: UUID, stored: UUID) -> None:
    with pytest.raises(ConcurrentChange), pool.connection() as conn, tenant(conn, store_id):
        upsert(conn, store_id, CATEGORIES, 2, [write(stored, -1, is_new=False)])


def test_a_planned_change_is_written(pool: Pool, store_id: UUID, stored: UUID) -> None:
    with pool.connection() as conn, tenant(conn, store_id):
        upsert(conn, store_id, CATEGORIES, 2, [write(stored, 1, is_new=False)])
        (version,) = get_versions(conn, store_id, CATEGORIES, [7]).values()
    changed = write(stored, 1, is_new=False).versioned
    assert (version.id, version.accepted_seq, version.content_hash) == (stored, 2, changed.content_hash)
