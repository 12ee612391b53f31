"""Records of the ERP, as the contract shows them in the bodies of batches."""

from __future__ import annotations

from typing import Any

from schemas.answers.outbound import EXAMPLE_PRODUCT

CATEGORY_ID = "8a4f3b12-2d7e-4c39-8a37-6de0a1a2b3c4"
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
