"""Compares what stands in the tables with the truth, by SQL of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.chaos.truth import Truth
from tests.support.stack import Stack

STORED = {
    "orders": """
        SELECT o.external_id, o.total, o.customer_external_id, o.date_modified, c.external_id,
               ARRAY(SELECT i.product_name || '/' || i.quantity::int || '/' || i.product_external_id
                       FROM order_items i WHERE i.store_id = o.store_id AND i.order_id = o.id ORDER BY i.position)
          FROM orders o LEFT JOIN customers c ON c.store_id = o.store_id AND c.id = o.customer_id
         WHERE o.store_id = %s""",
    "products": """
        SELECT p.external_id, p.name, p.category_external_id, k.external_id
          FROM products p LEFT JOIN categories k ON k.store_id = p.store_id AND k.id = p.category_id
         WHERE p.store_id = %s""",
    "customers": "SELECT external_id, display_name, email_hash FROM customers WHERE store_id = %s",
    "categories": """
        SELECT c.external_id, c.name, c.parent_external_id, p.external_id
          FROM categories c LEFT JOIN categories p ON p.store_id = c.store_id AND p.id = c.parent_id
         WHERE c.store_id = %s""",
}
UNLINKED_ITEMS = """
    SELECT count(*) FROM order_items i JOIN products p ON p.store_id = i.store_id AND p.external_id = i.product_external_id
     WHERE i.store_id = %s AND i.product_id IS DISTINCT FROM p.id"""


def wrong_rows(stack: Stack, store_id: UUID, truth: Truth) -> Iterator[str]:
    """A line for each row that is not what it must be, is missing, or should not be there."""
    wanted = {entity: truth.rows(entity) for entity in STORED}
    for entity, query in STORED.items():
        stored = {row[0]: row[1:] for row in stack.sql(query, store_id)}
        for key in sorted(stored.keys() | wanted[entity].keys()):
            record = wanted[entity].get(key)
            must = _row(entity, record, wanted) if record is not None else None
            if stored.get(key) != must:
                yield f"{entity} {key}: is {stored.get(key)}, must be {must}"
    unlinked = stack.one(UNLINKED_ITEMS, store_id)
    if unlinked:
        yield f"{unlinked} order items are not linked to their products"


def _row(entity: str, record: dict[str, Any], wanted: dict[str, dict[int, dict[str, Any]]]) -> tuple[Any, ...]:
    if entity == "orders":
        return _order(record, wanted["customers"])
    if entity == "customers":
        return record["display_name"], hashlib.sha256(record["email"].encode()).hexdigest()
    reference = record["category_id" if entity == "products" else "parent_id"] or None
    return record["name"], reference, reference if reference in wanted["categories"] else None


def _order(record: dict[str, Any], customers: dict[int, dict[str, Any]]) -> tuple[Any, ...]:
    customer = record["customer_id"] or None
    lines = [f"{line['product_name']}/{line['quantity']}/{line['wc_product_id']}" for line in record["items"]]
    linked = customer if customer in customers else None
    return Decimal(record["total"]), customer, datetime.fromisoformat(record["date_modified"]), linked, lines


def applied_twice(stack: Stack, store_id: UUID) -> int:
    """How many rows were counted as inserted more often than they stand: an effect that came twice."""
    twice = 0
    for entity in STORED:
        counted = stack.one(
            "SELECT coalesce(sum(inserted), 0) FROM sync_logs WHERE store_id = %s AND entity = %s", store_id, entity
        )
        standing = stack.one(f"SELECT count(*) FROM {entity} WHERE store_id = %s", store_id)
        kept = stack.sql("SELECT record_count FROM entity_stats WHERE store_id = %s AND entity = %s", store_id, entity)
        twice += abs(int(counted) - standing) + abs((kept[0][0] if kept else 0) - standing)
    return twice
