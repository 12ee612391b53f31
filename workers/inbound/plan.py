"""Decides which records of a batch are new, changed, unchanged, stale or existing. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from db.catalogue.staged_upsert import StoredVersion, Versioned, Write
from db.sync.logs import Counts
from schemas.base.error_codes import Problem
from schemas.records.shop import Record
from workers.core.ids import new_ids

CLOCK_TOLERANCE = timedelta(hours=24)
_canonical = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a batch, by external id and source_updated_at.

    `touch`: unchanged rows whose version must rise. `outdated`: records that came too late. `oldest_news`: the oldest version
    that was not known before. `reshaped`: stored rows of an older shape, which are rewritten whether they changed or not.
    """

    writes: list[Write[Any]]
    touch: list[tuple[int, datetime]]
    counts: Counts
    outdated: list[tuple[int, datetime]] = field(default_factory=list)
    oldest_news: datetime | None = None
    reshaped: int = 0


def versioned(index: int, record: Record, accepted_at: datetime) -> Versioned[Record] | Problem:
    """The record with its version: its own time, else the time of acceptance.

    A time too far ahead is a Problem: it would block all later changes of the row.
    """
    changed = own_time(record)
    if changed is not None and record.CHANGED and changed > accepted_at + CLOCK_TOLERANCE:
        return Problem(record.CHANGED, "too_far_ahead")
    return Versioned(index, record, changed or accepted_at, content_hash(record))


def own_time(record: Record) -> datetime | None:
    return getattr(record, record.CHANGED) if record.CHANGED else None


def content_hash(record: Record) -> bytes:
    """A byte for the number of the record's shape, then 128 bits over its fields. Equal hashes mean equal records.

    A record of an older shape differs: it is rewritten once when it is next sent, and counts as updated.
    """
    return record.SHAPE.to_bytes(1) + hashlib.blake2b(_canonical(record), digest_size=16).digest()


def newest_of_each(records: Iterable[Versioned[Any]]) -> list[Versioned[Any]]:
    """One record per key, in key order: the newest, and of equally new ones the last. The others count as stale."""
    best: dict[int, Versioned[Any]] = {}
    for candidate in records:
        rival = best.get(candidate.record.external_id)
        if rival is None or candidate.source_updated_at >= rival.source_updated_at:
            best[candidate.record.external_id] = candidate
    return [best[key] for key in sorted(best)]


def plan_upserts(
    records: Sequence[Versioned[Any]], stored: Mapping[int, StoredVersion], accepted_seq: int, barrier: int
) -> Plan:
    """Compare a batch with the stored rows: a record applies only if its version is not older.

    `barrier` is the newest older log that may still be applied. An unchanged row last written before it must be touched:
    otherwise that log's record would win, although this one confirmed the row later.
    """
    candidates = newest_of_each(records)
    ids = new_ids(len(candidates))
    writes: list[Write[Any]] = []
    touch: list[tuple[int, datetime]] = []
    outdated: list[tuple[int, datetime]] = []
    news: list[datetime] = []
    unchanged = inserted = reshaped = 0
    for candidate, fresh_id in zip(candidates, ids, strict=True):
        known = stored.get(candidate.record.external_id)
        if known is None:
            inserted += 1
            writes.append(Write(fresh_id, True, candidate))
            news.append(candidate.source_updated_at)
        elif (candidate.source_updated_at, accepted_seq) < (known.source_updated_at, known.accepted_seq):
            outdated.append((candidate.record.external_id, candidate.source_updated_at))
        elif candidate.content_hash == known.content_hash:
            unchanged += 1
            # A record without its own time is versioned by its acceptance, which must beat an own time that arrives later.
            is_newer = candidate.record.CHANGED is not None and candidate.source_updated_at > known.source_updated_at
            if known.accepted_seq < barrier or is_newer:
                touch.append((candidate.record.external_id, candidate.source_updated_at))
        else:
            writes.append(Write(known.id, False, candidate))
            reshaped += known.content_hash[:1] != candidate.content_hash[:1]
            if candidate.source_updated_at > known.source_updated_at:
                news.append(candidate.source_updated_at)
    repeated = len(records) - len(candidates)
    stale = len(outdated) + repeated
    counts = Counts(inserted=inserted, updated=len(writes) - inserted, unchanged=unchanged, stale=stale)
    return Plan(writes, touch, counts, outdated, min(news, default=None), reshaped)


def plan_populate(records: Sequence[Versioned[Any]], stored: Mapping[int, StoredVersion]) -> Plan:
    candidates = newest_of_each(records)
    new = [candidate for candidate in candidates if candidate.record.external_id not in stored]
    writes = [Write(fresh_id, True, candidate) for fresh_id, candidate in zip(new_ids(len(new)), new, strict=True)]
    counts = Counts(inserted=len(new), existing=len(candidates) - len(new), stale=len(records) - len(candidates))
    return Plan(writes, [], counts)
