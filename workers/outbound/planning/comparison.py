"""Compares the ERP's values with what the shop has, by meaning; pure.

The shop's product must be read with `context=edit`: the other context shows rendered texts. WooCommerce stores texts
escaped (`Salt &amp; Pepper`), cleans HTML, clears with "" and reads with null, and keeps pictures under addresses of its own.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import msgspec

from db.outbound.mappings import Figures
from workers.outbound.planning.attributes import meaning_of_attributes, shown_attributes
from workers.outbound.planning.mapper import SALE_FIELDS, Payload, number_of

ShopObject = Mapping[str, Any]  # a product as the shop's API shows it

COMPARED_FIELDS = ("id", "status", "type", "parent_id", "sku", "name", "regular_price", *SALE_FIELDS, "manage_stock",
                   "stock_quantity", "stock_status")  # fmt: skip
HEAVY_FIELDS = ("description", "categories", "images", "attributes")  # read only if they are asked for
IMAGE_FIELDS = ("images", "image")  # of a product, of a variation
PARAGRAPHS = re.compile(r"(?:\s|</?p>|<br>)+")  # what WordPress adds to split a text into paragraphs
DEFAULT_CATEGORY = "uncategorized"  # the slug of the category in which WooCommerce puts a product without any
LONGEST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which the shop's product differs from the payload. `theirs` is None if the shop's answer lacks it."""

    field: str
    theirs: Any
    ours: Any


def is_variation(theirs: ShopObject) -> bool:
    return theirs.get("type") == "variation"


def differences(
    payload: Payload, theirs: ShopObject, now: datetime, *, new_images: bool = False, is_answer: bool = False
) -> list[Difference]:
    """The fields in which the shop's product differs from a payload, in the payload's order.

    "19.90" equals "19.9", an escaped name the plain one, a sale that has ended none, and categories have no order. Images are
    compared by number, that of a variation by whether there is one; `new_images`: the ERP's are not those that were last sent.
    `is_answer`: `theirs` is the answer to this payload, so that one category after none was sent is the shop's default.
    """
    ended = _sale_has_ended(payload, now) and _sale_has_ended(theirs, now, if_none=True)
    return [
        Difference(field, shown(field, theirs.get(field)), shown(field, ours))
        for field, ours in payload.items()
        if not (ended and field in SALE_FIELDS)
        and (
            (new_images and field in IMAGE_FIELDS)
            or _differs(field, ours, theirs.get(field), is_answer=is_answer and ours == [])
        )
    ]


def _differs(field: str, ours: Any, theirs: Any, *, is_answer: bool) -> bool:
    # Most values are the same to the letter, and reading HTML takes long.
    return bool(ours != theirs) and meaning(field, ours) != meaning(field, theirs, is_answer=is_answer)


def meaning(field: str, value: Any, *, is_answer: bool = False) -> Any:
    """What a value of the shop or of a payload stands for; equal ones mean the same."""
    if field in ("regular_price", "sale_price", "stock_quantity"):
        return number_of(value)
    if field == "categories":
        entries = value or []
        is_default = len(entries) == 1 and (is_answer or entries[0].get("slug") == DEFAULT_CATEGORY)
        return [] if is_default else sorted(entry["id"] for entry in entries)
    if field == "images":
        return len(value or [])
    if field == "image":
        return bool(value)
    if field == "manage_stock":  # "parent" is a variation that counts none itself
        return value is True
    if field == "attributes":
        return meaning_of_attributes(value or [])
    if field == "name":
        return " ".join(html.unescape(value or "").split())
    if field == "sku":  # the shop makes one blank of several, and what it escapes is another SKU
        return " ".join((value or "").split())
    if field == "description":
        return canonical_html(value or "")
    return value or None


def canonical_html(text: str) -> str:
    """HTML that shows the same has the same form: quotes, entities, the order of attributes and paragraphs don't count."""
    if "<" in text or "&" in text:
        reader = _Canonical(convert_charrefs=True)
        reader.feed(text)
        reader.close()
        text = "".join(reader.parts)
    return PARAGRAPHS.sub(" ", text).strip()


class _Canonical(HTMLParser):
    def __init__(self, *, convert_charrefs: bool) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = "".join(f' {name}="{html.escape(value or "")}"' for name, value in sorted(dict(attrs).items()))
        self.parts.append(f"<{tag}{named}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(html.escape(data, quote=False))

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!--{data}-->")


def shown(field: str, value: Any) -> Any:
    if field == "categories":
        return sorted(entry["id"] for entry in value or [])
    if field == "attributes":
        return shown_attributes(value or [])
    if field == "image":
        return value.get("src") if value else None
    return [entry["src"] for entry in value or []] if field == "images" else value


def shortened(value: Any) -> Any:
    """A value short enough to be stored and shown."""
    if isinstance(value, list):
        return [shortened(one) for one in value[:10]]
    is_long = isinstance(value, str) and len(value) > LONGEST_SHOWN
    return f"{value[:LONGEST_SHOWN]}…" if is_long else value


def digest(field: str, value: Any) -> str:
    """Identifies a value of the shop by its meaning."""
    found = shown(field, value) if field in IMAGE_FIELDS else meaning(field, value)
    encoded = msgspec.json.encode(str(found) if isinstance(found, Decimal) else found)
    return hashlib.blake2b(encoded, digest_size=12).hexdigest()


def figures_of(theirs: ShopObject) -> Figures:
    return Figures(
        regular_price=number_of(theirs.get("regular_price")),
        sale_price=number_of(theirs.get("sale_price")),
        sale_from=moment_of(theirs.get("date_on_sale_from_gmt")),
        sale_to=moment_of(theirs.get("date_on_sale_to_gmt")),
        stock=_stock_of(theirs),
    )


def moment_of(text: Any) -> datetime | None:
    """A `_gmt` date of the shop; None for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and text else None
    except ValueError:
        return None
    return None if found is None else (found.replace(tzinfo=UTC) if found.tzinfo is None else found)


def _stock_of(theirs: ShopObject) -> int | None:
    if theirs.get("manage_stock") not in (True, "parent"):
        return 0 if theirs.get("stock_status") == "outofstock" else None
    pieces = number_of(theirs.get("stock_quantity"))
    return None if pieces is None else math.ceil(pieces)  # plugins sell half pieces; half a piece is not "sold out"


def weigh_alike(weighed: Figures, found: Figures, fields: Sequence[str], now: datetime) -> bool:
    """Whether brakes would weigh a write of these fields alike: the same prices, and stock that is sold out or not."""
    is_priced = any(field in ("regular_price", *SALE_FIELDS) for field in fields)
    if is_priced and _prices(weighed, now) != _prices(found, now):
        return False
    counts_stock = any(field in ("manage_stock", "stock_quantity") for field in fields)
    return not counts_stock or _is_sold(weighed) == _is_sold(found)


def _prices(figures: Figures, now: datetime) -> tuple[Decimal | None, Decimal | None]:
    ended = figures.sale_to is not None and figures.sale_to < now
    return figures.regular_price, None if ended else figures.sale_price


def _is_sold(figures: Figures) -> bool:
    return figures.stock is None or figures.stock > 0


def _sale_has_ended(values: Mapping[str, Any], now: datetime, *, if_none: bool = False) -> bool:
    if number_of(values.get("sale_price")) is None:
        return if_none
    ends = moment_of(values.get("date_on_sale_to_gmt"))
    return ends is not None and ends < now
