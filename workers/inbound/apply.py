"""Writes a validated batch in the caller's transaction, and isolates records that only the database refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.catalogue.staged_upsert import Versioned, get_versions, touch, upsert
from db.core.errors import is_about_records, safe_facts
from db.sync.logs import Claim, Counts, get_barrier
from db.sync.record_errors import RecordError
from schemas.base.error_codes import REASONS
from schemas.records.entities import ENTITY_RECORDS, EntityRecord
from workers.inbound.plan import Plan, plan_populate, plan_upserts

log = get_logger(__name__)
REFUSED = "refused_by_database"


@dataclass(frozen=True, slots=True)
class Applied:
    """The plan that was applied, and the records that passed validation but were refused by the database."""

    plan: Plan
    errors: list[RecordError]

    def counts_with(self, refused: int) -> Counts:
        return replace(self.plan.counts, invalid=refused + len(self.errors))


@dataclass(frozen=True, slots=True)
class _Target:
    conn: Connection
    store_id: UUID
    log: Claim
    entity: EntityRecord


class _Rollback(Exception):
    """Rolls a trial back."""


def apply_batch(conn: Connection, store_id: UUID, claimed: Claim, valid: Sequence[Versioned[Any]]) -> Applied:
    """Write the batch at once. If the database refuses it, find the bad records by halving and write the others."""
    target = _Target(conn, store_id, claimed, ENTITY_RECORDS[claimed.entity])
    try:
        with conn.transaction():
            return Applied(_apply(target, valid), [])
    except Exception as error:
        if not is_about_records(error):
            raise
        log.warning("batch_refused_by_database", records=len(valid), **safe_facts(error))
    at_fault = _find_refused(target, valid)
    kept = [record for record in valid if record.index not in at_fault]
    errors = [
        RecordError(record.index, str(record.record.external_id), "*", REFUSED, REASONS[REFUSED])
        for record in valid
        if record.index in at_fault
    ]
    return Applied(_apply(target, kept), errors)


def _apply(target: _Target, records: Sequence[Versioned[Any]]) -> Plan:
    plan = _plan(target, records)
    seq = target.log.accepted_seq
    if plan.touch:
        touch(target.conn, target.store_id, target.entity, seq, plan.touch)
    if plan.reshaped:
        log.info("records_reshaped", records=plan.reshaped, entity=target.entity.name)
    if plan.writes:
        upsert(target.conn, target.store_id, target.entity, seq, plan.writes)
    return plan


def _plan(target: _Target, records: Sequence[Versioned[Any]]) -> Plan:
    # Before the versions: a log that ends in between is then seen in one of the two.
    barrier = get_barrier(target.conn, target.store_id, target.log)
    keys = sorted({record.record.external_id for record in records})
    stored = get_versions(target.conn, target.store_id, target.entity, keys)
    if target.log.mode == "populate":
        return plan_populate(records, stored)
    return plan_upserts(records, stored, target.log.accepted_seq, barrier)


def _find_refused(target: _Target, records: Sequence[Versioned[Any]]) -> set[int]:
    if not records or _is_accepted(target, records):
        return set()
    if len(records) == 1:
        return {records[0].index}
    middle = len(records) // 2
    return _find_refused(target, records[:middle]) | _find_refused(target, records[middle:])


def _is_accepted(target: _Target, records: Sequence[Versioned[Any]]) -> bool:
    try:
        with target.conn.transaction():
            _apply(target, records)
            raise _Rollback
    except _Rollback:
        return True
    except Exception as error:
        if not is_about_records(error):
            raise
        return False
