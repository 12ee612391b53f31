"""What is sent for a discontinued product, and for one that comes back; pure."""

from __future__ import annotations

from typing import Any

from workers.outbound.planning.comparison import ShopObject, is_variation
from workers.outbound.planning.mapper import Payload

TRASH = "trash"
UNSEEN = ("draft", "pending", "private", TRASH)  # statuses of products that no customer sees
OFF_SALE_FIELDS = ("status", "stock_status")  # one of them differs in a product that is yet to be taken off sale
STOCK_FIELDS = ("manage_stock", "stock_quantity", "stock_status")


def off_sale_payload(policy: str, theirs: ShopObject) -> Payload:
    """What takes the shop's product off sale; nothing if it is off sale, or in the trash, already. A variation is disabled."""
    status = theirs.get("status")
    if is_variation(theirs) and policy != "out_of_stock":
        return {} if status in UNSEEN else {"status": "private"}  # as the shop's own box "Enabled" does
    if policy == TRASH:
        return {} if status == TRASH else {"status": TRASH}
    if status in UNSEEN:
        return {}
    # A stock of 0 would be sold on where the shop takes back orders.
    return {"manage_stock": False, "stock_status": "outofstock"} if policy == "out_of_stock" else {"status": "draft"}


def values_before(payload: Payload, theirs: ShopObject) -> dict[str, Any]:
    """What the shop has in the fields that a payload which takes it off sale is going to change."""
    fields = STOCK_FIELDS if "stock_status" in payload else tuple(payload)
    return {name: theirs.get(name) for name in fields}


def back_on_sale(payload: Payload, before: Payload) -> Payload:
    """The payload of a product that comes back: what the ERP does not state is as it was before it was taken off sale."""
    whole = {**before, **payload}
    # WooCommerce derives the status from counted stock, and has no quantity without.
    derived = "stock_status" if whole.get("manage_stock") else "stock_quantity"
    return {name: value for name, value in whole.items() if name != derived}
