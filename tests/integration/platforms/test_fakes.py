"""The fakes themselves: as strict as the platforms, and able to run as processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.tiktok.gate import expected_signature
from tests.fakes.tiktok.shop import APP_KEY, APP_SECRET, FakeTiktok

ORDERS = "/admin/api/2026-07/orders.json"
SEARCH = "/order/202309/orders/search"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def shopify(stack: ExitStack, **shop: Any) -> tuple[FakeShopify, httpx.Client]:
    fake = stack.enter_context(FakeShopify(**shop))
    headers = {"X-Shopify-Access-Token": fake.office.token}
    return fake, stack.enter_context(httpx.Client(base_url=fake.url, headers=headers, timeout=10))


def test_shopify_lists_open_orders_by_default(stack: ExitStack) -> None:
    fake, client = shopify(stack, orders=5)
    fake.edit(fake.tables["orders"].ids[0], closed_at="2026-02-01T00:00:00-05:00")
    fake.edit(fake.tables["orders"].ids[1], cancelled_at="2026-02-01T00:00:00-05:00")
    counts = {
        status: len(client.get(ORDERS, params={"status": status}).json()["orders"]) for status in ("any", "closed")
    }
    assert counts == {"any": 5, "closed": 1}
    assert len(client.get(ORDERS).json()["orders"]) == 3


def test_shopify_allows_only_limit_and_fields_with_a_cursor(stack: ExitStack) -> None:
    _, client = shopify(stack, orders=5)
    link = client.get(ORDERS, params={"limit": 2}).links["next"]["url"]
    assert client.get(f"{link}&fields=id").status_code == 200
    refused = client.get(f"{link}&status=any")
    assert refused.status_code == 400
    assert "cannot be passed when page_info is present" in refused.json()["errors"]["status"]
    assert client.get(ORDERS, params={"page": 2}).status_code == 400
    assert client.get(ORDERS, params={"limit": 251}).status_code == 400


def test_shopify_counts_calls_in_a_bucket(stack: ExitStack) -> None:
    _, client = shopify(stack, orders=1, bucket=(3, 0.001))
    levels = [client.get(ORDERS).headers["X-Shopify-Shop-Api-Call-Limit"] for _ in range(3)]
    assert levels == ["1/3", "2/3", "3/3"]
    full = client.get(ORDERS)
    assert (full.status_code, full.headers["Retry-After"]) == (429, "2.0")


def test_shopify_serves_retired_versions_by_the_oldest(stack: ExitStack) -> None:
    _, client = shopify(stack, orders=1)
    assert client.get("/admin/api/2020-01/orders.json").headers["X-Shopify-Api-Version"] == "2025-10"
    assert client.get(ORDERS, headers={"X-Shopify-Access-Token": "x"}).status_code == 401
    assert client.get("/admin/api/2026-07/unicorns.json").status_code == 404


class Signed:
    """Signs as the documentation says, by the fake's own reading of it."""

    def __init__(self, stack: ExitStack, fake: FakeTiktok) -> None:
        self.fake = fake
        self.client = stack.enter_context(httpx.Client(base_url=fake.url, timeout=10))

    def search(self, body: bytes, query: dict[str, str], sent: bytes | None = None) -> Any:
        full = {
            "app_key": APP_KEY,
            "timestamp": str(int(self.fake.clock())),
            "shop_cipher": self.fake.gate.cipher,
            **query,
        }
        full["sign"] = expected_signature(APP_SECRET, SEARCH, full, body)
        headers = {"x-tts-access-token": self.fake.gate.access_token, "content-type": "application/json"}
        return self.client.post(SEARCH, params=full, content=sent or body, headers=headers).json()


def test_tiktok_checks_the_signature_over_received_bytes(stack: ExitStack) -> None:
    signed = Signed(stack, stack.enter_context(FakeTiktok(orders=5)))
    assert signed.search(b"{}", {"page_size": "2"})["data"]["total_count"] == 5
    assert signed.search(b"{}", {"page_size": "2"}, b"{ }")["code"] == 106001


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b'{"page_size":2}', {"page_size": "2"}),
        (b"{}", {"page_size": "101"}),
        (b"{}", {}),
        (b"{}", {"page_size": "2", "update_time_ge": "5"}),
        (b"{}", {"page_size": "2", "page_token": "!"}),
        (b"{}", {"page_size": "2", "timestamp": "5"}),
    ],
)
def test_tiktok_is_strict_about_parameters(stack: ExitStack, body: bytes, query: dict[str, str]) -> None:
    signed = Signed(stack, stack.enter_context(FakeTiktok(orders=5)))
    assert signed.search(body, query)["code"] == 36009004


def test_tiktok_pages_drift_when_an_order_is_edited(stack: ExitStack) -> None:
    fake = stack.enter_context(FakeTiktok(orders=4))
    signed = Signed(stack, fake)
    by_update = {"page_size": "2", "sort_field": "update_time", "sort_order": "ASC"}
    first = signed.search(b"{}", by_update)["data"]
    fake.edit(fake.tables["orders"].ids[0])
    second = signed.search(b"{}", by_update | {"page_token": first["next_page_token"]})["data"]
    read = [int(order["id"]) for page in (first, second) for order in page["orders"]]
    assert fake.tables["orders"].ids[2] not in read


def test_tiktok_lists_newest_first_by_default(stack: ExitStack) -> None:
    fake = stack.enter_context(FakeTiktok(orders=5))
    signed = Signed(stack, fake)
    first = signed.search(b"{}", {"page_size": "4"})["data"]
    last = signed.search(b"{}", {"page_size": "4", "page_token": first["next_page_token"]})["data"]
    ids = [int(order["id"]) for order in first["orders"] + last["orders"]]
    assert ids == fake.tables["orders"].ids[::-1]
    assert last["next_page_token"] == ""


@pytest.mark.parametrize("platform", ["shopify", "tiktok"])
def test_fake_runs_as_a_process_until_stopped(platform: str) -> None:
    command = [sys.executable, "-m", f"tests.fakes.{platform}", "--orders", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert httpx.get(told["url"], timeout=10).status_code in (401, 404)
        assert told["credentials"]["access_token"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
