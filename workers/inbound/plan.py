"""Pure decisions about a batch: which records are new, changed, unchanged, stale or existing."""

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
_canonical = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a batch. `touch` holds (external id, source_updated_at) of unchanged rows whose version must rise, and
    `outdated` those of records that came too late; `oldest_news` is the oldest version that nobody had brought before."""

    writes: list[Write[Any]]
    touch: list[tuple[int, datetime]]
    counts: Counts
    outdated: list[tuple[int, datetime]] = field(default_factory=list)
    oldest_news: datetime | None = None


def versioned(index: int, record: Record, accepted_at: datetime) -> Versioned[Record] | Problem:
    """Give a record its version: its own time, else the time of acceptance; a time too far ahead would freeze the row."""
    changed = own_time(record)
    if changed is not None and record.CHANGED and changed > accepted_at + CLOCK_TOLERANCE:
        return Problem(record.CHANGED, "too_far_ahead")
    return Versioned(index, record, changed or accepted_at, content_hash(record))


def own_time(record: Record) -> datetime | None:
    """When the platform last changed the record, where it tells."""
    return getattr(record, record.CHANGED) if record.CHANGED else None


def content_hash(record: Record) -> bytes:
    """The number of the record's shape, then 128 bits over its fields: two records are the same state if these agree.

    A record of an older shape therefore differs, is rewritten once when it is next sent, and counts as updated.
    """
    return record.SHAPE.to_bytes(1) + hashlib.blake2b(_canonical(record), digest_size=16).digest()


def newest_of_each(records: Iterable[Versioned[Any]]) -> list[Versioned[Any]]:
    """One record a key, in key order: the newer, then the later in the batch. The others count as stale."""
    best: dict[int, Versioned[Any]] = {}
    for candidate in records:
        rival = best.get(candidate.record.external_id)
        if rival is None or candidate.source_updated_at >= rival.source_updated_at:
            best[candidate.record.external_id] = candidate
    return [best[key] for key in sorted(best)]


def plan_upserts(
    records: Sequence[Versioned[Any]], stored: Mapping[int, StoredVersion], accepted_seq: int, barrier: int
) -> Plan:
    """Compare a batch with what is stored: a record applies only if its version is not older.

    `barrier` is the newest older log that may still be applied. An unchanged row last written before it is touched: left
    alone, it would let that log's record win, though this one confirmed the row later.
    """
    candidates = newest_of_each(records)
    ids = new_ids(len(candidates))
    writes: list[Write[Any]] = []
    touch: list[tuple[int, datetime]] = []
    outdated: list[tuple[int, datetime]] = []
    news: list[datetime] = []
    unchanged = inserted = 0
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
            if _must_rise(candidate, known, barrier):
                touch.append((candidate.record.external_id, candidate.source_updated_at))
        else:
            writes.append(Write(known.id, False, candidate))
            if candidate.source_updated_at > known.source_updated_at:
                news.append(candidate.source_updated_at)
    repeated = len(records) - len(candidates)
    stale = len(outdated) + repeated
    counts = Counts(inserted=inserted, updated=len(writes) - inserted, unchanged=unchanged, stale=stale)
    return Plan(writes, touch, counts, outdated, min(news, default=None))


def _must_rise(candidate: Versioned[Any], known: StoredVersion, barrier: int) -> bool:
    """Whether an unchanged row's version must rise all the same.

    Below the barrier, or where a record that might have had a time of its own came without one: the time of its acceptance
    must then outdo a time of its own that came in between.
    """
    if known.accepted_seq < barrier:
        return True
    return candidate.record.CHANGED is not None and candidate.source_updated_at > known.source_updated_at


def plan_populate(records: Sequence[Versioned[Any]], stored: Mapping[int, StoredVersion]) -> Plan:
    """POPULATE: new records are written, existing ones skipped, whatever their version (specification 4)."""
    candidates = newest_of_each(records)
    new = [candidate for candidate in candidates if candidate.record.external_id not in stored]
    writes = [Write(fresh_id, True, candidate) for fresh_id, candidate in zip(new_ids(len(new)), new, strict=True)]
    counts = Counts(inserted=len(new), existing=len(candidates) - len(new), stale=len(records) - len(candidates))
    return Plan(writes, [], counts)
