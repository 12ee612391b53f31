"""Attributes of variable products and their variations, as WooCommerce takes them; pure.

An attribute belongs to the shop (it has an id and its terms are shared) or to one product (id 0). A write replaces the list
of a product as a whole, so what the shop has there is sent along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workers.outbound.planning.sanitize import clean_name

AttributeIds = Mapping[str, int]  # the shop's own attributes, by `attribute_name`
Options = Mapping[str, Sequence[str]]  # of the ERP, by attribute
SLUG = "pa_"


def attribute_name(text: str) -> str:
    """A name or slug of an attribute, so that those of one attribute are equal."""
    return clean_name(text.removeprefix(SLUG)).casefold().replace("-", " ").strip()


def ids_by_name(attributes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The shop's own attributes by name and by slug."""
    by_name = {attribute_name(one["name"]): one["id"] for one in attributes}
    return by_name | {attribute_name(one["slug"]): one["id"] for one in attributes}


def attributes_of_product(
    options: Options, theirs: Sequence[Mapping[str, Any]], ids: AttributeIds
) -> list[dict[str, Any]]:
    """The list of a variable product: what it has, with the options of the ERP's variations added."""
    rest = {attribute_name(name): (name, list(several)) for name, several in options.items()}
    merged: list[dict[str, Any]] = []
    for one in theirs:
        _, wanted = rest.pop(attribute_name(one["name"]), ("", []))
        held = {option.casefold() for option in one["options"]}
        added = [option for option in wanted if option.casefold() not in held]
        has_variations = bool(wanted) or one["variation"]
        merged.append({**one, "variation": has_variations, "options": [*one["options"], *added]})
    for name, wanted in rest.values():
        merged.append({**_named(name, ids), "visible": True, "variation": True, "options": wanted})
    return merged


def attributes_of_variation(attributes: Sequence[tuple[str, str]], ids: AttributeIds) -> list[dict[str, Any]]:
    return [{**_named(name, ids), "option": option} for name, option in attributes]


def takes_variation(product: Mapping[str, Any], attributes: Sequence[tuple[str, str]]) -> bool:
    """Whether the shop's product is variable and has these options: the shop would drop others without a word."""
    held = {
        (attribute_name(one["name"]), option.casefold())
        for one in product.get("attributes") or ()
        if one["variation"]
        for option in one["options"]
    }
    is_variable = product.get("type") == "variable" and product.get("status") != "trash"
    return is_variable and all((attribute_name(name), option.casefold()) in held for name, option in attributes)


def meaning_of_attributes(attributes: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool, list[str]]]:
    """What a list stands for: the options of a product, and for which of them it has variations, or those of a variation."""
    return sorted(
        (
            str(one["id"]) if one.get("id") else attribute_name(one["name"]),
            one.get("variation", True),
            sorted(option.casefold() for option in _options_of(one)),
        )
        for one in attributes
    )


def shown_attributes(attributes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{one.get('name') or one['id']}: {', '.join(_options_of(one))}" for one in attributes]


def _options_of(attribute: Mapping[str, Any]) -> Sequence[str]:
    return attribute["options"] if "options" in attribute else [attribute["option"]]


def _named(name: str, ids: AttributeIds) -> dict[str, Any]:
    known = ids.get(attribute_name(name))
    return {"name": clean_name(name)} if known is None else {"id": known}
