"""Attributes of variable products: merged with what the shop has, and read by their meaning."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workers.outbound.planning.attributes import (
    attributes_of_product,
    attributes_of_variation,
    ids_by_name,
    meaning_of_attributes,
    takes_variation,
)

NAMES = st.sampled_from(["Size", "Colour", "size", "Care"])
OPTIONS = st.lists(st.sampled_from(["S", "M", "L", "XL"]), unique=True, min_size=1)


def held(name: str, options: list[str], *, variation: bool = True, attribute_id: int = 0) -> dict[str, Any]:
    return {"id": attribute_id, "name": name, "visible": True, "variation": variation, "options": options}


def test_an_attribute_of_the_shop_is_named_by_its_id() -> None:
    ids = ids_by_name(
        [{"id": 3, "name": "Shoe size", "slug": "pa_shoe-size"}, {"id": 4, "name": "Farbe", "slug": "pa_colour"}]
    )
    found = attributes_of_variation((("shoe size", "42"), ("Colour", "Blue"), ("Width", "Wide")), ids)
    assert found == [{"id": 3, "option": "42"}, {"id": 4, "option": "Blue"}, {"name": "Width", "option": "Wide"}]


def test_what_the_shop_offers_besides_is_kept() -> None:
    theirs = [held("Size", ["s", "M"], attribute_id=3), held("Care", ["Cold"], variation=False)]
    merged = attributes_of_product({"size": ["S", "L"], "Cut": ["Slim"]}, theirs, {})
    assert [(one["name"], one["variation"], one["options"]) for one in merged] == [
        ("Size", True, ["s", "M", "L"]),
        ("Care", False, ["Cold"]),
        ("Cut", True, ["Slim"]),
    ]


THEIRS = st.lists(st.builds(held, NAMES, OPTIONS), unique_by=lambda one: one["name"].casefold())


@given(st.dictionaries(NAMES, OPTIONS, max_size=3), THEIRS)
def test_a_merged_list_takes_every_variation_and_stays(
    options: dict[str, list[str]], theirs: list[dict[str, Any]]
) -> None:
    options = {name.casefold(): several for name, several in options.items()}
    merged = attributes_of_product(options, theirs, {})
    product = {"type": "variable", "status": "publish", "attributes": merged}
    assert all(takes_variation(product, [(name, one)]) for name, several in options.items() for one in several)
    again = attributes_of_product(options, merged, {})
    assert meaning_of_attributes(again) == meaning_of_attributes(merged)
    before = {(one["name"], option) for one in theirs for option in one["options"]}
    assert before <= {(one["name"], option) for one in merged for option in one["options"]}


def test_only_a_variable_product_takes_a_variation() -> None:
    size = [held("Size", ["S"]), held("Colour", ["Blue"], variation=False)]
    assert takes_variation({"type": "variable", "status": "draft", "attributes": size}, [("size", "s")])
    assert not takes_variation({"type": "simple", "status": "publish", "attributes": size}, [("Size", "S")])
    assert not takes_variation({"type": "variable", "status": "trash", "attributes": size}, [("Size", "S")])
    assert not takes_variation({"type": "variable", "status": "publish", "attributes": size}, [("Size", "M")])
    assert not takes_variation({"type": "variable", "status": "publish", "attributes": size}, [("Colour", "Blue")])
