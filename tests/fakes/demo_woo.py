"""The demo of outbound: an ERP's prices reach a fake WooCommerce shop, and a mistake is held until somebody approves it."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import httpx
from rich.console import Console

from tests.fakes.woocommerce import FakeWooCommerce

PRODUCTS = 60
CHANGED = 6
ERP = UUID("0f2b8a34-5a0e-4e0c-9d3c-2f7c1a9d7b10")  # the made-up ERP, whose ids are derived from it
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.2
WOO = "/api/v1/woocommerce"

Product = dict[str, Any]


def tell_woo(shop: FakeWooCommerce, http: httpx.Client, console: Console) -> int:
    """A change is sent, a mistake is held, and goes on once it is approved. 0 if the shop ends with the ERP's prices."""
    products = [product(number) for number in range(PRODUCTS)]
    put(http, products)
    wait_for(lambda: len(prices(shop)) == PRODUCTS and is_idle(http), "the first import")
    say(console, f"The ERP brought {PRODUCTS} products, and the shop has them all.")
    changed = [one | {"regular_price": "12.50"} for one in products[:CHANGED]] + products[CHANGED:]
    put(http, changed)
    wait_for(lambda: prices(shop) == wanted(changed) and is_idle(http), "the changed prices")
    say(console, f"{CHANGED} prices changed in the ERP, and were sent.")
    mistake = [one | {"regular_price": one["regular_price"].replace(".", "") + ".00"} for one in changed]
    put(http, mistake)
    hold = wait_for(lambda: open_hold(http), "a hold")
    sku = products[0]["sku"]
    say(console, f"Then somebody lost the decimal point of {PRODUCTS} prices ({sku}: 12.50 → 1250.00).")
    kept = prices(shop) == wanted(changed)
    say(console, f"Held: {hold['preview']['products']} products, because of {', '.join(hold['preview']['reasons'])}.")
    say(
        console,
        f"The shop {'still has the right prices' if kept else 'was changed'}; {sku} costs {prices(shop)[sku]:.2f}.",
    )
    http.post(f"{WOO}/sync/batches/{hold['batchId']}/approve").raise_for_status()
    wait_for(lambda: prices(shop) == wanted(mistake), "the approved prices")
    say(console, f"Approved, as `woo approve` does, and sent: {sku} costs {prices(shop)[sku]:.2f}.")
    return 0 if kept else 1


def product(number: int) -> Product:
    return {
        "product_id": str(uuid5(ERP, str(number))),
        "sku": f"POT-{number:03}",
        "name": f"Pot number {number}",
        "description": "A pot.",
        "regular_price": f"{number % 9 + 10}.90",
        "stock_quantity": 7,
    }


def put(http: httpx.Client, products: list[Product]) -> None:
    http.put("/api/v1/erp/products", json={"products": products}).raise_for_status()


def prices(shop: FakeWooCommerce) -> dict[str, Decimal]:
    with shop.state.lock:
        return {one["sku"]: Decimal(one["regular_price"]) for one in shop.state.products.values()}


def wanted(products: list[Product]) -> dict[str, Decimal]:
    return {one["sku"]: Decimal(one["regular_price"]) for one in products}


def is_idle(http: httpx.Client) -> bool:
    stats = http.get(f"{WOO}/sync/status").raise_for_status().json()["data"]
    return bool(stats["pending"] + stats["syncing"] == 0)


def open_hold(http: httpx.Client) -> dict[str, Any] | None:
    batches = http.get(f"{WOO}/sync/batches").raise_for_status().json()["data"]["batches"]
    held = [one for one in batches if one["status"] == "needs_approval"]
    return held[0] if held and held[0]["held"] and is_idle(http) else None


def wait_for(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := found()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {PATIENCE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return value


def say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
