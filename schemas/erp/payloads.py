"""The ERP's products and categories, as `PUT /api/v1/erp/…` and the import accept them (specification 3).

The rules are stricter than the plugin contract's where WooCommerce would silently change a value: a SKU has no comma and no
blanks around it, a sale price is below the regular price, and stock is a whole number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from uuid import UUID

from marshmallow import ValidationError, fields, post_load
from msgspec import Meta

from schemas.base.contract_field import ContractField, JsonSchema, Unsure
from schemas.base.fields import (
    BLANK,
    Count,
    Flag,
    MaskedText,
    Money,
    RecordSchema,
    StrictField,
    Text,
    Timestamp,
    amount_schema,
    number_schema,
    refuse,
    whole_number,
)
from schemas.base.privacy import mask_emails
from schemas.records.erp import OPTIONAL_FIELDS, ErpCategory, ErpProduct

LONGEST_SKU = 100  # WooCommerce's lookup table holds no more
LONGEST_DESCRIPTION = 200_000
MOST_PIECES = 2**31 - 1
MOST_IMAGES = 50
MOST_CATEGORIES = 100
MOST_ATTRIBUTES = 10
LONGEST_OPTION = 100
ALTERED_IN_SKU = re.compile(r"[,<\t\n\r\f\v]|  |%[0-9A-Fa-f]{2}")
SIGNED = re.compile(r"-?[0-9]{1,10}")
WEB_ADDRESS = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)


class Id(StrictField):
    """A UUID in its usual text form."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:
        if not isinstance(value, str):
            raise refuse("not_a_uuid")
        try:
            return UUID(value)
        except ValueError:
            raise refuse("not_a_uuid") from None

    def fast_type(self) -> Any:
        return UUID

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "format": "uuid"}


class Sku(MaskedText):
    """A stock keeping unit that WooCommerce stores unchanged.

    It trims blanks and joins them, removes tags and what looks like an escape (`%41`), and splits its filter at commas.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        sku = super()._deserialize(value, attr, data, **kwargs)
        if _is_altered(sku):
            raise refuse("not_a_sku")
        return sku

    def fast_type(self) -> Any:
        return super().fast_type()

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        skus = [*super().fast_column(column)]
        if any(map(_is_altered, skus)):
            raise Unsure
        return skus

    def json_schema(self) -> JsonSchema:
        pattern = rf"^(?!.*(%[0-9A-Fa-f]{{2}}|  ))[^,<{BLANK}]([^,<\u0000\t\n\r\f\v]*[^,<{BLANK}])?$"
        return {"type": "string", "maxLength": self.longest, "pattern": pattern}


def _is_altered(sku: str) -> bool:
    return sku != sku.strip() or ALTERED_IN_SKU.search(sku) is not None


class Price(Money):
    """An amount of zero or more."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        amount = super()._deserialize(value, attr, data, **kwargs)
        if amount < 0:
            raise refuse("out_of_range")
        return amount

    def fast_type(self) -> Any:
        return super().fast_type()

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        prices = [*super().fast_column(column)]
        if any(price is not None and price < 0 for price in prices):
            raise Unsure
        return prices

    def json_schema(self) -> JsonSchema:
        return amount_schema(0, r"^[0-9]{1,13}(\.[0-9]{1,6})?$")


class Pieces(StrictField):
    """A whole number of pieces. It is below zero when more was sold than is in stock."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = whole_number(value, SIGNED)
        if number is None:
            raise refuse("not_a_whole_number")
        if abs(number) > MOST_PIECES:
            raise refuse("out_of_range")
        return number

    def fast_type(self) -> Any:
        return Annotated[int, Meta(ge=-MOST_PIECES, le=MOST_PIECES)]

    def json_schema(self) -> JsonSchema:
        return number_schema(-MOST_PIECES, MOST_PIECES, "^-?[0-9]{1,9}$")


class ImageUrl(Text):
    """An address from which the shop downloads a picture."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        url = super()._deserialize(value, attr, data, **kwargs)
        if not WEB_ADDRESS.fullmatch(url):
            raise refuse("not_a_url")
        if mask_emails(url) != url:  # a masked URL would not work
            raise refuse("holds_an_address")
        return url

    def fast_type(self) -> Any:
        return super().fast_type()

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        if not all(WEB_ADDRESS.fullmatch(url) and mask_emails(url) == url for url in column):
            raise Unsure
        return column

    def json_schema(self) -> JsonSchema:
        no_address = r"(?!.*(@|%(25)*40|&(#|amp;|commat)|\\[ux]))"
        pattern = rf"^{no_address}https?://[A-Za-z0-9.-]+(:[0-9]{{1,5}})?(/[!-~]*)?$"
        return {"type": "string", "format": "uri", "maxLength": self.longest, "pattern": pattern}


class Several(ContractField, fields.List[Any]):
    """A list of at most `most` plain values."""

    default_error_messages = {"required": "required", "null": "required", "invalid": "not_a_list"}  # noqa: RUF012 - marshmallow's own shape

    inner: StrictField

    def __init__(self, inner: StrictField, *, most: int, **kwargs: Any) -> None:
        super().__init__(inner, **kwargs)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.most:
            raise refuse("too_many")
        return super()._deserialize(value, attr, data, **kwargs)

    def fast_type(self) -> Any:
        return Annotated[list[self.inner.fast_type()], Meta(max_length=self.most)]  # type: ignore[misc]  # made at run time

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        return [entries and [*self.inner.fast_column(entries)] for entries in column]

    def json_schema(self) -> JsonSchema:
        return {"maxItems": self.most}


class Options(StrictField):
    """An option by attribute, as {"Size": "M"}, for a variation."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict):
            raise refuse("not_an_object")
        if len(value) > MOST_ATTRIBUTES:
            raise refuse("too_many")
        text = MaskedText(blank=False, longest=LONGEST_OPTION)
        return tuple((text.deserialize(name), text.deserialize(option)) for name, option in sorted(value.items()))

    def json_schema(self) -> JsonSchema:
        option = MaskedText(blank=False, longest=LONGEST_OPTION).json_schema()
        return {
            "type": "object",
            "maxProperties": MOST_ATTRIBUTES,
            "propertyNames": option,
            "additionalProperties": option,
        }


class ErpProductSchema(RecordSchema):
    """A product of the ERP. A field that is left out is never sent, one that is null is cleared.

    Without `manage_stock`, stock is managed if there is a quantity.
    """

    product_id = Id(required=True)
    sku = Sku(required=True, blank=False, longest=LONGEST_SKU)
    name = MaskedText(required=True, blank=False)
    description = MaskedText(load_default=None, allow_none=True, longest=LONGEST_DESCRIPTION)
    regular_price = Price(load_default=None, allow_none=True)
    sale_price = Price(load_default=None, allow_none=True)
    sale_from = Timestamp(load_default=None, allow_none=True)
    sale_to = Timestamp(load_default=None, allow_none=True)
    manage_stock = Flag(load_default=None, allow_none=True)
    stock_quantity = Pieces(load_default=None, allow_none=True)
    image_urls = Several(ImageUrl(blank=False), most=MOST_IMAGES, load_default=(), allow_none=True)
    category_ids = Several(Id(), most=MOST_CATEGORIES, load_default=(), allow_none=True)
    allow_manual_woocommerce_offers = Flag(load_default=False)
    version = Count(load_default=None, allow_none=True)
    parent_id = Id(load_default=None, allow_none=True)
    attributes = Options(load_default=(), allow_none=True)

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_kwargs: Any) -> ErpProduct:
        if data["parent_id"] == data["product_id"]:
            raise ValidationError({"parent_id": ["out_of_range"]})
        # A variation without an attribute would stand for any option, and an attribute belongs to a variation.
        if data["parent_id"] is not None and not data["attributes"]:
            raise ValidationError({"attributes": ["required"]})
        if data["parent_id"] is None and data["attributes"]:
            raise ValidationError({"parent_id": ["required"]})
        sale, regular = data["sale_price"], data["regular_price"]
        # WooCommerce silently drops a sale price that is not below the regular one.
        if sale is not None and (regular is None or sale >= regular):
            raise ValidationError({"sale_price": ["not_below_regular_price"]})
        begins, ends = data["sale_from"], data["sale_to"]
        if begins is not None and ends is not None and ends < begins:
            raise ValidationError({"sale_to": ["before_its_begin"]})
        data["image_urls"] = tuple(data["image_urls"] or ())
        data["category_ids"] = tuple(dict.fromkeys(data["category_ids"] or ()))
        data["attributes"] = data["attributes"] or ()
        stated = set(original)
        if data["manage_stock"] is None:
            data["manage_stock"] = data["stock_quantity"] is not None
            stated |= {"manage_stock"} if "stock_quantity" in original else set()
        return ErpProduct(**data, stated_fields=tuple(name for name in OPTIONAL_FIELDS if name in stated))


class ErpCategorySchema(RecordSchema):
    """A category of the ERP."""

    category_id = Id(required=True)
    name = MaskedText(required=True, blank=False, longest=200)
    parent_id = Id(load_default=None, allow_none=True)
    version = Count(load_default=None, allow_none=True)

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], _original: dict[str, Any], **_kwargs: Any) -> ErpCategory:
        if data["parent_id"] == data["category_id"]:
            raise ValidationError({"parent_id": ["out_of_range"]})
        return ErpCategory(**data)
