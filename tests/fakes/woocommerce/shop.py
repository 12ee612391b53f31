"""The fake shop as a server: a WordPress site on loopback with its API, its pages, and the faults of its host."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.fakes.common.server import Call, FakeServer, Reply
from tests.fakes.woocommerce import api, orders, refunds
from tests.fakes.woocommerce.catalogue import categories, products, variations
from tests.fakes.woocommerce.errors import Crash, no_route, wp_die
from tests.fakes.woocommerce.faults import Fault, Faults
from tests.fakes.woocommerce.state import ApiKey, JsonObject, Settings, ShopState, folded

CONSUMER_KEY = "ck_" + "12" * 20
CONSUMER_SECRET = "cs_" + "34" * 20
PAGE = b'<!DOCTYPE html>\n<html lang="en-US"><head><title>A shop</title></head><body>{ }</body></html>'
WARNING = (
    b'<br />\n<b>Warning</b>:  Undefined array key "price" in <b>/srv/wp-content/plugins/x/y.php</b> on line <b>12</b>'
    b"<br />\n"
)
NGINX = b"<html>\r\n<head><title>%b</title></head>\r\n<body><hr><center>nginx</center></body>\r\n</html>\r\n"
PLAIN_SHOP = Settings(home="")
MAINTENANCE = "Briefly unavailable for scheduled maintenance. Check back in a minute."


class FakeWooCommerce:
    """A shop that serves while it is entered. `state` may be looked at and changed at any time, under its lock.

    `calls` counts calls by method and route with ids left out (`PUT /products/{id}`), pages of the site as `PAGE`. No call
    takes less than `latency` seconds, the shop's own work included. `before` is called ahead of each, with what `calls` counts.
    `clock` gives unix seconds.
    """

    def __init__(
        self,
        settings: Settings = PLAIN_SHOP,
        *,
        port: int = 0,
        keys: dict[str, ApiKey] | None = None,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = FakeServer(self._answer, port, clock, tls)
        settings = replace(settings, home=settings.home or self._server.url, https=settings.https or tls is not None)
        self.state = ShopState(settings, keys or {CONSUMER_KEY: ApiKey(CONSUMER_SECRET)}, clock)
        self.calls: Counter[str] = Counter()
        self.faults = Faults()
        self.latency = 0.0
        self.before: Callable[[str], object] = lambda endpoint: None
        self._closing = threading.Event()
        categories.add_default(self.state)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def credentials(self) -> dict[str, str]:
        name, key = next(iter(self.state.keys.items()))
        return {"consumer_key": name, "consumer_secret": key.secret}

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._server.__exit__(kind, error, at)

    def configure(self, **changes: Any) -> None:
        with self.state.lock:
            self.state.settings = replace(self.state.settings, **changes)

    def add_product(self, **payload: Any) -> JsonObject:
        with self.state.lock:
            return products.create(self.state, payload)

    def add_variation(self, parent_id: int, **payload: Any) -> JsonObject:
        with self.state.lock:
            return variations.create(self.state, parent_id, payload)

    def add_attribute(self, attribute_id: int, name: str, slug: str) -> JsonObject:
        """An attribute of the shop, which products refer to by id; its slug begins with `pa_`."""
        with self.state.lock:
            self.state.attributes[attribute_id] = {"id": attribute_id, "name": name, "slug": slug}
            return self.state.attributes[attribute_id]

    def edit_product(self, product_id: int, **payload: Any) -> JsonObject:
        """Change a product as somebody in the shop would: its modified date moves."""
        with self.state.lock:
            return products.update(self.state, product_id, payload)

    def delete_category(self, category_id: int) -> None:
        with self.state.lock:
            categories.delete(self.state, category_id, force=True)

    def trash_product(self, product_id: int, *, force: bool = False) -> None:
        with self.state.lock:
            products.delete(self.state, product_id, force=force)

    def add_order(self, created: datetime, modified: datetime | None = None, **fields: Any) -> JsonObject:
        """Add an order; `fields` override its defaults."""
        with self.state.lock:
            return orders.add(self.state, created, modified, **fields)

    def touch_order(self, order_id: int, **fields: Any) -> JsonObject:
        """Change an order, which moves its modified date."""
        with self.state.lock:
            return orders.touch(self.state, order_id, **fields)

    def add_refund(self, order_id: int, amount: str, **fields: Any) -> JsonObject:
        with self.state.lock:
            return refunds.add(self.state, order_id, amount, **fields)

    def product_of(self, sku: str) -> JsonObject | None:
        """The product with a SKU, also a trashed one."""
        with self.state.lock:
            return self.state.products.get(self.state.skus.get(folded(sku), 0))

    def _answer(self, call: Call) -> Reply:
        route = self._route(call)
        endpoint = f"{call.method} {re.sub(r'/[0-9]+(?=/|$)', '/{id}', route)}" if route is not None else "PAGE"
        with self.state.lock:
            self.calls[endpoint] += 1
        came_at = time.monotonic()
        self.before(endpoint)
        reply = self._served(call, route)
        self._closing.wait(came_at + self.latency - time.monotonic())
        return reply

    def _served(self, call: Call, route: str | None) -> Reply:
        fault = self.faults.meet(f"{call.method} {route}" if route is not None else "PAGE")
        stopped = None if fault is None else _before_work(fault, call)
        if stopped is not None:
            return stopped
        reply = self._site(call) if route is None else self._api(call, route)
        return reply if fault is None else self._after_work(fault, reply)

    def _route(self, call: Call) -> str | None:
        path = call.path
        if path == "/":
            path = "/wp-json" + dict(parse_qsl(call.query)).get("rest_route", "")
        elif self.state.settings.plain_permalinks:
            return None
        return path.removeprefix("/wp-json/wc/v3") if path.startswith("/wp-json/wc/v3/") else None

    def _api(self, call: Call, route: str) -> Reply:
        outcome = api.answer(self.state, call, route)
        return _json(outcome.status, outcome.document, outcome.headers)

    def _site(self, call: Call) -> Reply:
        home = self.state.settings.home
        if not self.state.settings.plain_permalinks:
            return _index(call, self._routes())
        if call.method == "GET" and not call.path.endswith("/"):
            query = f"?{call.query}" if call.query else ""
            return Reply(301, b"", {"Content-Type": "text/html", "Location": f"{home}{call.path}/{query}"})
        return Reply(200, PAGE, {"Content-Type": "text/html; charset=UTF-8"})

    def _routes(self) -> JsonObject:
        # A client reads from these what a shop of this age can do.
        settings = self.state.settings
        paths = [
            "products",
            "products/batch",
            "products/(?P<product_id>[\\d]+)/variations",
            "orders",
            "products/categories",
        ]
        paths += ["variations"] if settings.lists_variations else []
        paths += ["refunds"] if settings.lists_refunds else []
        return {f"/wc/v3/{path}": {"namespace": "wc/v3", "methods": ["GET"]} for path in paths}

    def _after_work(self, fault: Fault, reply: Reply) -> Reply:
        if fault.kind == "php_warning":  # its output sent the headers: the status is 200, and totals are gone
            return Reply(200, WARNING + reply.body, {"Content-Type": "text/html; charset=UTF-8"})
        if fault.kind == "buffered_warning":
            return replace(reply, body=WARNING + reply.body)
        if fault.kind == "hang":
            self._closing.wait(fault.seconds)
        if fault.kind == "gateway_timeout":
            return Reply(504, NGINX % b"504 Gateway Time-out", {"Content-Type": "text/html"})
        return replace(reply, is_lost=fault.kind == "lost_answer")


def _index(call: Call, routes: JsonObject) -> Reply:
    if call.path.rstrip("/") == "/wp-json":
        return _json(200, {"name": "A shop", "namespaces": ["wp/v2", "wc/v3"], "routes": routes}, {})
    if call.path.startswith("/wp-json/"):
        return _json(404, no_route().body(), {})
    return Reply(404, PAGE, {"Content-Type": "text/html; charset=UTF-8"})


def _before_work(fault: Fault, call: Call) -> Reply | None:
    # WordPress dies in JSON only for those who ask for it.
    wants_json = "application/json" in call.headers.get("Accept", "")
    wait = {} if fault.seconds < 0 else {"Retry-After": f"{fault.seconds:g}"}
    if fault.kind == "rate_limit":
        return Reply(429, b"<html>Too many requests</html>", {"Content-Type": "text/html", **wait})
    if fault.kind == "maintenance":
        page = Reply(503, PAGE, {"Content-Type": "text/html; charset=UTF-8", **wait})
        return _json(503, wp_die(MAINTENANCE, 503), wait) if wants_json else page
    if fault.kind == "html":
        return Reply(200, PAGE, {"Content-Type": "text/html; charset=UTF-8"})
    if fault.kind == "error_page":
        return Reply(503, PAGE, {"Content-Type": "text/html; charset=UTF-8", **wait})
    if fault.kind == "database_down":
        dead = wp_die("<h1>Error establishing a database connection</h1>", 500)
        return (
            _json(500, dead, {})
            if call.method != "GET"
            else Reply(500, PAGE, {"Content-Type": "text/html; charset=UTF-8"})
        )
    if fault.kind == "crash":
        page = Reply(500, PAGE, {"Content-Type": "text/html; charset=UTF-8"})
        return _json(500, Crash().body(), {}) if wants_json else page
    if fault.kind == "bad_gateway":
        return Reply(502, NGINX % b"502 Bad Gateway", {"Content-Type": "text/html"})
    return Reply(0, b"", is_lost=True) if fault.kind == "drop" else None


def _json(status: int, document: Any, headers: dict[str, str]) -> Reply:
    body = json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()
    return Reply(status, body, {"Content-Type": "application/json; charset=UTF-8", **headers})
