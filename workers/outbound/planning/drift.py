"""What a drift check does about a field in which the shop differs: repair, hold or report, by the store's policy; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db.outbound.mappings import Mapped
from workers.outbound.planning.mapper import GROUP_FIELDS, GROUPS
from workers.outbound.planning.product_plan import Comparison

POLICIES = ("repair", "hold", "report")
# The ERP is right, except about stock: shops sell between two statements. Pictures are downloaded again whenever they are sent.
DEFAULT_POLICIES = {
    "price": "repair",
    "name": "repair",
    "description": "repair",
    "categories": "repair",
    "stock": "report",
    "images": "report",
}
TOPICS = {
    **dict.fromkeys(GROUP_FIELDS["price"], "price"),
    **dict.fromkeys(GROUP_FIELDS["stock"], "stock"),
    "name": "name",
    "sku": "name",
    "description": "description",
    "categories": "categories",
    "images": "images",
    "image": "images",
}
ITEM_TYPES = {
    "price": "price",
    "stock": "stock",
    "name": "product",
    "description": "product",
    "categories": "category",
    "images": "image",
}


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """A store's settings: minutes between two checks, 0 for none, and what is done about each topic."""

    every_minutes: int = 60
    policies: Mapping[str, str] = field(default_factory=lambda: DEFAULT_POLICIES)

    def policy_of(self, name: str) -> str:
        """The policy for a field of the shop; a product that is gone is only reported."""
        return self.policies.get(TOPICS.get(name, ""), "report")


@dataclass(frozen=True, slots=True)
class Repair:
    """An item to request. `fields`, if any, are the only ones that it may send; `is_held` waits for a person."""

    product_id: UUID
    sync_type: str
    fields: tuple[str, ...]
    is_held: bool


def read_drift_settings(stored: Any) -> DriftSettings:
    if not isinstance(stored, dict):
        return DriftSettings()
    named = {topic: stored[topic] for topic in DEFAULT_POLICIES if stored.get(topic) in POLICIES}
    return DriftSettings(int(stored.get("every_minutes", 60)), DEFAULT_POLICIES | named)


def repairs_of(found: Comparison, mapped: Mapped, settings: DriftSettings) -> list[Repair]:
    """What is requested for a product. Not what waits for the takeover, was rejected, or was sent and not taken."""
    stored = found.task.stored
    if stored is None or mapped.status == "adopted":
        return []
    wanted: dict[tuple[str, bool], list[str]] = {}
    look = found.look()
    for name, difference in look.differences.items():
        policy, group = settings.policy_of(name), GROUPS[name]
        is_rejected = mapped.rejected_hashes.get(group) == stored.group_hashes[group]
        if policy != "report" and not difference.was_sent and not is_rejected:
            wanted.setdefault((ITEM_TYPES[TOPICS[name]], policy == "hold"), []).append(name)
    return [
        Repair(found.task.product_id, sync_type, tuple(names) if sync_type == "product" else (), is_held)
        for (sync_type, is_held), names in wanted.items()
    ]
