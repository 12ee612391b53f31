"""The demos `make demo-shopify` and `make demo-tiktok`: a store connected to a fake platform, pulled twice."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.commands.demo import base_url, running_stack
from app.settings.environment import load_settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import Endpoints
from app.usecases.stores import connected, create_store, set_credentials
from tests.fakes.shopify.shop import FIRST_ORDER as FIRST_SHOPIFY
from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.tiktok.records import FIRST_ORDER as FIRST_TIKTOK
from tests.fakes.tiktok.shop import FakeTiktok

POLL_SECONDS = 0.3
CHANGED = 50


@dataclass(frozen=True)
class Story:
    """One platform's demo: the first pull, and the one after orders changed."""

    platform: str
    fake: FakeShopify | FakeTiktok
    first: tuple[str, dict[str, Any]]
    then: tuple[str, dict[str, Any]]
    change: Callable[[int], None]


def shopify() -> Story:
    fake = FakeShopify(orders=15_000)
    start = "/api/shopify/sync/jobs/start"
    return Story(
        "shopify",
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
        "tiktok",
        fake,
        (start, {}),
        (start, {}),
        lambda number: fake.edit(FIRST_TIKTOK + number * 100, status="CANCELLED"),
    )


STORIES = {"shopify": shopify, "tiktok": tiktok}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("platform", choices=STORIES)
    platform = parser.parse_args().platform
    settings = load_settings(os.environ)
    try:
        with running_stack(settings) as endpoints:
            return tell(STORIES[platform](), endpoints, base_url(settings), Console())
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def tell(story: Story, endpoints: Endpoints, url: str, console: Console) -> int:
    """Run both pulls; 0 if both completed."""
    with story.fake as fake, httpx.Client(base_url=url, timeout=10.0) as http:
        with connected(endpoints.database_url) as conn:
            store = create_store(conn, f"A fake {story.platform} shop", story.platform, fake.url)
            set_credentials(conn, endpoints.require_secret_key(), store.store_id, fake.credentials)
        http.headers["Authorization"] = f"Bearer {store.token}"
        console.print(f"A fake {story.platform} shop serves at {fake.url}.", highlight=False)
        first = pull(http, *story.first, console)
        show(console, first, fake)
        for number in range(CHANGED):
            story.change(number)
        console.print(f"{CHANGED} orders have changed.")
        second = pull(http, *story.then, console)
        show(console, second, fake)
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
    counts = ", ".join(f"{count} {name}" for name, count in job["counts"].items() if count)
    pages, calls = job["progress"]["pages"], sum(fake.server.calls.values())
    fake.server.calls.clear()
    console.print(f"{job['status']}: {counts or 'nothing'}; {pages} pages, {calls} calls.", highlight=False)
    if job["error"]:
        console.print(f"{job['error']['code']}: {job['error']['message']}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
