"""Takes the ERP's catalogue in: validates, keeps what is new, and asks for what changed to be sent.

Whoever has products to tell of calls `take_products`: the route, the import, or another source of products.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Connection

from db.outbound.erp_categories import get_category_states, upsert_erp_categories
from db.outbound.erp_products import (
    GroupHashes,
    ProductState,
    get_product_states,
    list_products_in,
    lock_catalogue,
    upsert_erp_products,
)
from db.outbound.items import Origin, lock_items
from schemas.base.error_codes import Problem
from schemas.erp.load import load_erp_category, load_erp_product
from schemas.records.shop import ErpCategory, ErpProduct
from workers.outbound.planning.field_groups import changed_groups, hash_category, hash_groups
from workers.outbound.requests import Change, request_categories, request_products

R = TypeVar("R", ErpProduct, ErpCategory)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that was not taken: its place in the batch and all that is wrong with it."""

    index: int
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Intake:
    """Where each record of a batch went: inserted, updated, unchanged and stale ones, and the refused."""

    received: int
    counts: Mapping[str, int]
    refused: list[Refusal]
    items: int


@dataclass(slots=True)
class _Plan:
    """What a batch of products comes down to."""

    writes: list[tuple[ErpProduct, GroupHashes]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def take_products(conn: Connection, store_id: UUID, payloads: Sequence[Any], origin: Origin) -> Intake:
    """Keep a batch of products, in the caller's transaction. The same batch again changes nothing and asks for nothing."""
    records, refused = _validated(load_erp_product, payloads)
    latest = _last_of_each(records)
    lock_catalogue(conn, store_id)
    plan = plan_products(latest, get_product_states(conn, store_id, [record.product_id for record in latest]))
    plan.counts["stale"] += len(records) - len(latest)
    lock_items(conn, store_id)  # before any row: whoever claims has it when it marks rows of products
    upsert_erp_products(conn, store_id, plan.writes)
    items = request_products(conn, store_id, plan.changes, origin)
    return Intake(len(payloads), plan.counts, refused, len(items))


def plan_products(records: Iterable[ErpProduct], stored: Mapping[UUID, ProductState]) -> _Plan:
    """Compare with what is stored: an older version is stale; what changed is sent part by part, a new product whole."""
    plan = _Plan()
    for record in records:
        hashes, known = hash_groups(record), stored.get(record.product_id)
        types: tuple[str, ...] = ("product",)
        if known is None:
            verdict = "inserted"
        elif _is_older(record.version, known.version):
            plan.counts["stale"] += 1
            continue
        else:
            types = changed_groups(hashes, known.group_hashes)
            verdict = "updated" if types else "unchanged"
        plan.counts[verdict] += 1
        plan.changes += [(record.product_id, sync_type) for sync_type in types]
        if known is None or types or _facts_differ(record, known):
            plan.writes.append((record, hashes))
    return plan


def _facts_differ(record: ErpProduct, known: ProductState) -> bool:
    """What no shop is told of, but we must know."""
    allowed = record.allow_manual_woocommerce_offers != known.allow_manual_woocommerce_offers
    return allowed or record.version not in (None, known.version)


def take_categories(conn: Connection, store_id: UUID, payloads: Sequence[Any], origin: Origin) -> Intake:
    """Keep a batch of categories. Products that named one before it was known are asked for again."""
    records, refused = _validated(load_erp_category, payloads)
    latest = _last_of_each(records)
    lock_catalogue(conn, store_id)
    stored = get_category_states(conn, store_id, [record.category_id for record in latest])
    counts: Counter[str] = Counter(stale=len(records) - len(latest))
    writes: list[tuple[ErpCategory, str]] = []
    for record in latest:
        verdict = _category_verdict(record, stored.get(record.category_id))
        counts[verdict] += 1
        if verdict in ("inserted", "updated"):
            writes.append((record, hash_category(record)))
    lock_items(conn, store_id)  # before any row, as for products
    upsert_erp_categories(conn, store_id, writes)
    items = request_categories(conn, store_id, [record.category_id for record, _ in writes], origin)
    new = [record.category_id for record, _ in writes if record.category_id not in stored]
    waiting = list_products_in(conn, store_id, new) if new else []
    items += request_products(conn, store_id, [(product_id, "category") for product_id in waiting], origin)
    return Intake(len(payloads), counts, refused, len(items))


def _category_verdict(record: ErpCategory, known: tuple[int | None, str] | None) -> str:
    if known is None:
        return "inserted"
    if _is_older(record.version, known[0]):
        return "stale"
    return "unchanged" if known[1] == hash_category(record) else "updated"


def _is_older(version: int | None, known: int | None) -> bool:
    return version is not None and known is not None and version < known


def _validated(load: Callable[[Any], R | list[Problem]], payloads: Sequence[Any]) -> tuple[list[R], list[Refusal]]:
    """One bad record never costs the others."""
    records: list[R] = []
    refused: list[Refusal] = []
    for index, payload in enumerate(payloads):
        loaded = load(payload)
        if isinstance(loaded, list):
            refused.append(Refusal(index, loaded))
        else:
            records.append(loaded)
    return records, refused


def _last_of_each(records: Sequence[R]) -> list[R]:
    """One record a key: the one with the highest version, of several the last."""
    best: dict[UUID, R] = {}
    for record in records:
        rival = best.get(record.key)
        if rival is None or not _is_older(record.version, rival.version):
            best[record.key] = record
    return list(best.values())
