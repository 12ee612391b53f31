"""The sample shop's catalogue in WooCommerce's form: 30 categories in three levels, and 300 products."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from itertools import product
from random import Random
from typing import Any

from app.demo.story import NEWEST, OLDEST, gmt, money

Resource = dict[str, Any]

FIRST_CATEGORY_ID = 1_001
FIRST_PRODUCT_ID = 20_001
PRODUCTS = 300

# Department → aisle → shelves. Real shops have names with & and accents, too.
TREE: dict[str, dict[str, tuple[str, ...]]] = {
    "Garden": {
        "Pots & planters": ("Terracotta", "Hanging baskets"),
        "Hand tools": ("Secateurs & shears", "Trowels"),
        "Watering": ("Hoses",),
    },
    "Kitchen": {
        "Cookware": ("Frying pans", "Casseroles"),
        "Knives & boards": (),
        "Coffee & tea": ("Cafetières", "Teapots"),
    },
    "Home": {"Lighting": ("Desk lamps", "Lanterns"), "Textiles": ("Throws", "Cushions"), "Candles": ()},
    "Outdoor": {"Camping": ("Tents", "Stoves"), "Picnic": ()},
}
# By category: the lowest price in whole dollars, and the goods.
GOODS: dict[str, tuple[int, tuple[str, ...]]] = {
    "Terracotta": (6, ("Round pot", "Strawberry planter", "Saucer")),
    "Hanging baskets": (14, ("Wire basket", "Woven basket", "Rail basket")),
    "Secateurs & shears": (18, ("Bypass secateurs", "Hedge shears", "Grass shears")),
    "Trowels": (9, ("Planting trowel", "Bulb planter", "Hand fork")),
    "Watering": (12, ("Watering can", "Rain gauge", "Sprinkler")),
    "Hoses": (24, ("Garden hose", "Soaker hose", "Hose reel")),
    "Frying pans": (29, ("Iron skillet", "Crêpe pan", "Sauté pan")),
    "Casseroles": (49, ("Round casserole", "Oval casserole", "Tagine")),
    "Knives & boards": (16, ("Chef's knife", "Bread knife", "Chopping board")),
    "Cafetières": (21, ("Cafetière", "Moka pot", "Pour-over dripper")),
    "Teapots": (19, ("Teapot", "Tea strainer", "Kettle")),
    "Desk lamps": (34, ("Arm lamp", "Clip lamp", "Reading lamp")),
    "Lanterns": (15, ("Storm lantern", "Paper lantern", "Solar lantern")),
    "Throws": (39, ("Wool throw", "Cotton throw", "Picnic rug")),
    "Cushions": (17, ("Floor cushion", "Seat pad", "Bolster")),
    "Candles": (5, ("Pillar candle", "Beeswax candle", "Candle holder")),
    "Tents": (119, ("Two-person tent", "Family tent", "Tarp")),
    "Stoves": (45, ("Gas stove", "Wood stove", "Windshield")),
    "Picnic": (11, ("Picnic basket", "Enamel mug", "Cool bag")),
}
FINISHES = ("small", "large", "black", "sage green", "ochre", "with gift box")


def categories() -> list[Resource]:
    found: list[Resource] = []

    def add(name: str, parent: int) -> int:
        category_id = FIRST_CATEGORY_ID + len(found)
        found.append({"id": category_id, "name": escape(name, quote=False), "parent": parent, "count": 0})
        return category_id

    for department, aisles in TREE.items():
        department_id = add(department, 0)
        for aisle, shelves in aisles.items():
            aisle_id = add(aisle, department_id)
            for shelf in shelves:
                add(shelf, aisle_id)
    return found


def products(rng: Random, shelves: list[Resource]) -> list[Resource]:
    """PRODUCTS products, each in one of `shelves`, whose `count` is raised. Some are on sale, sold out or private."""
    by_name = {shelf["name"]: shelf for shelf in shelves}
    offers = [
        (shelf, lowest, f"{good}, {finish}")
        for shelf, (lowest, goods) in GOODS.items()
        for good, finish in product(goods, FINISHES)
    ]
    return [
        _product(rng, FIRST_PRODUCT_ID + index, by_name[escape(shelf, quote=False)], name, lowest)
        for index, (shelf, lowest, name) in enumerate(rng.sample(offers, PRODUCTS))
    ]


def _product(rng: Random, product_id: int, shelf: Resource, name: str, lowest: int) -> Resource:
    cents = (lowest + rng.randrange(lowest * 2)) * 100 + rng.choice((0, 49, 90, 99))
    regular, sale = money(cents), money(cents * 4 // 5) if rng.random() < 0.15 else ""
    stock = rng.choice((0, 0, 3, 8, 12, 25, 40, 60, 120)) if rng.random() < 0.8 else None
    status = rng.choices(("publish", "draft", "private"), (94, 4, 2))[0]
    shelf["count"] += status == "publish"
    created = OLDEST - timedelta(days=rng.randrange(30, 400), seconds=rng.randrange(86_400))
    return {
        "id": product_id,
        "name": escape(name, quote=False),
        "sku": f"{''.join(word[0] for word in name.split()).upper()}-{product_id}",
        "price": sale or regular,
        "regular_price": regular,
        "sale_price": sale,
        "categories": [{"id": shelf["id"], "name": shelf["name"]}],
        "stock_quantity": stock,
        "stock_status": "outofstock" if stock == 0 else "instock",
        "status": status,
        "type": "variable" if rng.random() < 0.1 else "simple",
        "date_created_gmt": gmt(created),
        "date_modified_gmt": gmt(created + (NEWEST - created) * rng.random()),
    }
