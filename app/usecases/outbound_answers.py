"""The outbound side as the API answers it: the DTOs of specification 3."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from db.outbound.batches import BatchView
from db.outbound.drift import DriftCheck, Finding
from db.outbound.item_views import ItemCount, ItemView
from db.outbound.mappings import MappingView
from db.sync.record_errors import MOST_LISTED
from schemas.answers import outbound as answers
from schemas.answers.fields import utc
from workers.outbound.intake.catalogue import Intake
from workers.outbound.planning.drift import DriftSettings
from workers.outbound.planning.preview import OrderPreview, Preview

WAITING = ("pending", "syncing")


def intake_answer(intake: Intake) -> answers.Intake:
    counts = intake.counts
    problems = [(refusal.index, problem) for refusal in intake.refused for problem in refusal.problems]
    return answers.Intake(
        received_count=intake.received,
        inserted_count=counts.get("inserted", 0),
        updated_count=counts.get("updated", 0),
        unchanged_count=counts.get("unchanged", 0),
        stale_count=counts.get("stale", 0),
        skipped_count=len(intake.refused),
        queued_items=intake.items,
        masked_count=intake.masked,
        errors=[
            answers.RefusedField(index, problem.field, problem.code, problem.reason)
            for index, problem in problems[:MOST_LISTED]
        ],
        errors_not_listed=max(len(problems) - MOST_LISTED, 0),
    )


def item_answer(item: ItemView) -> answers.Item:
    return answers.Item(
        sync_item_id=item.id,
        product_id=item.product_id,
        category_id=item.category_id,
        woo_commerce_id=item.wc_id,
        sync_type=item.sync_type,
        status=item.status,
        attempts=item.attempts,
        max_attempts=item.max_attempts,
        requests=item.requests,
        last_attempt=utc(item.last_attempt),
        next_attempt_at=utc(item.next_attempt_at) if item.status == "pending" and item.attempts else None,
        created_at=utc(item.created_at),
        completed_at=utc(item.completed_at),
        due_at=utc(item.due_at),
        sla_breach=item.breach,
        batch_id=item.batch_id,
        hold_id=item.hold_id,
        error=_error(item),
        retryable=item.retryable,
    )


def sync_result(item: ItemView) -> answers.SyncResult:
    """The result of an item that has ended. `duration` counts from when the sync was asked for."""
    return answers.SyncResult(
        success=item.status in ("completed", "superseded"),
        product_id=item.product_id,
        woo_commerce_id=item.wc_id,
        sync_type=item.sync_type,
        duration=_milliseconds(item.created_at, item.completed_at or item.updated_at),
        error=_error(item),
        sync_item_id=item.id,
        status=item.status,
    )


def _error(item: ItemView) -> answers.ItemError | None:
    return answers.ItemError(item.error_code, item.error_message) if item.error_code else None


def batch_answer(batch: BatchView, failed: Iterable[ItemView]) -> answers.Batch:
    needs_approval = batch.status == "needs_approval" or batch.held > 0
    began = batch.started_at or batch.created_at
    return answers.Batch(
        batch_id=batch.id,
        kind=batch.kind,
        status="needs_approval" if needs_approval else batch.status,
        batch_size=batch.batch_size,
        total_products=batch.total_items,
        synced=batch.success_count,
        failed=batch.fail_count,
        held=batch.total_items if batch.kind == "hold" else batch.held,
        duration=_milliseconds(began, batch.completed_at or datetime.now(UTC)),
        failed_items=[item_answer(item) for item in failed],
        preview=batch.preview,
        started_at=utc(batch.started_at),
        completed_at=utc(batch.completed_at),
        created_at=utc(batch.created_at),
    )


def mapping_answer(mapping: MappingView) -> answers.Mapping:
    return answers.Mapping(
        internal_product_id=mapping.internal_product_id,
        sku=mapping.sku,
        woo_commerce_product_id=mapping.wc_product_id,
        woo_commerce_parent_id=mapping.wc_parent_id,
        last_synced=utc(mapping.last_synced),
        sync_status=mapping.sync_status,
        in_sync=mapping.in_sync,
        seen_at=utc(mapping.seen_at),
        differences=[
            answers.SeenDifference(name, one.theirs, one.ours, utc(one.since), one.was_sent)
            for name, one in sorted(mapping.differences.items())
        ],
        error_message=mapping.error_message,
        created_at=utc(mapping.created_at),
        updated_at=utc(mapping.updated_at),
    )


def drift_answer(
    findings: list[Finding], next_cursor: UUID | None, check: DriftCheck | None, settings: DriftSettings
) -> answers.Drift:
    return answers.Drift(
        products=[_drifted(one, settings) for one in findings],
        next_cursor=next_cursor,
        checked_at=utc(check.checked_at) if check else None,
        whole_at=utc(check.whole_at) if check else None,
        is_due=check is not None and check.due_at is not None,
        error=check.error_code if check else None,
    )


def _drifted(finding: Finding, settings: DriftSettings) -> answers.DriftedProduct:
    fields = [
        answers.DriftedField(name, one.theirs, one.ours, utc(one.since), one.was_sent, settings.policy_of(name))
        for name, one in sorted(finding.differences.items())
    ]
    return answers.DriftedProduct(
        finding.product_id, finding.sku, finding.wc_product_id, finding.sync_status, finding.is_open, fields
    )


def stats_answer(
    counts: list[ItemCount], breaches: dict[str, dict[str, int]], mappings: tuple[int, int], products: int
) -> answers.SyncStats:
    """`mappings` counts the mapped products, and those whose state the shop does not have."""
    by_status: dict[str, int] = {}
    by_type: dict[str, dict[str, int]] = {}
    for count in counts:
        by_status[count.status] = by_status.get(count.status, 0) + count.items
        by_type.setdefault(count.sync_type, {})[count.status] = count.items
    oldest = min((count.oldest for count in counts if count.oldest), default=None)
    return answers.SyncStats(
        pending=by_status.get("pending", 0),
        syncing=by_status.get("syncing", 0),
        completed=by_status.get("completed", 0),
        failed=by_status.get("failed", 0),
        superseded=by_status.get("superseded", 0),
        needs_approval=by_status.get("needs_approval", 0),
        total=sum(by_status.values()),
        by_type=by_type,
        queue_depth=sum(by_status.get(status, 0) for status in WAITING),
        overdue=sum(count.overdue for count in counts),
        oldest_waiting_seconds=round((datetime.now(UTC) - oldest).total_seconds(), 1) if oldest else None,
        sla_breaches=breaches,
        products=products,
        mapped_products=mappings[0],
        out_of_sync_products=mappings[1],
    )


def previews_answer(found: list[Preview], **page: Any) -> answers.Previews:
    """A dry run. `page` has `looked_at` and `next_cursor` where it is read a page at a time."""
    return answers.Previews(dry_run=True, changes=[_preview(one) for one in found], **page)


def _preview(preview: Preview) -> answers.Preview:
    return answers.Preview(
        id=preview.target_id,
        label=preview.label,
        action=preview.action,
        woo_commerce_id=preview.wc_id,
        differences=[answers.Difference(one.field, one.theirs, one.ours) for one in preview.differences],
        removed=[answers.Removed(one.field, one.parts) for one in preview.removed],
    )


def previewed_orders(found: OrderPreview) -> answers.PreviewedOrders:
    orders = msgspec.convert(found.orders, list[answers.PulledOrder])
    return answers.PreviewedOrders(dry_run=True, orders=orders, refused=found.refused, total=found.total)


def _milliseconds(began: datetime, ended: datetime) -> int:
    return max(0, round((ended - began).total_seconds() * 1000))
