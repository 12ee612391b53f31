"""The sample shop as the batches that a plugin would post: recorded resources, made-up ones and bad records.

The same seed gives the same batches. Their order is wrong on purpose: orders before their customers, lines before their
products, categories before their parents, and at the end older versions of some orders.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

from app.demo import catalogue, sales
from app.demo.bad_records import bad_records
from app.demo.errors import DemoError
from app.demo.plugin import plugin_category, plugin_customer, plugin_order, plugin_product

Resource = dict[str, Any]

RECORDED = Path(__file__).parents[2] / "tests" / "fixtures" / "woocommerce"
SEED = 1812
BATCH_RECORDS = 250
STALE_ORDERS = 12
KEYS = {
    "orders": "wc_order_id",
    "products": "wc_product_id",
    "customers": "wc_customer_id",
    "categories": "wc_category_id",
}
MOMENTS = ("date_created", "date_modified", "created_at", "updated_at", "first_order_date", "last_order_date")


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """The records of one request. Those at the indexes in `bad` are invalid."""

    entity: str
    records: list[Any]
    bad: frozenset[int] = frozenset()

    def valid_ids(self) -> set[int]:
        key = KEYS[self.entity]
        return {record[key] for index, record in enumerate(self.records) if index not in self.bad}


def batches(seed: int = SEED, days_back: int = 0) -> list[SampleBatch]:
    """All batches in posting order. Dates are moved back by `days_back` days."""
    rng = Random(seed)  # noqa: S311 - sample data, not a secret
    posted: list[SampleBatch] = []
    older: list[Resource] = []
    for entity, records in contract_records(rng).items():
        valid = [moved_back(record, days_back) for record in records]
        posted += _cut(rng, entity, valid)
        if entity == "orders":
            older = [older_version(record) for record in rng.sample(valid, STALE_ORDERS)]
    return [*posted, SampleBatch("orders", older)]


def recorded(entity: str) -> list[Resource]:
    """The recorded WooCommerce resources of one entity. The production image does not contain them."""
    if not RECORDED.is_dir():
        raise DemoError(f"the sample's recorded resources are missing at {RECORDED}: run the demo from a checkout")
    return cast(list[Resource], json.loads((RECORDED / f"{entity}.json").read_text(encoding="utf-8")))


def contract_records(rng: Random) -> dict[str, list[Resource]]:
    """All valid records by entity, recorded and made up. Entities are in posting order."""
    tree = catalogue.categories()
    goods = catalogue.products(rng, tree)
    people = sales.customers(rng)
    on_show = [good for good in goods if good["status"] == "publish"]
    orders = [*recorded("orders"), *sales.orders(rng, people, on_show)]
    bought = defaultdict(list)
    for order in orders:
        bought[order["customer_id"]].append(order)
    return {
        "orders": [plugin_order(order) for order in orders],
        "products": [plugin_product(good) for good in [*recorded("products"), *goods]],
        "customers": [plugin_customer(one, bought[one["id"]]) for one in [*recorded("customers"), *people]],
        "categories": [plugin_category(one) for one in [*recorded("categories"), *tree]],
    }


def moved_back(record: Resource, days: int) -> Resource:
    earlier = {name: _earlier(record[name], timedelta(days=days)) for name in MOMENTS if record.get(name)}
    return record | earlier


def older_version(order: Resource) -> Resource:
    return order | {"status": "pending", "date_modified": _earlier(order["date_modified"], timedelta(hours=1))}


def _earlier(moment: str, by: timedelta) -> str:
    return (datetime.fromisoformat(moment) - by).isoformat().replace("+00:00", "Z")


def _cut(rng: Random, entity: str, valid: list[Resource]) -> list[SampleBatch]:
    records = [*((record, False) for record in valid), *((record, True) for record in bad_records(entity))]
    rng.shuffle(records)
    if entity == "categories":  # children first, because parents have lower ids
        records.sort(key=lambda one: one[0]["wc_category_id"], reverse=True)
    records.insert(0, next(one for one in records if not one[1]))  # one record twice in its batch
    pieces = [records[start : start + BATCH_RECORDS] for start in range(0, len(records), BATCH_RECORDS)]
    return [
        SampleBatch(entity, [record for record, _ in piece], frozenset(i for i, (_, bad) in enumerate(piece) if bad))
        for piece in pieces
    ]
