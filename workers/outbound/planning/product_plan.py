"""From claimed items to what one call carries: pure decisions about a product's payload, or that none is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db.outbound.erp_products import StoredProduct
from db.outbound.item_claims import ClaimedItem
from db.outbound.mappings import Sent
from schemas.records.shop import ErpProduct
from workers.outbound.planning.field_groups import PARTS, changed_parts, wanted_parts
from workers.outbound.planning.mapper import PRICE_FIELDS, Payload, keep_manual_offer, to_woocommerce_product

FIELDS = {
    "price": PRICE_FIELDS,
    "stock": ("manage_stock", "stock_quantity"),
    "product": ("name", "sku", "description"),
    "category": ("categories",),
    "image": ("images",),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One product with all its claimed items. `stored` is None where the ERP never told us of it, `sent` where the shop
    has no product of it as far as we know."""

    product_id: UUID
    items: tuple[ClaimedItem, ...]
    stored: StoredProduct | None
    sent: Sent | None

    @property
    def force(self) -> bool:
        return any(item.force for item in self.items)

    @property
    def may_exist(self) -> bool:
        """Whether an earlier call may have created it in the shop."""
        return self.stored is not None and self.stored.create_begun

    @property
    def product(self) -> ErpProduct:
        """For tasks whose product is known."""
        assert self.stored is not None
        return self.stored.product


@dataclass(frozen=True, slots=True)
class Write:
    """What goes out for a task: `parts` of the product, as `payload`."""

    task: Task
    parts: tuple[str, ...]
    payload: Payload


@dataclass(slots=True)
class Sorted:
    """The tasks of a claim by what they need."""

    unknown: list[Task] = field(default_factory=list)
    unchanged: list[Task] = field(default_factory=list)
    look_up: list[Task] = field(default_factory=list)
    create: list[Task] = field(default_factory=list)
    update: list[Task] = field(default_factory=list)


def tasks_of(
    items: Sequence[ClaimedItem], stored: Mapping[UUID, StoredProduct], sent: Mapping[UUID, Sent]
) -> list[Task]:
    """One task a product, in the order of the first item of each."""
    by_product: dict[UUID, list[ClaimedItem]] = {}
    for item in items:
        if item.product_id is not None:
            by_product.setdefault(item.product_id, []).append(item)
    return [Task(key, tuple(several), stored.get(key), sent.get(key)) for key, several in by_product.items()]


def sort_tasks(tasks: Sequence[Task]) -> Sorted:
    """What the shop has not got goes out; what may have been created before is looked up; what is as sent needs no call."""
    found = Sorted()
    for task in tasks:
        if task.stored is None:
            found.unknown.append(task)
        elif task.sent is not None:
            (found.update if parts_to_send(task) else found.unchanged).append(task)
        elif task.may_exist:
            found.look_up.append(task)
        else:
            found.create.append(task)
    return found


def parts_to_send(task: Task) -> tuple[str, ...]:
    """All parts of a product that the shop has not; else those asked for, of them the changed ones unless forced."""
    if task.sent is None or task.stored is None:
        return PARTS
    wanted = wanted_parts([item.sync_type for item in task.items])
    if task.force:
        return wanted
    changed = changed_parts(task.stored.part_hashes, task.sent.part_hashes)
    return tuple(part for part in wanted if part in changed)


def write_of(task: Task, category_ids: Mapping[UUID, int]) -> Write:
    """The payload of a task. It is empty where its parts have nothing that the shop could be told, e.g. no images."""
    parts = parts_to_send(task)
    whole = to_woocommerce_product(task.product, category_ids)
    named = [name for part in parts for name in FIELDS[part]]
    return Write(task, parts, {name: whole[name] for name in named if name in whole})


def may_have_manual_offer(write: Write) -> bool:
    """Whether the shop's own sale price must be read before this goes out."""
    return "price" in write.parts and write.task.sent is not None and write.task.product.allow_manual_woocommerce_offers


def without_manual_offer(write: Write, answer: Mapping[str, Any]) -> Write:
    """The same write, leaving a sale price of the shop's own in peace."""
    last = write.task.sent.sale_price if write.task.sent else None
    return Write(write.task, write.parts, keep_manual_offer(write.payload, answer, last))


def sent_by(write: Write, wc_product_id: int, category_ids: Mapping[UUID, int]) -> Sent:
    """What the shop has after this write. A product with categories that the shop lacks is not done with them."""
    task, product = write.task, write.task.product
    hashes = task.stored.part_hashes if task.stored else {}
    resolved = all(category_id in category_ids for category_id in product.category_ids)
    done = {part: hashes[part] for part in write.parts if part != "category" or resolved}
    before = task.sent
    price_known, stock_known = "price" in write.parts, "stock" in write.parts
    keeps_sale = price_known and "sale_price" not in write.payload
    sale = product.sale_price if price_known else (before.sale_price if before else None)
    return Sent(
        wc_product_id=wc_product_id,
        part_hashes=done,
        regular_price=product.regular_price if price_known else (before.regular_price if before else None),
        sale_price=before.sale_price if keeps_sale and before else sale,
        stock=_counted(product) if stock_known else (before.stock if before else None),
    )


def _counted(product: ErpProduct) -> int | None:
    return (product.stock_quantity or 0) if product.manage_stock else None
