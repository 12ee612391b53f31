"""Runs in target-postgres' own environment: loads each payload file named on standard input, and answers with the seconds.

The payload becomes Singer messages before the clock starts; reading them, as a target does from its tap, is measured. The
target is made once and stays, so that only the first payload pays for the table.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from target_postgres.target import TargetPostgres

STREAM = "orders"
AMOUNTS = ("total", "subtotal", "tax_total", "shipping_total", "discount_total")
TEXT = {"type": ["string", "null"]}
TIME = {"type": ["string", "null"], "format": "date-time"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "wc_order_id": {"type": "integer"},
        "date_created": TIME,
        "date_modified": TIME,
        "status": TEXT,
        **{name: {"type": ["number", "null"]} for name in AMOUNTS},
        "currency": TEXT,
        "customer_id": {"type": ["integer", "null"]},
        "payment_method": TEXT,
        "coupon_used": TEXT,
        "items": {"type": "array", "items": {"type": "object"}},
    },
}


def main(url: str) -> None:
    logging.disable(logging.WARNING)
    target = TargetPostgres(
        config={"sqlalchemy_url": url, "default_target_schema": "singer_orders", "use_copy": True},
    )
    for line in sys.stdin:
        messages = _messages(json.loads(Path(line.strip()).read_bytes())["orders"])
        began = time.perf_counter()
        target.listen(io.StringIO(messages))
        sys.stdout.write(f"{time.perf_counter() - began}\n")
        sys.stdout.flush()


def _messages(orders: list[dict[str, Any]]) -> str:
    schema = {"type": "SCHEMA", "stream": STREAM, "schema": SCHEMA, "key_properties": ["wc_order_id"]}
    records = ({"type": "RECORD", "stream": STREAM, "record": _with_numbers(order)} for order in orders)
    return "".join(json.dumps(message) + "\n" for message in (schema, *records))


def _with_numbers(order: dict[str, Any]) -> dict[str, Any]:
    """A tap sends an amount as a number; the payload has some as text."""
    return order | {name: float(order[name]) for name in AMOUNTS}


if __name__ == "__main__":
    main(*sys.argv[1:])
