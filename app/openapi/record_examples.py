"""A record of each kind, as the contract shows them in the bodies of batches."""

from __future__ import annotations

from typing import Any

from schemas.answers.outbound import EXAMPLE_PRODUCT

CATEGORY_ID = "8a4f3b12-2d7e-4c39-8a37-6de0a1a2b3c4"
PLUGIN_RECORDS: dict[str, dict[str, Any]] = {
    "orders": {
        "wc_order_id": 1001,
        "date_created": "2026-01-15T10:30:00Z",
        "date_modified": "2026-01-15T12:00:00Z",
        "status": "completed",
        "total": 99.99,
        "currency": "USD",
        "customer_id": 42,
        "items": [
            {"product_name": "Blue Widget", "sku": "BW-001", "quantity": 2, "total": 49.99, "wc_product_id": 501},
        ],
    },
    "products": {
        "wc_product_id": 501,
        "name": "Blue Widget",
        "sku": "BW-001",
        "price": "24.99",
        "category_id": 10,
        "stock_quantity": 12,
        "updated_at": "2026-01-14T08:00:00Z",
    },
    "customers": {
        "wc_customer_id": 42,
        "email": "anna@example.com",
        "display_name": "Anna",
        "total_spent": "310.50",
        "order_count": 3,
        "created_at": "2025-11-02T09:12:00Z",
    },
    "categories": {"wc_category_id": 10, "name": "Widgets", "parent_id": 0, "product_count": 7},
}
ERP_RECORDS: dict[str, dict[str, Any]] = {
    "products": {
        "product_id": EXAMPLE_PRODUCT,
        "sku": "BW-001",
        "name": "Blue Widget",
        "regular_price": "24.99",
        "stock_quantity": 12,
        "category_ids": [CATEGORY_ID],
        "version": 7,
    },
    "categories": {"category_id": CATEGORY_ID, "name": "Widgets", "parent_id": None},
}
