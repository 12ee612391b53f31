"""Runs the fake WooCommerce shop as a process: prints its address and credentials as JSON."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from tests.fakes.common.server import serve_until_stopped
from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.fakes.woocommerce.faults import KINDS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.woocommerce", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--products", type=int, default=0, help="how many it begins with, SKU-00001 and on")
    parser.add_argument("--orders", type=int, default=0, help="how many it begins with, a minute apart up to now")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each call")
    parser.add_argument("--fault", choices=KINDS, action="append", default=[], help="one that meets every call")
    parser.add_argument("--seconds", type=float, default=31.0, help="of Retry-After, or of a hang")
    args = parser.parse_args()
    shop = FakeWooCommerce(port=args.port)
    fill(shop, args.products, args.orders)
    shop.latency = args.latency
    for kind in args.fault:
        shop.faults.add(Fault(kind, times=None, seconds=args.seconds))
    serve_until_stopped(shop, shop.url, shop.credentials)


def fill(shop: FakeWooCommerce, product_count: int, order_count: int) -> None:
    for number in range(1, product_count + 1):
        name, price = f"Product {number}", f"{number % 90 + 10}.90"
        shop.add_product(name=name, sku=f"SKU-{number:05}", regular_price=price, manage_stock=True, stock_quantity=7)
    begin = datetime.now(UTC) - timedelta(minutes=order_count)
    for number in range(order_count):
        shop.add_order(begin + timedelta(minutes=number))


if __name__ == "__main__":
    main()
