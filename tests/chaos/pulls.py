"""Pulls under faults: a TikTok shop that keeps changing, pulled again and again, and in the end compared row by row."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.chaos.law import Change, History, Watcher
from tests.fakes.tiktok.records import FIRST_ORDER
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.stack import Shop, Stack
from tests.support.waiting import wait_until

ORDERS = "/api/tiktok/sync/orders"
COUNT = 2000
STATUSES = ("UNPAID", "AWAITING_SHIPMENT", "IN_TRANSIT", "COMPLETED", "CANCELLED")
NEW, LATE = 0.2, 0.05  # of the changes; a late order is shown after the time that it bears
MOST_LATE_SECONDS = 200  # the overlap begins with 300
FAULTY = 0.05  # of the platform's answers
END_SECONDS = 120.0
ROWS = "SELECT external_id, platform_status, extract(epoch FROM date_modified)::bigint FROM orders WHERE store_id = %s"


@dataclass
class PulledShop:
    """A platform, the store that is connected to it, and what was seen to go wrong."""

    fake: FakeTiktok
    shop: Shop
    watcher: Watcher
    runs: int = 0
    wrong: list[str] = field(default_factory=list)

    def change(self, stop: threading.Event, draw: random.Random) -> None:
        """Orders come, some of them late, and change without end, and the platform stumbles now and then."""
        self.fake.server.faults.at_random(FAULTY, seed=draw.randint(0, 1000))
        while not stop.is_set():
            moment, what = int(time.time()), draw.random()
            if what < NEW:
                moment -= draw.randint(1, MOST_LATE_SECONDS) if what < LATE else 0
                order = self.fake.add(at=moment)
            else:
                order = FIRST_ORDER + draw.randrange(len(self.fake.tables["orders"]))
                self.fake.edit(order, at=moment, status=draw.choice(STATUSES))
            self.watcher.history.changes.append(Change(order, moment, time.time()))
            time.sleep(draw.uniform(0.01, 0.1))

    def pull(self, stop: threading.Event, draw: random.Random) -> None:
        """One run after the other: incremental, full or limited."""
        while not stop.is_set():
            path = draw.choice((ORDERS, ORDERS, f"{ORDERS}?max_records=150", f"{ORDERS}/full"))
            job = self._start(path)
            if job is not None:
                self._wait_ended(job, stop)
            time.sleep(0.2)

    def _start(self, path: str) -> str | None:
        try:
            answer = self.shop.call("POST", path)
        except httpx.TransportError:
            return None
        if answer.status_code not in (202, 409, 429, 503):
            self.wrong.append(f"start: {answer.status_code} {answer.text}")
        return str(answer.json()["data"]["jobId"]) if answer.status_code == 202 else None

    def _wait_ended(self, job: str, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                answer = self.shop.call("GET", f"/api/sync/jobs/{job}")
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200 and answer.json()["data"]["status"] != "running":
                self.runs += 1
                return
            time.sleep(0.3)


def connect(stack: Stack, fake: FakeTiktok) -> PulledShop:
    shop = stack.connect_store("tiktok", fake.url, fake.credentials)
    orders = fake.tables["orders"]
    history = History([Change(order, orders.times(order)[1], 0.0) for order in orders.ids])
    return PulledShop(fake, shop, Watcher(shop, history))


def judge(pulled: PulledShop) -> list[str]:
    """What is wrong once the faults are over and one more run has read what changed."""
    stack, shop, fake = pulled.shop.stack, pulled.shop, pulled.fake
    fake.server.faults.at_random(0.0)
    wait_until(lambda: not _running(stack, shop), END_SECONDS, "the end of the run in progress")
    for _ in range(2):  # the first may only finish what a limited run has left
        shop.wait_completed([shop.start(ORDERS)], END_SECONDS)
    pulled.watcher.look()
    must = {int(row["id"]): (row["status"], row["update_time"]) for row in fake.tables["orders"].all()}
    found = {row[0]: row[1:] for row in stack.sql(ROWS, shop.id)}
    wrong = [f"pulled order {key}: is {found.get(key)}, must be {must.get(key)}" for key in must.keys() | found.keys()
             if found.get(key) != must.get(key)]  # fmt: skip
    inserted = stack.one("SELECT sum(inserted) FROM sync_logs WHERE store_id = %s", shop.id)
    if inserted != len(found):
        wrong.append(f"{inserted} pulled orders were counted as inserted, {len(found)} stand")
    unbalanced = stack.one(
        "SELECT count(*) FROM sync_logs WHERE store_id = %s AND received <> records_synced + records_skipped", shop.id
    )
    if unbalanced:
        wrong.append(f"{unbalanced} runs do not balance")
    if not pulled.watcher.moves:
        wrong.append("no watermark was ever seen")
    return [*pulled.wrong, *pulled.watcher.wrong, *wrong]


def _running(stack: Stack, shop: Shop) -> bool:
    return bool(stack.one("SELECT count(*) FROM sync_logs WHERE store_id = %s AND status = 'running'", shop.id))
