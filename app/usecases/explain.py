"""One verdict about one record, from what is known of it: pure, so that each case can be seen alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.usecases.job_answers import moment
from db.insight.explain import Skip, StoredRecord
from db.sync.metadata import Metadata
from db.sync.stale_arrivals import StaleArrival

Parts = list[tuple[datetime | None, datetime]]


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known. `log_id` wrote the row; `covered` and `holes` are the merged ledger's."""

    platform: str
    entity: str
    external_id: int
    stored: StoredRecord | None
    log_id: UUID | None
    skip: Skip | None
    stale: StaleArrival | None
    metadata: Metadata | None
    covered: Parts
    holes: Parts


def explain(known: Known) -> dict[str, Any]:
    """`verdict` is one of stored, stale, skipped, not_reachable, outside_coverage, never_seen; the latest event counts."""
    if known.skip is not None and (known.stored is None or known.skip.skipped_at > known.stored.synced_at):
        return _skipped(known.skip)
    if known.stored is not None:
        if known.stale is not None and known.stale.arrived_at > known.stored.synced_at:
            return _stale(known.stored, known.log_id, known.stale)
        return _answer("stored", "The record is stored.", _version(known.stored, known.log_id))
    return _absent(known)


def _absent(known: Known) -> dict[str, Any]:
    lowest = known.metadata.lowest_id if known.metadata else None
    covered = {"covered": parts_answer(known.covered), "holes": parts_answer(known.holes)}
    if known.platform == "shopify" and known.entity == "orders" and lowest is not None and known.external_id < lowest:
        words = (
            "The order is older than any that Shopify shows: without the scope read_all_orders it hides what is older than"
            " 60 days."
        )
        return _answer("not_reachable", words, {"lowestIdSeen": str(lowest)})
    if not known.covered or known.holes:
        return _answer("outside_coverage", "The record was not met, and not everything has been read yet.", covered)
    words = "The platform never showed this record, though all changes until the watermark were read."
    return _answer("never_seen", words, covered)


def _skipped(skip: Skip) -> dict[str, Any]:
    evidence = {
        "jobId": str(skip.log_id),
        "field": skip.field,
        "code": skip.code,
        "reason": skip.reason,
        "skippedAt": moment(skip.skipped_at),
    }
    return _answer("skipped", f"The record was skipped: {skip.field} {skip.reason}.", evidence)


def _stale(stored: StoredRecord, log_id: UUID | None, stale: StaleArrival) -> dict[str, Any]:
    evidence = _version(stored, log_id) | {
        "offeredVersion": moment(stale.offered_version),
        "offeredAt": moment(stale.arrived_at),
        "offeredBy": str(stale.log_id),
    }
    return _answer("stale", "What came last is older than what is stored, and was not applied.", evidence)


def _version(stored: StoredRecord, log_id: UUID | None) -> dict[str, Any]:
    return {
        "version": moment(stored.source_updated_at),
        "storedAt": moment(stored.synced_at),
        "createdAt": moment(stored.created_at),
        "jobId": str(log_id) if log_id else None,
    }


def _answer(verdict: str, message: str, evidence: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": verdict, "message": message, "evidence": evidence}


def parts_answer(parts: Parts) -> list[dict[str, Any]]:
    """Windows in time; `from` null: from the begin."""
    return [{"from": moment(begin), "to": moment(end)} for begin, end in parts]
