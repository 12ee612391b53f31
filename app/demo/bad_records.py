"""Invalid records of the sample shop. Each is refused for one reason, and none may affect the others of its batch."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

BEYOND_BIGINT = 2**63
FIRST_BAD_ID = 900_001

ORDER: Record = {
    "date_created": "2026-10-01T10:00:00Z",
    "date_modified": "2026-10-01T12:00:00Z",
    "status": "completed",
    "total": "19.90",
    "currency": "USD",
    "customer_id": 0,
    "items": [{"product_name": "Round pot", "quantity": 1, "subtotal": "19.90", "total": "19.90"}],
}
PRODUCT: Record = {"name": "Round pot", "sku": "RP", "price": "19.90", "updated_at": "2026-10-01T12:00:00Z"}
CUSTOMER: Record = {"email": "bad@example.test", "display_name": "Bad Customer"}
CATEGORY: Record = {"name": "Bad", "parent_id": None, "product_count": 0}

ABSENT = object()  # for a field that is left out
NAMELESS_ITEM = {"quantity": 1, "total": "5.00"}

# By entity, what makes a valid record invalid: a dict changes its fields, anything else replaces it.
CHANGES: dict[str, tuple[Any, ...]] = {
    "orders": (
        {"total": ABSENT},
        {"total": "twelve"},
        {"total": True},
        {"total": "1e30"},
        {"wc_order_id": -7},
        {"wc_order_id": BEYOND_BIGINT},
        {"date_created": "2026-02-30T10:00:00Z"},
        {"date_modified": "2099-01-01T00:00:00Z"},
        {"status": "comp\x00leted"},
        {"items": [ORDER["items"][0], NAMELESS_ITEM]},
        {"items": "two pots"},
        "not an order",
    ),
    "products": (
        {"name": ABSENT},
        {"name": "Pot\x00"},
        {"name": "Half \ud83d a heart"},
        {"price": "12,50"},
        {"wc_product_id": 0},
        {"updated_at": "2099-06-01T00:00:00Z"},
    ),
    "customers": (
        {"wc_customer_id": ABSENT},
        {"order_count": -1},
        {"first_order_date": "yesterday"},
        ["not", "a", "customer"],
    ),
    "categories": ({"name": "  "}, {"wc_category_id": 12.5}, {"parent_id": -5}, {"product_count": "many"}),
}
VALID = {
    "orders": ("wc_order_id", ORDER),
    "products": ("wc_product_id", PRODUCT),
    "customers": ("wc_customer_id", CUSTOMER),
    "categories": ("wc_category_id", CATEGORY),
}


def bad_records(entity: str) -> list[Any]:
    """The entity's invalid records. Their ids are used nowhere else in the sample."""
    key, valid = VALID[entity]
    found: list[Any] = []
    for index, change in enumerate(CHANGES[entity]):
        if isinstance(change, dict):
            changed = {key: FIRST_BAD_ID + index, **valid, **change}
            change = {name: value for name, value in changed.items() if value is not ABSENT}
        found.append(change)
    return found
