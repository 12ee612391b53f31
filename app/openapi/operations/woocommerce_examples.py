"""What the outbound side answers, as examples."""

from __future__ import annotations

from typing import Any

PRODUCT = "5d1e0c0e-6c1f-4b86-9a53-0f3b7c3c1a11"
CATEGORY = "8a4f3b12-2d7e-4c39-8a37-6de0a1a2b3c4"
ITEM = "01a1fc05-4b10-7a01-8f21-1c2d3e4f5a6b"
BATCH = "01a1fc05-4b10-7a01-8f21-9c2d3e4f5a6b"
NOON = "2026-01-15T12:00:00Z"
SYNC_ITEM: dict[str, Any] = {
    "syncItemId": ITEM,
    "productId": PRODUCT,
    "categoryId": None,
    "wooCommerceId": None,
    "syncType": "price",
    "status": "failed",
    "attempts": 1,
    "maxAttempts": 5,
    "requests": 1,
    "lastAttempt": NOON,
    "nextAttemptAt": None,
    "createdAt": NOON,
    "completedAt": "2026-01-15T12:00:03Z",
    "dueAt": "2026-01-15T12:05:00Z",
    "slaBreach": None,
    "batchId": BATCH,
    "holdId": None,
    "error": {"code": "AUTHENTICATION", "message": "the shop refused the credentials"},
    "retryable": False,
}
RUN: dict[str, Any] = {
    "batchId": BATCH,
    "kind": "full",
    "status": "completed",
    "batchSize": 100,
    "totalProducts": 2,
    "synced": 1,
    "failed": 1,
    "held": 0,
    "duration": 3120,
    "failedItems": [SYNC_ITEM],
    "preview": None,
    "startedAt": NOON,
    "completedAt": "2026-01-15T12:00:03Z",
    "createdAt": NOON,
}
MAPPING = {
    "internalProductId": PRODUCT,
    "sku": "BW-001",
    "wooCommerceProductId": 501,
    "lastSynced": NOON,
    "syncStatus": "synced",
    "inSync": True,
    "errorMessage": None,
    "createdAt": NOON,
    "updatedAt": NOON,
}
STATS = {
    **dict.fromkeys(("pending", "syncing", "superseded", "needsApproval", "overdue"), 0),
    "completed": 1,
    "failed": 1,
    "total": 2,
    "queueDepth": 0,
    "oldestWaitingSeconds": None,
    "byType": {"price": {"completed": 1, "failed": 1}},
    "slaBreaches": {},
    "products": 2,
    "mappedProducts": 1,
    "outOfSyncProducts": 1,
}
DRY_RUN: dict[str, Any] = {
    "dryRun": True,
    "changes": [
        {
            "id": PRODUCT,
            "label": "BW-001",
            "action": "update",
            "wooCommerceId": 501,
            "differences": [{"field": "regular_price", "wooCommerce": "24.99", "erp": "22.00"}],
        }
    ],
}
PREVIEWED_ORDERS: dict[str, Any] = {
    "dryRun": True,
    "orders": [
        {
            "wooCommerceId": 1001,
            "number": "1001",
            "status": "processing",
            "currency": "EUR",
            "total": "49.98",
            "refundedTotal": "0",
            "customerId": 7,
            "createdAt": "2026-01-15T12:00:00+00:00",
            "modifiedAt": "2026-01-15T12:00:00+00:00",
            "items": [
                {
                    "wooCommerceProductId": 501,
                    "sku": "BW-001",
                    "name": "Blue Widget",
                    "quantity": "2",
                    "total": "49.98",
                }
            ],
        }
    ],
    "refused": 0,
    "total": 1,
}
INTAKE: dict[str, Any] = {
    "receivedCount": 1,
    **dict.fromkeys(("updatedCount", "unchangedCount", "staleCount", "skippedCount"), 0),
    "insertedCount": 1,
    "queuedItems": 1,
    "errors": [],
}
ERP_PRODUCT = {
    "product_id": PRODUCT,
    "sku": "BW-001",
    "name": "Blue Widget",
    "regular_price": "24.99",
    "stock_quantity": 12,
    "category_ids": [CATEGORY],
    "version": 7,
}
ERP_CATEGORY = {"category_id": CATEGORY, "name": "Widgets", "parent_id": None}
