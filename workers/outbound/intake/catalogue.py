"""Takes in the ERP's catalogue: validates it, stores what is new, and requests that changes are sent.

Every source of products calls `take_products`: the route, the import, and any future one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Connection

from db.outbound.erp_categories import get_category_states, list_erp_categories, upsert_erp_categories
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
from schemas.records.erp import ErpCategory, ErpProduct
from workers.outbound.planning.category_tree import waiting_below
from workers.outbound.planning.field_groups import changed_groups, hash_category, hash_groups
from workers.outbound.planning.sanitize import clean_name
from workers.outbound.requests import ProductChange, request_categories, request_products
from workers.outbound.sending.holds import reweigh

R = TypeVar("R", ErpProduct, ErpCategory)
MASKED = ("sku", "name", "description")
NAMELESS = ("", "0")  # WooCommerce calls such a product "Product", and refuses such a category
URGENT = ("price", "stock")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused record: its index in the batch and all its problems."""

    index: int
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Intake:
    """The result of a batch: counts of inserted, updated, unchanged and stale records, the refused ones, and the requested
    items. `masked` counts records that were taken with an e-mail address in a text, which was cut."""

    received: int
    counts: Mapping[str, int]
    refused: list[Refusal]
    items: int
    masked: int


@dataclass(frozen=True, slots=True)
class CatalogueChanges:
    """What a batch of products changes: rows to write, changes to send, and counts by verdict."""

    writes: list[tuple[ErpProduct, GroupHashes]] = field(default_factory=list)
    to_send: list[ProductChange] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def take_products(conn: Connection, store_id: UUID, payloads: Sequence[Any], origin: Origin) -> Intake:
    """Store a batch of products and request that each is compared with the shop, in the caller's transaction.

    A repeated batch changes nothing in the catalogue; in the shop it changes what is not so any more.
    """
    records, refused, masked = _validate(load_erp_product, payloads)
    latest = _latest_of_each(records)
    lock_catalogue(conn, store_id)
    # Products before their variations, and those of one product together.
    latest.sort(key=lambda record: str(record.parent_id or ""))
    changes = compare_products(latest, get_product_states(conn, store_id, [record.product_id for record in latest]))
    changes.counts["stale"] += len(records) - len(latest)
    lock_items(conn, store_id)  # before any row: a claim marks rows of products while it holds this lock
    upsert_erp_products(conn, store_id, changes.writes)
    items = request_products(conn, store_id, [*_parents_to_send(conn, store_id, changes), *changes.to_send], origin)
    # An approved item of another type would carry the new values, too, and so would one that a person is looking at.
    reweigh(conn, store_id, [product_id for product_id, _ in changes.to_send])
    return Intake(len(payloads), changes.counts, refused, len(items), masked)


def _parents_to_send(conn: Connection, store_id: UUID, changes: CatalogueChanges) -> list[ProductChange]:
    # A new option of a variation belongs into the list of its product.
    parents = {record.parent_id for record, _ in changes.writes if record.parent_id is not None}
    return [(parent, "product") for parent in get_product_states(conn, store_id, sorted(parents))]


def compare_products(records: Iterable[ErpProduct], stored: Mapping[UUID, ProductState]) -> CatalogueChanges:
    """Compare records with what is stored. A new product is sent whole, a known one by its changed field groups."""
    changes = CatalogueChanges()
    for record in records:
        hashes, known = hash_groups(record), stored.get(record.product_id)
        if known is None:
            changes.counts["inserted"] += 1
            changes.writes.append((record, hashes))
            changes.to_send.append((record.product_id, "product"))
            continue
        if _is_older(record.version, known.version):
            changes.counts["stale"] += 1
            continue
        groups = changed_groups(hashes, known.group_hashes)
        changes.counts["updated" if groups else "unchanged"] += 1
        # A repeated value is a statement, too: the shop may have another one by now. New prices and stock go ahead.
        changes.to_send.extend((record.product_id, group) for group in groups if group in URGENT)
        changes.to_send.append((record.product_id, "product"))
        # No shop sees these two fields, so no hash covers them.
        has_new_version = record.version not in (None, known.version)
        has_new_offer_rule = record.allow_manual_woocommerce_offers != known.allow_manual_woocommerce_offers
        if groups or has_new_version or has_new_offer_rule:
            changes.writes.append((record, hashes))
    return changes


def take_categories(conn: Connection, store_id: UUID, payloads: Sequence[Any], origin: Origin) -> Intake:
    """Store a batch of categories and request what changed; products of those that the shop lacks are sent again."""
    records, refused, masked = _validate(load_erp_category, payloads)
    latest = _latest_of_each(records)
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
    written = [record.category_id for record, _ in writes]
    # What is below them may have waited for them, and so may products.
    waiting = waiting_below(written, list_erp_categories(conn, store_id)) if written else set()
    items = request_categories(conn, store_id, waiting.union(written), origin)
    product_ids = list_products_in(conn, store_id, sorted(waiting)) if waiting else []
    items += request_products(conn, store_id, [(product_id, "category") for product_id in product_ids], origin)
    return Intake(len(payloads), counts, refused, len(items), masked)


def _category_verdict(record: ErpCategory, stored: tuple[int | None, str] | None) -> str:
    if stored is None:
        return "inserted"
    if _is_older(record.version, stored[0]):
        return "stale"
    return "unchanged" if stored[1] == hash_category(record) else "updated"


def _is_older(version: int | None, stored: int | None) -> bool:
    return version is not None and stored is not None and version < stored


def _validate(load: Callable[[Any], R | list[Problem]], payloads: Sequence[Any]) -> tuple[list[R], list[Refusal], int]:
    records: list[R] = []
    refused: list[Refusal] = []
    masked = 0
    for index, payload in enumerate(payloads):
        loaded = load(payload)
        if not isinstance(loaded, list) and clean_name(loaded.name).strip() in NAMELESS:
            loaded = [Problem("name", "empty_in_shop")]
        if isinstance(loaded, list):
            refused.append(Refusal(index, loaded))
        else:
            records.append(loaded)
            masked += _is_masked(loaded, payload)
    return records, refused, masked


def _is_masked(record: ErpProduct | ErpCategory, payload: Mapping[str, Any]) -> bool:
    # Loading changes a text only where it cuts an e-mail address.
    names = [name for name in MASKED if hasattr(record, name) and payload.get(name) is not None]
    return any(getattr(record, name) != payload[name] for name in names)


def _latest_of_each(records: Sequence[R]) -> list[R]:
    # Per key the record with the highest version; of equal ones the last.
    latest: dict[UUID, R] = {}
    for record in records:
        other = latest.get(record.key)
        if other is None or not _is_older(record.version, other.version):
            latest[record.key] = record
    return list(latest.values())
