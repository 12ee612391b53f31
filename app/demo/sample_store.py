"""The sample shop as the batches that a plugin would post: real recorded resources, a story around them, and dirt.

The same seed gives the same batches. They come in the wrong order on purpose: orders before their customers, lines
before their products, categories before their parents, and at last some orders' older versions after the newer ones.
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
from app.demo.bad_records import spoiled
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
class Batch:
    """What one request posts: contract records of one entity. Those at the places in `spoiled` can't be stored."""

    entity: str
    records: list[Any]
    spoiled: frozenset[int] = frozenset()

    def sound_ids(self) -> set[int]:
        """The ids of the records that can be stored."""
        key = KEYS[self.entity]
        return {record[key] for place, record in enumerate(self.records) if place not in self.spoiled}


def batches(seed: int = SEED, days_back: int = 0) -> list[Batch]:
    """The whole sample in the order in which it is posted. All its dates are moved back by `days_back` days."""
    rng = Random(seed)  # noqa: S311 - a story, not a secret
    posted: list[Batch] = []
    twins: list[Resource] = []
    for entity, records in contract_records(rng).items():
        sound = [moved_back(record, days_back) for record in records]
        posted += _cut(rng, entity, sound)
        if entity == "orders":
            twins = [older(record) for record in rng.sample(sound, STALE_ORDERS)]
    return [*posted, Batch("orders", twins)]


def recorded(entity: str) -> list[Resource]:
    """The recorded WooCommerce resources of one entity; a checkout has them, the production image does not."""
    if not RECORDED.is_dir():
        raise DemoError(f"the sample's recorded resources are not at {RECORDED}: run the demo from a checkout")
    return cast(list[Resource], json.loads((RECORDED / f"{entity}.json").read_text(encoding="utf-8")))


def contract_records(rng: Random) -> dict[str, list[Resource]]:
    """Every sound record by entity, recorded and made up, in the contract's form; entities in the order of posting."""
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
    """The record as it would have been `days` days earlier."""
    earlier = {name: _earlier(record[name], timedelta(days=days)) for name in MOMENTS if record.get(name)}
    return record | earlier


def older(order: Resource) -> Resource:
    """The order as the shop had it an hour before its last change, when nobody had paid yet."""
    return order | {"status": "pending", "date_modified": _earlier(order["date_modified"], timedelta(hours=1))}


def _earlier(moment: str, by: timedelta) -> str:
    return (datetime.fromisoformat(moment) - by).isoformat().replace("+00:00", "Z")


def _cut(rng: Random, entity: str, sound: list[Resource]) -> list[Batch]:
    """Shuffle the records, sound and spoiled, and cut them into batches; one record stands in its batch twice."""
    records = [*((record, False) for record in sound), *((record, True) for record in spoiled(entity))]
    rng.shuffle(records)
    if entity == "categories":  # a parent has the lower id, so this puts children first
        records.sort(key=lambda one: one[0]["wc_category_id"], reverse=True)
    records.insert(0, next(one for one in records if not one[1]))
    pieces = [records[start : start + BATCH_RECORDS] for start in range(0, len(records), BATCH_RECORDS)]
    return [
        Batch(entity, [record for record, _ in piece], frozenset(place for place, (_, bad) in enumerate(piece) if bad))
        for piece in pieces
    ]
