"""How the outbound side looks in an answer: the DTOs of specification 3, in its words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from app.usecases.job_answers import moment
from db.outbound.batches import BatchView
from db.outbound.item_views import ItemCount, ItemView
from db.outbound.mappings import MappingView
from workers.outbound.intake.catalogue import Intake
from workers.outbound.planning.preview import Preview

WAITING = ("pending", "syncing")


def intake_answer(intake: Intake) -> dict[str, Any]:
    """Where each record of a batch went; `queuedItems` changes are on their way to the shop."""
    counts = intake.counts
    return {
        "receivedCount": intake.received,
        "insertedCount": counts.get("inserted", 0),
        "updatedCount": counts.get("updated", 0),
        "unchangedCount": counts.get("unchanged", 0),
        "staleCount": counts.get("stale", 0),
        "skippedCount": len(intake.refused),
        "queuedItems": intake.items,
        "errors": [
            {"index": refusal.index, "field": problem.field, "code": problem.code, "reason": problem.reason}
            for refusal in intake.refused
            for problem in refusal.problems
        ],
    }


def item_answer(item: ItemView) -> dict[str, Any]:
    """One sync item."""
    return {
        "syncItemId": str(item.id),
        "productId": _text(item.product_id),
        "categoryId": _text(item.category_id),
        "wooCommerceId": item.wc_id,
        "syncType": item.sync_type,
        "status": item.status,
        "attempts": item.attempts,
        "maxAttempts": item.max_attempts,
        "requests": item.requests,
        "lastAttempt": moment(item.last_attempt),
        "nextAttemptAt": moment(item.next_attempt_at) if item.status == "pending" and item.attempts else None,
        "createdAt": moment(item.created_at),
        "completedAt": moment(item.completed_at),
        "dueAt": moment(item.due_at),
        "slaBreach": item.breach,
        "batchId": _text(item.batch_id),
        "holdId": _text(item.hold_id),
        "error": error_answer(item),
        "retryable": item.retryable,
    }


def sync_result(item: ItemView) -> dict[str, Any]:
    """SyncResult of an item that has ended; `duration` in milliseconds since it was asked for."""
    ended = item.completed_at or item.updated_at
    return {
        "success": item.status in ("completed", "superseded"),
        "productId": _text(item.product_id),
        "wooCommerceId": item.wc_id,
        "syncType": item.sync_type,
        "duration": _milliseconds(item.created_at, ended),
        "error": error_answer(item),
        "syncItemId": str(item.id),
        "status": item.status,
    }


def error_answer(item: ItemView) -> dict[str, str | None] | None:
    return {"code": item.error_code, "message": item.error_message} if item.error_code else None


def batch_answer(batch: BatchView, failed: Iterable[ItemView]) -> dict[str, Any]:
    """BatchSyncResult, also of a run that goes on; `failedItems` are the newest of them."""
    needs_approval = batch.status == "needs_approval" or batch.held > 0
    began = batch.started_at or batch.created_at
    return {
        "batchId": str(batch.id),
        "kind": batch.kind,
        "status": "needs_approval" if needs_approval else batch.status,
        "batchSize": batch.batch_size,
        "totalProducts": batch.total_items,
        "synced": batch.success_count,
        "failed": batch.fail_count,
        "held": batch.total_items if batch.kind == "hold" else batch.held,
        "duration": _milliseconds(began, batch.completed_at or datetime.now(UTC)),
        "failedItems": [item_answer(item) for item in failed],
        "preview": batch.preview,
        "startedAt": moment(batch.started_at),
        "completedAt": moment(batch.completed_at),
        "createdAt": moment(batch.created_at),
    }


def mapping_answer(mapping: MappingView) -> dict[str, Any]:
    """ProductSyncMapping; `inSync`: the shop got each part of the product as the ERP has it now."""
    return {
        "internalProductId": str(mapping.internal_product_id),
        "sku": mapping.sku,
        "wooCommerceProductId": mapping.wc_product_id,
        "lastSynced": moment(mapping.last_synced),
        "syncStatus": mapping.sync_status,
        "inSync": mapping.in_sync,
        "errorMessage": mapping.error_message,
        "createdAt": moment(mapping.created_at),
        "updatedAt": moment(mapping.updated_at),
    }


def stats_answer(
    counts: list[ItemCount], breaches: dict[str, dict[str, int]], mappings: tuple[int, int], products: int
) -> dict[str, Any]:
    """SyncStats: how many items have each status, what waits and how late it is, and how far shop and ERP are apart."""
    by_status: dict[str, int] = {}
    by_type: dict[str, dict[str, int]] = {}
    for count in counts:
        by_status[count.status] = by_status.get(count.status, 0) + count.items
        by_type.setdefault(count.sync_type, {})[count.status] = count.items
    oldest = min((count.oldest for count in counts if count.oldest), default=None)
    return {
        **{status: by_status.get(status, 0) for status in ("pending", "syncing", "completed", "failed", "superseded")},
        "needsApproval": by_status.get("needs_approval", 0),
        "total": sum(by_status.values()),
        "byType": by_type,
        "queueDepth": sum(by_status.get(status, 0) for status in WAITING),
        "overdue": sum(count.overdue for count in counts),
        "oldestWaitingSeconds": round((datetime.now(UTC) - oldest).total_seconds(), 1) if oldest else None,
        "slaBreaches": breaches,
        "products": products,
        "mappedProducts": mappings[0],
        "outOfSyncProducts": mappings[1],
    }


def preview_answer(preview: Preview) -> dict[str, Any]:
    """What a sync would change: `wooCommerce` is what the shop has, `erp` what would be sent."""
    return {
        "id": str(preview.target_id),
        "label": preview.label,
        "action": preview.action,
        "wooCommerceId": preview.wc_id,
        "differences": [
            {"field": one.field, "wooCommerce": one.theirs, "erp": one.ours} for one in preview.differences
        ],
    }


def _milliseconds(began: datetime, ended: datetime) -> int:
    return max(0, round((ended - began).total_seconds() * 1000))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
