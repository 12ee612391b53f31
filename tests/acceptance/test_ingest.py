"""Ingest over HTTP with real processes: any order, many at once, several stores, and clients that misbehave."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import httpx
import pytest

from app.settings.environment import load_settings
from tests.acceptance.conftest import MOST_BODY_BYTES
from tests.support.factories import make_category, make_customer, make_item, make_order, make_product
from tests.support.stack import Shop, Stack

T = TypeVar("T")

EACH = 200  # records of each kind
PER_BATCH = 20
ENTITIES = ("orders", "products", "customers", "categories")
LINKS = {
    "orders": """SELECT o.customer_external_id, t.external_id FROM orders o
                   LEFT JOIN customers t ON t.store_id = o.store_id AND t.id = o.customer_id WHERE o.store_id = %s""",
    "items": """SELECT i.product_external_id, t.external_id FROM order_items i
                  LEFT JOIN products t ON t.store_id = i.store_id AND t.id = i.product_id WHERE i.store_id = %s""",
    "products": """SELECT p.category_external_id, t.external_id FROM products p
                     LEFT JOIN categories t ON t.store_id = p.store_id AND t.id = p.category_id WHERE p.store_id = %s""",
    "categories": """SELECT c.parent_external_id, t.external_id FROM categories c
                       LEFT JOIN categories t ON t.store_id = c.store_id AND t.id = c.parent_id
                      WHERE c.store_id = %s AND c.parent_external_id IS NOT NULL""",
}


def at_once(calls: Sequence[Callable[[], T]], threads: int = 8) -> list[T]:
    """The answers, in the order of the calls."""
    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def make_linked() -> list[tuple[str, list[dict[str, Any]]]]:
    """Batches whose records refer to records of other batches, all over the place."""
    numbers = range(1, EACH + 1)
    other = [*numbers]
    random.Random(7).shuffle(other)
    pairs = list(zip(numbers, other, strict=True))
    records: dict[str, list[dict[str, Any]]] = {
        "orders": [make_order(wc_order_id=n, customer_id=o, items=[make_item(wc_product_id=o)]) for n, o in pairs],
        "products": [make_product(wc_product_id=n, category_id=o) for n, o in pairs],
        "customers": [make_customer(wc_customer_id=n) for n in other],
        "categories": [make_category(wc_category_id=n, parent_id=o if n != o else None) for n, o in pairs],
    }
    starts = range(0, EACH, PER_BATCH)
    return [(entity, records[entity][start : start + PER_BATCH]) for entity in ENTITIES for start in starts]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_links_are_complete_in_whatever_order_batches_come(shop: Shop, seed: int) -> None:
    batches = make_linked()
    random.Random(seed).shuffle(batches)
    jobs = at_once([partial(shop.accept, entity, records) for entity, records in batches])
    ended = shop.wait_completed(jobs, 60.0)
    assert sum(job["counts"]["inserted"] for job in ended) == EACH * len(ENTITIES)
    for name, query in LINKS.items():
        pairs = shop.stack.sql(query, shop.id)
        assert len(pairs) >= EACH - 5, name  # a category is not its own parent
        assert [pair for pair in pairs if pair[0] != pair[1]] == [], f"links of {name} are open or wrong"


def test_twenty_identical_posts_at_once_make_one_log(shop: Shop) -> None:
    barrier = threading.Barrier(20)

    def post() -> httpx.Response:
        barrier.wait()
        return shop.post("orders", [make_order()], Idempotency_Key="once")

    answers = at_once([post] * 20, threads=20)
    assert {answer.status_code for answer in answers} == {202}
    (job,) = {answer.json()["data"]["jobId"] for answer in answers}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    shop.wait_completed([job])
    assert shop.stack.one("SELECT count(*) FROM sync_logs WHERE store_id = %s", shop.id) == 1
    assert shop.post("orders", [make_order(total=1)], Idempotency_Key="once").status_code == 422


@pytest.mark.parametrize("flood", [100, pytest.param(300, marks=pytest.mark.slow)])
def test_a_flood_of_one_store_does_not_hold_up_another(stack: Stack, shop: Shop, flood: int) -> None:
    other = stack.create_store("Other shop")
    with stack.frozen("worker"):
        numbers = range(1, flood + 1)
        jobs = at_once([partial(shop.accept, "orders", [make_order(wc_order_id=number)]) for number in numbers])
        ahead = stack.one("SELECT count(*) FROM sync_logs WHERE store_id = %s AND enqueued_at IS NOT NULL", shop.id)
        late = other.accept("orders", [make_order()])
    # Accepts that run at the same time do not see each other's logs, so each API thread may admit one beyond the window.
    settings = load_settings({})
    assert ahead <= settings.queue_window + settings.web_workers * settings.web_threads < flood
    other.wait_completed([late])
    finished = stack.one("SELECT finished_at FROM sync_logs WHERE id = %s", late)
    after = "SELECT count(*) FROM sync_logs WHERE store_id = %s AND (finished_at IS NULL OR finished_at > %s)"
    assert stack.one(after, shop.id, finished) > 0
    shop.wait_completed(jobs, 60.0)


def test_two_stores_at_once_never_mix(stack: Stack) -> None:
    shops = [stack.create_store(name) for name in ("Left", "Right")]
    posted = {shop.id: [tagged_orders(shop, first) for first in range(1, 401, 40)] for shop in shops}
    calls = [(shop, batch) for shop in shops for batch in posted[shop.id]]
    random.Random(3).shuffle(calls)
    accepted = at_once([partial(shop.accept, "orders", batch) for shop, batch in calls])
    jobs = [(shop, job) for (shop, _), job in zip(calls, accepted, strict=True)]
    for shop in shops:
        own = [job for owner, job in jobs if owner is shop]
        assert all(job["counts"]["inserted"] == 40 for job in shop.wait_completed(own))
        rows = stack.sql("SELECT external_id, payment_method FROM orders WHERE store_id = %s ORDER BY 1", shop.id)
        assert rows == [(number, str(shop.id)) for number in range(1, 401)]
        foreign = next(job for owner, job in jobs if owner is not shop)
        unknown = "00000000-0000-7000-8000-000000000000"
        answers = [shop.call("GET", f"/api/sync/jobs/{job}") for job in (foreign, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert shop.call("POST", f"/api/sync/jobs/{foreign}/cancel").status_code == 404


def tagged_orders(shop: Shop, first: int) -> list[dict[str, Any]]:
    return [make_order(wc_order_id=number, payment_method=str(shop.id)) for number in range(first, first + 40)]


def test_a_client_that_prefers_to_wait_gets_its_result_at_once(shop: Shop) -> None:
    began = time.monotonic()
    answer = shop.post("orders", [make_order(), make_order(wc_order_id=0)], Prefer="wait=20")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["syncedCount"] == 1
    assert answer.json()["data"]["skippedCount"] == 1
    assert time.monotonic() - began < 5.0


class Raw:
    """A connection on which every byte is ours."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.socket = socket.create_connection(("127.0.0.1", shop.stack.up.port), timeout=20.0)

    def head(self, *lines: str) -> Raw:
        head = ["POST /api/sync/orders HTTP/1.1", "Host: test", f"Authorization: Bearer {self.shop.token}"]
        return self.send("\r\n".join([*head, "Content-Type: application/json", *lines, "", ""]).encode())

    def send(self, data: bytes) -> Raw:
        try:
            self.socket.sendall(data)
        except OSError:  # refused already
            pass
        return self

    def chunk(self, data: bytes) -> Raw:
        return self.send(b"%x\r\n" % len(data) + data + b"\r\n")

    def hang_up(self) -> Raw:
        """Say that nothing more comes; the answer can still be read."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def answer(self) -> bytes:
        """All that comes until the server closes; nothing if it closed at once."""
        parts = []
        try:
            while part := self.socket.recv(65536):
                parts.append(part)
        except ConnectionError:
            pass
        return b"".join(parts)

    def status(self) -> int | None:
        answer = self.answer()
        return int(answer.split(b" ", 2)[1]) if answer else None


@contextmanager
def raw(shop: Shop) -> Iterator[Raw]:
    connection = Raw(shop)
    try:
        yield connection
    finally:
        connection.socket.close()


def logs_of(shop: Shop) -> int:
    return int(shop.stack.one("SELECT count(*) FROM sync_logs WHERE store_id = %s", shop.id))


def body_of(size: int) -> bytes:
    """A batch that is valid JSON however short it is cut behind its first record, and `size` bytes long."""
    batch = json.dumps({"orders": [make_order()]}).encode()
    return batch + b" " * (size - len(batch))


def test_a_chunked_body_over_the_limit_is_refused_and_not_cut(shop: Shop) -> None:
    with raw(shop) as connection:
        connection.head("Transfer-Encoding: chunked", "Connection: close")
        connection.chunk(body_of(MOST_BODY_BYTES)).chunk(b" ").send(b"0\r\n\r\n")
        assert connection.status() == 413
    with raw(shop) as connection:
        connection.head("Transfer-Encoding: chunked", "Connection: close").chunk(body_of(MOST_BODY_BYTES))
        for _ in range(64):
            connection.chunk(b" " * 65536)
        assert connection.status() in (413, None)  # None: it hung up while we still sent
    assert logs_of(shop) == 0


def test_a_chunked_body_at_the_limit_is_taken(shop: Shop) -> None:
    with raw(shop) as connection:
        connection.head("Transfer-Encoding: chunked", "Connection: close")
        connection.chunk(body_of(MOST_BODY_BYTES)).send(b"0\r\n\r\n")
        assert connection.status() == 202


BROKEN = {
    "body shorter than announced": (("Content-Length: 5000",), body_of(1000)),
    "chunks without an end": (("Transfer-Encoding: chunked",), b"3e8\r\n" + body_of(1000) + b"\r\n"),
    "chunk cut short": (("Transfer-Encoding: chunked",), b"7d0\r\n" + body_of(1000)),
    "chunk size that is none": (("Transfer-Encoding: chunked",), b"zz\r\n" + body_of(1000) + b"\r\n0\r\n\r\n"),
    "length and chunks": (("Content-Length: 9", "Transfer-Encoding: chunked"), b"3e8\r\n" + body_of(1000) + b"\r\n0\r\n\r\n"),
    "two lengths": (("Content-Length: 1000", "Content-Length: 900"), body_of(1000)),
    "negative length": (("Content-Length: -1",), body_of(1000)),
    "length that is none": (("Content-Length: ten",), body_of(1000)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_is_refused_and_leaves_nothing(shop: Shop, name: str) -> None:
    lines, body = BROKEN[name]
    with raw(shop) as connection:
        status = connection.head(*lines, "Connection: close").send(body).hang_up().status()
    assert status in (400, 411, None)
    assert logs_of(shop) == 0
    assert shop.post("orders", [make_order()], Prefer="wait=10").status_code == 200


def test_slow_clients_do_not_slow_others(shop: Shop) -> None:
    slow = [Raw(shop).head("Content-Length: 5000") for _ in range(6)]
    try:
        for connection in slow:
            connection.send(b'{"orders"')
        for number in range(1, 11):
            began = time.monotonic()
            shop.accept("orders", [make_order(wc_order_id=number)])
            assert time.monotonic() - began < 2.0
            slow[number % 6].send(b" ")
    finally:
        for connection in slow:
            connection.socket.close()
    assert logs_of(shop) == 10


def test_garbage_behind_a_good_request_is_refused_on_its_own(shop: Shop) -> None:
    body = json.dumps({"orders": [make_order()]}).encode()
    with raw(shop) as connection:
        connection.head(f"Content-Length: {len(body)}").send(body + b"\x00\xff GARBAGE / HTTP/9\r\n\r\n").hang_up()
        answer = connection.answer()
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert b"HTTP/1.1 200" not in answer and answer.count(b" 202 ") == 1
    assert logs_of(shop) == 1
    assert shop.stack.up.health() == 200
