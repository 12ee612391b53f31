"""The oracle: knows from what was posted alone what every row must be. It shares no code with the product.

A store's batches are posted one after the other, so their order of acceptance is the order of their receipts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = 120
ENTITIES = ("orders", "products", "customers", "categories")
TIMED = ("orders", "products")  # the contract gives these a time of change; the others go by acceptance


@dataclass
class Posted:
    """One accepted batch. `spoiled` counts the records that must be skipped."""

    entity: str
    records: list[dict[str, Any]]
    spoiled: int
    job_id: str = ""


@dataclass
class Truth:
    """What one store must hold in the end."""

    draw: random.Random
    accepted: list[Posted] = field(default_factory=list)
    clock: int = 0

    def next_batch(self) -> Posted:
        """New, changed, stale, repeated and bad records of one entity."""
        entity = self.draw.choices(ENTITIES, (6, 2, 2, 1))[0]
        records = [self._record(entity) for _ in range(self.draw.randint(1, 60))]
        if self.accepted and self.draw.random() < 0.2:
            earlier = [batch for batch in self.accepted if batch.entity == entity]
            records += self.draw.choice(earlier).records[:20] if earlier else []
        self.draw.shuffle(records)
        return Posted(entity, records, sum(is_bad(entity, record) for record in records))

    def _record(self, entity: str) -> dict[str, Any]:
        self.clock += 1
        key = self.draw.randint(1, KEYS) if self.draw.random() > 0.03 else -1
        late = self.draw.randint(0, 400) if self.draw.random() < 0.2 else 0
        when = (BEGIN + timedelta(seconds=max(self.clock - late, 0))).strftime("%Y-%m-%dT%H:%M:%SZ")
        return make(entity, key, self.clock, when, self.draw)

    def rows(self, entity: str) -> dict[int, dict[str, Any]]:
        """The record that must stand for each key: of the newest version, then the last accepted, then the last in it."""
        best: dict[int, tuple[str, dict[str, Any]]] = {}
        for batch in self.accepted:
            if batch.entity != entity:
                continue
            # Without a time of its own a record takes its batch's, so within a batch the last one counts.
            for record in batch.records:
                if is_bad(entity, record):
                    continue
                key = record[ID[entity]]
                when = record.get(TIME.get(entity, ""), "")
                if key not in best or when >= best[key][0]:
                    best[key] = (when, record)
        return {key: record for key, (_, record) in best.items()}


ID = {
    "orders": "wc_order_id",
    "products": "wc_product_id",
    "customers": "wc_customer_id",
    "categories": "wc_category_id",
}
TIME = {"orders": "date_modified", "products": "updated_at"}


def is_bad(entity: str, record: dict[str, Any]) -> bool:
    return int(record[ID[entity]]) < 1


def make(entity: str, key: int, mark: int, when: str, draw: random.Random) -> dict[str, Any]:
    """A record that carries `mark`, so that each version can be told from every other."""
    if entity == "orders":
        lines = [
            {"product_name": f"p{mark}.{n}", "quantity": n + 1, "total": "1.50", "wc_product_id": draw.randint(1, KEYS)}
            for n in range(draw.randint(0, 4))
        ]
        order = {"date_created": "2026-01-01T00:00:00Z", "status": "processing", "total": f"{mark}.25"}
        customer = draw.randint(0, KEYS)
        return {ID[entity]: key, "date_modified": when, "customer_id": customer, "items": lines} | order
    if entity == "products":
        return {ID[entity]: key, "name": f"n{mark}", "updated_at": when, "category_id": draw.randint(1, KEYS)}
    if entity == "customers":
        return {ID[entity]: key, "display_name": f"n{mark}", "email": f"c{mark}@example.test"}
    return {ID[entity]: key, "name": f"n{mark}", "parent_id": draw.randint(0, KEYS)}
