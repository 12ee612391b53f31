"""Plans the products of one claim: from the tasks and what the shop has to the writes that are sent; pure.

A write holds only fields in which the shop differs. A task that needs no write, or can't have one, has its result here already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from db.outbound.erp_products import StoredProduct
from db.outbound.item_claims import ClaimedItem
from db.outbound.mappings import FieldDifference, Look, Mapped
from schemas.records.erp import TRASHED_POLICIES, ErpProduct
from workers.outbound.planning.attributes import attributes_of_product, attributes_of_variation, takes_variation
from workers.outbound.planning.comparison import (
    IMAGE_FIELDS,
    Difference,
    ShopObject,
    differences,
    digest,
    figures_of,
    is_variation,
    shortened,
    weigh_alike,
)
from workers.outbound.planning.discontinued import OFF_SALE_FIELDS, TRASH, back_on_sale, off_sale_payload
from workers.outbound.planning.field_groups import FIELD_GROUPS
from workers.outbound.planning.mapper import (
    FIELDS_BY_TYPE,
    GROUP_FIELDS,
    GROUPS,
    SALE_FIELDS,
    Payload,
    keep_manual_offer,
    to_woocommerce_parent,
    to_woocommerce_product,
    to_woocommerce_variation,
)
from workers.outbound.planning.results import Adopted, Changed, Done, Refused, Result, Waiting
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import SyncError, WooCommerceApiError

PRODUCT_UNKNOWN = "PRODUCT_UNKNOWN"
REJECTED = "REJECTED"
REJECTED_MESSAGE = "Brakes stopped this change, and a person rejected it."
SHOP_CHANGED = "SHOP_CHANGED"
SHOP_CHANGED_MESSAGE = "The shop changed this product each time before it could be sent."
PARENT_NOT_READY = "PARENT_NOT_READY"
PARENT_NOT_READY_MESSAGE = (
    "The shop does not have the variable product of this variation yet, or not with this attribute and option. The variation "
    "is sent as soon as it has."
)
DIFFERS = "SHOP_KEPT_OTHER_VALUE"
LIGHT_GROUPS = ("price", "stock")
STATUS = "status"
IN_SHOP = "in the shop"
DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class ProductTask:
    """One product with all its claimed items. `stored` is None if the ERP never sent it, `mapped` if it is not mapped."""

    product_id: UUID
    items: tuple[ClaimedItem, ...]
    stored: StoredProduct | None
    mapped: Mapped | None

    @property
    def product(self) -> ErpProduct:
        assert self.stored is not None
        return self.stored.product

    @property
    def must_look_up(self) -> bool:
        return self.stored is not None and self.mapped is None

    @property
    def may_be_ours(self) -> bool:
        """Whether an earlier call may have created the product in the shop."""
        return self.stored is not None and self.stored.create_begun

    @property
    def is_discontinued(self) -> bool:
        return self.stored is not None and self.stored.discontinued is not None

    @property
    def has_variations(self) -> bool:
        return self.stored is not None and bool(self.stored.options)

    @property
    def may_leave_trash(self) -> bool:
        """Whether it is ours to decide about the product in the trash: we took it off sale, or are going to."""
        return self.is_discontinued or "status" in ((self.mapped and self.mapped.taken_off) or {})

    @property
    def requested(self) -> tuple[str, ...]:
        """The field groups that the items ask for; all of an unmapped product."""
        if self.mapped is None:
            return FIELD_GROUPS
        groups = {GROUPS[name] for name in self.fields}
        return tuple(group for group in FIELD_GROUPS if group in groups)

    @property
    def fields(self) -> set[str]:
        """The fields of the shop that the items of a mapped product may send."""
        return {name for item in self.items for name in item.only_fields or FIELDS_BY_TYPE[item.sync_type]}

    @property
    def groups_to_send(self) -> tuple[str, ...]:
        """The requested groups, without those whose present values a person rejected."""
        if self.stored is None or self.mapped is None:
            return self.requested
        hashes, rejected = self.stored.group_hashes, self.mapped.rejected_hashes
        return tuple(group for group in self.requested if hashes[group] != rejected.get(group))

    @property
    def is_forced(self) -> bool:
        return any(item.force for item in self.items)


@dataclass(frozen=True, slots=True)
class ShopState:
    """What the plan needs to know of the shop at the moment `now`.

    `products` are the mapped ones by WooCommerce's id, also trashed ones, and `products_by_sku` those that were looked up and
    found; a mapped variation that was deleted is looked up, too. The first have the fields of `groups`, the others all.
    `category_ids` has WooCommerce's id per ERP category, `attribute_ids` the shop's own attributes by name. `claimed` are the
    products of this claim. `trashed_policy` is one of TRASHED_POLICIES. `error`: the shop could not be read to the end, and
    nothing is sent.
    """

    products: Mapping[int, ShopObject] = field(default_factory=dict)
    products_by_sku: Mapping[str, ShopObject] = field(default_factory=dict)
    category_ids: Mapping[UUID, int] = field(default_factory=dict)
    attribute_ids: Mapping[str, int] = field(default_factory=dict)
    claimed: Collection[UUID] = ()
    trashed_policy: str = TRASHED_POLICIES[0]
    groups: tuple[str, ...] = FIELD_GROUPS
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    error: PlatformError | None = None

    def theirs(self, task: ProductTask) -> ShopObject | None:
        """The shop's product of a task; None if the shop has none."""
        if task.mapped is not None:
            return self.products.get(task.mapped.wc_product_id)
        return self.products_by_sku.get(task.product.sku)

    def takes_variation(self, stored: StoredProduct) -> bool:
        """Whether the shop's product of the parent was read, and is ready for this variation."""
        parent = self.products.get(stored.wc_parent_id) if stored.wc_parent_id is not None else None
        return parent is not None and takes_variation(parent, stored.product.attributes)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A product of the ERP beside the shop's. `payload` has all fields that may be sent, of the compared groups."""

    task: ProductTask
    theirs: ShopObject
    payload: Payload
    differences: Sequence[Difference]
    groups: tuple[str, ...]
    is_placed: bool
    now: datetime

    def to_send(self, groups: Sequence[str]) -> Payload:
        """The fields of these groups that are asked for and in which the shop differs."""
        wanted = {name for group in groups for name in GROUP_FIELDS[group]} & self.task.fields
        fields = {one.field for one in self.differences if one.field in wanted}
        if "stock_quantity" in fields:  # it counts only together
            fields.add("manage_stock")
        if fields & set(SALE_FIELDS):
            fields.update(SALE_FIELDS)
        return {name: value for name, value in self.payload.items() if name in fields}

    def look(self, *, sent: Payload | None = None) -> Look:
        """What is saved of this comparison; `sent` if it is the answer to a write."""
        stored, mapped = self.task.stored, self.task.mapped or Mapped(self.theirs["id"], status="synced")
        assert stored is not None
        differing = {one.field for one in self.differences}
        agreeing = [
            group
            for group in self.groups
            if not differing.intersection(GROUP_FIELDS[group]) and (group != "category" or self.is_placed)
        ]
        image_hash = mapped.image_hash
        if ("image" in agreeing and not self.task.is_discontinued) or has_image(sent or {}):
            image_hash = stored.group_hashes["image"]
        fields = ["status", *(name for group in self.groups for name in GROUP_FIELDS[group])]
        found = {one.field: self._stored(one, mapped, sent or {}) for one in self.differences}
        others = {name: one for name, one in mapped.differences.items() if name not in fields}
        return Look(
            wc_product_id=self.theirs["id"],
            wc_parent_id=self.theirs["parent_id"] if is_variation(self.theirs) else None,
            status=self._status(mapped, [*found.values(), *others.values()]),
            figures=figures_of(self.theirs),
            sent_sale_price=self._sale_of_ours(mapped, sent),
            image_hash=image_hash,
            fields=fields,
            looked_hashes={group: stored.group_hashes[group] for group in self.groups},
            seen_hashes={group: stored.group_hashes[group] for group in agreeing},
            differences=found,
            is_whole=set(self.groups) == set(FIELD_GROUPS),
        )

    def _status(self, mapped: Mapped, differences: Sequence[FieldDifference]) -> str:
        if any(one.was_sent for one in differences):
            return "differs"
        is_whole = set(self.groups) == set(FIELD_GROUPS)
        is_sent_whole = is_whole and not self.differences and not self.task.is_discontinued
        stays_adopted = mapped.status == "adopted" and not is_sent_whole
        return "adopted" if stays_adopted else "synced"

    def _sale_of_ours(self, mapped: Mapped, sent: Payload | None) -> Decimal | None:
        agrees = "sale_price" in self.payload and "sale_price" not in {one.field for one in self.differences}
        if "sale_price" in (sent or {}) or agrees:
            return self.task.product.sale_price
        return mapped.sent_sale_price

    def _stored(self, one: Difference, mapped: Mapped, sent: Payload) -> FieldDifference:
        found, before = digest(one.field, self.theirs.get(one.field)), mapped.differences.get(one.field)
        ours, is_known = shortened(one.ours), before is not None and before.digest == found
        was_sent = before is not None and is_known and before.was_sent and before.ours == ours
        return FieldDifference(
            ours=ours,
            theirs=shortened(one.theirs),
            digest=found,
            since=before.since if before is not None and is_known else self.now,
            was_sent=one.field in sent or was_sent,
        )


@dataclass(frozen=True, slots=True)
class ProductWrite:
    """One product to create, or to update if it is mapped."""

    task: ProductTask
    payload: Payload
    shop: ShopState

    @property
    def wc_parent_id(self) -> int | None:
        """The shop's product whose variation is written, None for a product."""
        if self.task.mapped is not None:
            return self.task.mapped.wc_parent_id
        return None if self.task.stored is None else self.task.stored.wc_parent_id

    def answered(self, answer: ShopObject) -> Result:
        """The result of a write by what the shop answered: values that it did not take make it a failure."""
        found = compare(self.task, answer, replace(self.shop, groups=FIELD_GROUPS), sent=self.payload)
        look = found.look(sent=self.payload)
        if answer.get("status") == TRASH and not self.task.is_discontinued:
            return Refused(self.task.items, WooCommerceApiError(errors.PRODUCT_IN_TRASH, status=200, retryable=False))
        altered = [one.field for one in found.differences if one.field in self.payload]
        if altered:
            return Refused(self.task.items, _kept_other_value(self.task, altered), look=look)
        return Done(self.task.items, look.wc_product_id, look)


@dataclass(frozen=True, slots=True)
class ProductDelete:
    """One product in the trash, or variation of `wc_parent_id`, to delete for good: the next attempt creates it anew."""

    task: ProductTask
    wc_product_id: int
    wc_parent_id: int | None

    def answered(self) -> Result:
        deleted = WooCommerceApiError(errors.NOT_IN_SHOP, status=404, retryable=True)
        return Refused(self.task.items, deleted, deleted_wc_id=self.wc_product_id)


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """The writes to send, what to delete, and the results of the tasks with neither."""

    writes: list[ProductWrite]
    deletes: list[ProductDelete]
    results: list[Result]


Step = ProductWrite | ProductDelete | Result


def build_tasks(
    items: Sequence[ClaimedItem], stored: Mapping[UUID, StoredProduct], mapped: Mapping[UUID, Mapped]
) -> list[ProductTask]:
    by_product: dict[UUID, list[ClaimedItem]] = {}
    for item in items:
        if item.product_id is not None:
            by_product.setdefault(item.product_id, []).append(item)
    return [ProductTask(key, tuple(several), stored.get(key), mapped.get(key)) for key, several in by_product.items()]


def plan_products(tasks: Sequence[ProductTask], shop: ShopState) -> ProductPlan:
    plan = ProductPlan([], [], [])
    for task in tasks:
        step = _plan_product(task, shop)
        if isinstance(step, ProductWrite):
            plan.writes.append(step)
        elif isinstance(step, ProductDelete):
            plan.deletes.append(step)
        else:
            plan.results.append(step)
    return plan


def compare(task: ProductTask, theirs: ShopObject, shop: ShopState, *, sent: Payload | None = None) -> Comparison:
    """Compare the fields of `shop.groups`. `sent`: `theirs` is the shop's answer to it."""
    stored, mapped = task.stored, task.mapped
    assert stored is not None
    payload = _payload(task, stored, theirs, shop)
    if stored.product.allow_manual_woocommerce_offers and (sent is None or "sale_price" not in sent):
        payload = keep_manual_offer(payload, theirs, mapped.sent_sale_price if mapped else None)
    last_images = mapped.image_hash if mapped else None
    new_images = not has_image(sent or {}) and last_images not in (None, stored.group_hashes["image"])
    found = differences(payload, theirs, shop.now, new_images=new_images, is_answer=sent is not None)
    # A product whose category the shop lacks is sent again once the category is there.
    unplaced = [one for one in stored.product.category_ids if one not in shop.category_ids]
    is_placed = is_variation(theirs) or not unplaced
    return Comparison(task, theirs, payload, found, shop.groups, is_placed, shop.now)


def _payload(task: ProductTask, stored: StoredProduct, theirs: ShopObject, shop: ShopState) -> Payload:
    if stored.discontinued is not None:
        payload = off_sale_payload(stored.discontinued, theirs)
    else:
        payload = _whole_payload(stored, theirs, shop)
        if task.mapped is not None and task.mapped.taken_off is not None:
            payload = back_on_sale(payload, dict(task.mapped.taken_off))
    compared = [name for group in shop.groups for name in GROUP_FIELDS[group]]
    return {name: payload[name] for name in compared if name in payload}


def _whole_payload(stored: StoredProduct, theirs: ShopObject, shop: ShopState) -> Payload:
    """All that the ERP states of a product, beside what the shop has of it; `theirs` is empty if that is nothing."""
    if is_variation(theirs):
        return to_woocommerce_variation(stored.product)
    payload = to_woocommerce_product(stored.product, shop.category_ids)
    if not stored.options or theirs.get("type") not in (None, "simple", "variable"):
        return payload
    held = theirs.get("attributes") or []
    return to_woocommerce_parent(payload, attributes_of_product(stored.options, held, shop.attribute_ids))


def payload_to_create(stored: StoredProduct, shop: ShopState) -> Payload:
    """What creates a product in the shop, or a variation if the ERP says that it is one."""
    product = stored.product
    if product.parent_id is None:
        return _whole_payload(stored, {}, shop)
    attributes = attributes_of_variation(product.attributes, shop.attribute_ids)
    return {**to_woocommerce_variation(product), "attributes": attributes}


def _plan_product(task: ProductTask, shop: ShopState) -> Step:
    if task.stored is None:
        return Refused(task.items, _error(task, PRODUCT_UNKNOWN, "The ERP has not sent this product."))
    if shop.error is not None:
        return Refused(task.items, shop.error)
    if task.mapped is None:
        return _plan_unmapped(task, task.stored, shop)
    return _plan_mapped(task, task.mapped, shop)


def _plan_unmapped(task: ProductTask, stored: StoredProduct, shop: ShopState) -> ProductWrite | Result:
    theirs = shop.theirs(task)
    if task.is_discontinued and (theirs is None or not task.may_be_ours):
        return Done(task.items, None)  # the shop never got it from us
    if theirs is None:
        if stored.product.parent_id is not None and not shop.takes_variation(stored):
            if stored.product.parent_id in shop.claimed:
                return Waiting(task.items)
            return Refused(task.items, _error(task, PARENT_NOT_READY, PARENT_NOT_READY_MESSAGE, retryable=True))
        return ProductWrite(task, payload_to_create(stored, shop), shop)
    found = compare(task, theirs, replace(shop, groups=FIELD_GROUPS))
    if not found.differences:
        return Done(task.items, theirs["id"], found.look())
    # Ours if the shop lacked it before a call of ours that may have created it; else the shop had it before.
    return Adopted(task.items, replace(found.look(), status="synced" if task.may_be_ours else "adopted"))


def _plan_mapped(task: ProductTask, mapped: Mapped, shop: ShopState) -> Step:
    theirs = shop.theirs(task)
    if theirs is None:
        return _plan_deleted(task, mapped, shop)
    is_trashed = theirs.get("status") == TRASH and not task.may_leave_trash
    if is_trashed and shop.trashed_policy == "hold":
        trashed = WooCommerceApiError(errors.PRODUCT_IN_TRASH, status=200, retryable=False)
        return Refused(task.items, trashed, look=look_at_gone(task, TRASH, shop))
    found = compare(task, theirs, shop)
    groups = task.groups_to_send
    if not groups:
        return Refused(task.items, _error(task, REJECTED, REJECTED_MESSAGE), look=found.look())
    payload = found.to_send(groups)
    if payload and not _was_weighed(mapped, found, payload):
        is_repeated = any(item.error_code == SHOP_CHANGED for item in task.items)
        error = SyncError(task.product_id, task.items[0].sync_type, SHOP_CHANGED, SHOP_CHANGED_MESSAGE, retryable=True)
        return Changed(task.items, found.look(), error, is_repeated)
    if is_trashed and shop.trashed_policy == "recreate":
        return ProductDelete(task, mapped.wc_product_id, mapped.wc_parent_id)
    if task.is_forced:
        wanted = {name for group in groups for name in GROUP_FIELDS[group]}
        payload = {name: value for name, value in found.payload.items() if name in wanted}
    if is_trashed:
        payload = {**payload, "status": "publish"}
    if not payload:
        return Done(task.items, mapped.wc_product_id, found.look())
    return ProductWrite(task, payload, shop)


def _plan_deleted(task: ProductTask, mapped: Mapped, shop: ShopState) -> Step:
    if mapped.wc_parent_id is None or task.product.parent_id is not None:
        # Without its mapping, the next attempt creates the product, or the variation that the ERP names.
        deleted = WooCommerceApiError(errors.NOT_IN_SHOP, status=404, retryable=True)
        return Refused(task.items, deleted, deleted_wc_id=mapped.wc_product_id)
    if task.product.sku in shop.products_by_sku:  # made anew by hand
        return _plan_product(replace(task, mapped=None), shop)
    # Nothing says which variation of the product it was, and a product of its own would be another thing.
    lost = WooCommerceApiError(errors.VARIATION_NOT_IN_SHOP, status=404, retryable=False)
    return Refused(task.items, lost, look=look_at_gone(task, DELETED, shop))


def look_at_gone(task: ProductTask, status: str, shop: ShopState) -> Look:
    """A look at a product that is in the trash, or that the shop has deleted."""
    stored, mapped = task.stored, task.mapped
    assert stored is not None and mapped is not None
    before = mapped.differences.get(STATUS)
    since = before.since if before is not None and before.digest == status else shop.now
    return Look(
        wc_product_id=mapped.wc_product_id,
        wc_parent_id=mapped.wc_parent_id,
        status=mapped.status,
        figures=mapped.figures,
        sent_sale_price=mapped.sent_sale_price,
        image_hash=mapped.image_hash,
        fields=(STATUS,),
        looked_hashes={group: stored.group_hashes[group] for group in FIELD_GROUPS},
        seen_hashes={},
        differences={STATUS: FieldDifference(IN_SHOP, status, status, since)},
        is_whole=False,
        is_gone=True,
    )


def has_image(payload: Payload) -> bool:
    return any(name in payload for name in IMAGE_FIELDS)


def weighs_otherwise(mapped: Mapped | None, look: Look) -> bool:
    """Whether a look shows other values than brakes weighed so far, or than a person saw."""
    if mapped is None or mapped.figures != look.figures:
        return True
    weighed = look.fields if mapped.status == "adopted" else OFF_SALE_FIELDS
    seen = {name: one.digest for name, one in mapped.differences.items() if name in weighed and name in look.fields}
    return seen != {name: one.digest for name, one in look.differences.items() if name in weighed}


def _was_weighed(mapped: Mapped, found: Comparison, payload: Payload) -> bool:
    """Whether the shop's values that a write would change are those that brakes weighed, or that a person saw."""
    if not weigh_alike(mapped.figures, figures_of(found.theirs), list(payload), found.now):
        return False
    hashes = found.task.stored.group_hashes if found.task.stored else {}
    if found.task.is_discontinued and mapped.seen_hashes.get("product") == hashes.get("product"):
        return False  # the shop sells it again, and brakes took it for done
    if mapped.status != "adopted":
        return True
    seen = {name: one.digest for name, one in mapped.differences.items()}
    differing = {one.field for one in found.differences if one.field in payload}
    return all(seen.get(name) == digest(name, found.theirs.get(name)) for name in differing)


def _error(task: ProductTask, code: str, message: str, *, retryable: bool = False) -> SyncError:
    return SyncError(task.product_id, task.items[0].sync_type, code, message, retryable=retryable)


def _kept_other_value(task: ProductTask, fields: Sequence[str]) -> SyncError:
    return _error(task, DIFFERS, f"The shop took the change, but has another value than was sent: {', '.join(fields)}.")
