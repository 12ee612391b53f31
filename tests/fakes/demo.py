"""The demos `make demo-shopify`, `demo-tiktok` and `demo-woo`: a store that is connected to a fake shop on loopback."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from psycopg import Connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.commands.demo import running_stack
from app.settings.environment import load_settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import Endpoints, api_url
from app.usecases.sign_in_links import make_link
from app.usecases.stores import connected, create_store, delete_store, list_stores, set_credentials
from tests.fakes.demo_woo import tell_woo
from tests.fakes.shopify.shop import FIRST_ORDER as FIRST_SHOPIFY
from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.tiktok.records import FIRST_ORDER as FIRST_TIKTOK
from tests.fakes.tiktok.shop import FakeTiktok
from tests.fakes.woocommerce import FakeWooCommerce

POLL_SECONDS = 0.3
CHANGED = 50
NAME = "A fake {} shop"


@dataclass(frozen=True)
class Story:
    """One platform's demo: the first pull, and the one after orders changed."""

    fake: FakeShopify | FakeTiktok
    first: tuple[str, dict[str, Any]]
    then: tuple[str, dict[str, Any]]
    change: Callable[[int], None]


def shopify() -> Story:
    fake = FakeShopify(orders=15_000)
    start = "/api/shopify/sync/jobs/start"
    return Story(
        fake,
        (start, {"jobType": "orders", "syncMode": "populate"}),
        (start, {"jobType": "orders", "syncMode": "update", "staleAfterMins": 60}),
        lambda number: fake.edit(FIRST_SHOPIFY + number * 100, financial_status="refunded"),
    )


def tiktok() -> Story:
    fake = FakeTiktok(orders=20_000)
    fake.server.latency = 0.03
    start = "/api/tiktok/sync/orders"
    return Story(
        fake,
        (start, {}),
        (start, {}),
        lambda number: fake.edit(FIRST_TIKTOK + number * 100, status="CANCELLED"),
    )


STORIES = {"shopify": shopify, "tiktok": tiktok}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("platform", choices=(*STORIES, "woocommerce"))
    platform = parser.parse_args().platform
    settings = load_settings(os.environ)
    try:
        with running_stack(settings) as endpoints:
            return tell(platform, endpoints, api_url(settings), Console())
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def tell(platform: str, endpoints: Endpoints, url: str, console: Console) -> int:
    """Run one demo; 0 if all of it completed."""
    if platform in STORIES:
        story = STORIES[platform]()
        with story.fake as fake, _connected(platform, fake, endpoints, url, console) as http:
            return tell_pulls(story, http, console)
    with FakeWooCommerce() as shop, _connected(platform, shop, endpoints, url, console) as http:
        return tell_woo(shop, http, console)


@contextmanager
def _connected(
    platform: str, fake: FakeShopify | FakeTiktok | FakeWooCommerce, endpoints: Endpoints, url: str, console: Console
) -> Iterator[httpx.Client]:
    """A new store of this shop, shown with its token and a link to sign in; the client calls the API as its admin."""
    with connected(endpoints.database_url) as conn:
        for store_id in gone_stores(conn):
            delete_store(conn, store_id)
        store = create_store(conn, NAME.format(platform), platform, fake.url, "admin")
        set_credentials(conn, endpoints.require_secret_key(), store.store_id, fake.credentials)
        link = make_link(conn, url, store.token)
    for name, value in (("shop", fake.url), ("console", f"{link}  (works once)"), ("token", store.token)):
        console.print(f"{name:<9}{value}", highlight=False, soft_wrap=True)
    with httpx.Client(base_url=url, timeout=10.0, headers={"Authorization": f"Bearer {store.token}"}) as http:
        yield http


def gone_stores(conn: Connection) -> list[UUID]:
    """Stores of earlier demos, whose fake shops have ended with them."""
    names = {NAME.format(platform) for platform in (*STORIES, "woocommerce")}
    return [store.id for store in list_stores(conn) if store.name in names and not answers(store.shop_url or "")]


def answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=2.0)
    except (httpx.TransportError, httpx.UnsupportedProtocol):
        return False
    return True


def tell_pulls(story: Story, http: httpx.Client, console: Console) -> int:
    """Run both pulls; 0 if both completed."""
    first = pull(http, *story.first, console)
    show(console, first, story.fake)
    for number in range(CHANGED):
        story.change(number)
    console.print(f"{CHANGED} orders have changed.")
    second = pull(http, *story.then, console)
    show(console, second, story.fake)
    return 0 if first["status"] == second["status"] == "completed" else 1


def pull(http: httpx.Client, path: str, body: dict[str, Any], console: Console) -> dict[str, Any]:
    """Start a pull and follow it to its end."""
    receipt = http.post(path, json=body).raise_for_status().json()["data"]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{receipt['syncMode']} of orders", total=None)
        while True:
            job: dict[str, Any] = http.get(receipt["statusUrl"]).raise_for_status().json()["data"]
            bar.update(task, completed=job["progress"]["records"], total=job["progress"]["total"])
            if job["status"] != "running":
                return job
            time.sleep(POLL_SECONDS)


def show(console: Console, job: dict[str, Any], fake: FakeShopify | FakeTiktok) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in job["counts"].items() if count)
    pages, calls = job["progress"]["pages"], sum(fake.server.calls.values())
    fake.server.calls.clear()
    console.print(f"{job['status']}: {counts or 'nothing'}; {pages} pages, {calls} calls.", highlight=False)
    if job["error"]:
        console.print(f"{job['error']['code']}: {job['error']['message']}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
