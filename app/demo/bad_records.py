"""Records that no shop should send and some do: each is refused for one reason, and none may harm its neighbours."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

BEYOND_BIGINT = 2**63
FIRST_SPOILED_ID = 900_001

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
CUSTOMER: Record = {"email": "spoiled@example.test", "display_name": "Sam Spoiled"}
CATEGORY: Record = {"name": "Spoiled", "parent_id": None, "product_count": 0}

GONE = object()  # stands for a field that is left out
NAMELESS_ITEM = {"quantity": 1, "total": "5.00"}

# What is changed in a sound record, by entity. Not a dict: the record itself is replaced.
SPOILS: dict[str, tuple[Any, ...]] = {
    "orders": (
        {"total": GONE},
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
        {"name": GONE},
        {"name": "Pot\x00"},
        {"name": "Half \ud83d a heart"},
        {"price": "12,50"},
        {"wc_product_id": 0},
        {"updated_at": "2099-06-01T00:00:00Z"},
    ),
    "customers": (
        {"wc_customer_id": GONE},
        {"order_count": -1},
        {"first_order_date": "yesterday"},
        ["not", "a", "customer"],
    ),
    "categories": ({"name": "  "}, {"wc_category_id": 12.5}, {"parent_id": -5}, {"product_count": "many"}),
}
SOUND = {
    "orders": ("wc_order_id", ORDER),
    "products": ("wc_product_id", PRODUCT),
    "customers": ("wc_customer_id", CUSTOMER),
    "categories": ("wc_category_id", CATEGORY),
}


def spoiled(entity: str) -> list[Any]:
    """The entity's invalid records, each with an id that nothing else in the sample has."""
    key, sound = SOUND[entity]
    return [
        _spoil({key: FIRST_SPOILED_ID + place, **sound}, spoil) if isinstance(spoil, dict) else spoil
        for place, spoil in enumerate(SPOILS[entity])
    ]


def _spoil(sound: Record, spoil: Record) -> Record:
    changed = {**sound, **spoil}
    return {name: value for name, value in changed.items() if value is not GONE}
