"""Judges what became of a record from the facts about it, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.usecases.job_answers import moment
from db.insight.explain import Skip, StoredRecord
from db.sync.metadata import Metadata
from db.sync.stale_arrivals import StaleArrival
from schemas.answers.fields import utc
from schemas.answers.pulls import Explanation, Part

Parts = list[tuple[datetime | None, datetime]]


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a record. `log_id` wrote the row; `covered` and `holes` are the merged ledger's."""

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


def explain(facts: Facts) -> Explanation:
    """The verdict about a record. The latest event counts: a record that was skipped after it was stored is `skipped`."""
    if facts.skip is not None and (facts.stored is None or facts.skip.skipped_at > facts.stored.synced_at):
        return _skipped(facts, facts.skip)
    if facts.stored is None:
        return _absent(facts)
    if facts.stale is not None and facts.stale.arrived_at > facts.stored.synced_at:
        return _stale(facts, facts.stored, facts.stale)
    return _verdict(facts, "stored", "The record is stored.", _version(facts.stored, facts.log_id))


def _absent(facts: Facts) -> Explanation:
    lowest = facts.metadata.lowest_id if facts.metadata else None
    if facts.platform == "shopify" and facts.entity == "orders" and lowest is not None and facts.external_id < lowest:
        message = (
            "The order is older than any that Shopify shows: without the scope read_all_orders it hides what is older than"
            " 60 days."
        )
        return _verdict(facts, "not_reachable", message, {"lowestIdSeen": str(lowest)})
    evidence = {"covered": parts_answer(facts.covered), "holes": parts_answer(facts.holes)}
    if not facts.covered or facts.holes:
        message = f"We haven't seen this {singular(facts.entity)}, and part of the history isn't imported."
        return _verdict(facts, "outside_coverage", message, evidence)
    message = "The platform never showed this record, though all changes until the watermark were read."
    return _verdict(facts, "never_seen", message, evidence)


def _skipped(facts: Facts, skip: Skip) -> Explanation:
    evidence = {
        "jobId": str(skip.log_id),
        "field": skip.field,
        "code": skip.code,
        "reason": skip.reason,
        "skippedAt": moment(skip.skipped_at),
    }
    return _verdict(facts, "skipped", f"The record was skipped: {skip.field} {skip.reason}.", evidence)


def _stale(facts: Facts, stored: StoredRecord, stale: StaleArrival) -> Explanation:
    evidence = _version(stored, facts.log_id) | {
        "offeredVersion": moment(stale.offered_version),
        "offeredAt": moment(stale.arrived_at),
        "offeredBy": str(stale.log_id),
    }
    message = "The last version that arrived is older than the stored one, and was not applied."
    return _verdict(facts, "stale", message, evidence)


def _version(stored: StoredRecord, log_id: UUID | None) -> dict[str, Any]:
    return {
        "version": moment(stored.source_updated_at),
        "storedAt": moment(stored.synced_at),
        "createdAt": moment(stored.created_at),
        "jobId": str(log_id) if log_id else None,
    }


def _verdict(facts: Facts, verdict: str, message: str, evidence: dict[str, Any]) -> Explanation:
    return Explanation(facts.entity, str(facts.external_id), verdict, message, evidence)


def singular(entity: str) -> str:
    return f"{entity.removesuffix('ies')}y" if entity.endswith("ies") else entity.removesuffix("s")


def parts_answer(parts: Parts) -> list[Part]:
    return [Part(utc(begin), utc(end)) for begin, end in parts]
