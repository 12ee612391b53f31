"""A fake TikTok Shop: the Partner API of one shop, as strict as the real one and as faulty or busy as a test wants it.

Page tokens are offsets, so that pages drift when an order is edited in mid-walk. In a test: `with FakeTiktok(orders=500) as
shop:`. By itself: `python -m tests.fakes.tiktok --port 9302 --orders 276000`.
"""

from __future__ import annotations

import argparse
import base64
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from tests.fakes.common.server import Call, FakeServer, Reply, serve_until_stopped
from tests.fakes.common.table import Moment, Table
from tests.fakes.tiktok.gate import COMMON, Gate, Refusal
from tests.fakes.tiktok.records import (
    FIRST_CANCELLATION,
    FIRST_ORDER,
    FIRST_PRODUCT,
    FIRST_RETURN,
    cancelled,
    order,
    product,
    returned,
)

APP_KEY, APP_SECRET = "68fakeappkey", "fake-tiktok-app-secret"
BEGIN = 1_767_225_600  # 2026-01-01T00:00:00Z
PRODUCTS_LISTED = 10_000
PATHS = {
    "/order/202309/orders/search": "orders",
    "/product/202502/products/search": "products",
    "/return_refund/202602/returns/search": "return_orders",
    "/return_refund/202602/cancellations/search": "cancellations",
}
LARGEST_PAGE = {"orders": 100, "products": 100, "return_orders": 50, "cancellations": 50}
SHOPS_PATH = "/authorization/202309/shops"
REFRESH_PATH = "/api/v2/token/refresh"
IN_QUERY = (*COMMON, "page_size", "page_token", "sort_field", "sort_order")


class FakeTiktok:
    """One shop, API and token host in one. `tables` may be read and edited while it serves; `gate` has the tokens."""

    def __init__(
        self,
        *,
        orders: int = 0,
        products: int = 0,
        returns: int = 0,
        cancellations: int = 0,
        port: int = 0,
        begin: int = BEGIN,
        step: float = 60,
        calls_per_second: int = 1_000_000,
        token_life: int = 7 * 86400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tables = {
            "orders": Table(order, orders, first_id=FIRST_ORDER, begin=begin, step=step),
            "products": Table(product, products, first_id=FIRST_PRODUCT, begin=begin, step=step),
            "return_orders": Table(returned, returns, first_id=FIRST_RETURN, begin=begin, step=step),
            "cancellations": Table(cancelled, cancellations, first_id=FIRST_CANCELLATION, begin=begin, step=step),
        }
        self.clock = clock
        self.age = 0  # page tokens of another age are no longer taken
        self.own_order = ("create_time", "DESC")  # where a call asks for none
        self.gate = Gate(APP_KEY, APP_SECRET, clock, calls_per_second, token_life)
        self.server = FakeServer(self._answer, port, clock)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def credentials(self) -> dict[str, str]:
        tokens = {name: str(value) for name, value in self.gate.tokens().items()}
        app = {"app_key": APP_KEY, "app_secret": APP_SECRET, "shop_cipher": self.gate.cipher, "auth_url": self.url}
        return {**app, **tokens}

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
        self.tables[entity].edit(key, moment, **{**fields, "update_time": moment})

    def _answer(self, call: Call) -> Reply:
        try:
            data = self._data(call)
            return Reply(200, _enveloped(data), is_lost=call.path == REFRESH_PATH and self.gate.loses())
        except Refusal as refusal:
            return refusal.reply

    def _data(self, call: Call) -> bytes:
        if (call.method, call.path) == ("GET", REFRESH_PATH):
            return msgspec.json.encode(self.gate.refresh(call))
        if (call.method, call.path) == ("GET", SHOPS_PATH):
            self.gate.check(call, in_shop=False)
            shop = {"id": "7000714532876273420", "name": "Fake", "region": "GB", "cipher": self.gate.cipher}
            return msgspec.json.encode({"shops": [shop]})
        entity = PATHS.get(call.path)
        if entity is None or call.method != "POST":
            raise Refusal(36009009, "Invalid path.", 404)
        query = self.gate.check(call, in_shop=True)
        if entity not in self.gate.scopes:
            raise Refusal(105005, "Access denied. The access scopes do not contain the required access scope.")
        return self._search(entity, query, _object(call.body))

    def _search(self, entity: str, query: dict[str, str], body: dict[str, Any]) -> bytes:
        for name in query.keys() - set(IN_QUERY):
            raise Refusal(36009004, f"param query.{name} is not expected")
        size = int(query.get("page_size") or 0)
        if not 1 <= size <= LARGEST_PAGE[entity]:
            raise Refusal(36009004, "param query.page_size is out of range")
        at = _offset(query.get("page_token", ""), self.age)
        if entity == "products" and at + size > PRODUCTS_LISTED:
            raise Refusal(12052180, "The search results exceed 10,000.")
        with self.tables[entity].lock:
            return self._page(entity, query, body, at, size)

    def _page(self, entity: str, query: dict[str, str], body: dict[str, Any], at: int, size: int) -> bytes:
        index, low, high = self._window(entity, query, body)
        ascending = query.get("sort_order", self.own_order[1]) == "ASC"
        keys = _slice(index, low + at, min(low + at + size, high), low, high, ascending)
        token = _token(at + size, self.age) if low + at + size < high else ""
        rows = [self.tables[entity].get(key) for key in keys]
        return msgspec.json.encode({"next_page_token": token, "total_count": high - low, entity: rows})

    def _window(self, entity: str, query: dict[str, str], body: dict[str, Any]) -> tuple[list[Moment], int, int]:
        bounds = _bounds(body, "le" if entity == "products" else "lt")
        field = query.get("sort_field", self.own_order[0])
        table = self.tables[entity]
        index = table.updated if field == "update_time" else table.created
        low, high = table.window(index, *bounds[field])
        other = "create_time" if field == "update_time" else "update_time"
        if bounds[other] != (None, None):
            index = [entry for entry in index[low:high] if _is_inside(table.times(entry[1]), other, *bounds[other])]
            low, high = 0, len(index)
        return index, low, high


def _bounds(body: dict[str, Any], upper: str) -> dict[str, tuple[int | None, int | None]]:
    fields = ("create_time", "update_time")
    for name in body.keys() - {f"{field}_{end}" for field in fields for end in ("ge", upper)}:
        raise Refusal(36009004, f"param body.{name} is not expected")
    found: dict[str, tuple[int | None, int | None]] = {}
    for field in fields:
        until = body.get(f"{field}_{upper}")
        found[field] = body.get(f"{field}_ge"), until + 1 if until is not None and upper == "le" else until
    return found


def _is_inside(times: tuple[int, int], field: str, since: int | None, until: int | None) -> bool:
    moment = times[0] if field == "create_time" else times[1]
    return (since is None or moment >= since) and (until is None or moment < until)


def _slice(index: list[Moment], start: int, stop: int, low: int, high: int, ascending: bool) -> list[int]:
    if ascending:
        return [key for _, key in index[start:stop]]
    return [key for _, key in index[low + high - stop : low + high - start][::-1]]


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal(36009022, "Invalid format. The body is not a JSON object.", 400)
    return found


def _offset(token: str, age: int) -> int:
    try:
        offset, born = base64.b64decode(token)[3:].split(b" ") if token else (b"0", b"%d" % age)
        if int(born) == age:
            return int(offset)
    except ValueError:
        pass
    raise Refusal(36009004, "param query.page_token is invalid")


def _token(offset: int, age: int) -> str:
    # Opaque, with characters that must be percent-encoded.
    return base64.b64encode(b"\xfb\xef\xff" + f"{offset} {age}".encode()).decode()  # begins with ++//


def _enveloped(data: bytes) -> bytes:
    return b'{"code":0,"message":"Success","request_id":"202406100749000101890810281E8C70B7","data":' + data + b"}"


def main() -> None:
    parser = argparse.ArgumentParser(description="a fake TikTok shop on loopback")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--products", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument("--calls-per-second", type=int, default=50)
    parser.add_argument("--token-life", type=int, default=7 * 86400, help="seconds that an access token lives")
    parser.add_argument("--fault-chance", type=float, default=0.0)
    args = parser.parse_args()
    fake = FakeTiktok(
        orders=args.orders,
        products=args.products,
        port=args.port,
        calls_per_second=args.calls_per_second,
        token_life=args.token_life,
    )
    fake.server.latency = args.latency
    fake.server.faults.at_random(args.fault_chance)
    serve_until_stopped(fake, fake.url, fake.credentials)
