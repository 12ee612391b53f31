"""The sample shop's customers and orders in WooCommerce's form. Amounts add up to the cent."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from itertools import product
from random import Random
from typing import Any

from app.demo.story import NEWEST, OLDEST, gmt, in_cents, moments, money

Resource = dict[str, Any]

FIRST_CUSTOMER_ID = 5_001
FIRST_ORDER_ID = 30_001
CUSTOMERS = 800
ORDERS = 2_400

GUESTS = 0.18
TAX_PER_MILLE = 82  # 8.2 %, rounded down to the cent
SHIPPING_CENTS = (0, 495, 795, 1250)
COUPONS = {"welcome10": 10, "spring15": 15, "friends20": 20}  # percent
PAYMENTS = ("stripe", "paypal", "cod", "bacs")
SETTLED = (("completed", 86), ("refunded", 4), ("cancelled", 7), ("failed", 3))
FRESH = (("processing", 60), ("on-hold", 10), ("pending", 12), ("completed", 14), ("cancelled", 4))
FRESH_FOR = timedelta(days=10)

GIVEN = (
    "Ada", "Amélie", "Bashir", "Bram", "Carmen", "Chidi", "Daria", "Deniz", "Elif", "Emeka", "Farah", "Finn", "Greta",
    "Hana", "Iris", "Ivo", "Jonas", "Kaya", "Lena", "Luca", "Mara", "Mateo", "Nadia", "Noor", "Otto", "Paloma", "Priya",
    "Rosa", "Søren", "Tara", "Uma", "Viktor", "Wren", "Yara", "Zoë",
)  # fmt: skip
FAMILY = (
    "Abbot", "Bergström", "Castillo", "Dvořák", "Egede", "Ferreira", "Grünwald", "Haddad", "Ivanova", "Jansen", "Kovač",
    "Lindqvist", "Moreau", "Nakamura", "O'Hara", "Pereira", "Quist", "Romero", "Sato", "Țurcanu", "Uzun", "Varga",
    "Whitlock", "Xu", "Yilmaz", "Zielińska",
)  # fmt: skip


def customers(rng: Random) -> list[Resource]:
    """CUSTOMERS made-up people. One in 25 has no name, and the e-mail address as user name."""
    people = rng.sample(list(product(GIVEN, FAMILY)), CUSTOMERS)
    return [_customer(rng, FIRST_CUSTOMER_ID + index, *person) for index, person in enumerate(people)]


def _customer(rng: Random, customer_id: int, given: str, family: str) -> Resource:
    email = f"{_ascii(given)}.{_ascii(family)}{customer_id}@example.test"
    nameless = rng.random() < 0.04
    return {
        "id": customer_id,
        "email": email,
        "first_name": "" if nameless else given,
        "last_name": "" if nameless else family,
        "username": email if nameless else f"{_ascii(given)}{customer_id}",
        "date_created_gmt": gmt(OLDEST - timedelta(seconds=rng.randrange(300 * 86_400))),
    }


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalpha())


def orders(rng: Random, people: list[Resource], goods: list[Resource]) -> list[Resource]:
    """ORDERS orders, with ids in order of time. A few people and products make most of the sales."""
    loyal = [1 / (rank + 10) for rank in range(len(people))]
    liked = [1 / (rank + 20) for rank in range(len(goods))]
    found = []
    for index, moment in enumerate(moments(rng, ORDERS)):
        buyer = 0 if rng.random() < GUESTS else rng.choices(people, loyal)[0]["id"]
        size = rng.choices(range(1, 7), (44, 26, 14, 8, 5, 3))[0]
        basket = {good["id"]: good for good in rng.choices(goods, liked, k=size)}
        lines = [_line(rng, good) for good in basket.values()]
        found.append(_order(rng, FIRST_ORDER_ID + index, moment, buyer, lines))
    return found


def _line(rng: Random, good: Resource) -> Resource:
    quantity = rng.choices((1, 2, 3, 6), (78, 15, 5, 2))[0]
    amount = money(in_cents(good["price"]) * quantity)
    return {
        "name": good["name"],
        "product_id": good["id"],
        "sku": good["sku"],
        "quantity": quantity,
        "subtotal": amount,
        "total": amount,
    }


def _order(rng: Random, order_id: int, moment: datetime, buyer: int, lines: list[Resource]) -> Resource:
    coupon = rng.choice(list(COUPONS)) if rng.random() < 0.12 else None
    discount = _apply_discount(lines, COUPONS[coupon]) if coupon else 0
    goods = sum(in_cents(line["total"]) for line in lines)
    statuses = FRESH if NEWEST - moment < FRESH_FOR else SETTLED
    tax, shipping = goods * TAX_PER_MILLE // 1000, rng.choice(SHIPPING_CENTS)
    return {
        "id": order_id,
        "status": rng.choices([status for status, _ in statuses], [weight for _, weight in statuses])[0],
        "currency": "USD",
        "date_created_gmt": gmt(moment),
        "date_modified_gmt": gmt(min(NEWEST, moment + timedelta(seconds=rng.randrange(6 * 86_400)))),
        "total": money(goods + tax + shipping),
        "total_tax": money(tax),
        "shipping_total": money(shipping),
        "discount_total": money(discount),
        "customer_id": buyer,
        "payment_method": rng.choices(PAYMENTS, (62, 25, 8, 5))[0],
        "coupon_lines": [{"code": coupon, "discount": money(discount)}] if coupon else [],
        "line_items": lines,
    }


def _apply_discount(lines: list[Resource], percent: int) -> int:
    total = 0
    for line in lines:
        cents = in_cents(line["subtotal"])
        off = cents * percent // 100
        line["total"] = money(cents - off)
        total += off
    return total
