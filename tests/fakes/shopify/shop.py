"""A fake Shopify: the REST Admin API of one shop, as strict as the real one and as slow, faulty or busy as a test wants it.

In a test: `with FakeShopify(orders=500) as shop:`. By itself: `python -m tests.fakes.shopify --port 9301 --orders 60000`.
"""

from __future__ import annotations

import argparse
import bisect
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import msgspec

from tests.fakes.common.server import Call, FakeServer, Reply, serve_until_stopped
from tests.fakes.common.table import Table
from tests.fakes.shopify.bucket import Bucket, Refusal
from tests.fakes.shopify.paging import (
    SEE,
    TIME_FILTERS,
    beyond,
    changed_since,
    is_inside,
    link_header,
    opened,
    sealed,
    status_of,
)
from tests.fakes.shopify.records import customer, iso, order, product, seconds
from tests.fakes.shopify.tokens import TOKEN_PATH, TokenOffice

TOKEN = "shpat_fake_token"
SUPPORTED = ("2025-10", "2026-01", "2026-04", "2026-07")
FIRST_ORDER, FIRST_PRODUCT, FIRST_CUSTOMER = 5_000_000_000, 900_000, 700_000
BEGIN = 1_767_225_600  # 2026-01-01T00:00:00Z
SIXTY_DAYS = 60 * 86400
LIST_ENDS_AFTER = 25_000
FILTERS = ("since_id", "created_at_min", "created_at_max", "updated_at_min", "updated_at_max", "status", "ids")

Query = dict[str, str]


class FakeShopify:
    """One shop. `tables` may be read and edited while it serves; `server` has counters, faults and latency."""

    def __init__(
        self,
        *,
        orders: int = 0,
        products: int = 0,
        customers: int = 0,
        port: int = 0,
        begin: int = BEGIN,
        step: float = 60,
        bucket: tuple[int, float] = (40, 2.0),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tables = {
            "orders": Table(order, orders, first_id=FIRST_ORDER, begin=begin, step=step),
            "products": Table(product, products, first_id=FIRST_PRODUCT, begin=begin, step=step),
            "customers": Table(customer, customers, first_id=FIRST_CUSTOMER, begin=begin, step=step),
        }
        self.clock = clock
        self.server = FakeServer(self._answer, port, clock)
        self.bucket = Bucket(*bucket, monotonic)
        self.office = TokenOffice(TOKEN, clock)
        self.scopes = {"read_orders", "read_all_orders", "read_products", "read_customers"}
        self.oldest_cursor = 0.0  # cursors given out before are no longer taken
        self.list_ends_after = LIST_ENDS_AFTER

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def credentials(self) -> dict[str, str]:
        """The credentials of a store for this shop."""
        return {"access_token": self.office.token}

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.server.__exit__(kind, error, at)

    def add(self, entity: str = "orders", at: int | None = None, **fields: Any) -> int:
        """Add a record, now or at that second; returns its id."""
        return self.tables[entity].add(int(self.clock()) if at is None else at, **fields)

    def edit(self, key: int, entity: str = "orders", at: int | None = None, **fields: Any) -> None:
        moment = int(self.clock()) if at is None else at
        self.tables[entity].edit(key, moment, **{**fields, "updated_at": iso(moment)})

    def _answer(self, call: Call) -> Reply:
        try:
            if call.path == TOKEN_PATH:
                return self.office.answer(call)
            limit = self.bucket.take()
            self._let_in(call)
            version, entity, counting = self._route(call.path)
            reply = self._list(call, entity, counting)
        except Refusal as refusal:
            return refusal.reply
        told = {"X-Shopify-Shop-Api-Call-Limit": limit, "X-Shopify-Api-Version": max(version, SUPPORTED[0])}
        return Reply(reply.status, reply.body, {**reply.headers, **told, "X-Request-Id": "fake-request"})

    def _let_in(self, call: Call) -> None:
        over = self.clock() >= self.office.ends
        if call.headers.get("X-Shopify-Access-Token") != self.office.token or over:
            raise Refusal(401, "[API] Invalid API key or access token (unrecognized login or wrong password)")

    def _route(self, path: str) -> tuple[str, str, bool]:
        parts = path.removeprefix("/admin/api/").removesuffix(".json").split("/")
        if not path.startswith("/admin/api/") or not path.endswith(".json") or parts[1] not in self.tables:
            raise Refusal(404, "Not Found")
        if f"read_{parts[1]}" not in self.scopes:
            raise Refusal(403, f"[API] This action requires merchant approval for read_{parts[1]} scope.")
        return parts[0], parts[1], parts[2:] == ["count"]

    def _list(self, call: Call, entity: str, counting: bool) -> Reply:
        query = dict(parse_qsl(call.query, keep_blank_values=True))
        if "page" in query:
            raise Refusal(400, {"page": f"page cannot be passed. {SEE}"})
        if counting:
            return Reply(200, b'{"count":%d}' % len(self._found(entity, query)))
        limit = int(query.get("limit") or 50)
        if not 1 <= limit <= 250:
            raise Refusal(400, {"limit": "limit must be from 1 to 250"})
        with self.tables[entity].lock:
            return self._page(call, entity, query, limit)

    def _page(self, call: Call, entity: str, query: Query, limit: int) -> Reply:
        state: dict[str, Any] = (
            self._resumed(query) if "page_info" in query else {"filters": query, "last": None, "seen": 0}
        )
        filters: Query = {name: value for name, value in state["filters"].items() if name in FILTERS}
        keys = self._found(entity, filters)
        if state["last"] is not None:
            keys = beyond(keys, state["last"], ascending="since_id" in filters)
        keys, more = keys[:limit], len(keys) > limit
        seen = state["seen"] + len(keys)
        headers: dict[str, str] = {}
        if more and seen < self.list_ends_after:
            info = sealed({"filters": filters, "last": keys[-1], "seen": seen, "at": self.clock()})
            headers["Link"] = link_header(f"{self.url}{call.path}", limit, info, first=state["last"] is None)
        return Reply(200, self._encoded(entity, keys, query.get("fields")), headers)

    def _resumed(self, query: Query) -> dict[str, Any]:
        for name in query:
            if name not in ("page_info", "limit", "fields"):
                raise Refusal(400, {name: f"{name} cannot be passed when page_info is present. {SEE}"})
        state = opened(query["page_info"])
        if state["at"] < self.oldest_cursor:
            raise Refusal(400, {"page_info": f"Invalid value. {SEE}"})
        return state

    def _found(self, entity: str, query: Query) -> list[int]:
        table = self.tables[entity]
        keys = changed_since(table, seconds(query["updated_at_min"])) if "updated_at_min" in query else table.ids
        if "since_id" in query:
            keys = keys[bisect.bisect_right(keys, int(query["since_id"])) :]
        else:
            keys = keys[::-1]
        bounds = [(part, name, seconds(query[name])) for name, part in TIME_FILTERS if name in query]
        hidden = self.clock() - SIXTY_DAYS if entity == "orders" and "read_all_orders" not in self.scopes else None
        if bounds or hidden is not None:
            keys = [key for key in keys if is_inside(table.times(key), bounds, hidden)]
        if entity == "orders" and query.get("status", "open") != "any":
            keys = [key for key in keys if status_of(table.get(key)) == query.get("status", "open")]
        return keys

    def _encoded(self, entity: str, keys: list[int], wanted: str | None) -> bytes:
        rows = map(self.tables[entity].get, keys)
        if wanted is not None:
            names = wanted.split(",")
            rows = ({name: row[name] for name in names if name in row} for row in rows)  # type: ignore[assignment]
        return msgspec.json.encode({entity: list(rows)})


def main() -> None:
    parser = argparse.ArgumentParser(description="a fake Shopify shop on loopback")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--products", type=int, default=0)
    parser.add_argument("--customers", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument(
        "--calls-per-second", type=float, default=2.0, help="what the bucket leaks; it holds 20 times that"
    )
    parser.add_argument("--fault-chance", type=float, default=0.0)
    args = parser.parse_args()
    bucket = (int(args.calls_per_second * 20), args.calls_per_second)
    fake = FakeShopify(
        orders=args.orders, products=args.products, customers=args.customers, port=args.port, bucket=bucket
    )
    fake.server.latency = args.latency
    fake.server.faults.at_random(args.fault_chance)
    serve_until_stopped(fake, fake.url, fake.credentials)
