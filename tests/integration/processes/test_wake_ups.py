"""A worker is woken after the commit: at that moment every other connection sees what it is woken for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from psycopg import Connection
from redis import Redis
from werkzeug.test import TestResponse

from app.usecases.stores import CreatedStore, create_store, set_credentials
from db.core.tenancy import tenant
from db.pulls.schedules import Schedule, put_schedule
from db.sync.logs import Ticket
from tests.conftest import Servers
from tests.support.factories import make_order
from tests.support.outbound import SECRET_KEY, make_erp_product, put_products
from tests.support.pipeline import accept_batch, bearer, post
from tests.support.pulls import MemoryShop, revoked, start, turn
from workers.core.ids import new_id
from workers.core.queues import WakeUp, connect
from workers.core.runtime import Runtime
from workers.inbound.process import process
from workers.outbound.intake.event_sources import STREAM
from workers.outbound.intake.listener import Listener
from workers.processes.dispatcher import Dispatcher
from workers.pulls.start import Wanted

WOO = "/api/v1/woocommerce"
ORDERS = "/api/tiktok/sync/orders"
INCREMENTAL = Wanted("orders", "incremental")
ENQUEUED = "SELECT count(*) FROM sync_logs WHERE id = %s AND status = 'running' AND enqueues >= %s"
WAITING = "SELECT count(*) > 0 FROM wc_sync_items WHERE store_id = %s AND status = 'pending'"
IN_TRANSACTION = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name LIKE 'sluice %%' AND state LIKE 'idle in transaction%%'"""
FAIL = (
    "UPDATE sync_logs SET status = 'failed', phase = NULL, finished_at = now(), error_code = 'INTERNAL' WHERE id = %s"
)
SENT = "UPDATE wc_sync_items SET status = 'completed' WHERE store_id = %s"
FAIL_ITEMS = """UPDATE wc_sync_items SET status = 'failed', error_code = 'SHOP_REFUSED_VALUE', error_message = 'No.',
    retryable = false WHERE store_id = %s"""
HOLD = """INSERT INTO wc_sync_batches (store_id, id, kind, status, total_items, preview)
    VALUES (%s, %s, 'hold', 'needs_approval', 1, '{}')"""
HOLD_ITEMS = "UPDATE wc_sync_items SET status = 'needs_approval', hold_id = %s WHERE store_id = %s"


@dataclass
class Wakes:
    """What another connection saw at each wake-up: whether it is there, and how many transactions are open."""

    other: Connection
    seen: list[tuple[bool, int]] = field(default_factory=list)

    def note(self, query: str, *parameters: object) -> None:
        (is_there,) = self.other.execute(query.encode(), parameters).fetchone() or (False,)
        (still_open,) = self.other.execute(IN_TRANSACTION.encode()).fetchone() or (0,)
        self.seen.append((bool(is_there), still_open))


@pytest.fixture
def wakes(root_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> Wakes:
    """Watches every way to wake a worker, in whatever process it would be."""
    wakes = Wakes(root_conn)
    enqueue, push = WakeUp.enqueue, WakeUp.push

    def watched_enqueue(self: WakeUp, tickets: list[Ticket]) -> bool:
        for ticket in tickets:
            wakes.note(ENQUEUED, ticket.log_id, ticket.enqueue_no)
        return enqueue(self, tickets)

    def watched_push(self: WakeUp, store_id: UUID) -> bool:
        wakes.note(WAITING, store_id)
        return push(self, store_id)

    monkeypatch.setattr(WakeUp, "enqueue", watched_enqueue)
    monkeypatch.setattr(WakeUp, "push", watched_push)
    return wakes


@dataclass
class Scene:
    """A store of each kind, its way in over HTTP, and a worker in the test's own process."""

    client: FlaskClient
    runtime: Runtime
    root_conn: Connection
    redis: Redis
    redis_url: str
    store: CreatedStore
    wakes: Wakes

    def call(self, method: str, path: str, body: Any = None, status: int = 202) -> TestResponse:
        answer = self.client.open(path, method=method, json=body, headers=bearer(self.store.token))
        assert answer.status_code == status, answer.text
        return answer

    def dispatch(self) -> None:
        Dispatcher(self.runtime.settings, self.runtime.pool, self.runtime.wake_up).tick()

    def add_product(self) -> str:
        """A product that the ERP sent, and of which nothing waits."""
        product = make_erp_product()
        put_products(self.runtime, self.store.store_id, [product])
        self.root_conn.execute(SENT, (self.store.store_id,))
        return str(product["product_id"])


@pytest.fixture
def scene(
    client: FlaskClient,
    runtime: Runtime,
    conn: Connection,
    root_conn: Connection,
    redis: Redis,
    servers: Servers,
    wakes: Wakes,
    request: pytest.FixtureRequest,
) -> Scene:
    root_conn.execute("DELETE FROM schedules; DELETE FROM sync_logs")
    store = create_store(conn, "Shop", request.param, "http://127.0.0.1:9", "admin")
    set_credentials(conn, SECRET_KEY, store.store_id, {"access_token": "x"})
    return Scene(client, runtime, root_conn, redis, servers.redis.url, store, wakes)


def accept(scene: Scene) -> None:
    assert post(scene.client, scene.store.token, "orders", [make_order()]).status_code == 202


def admit_the_next(scene: Scene) -> None:
    """Nine batches, eight of which may wait in Redis: the end of one lets the last one in."""
    logs = [accept_batch(scene.runtime, scene.store.store_id, "orders", [make_order()]) for _ in range(9)]
    scene.wakes.seen.clear()
    process(scene.runtime, scene.store.store_id, logs[0])


def find_stranded(scene: Scene) -> None:
    log_id = accept_batch(scene.runtime, scene.store.store_id, "orders", [make_order()])
    scene.redis.flushall()
    scene.root_conn.execute("UPDATE sync_logs SET enqueued_at = now() - interval '1 minute' WHERE id = %s", (log_id,))
    scene.wakes.seen.clear()
    scene.dispatch()


def retry_batch(scene: Scene) -> None:
    log_id = accept_batch(scene.runtime, scene.store.store_id, "orders", [make_order()])
    scene.root_conn.execute(FAIL, (log_id,))
    scene.wakes.seen.clear()
    scene.call("POST", f"/api/sync/jobs/{log_id}/retry")


def start_pull(scene: Scene) -> None:
    scene.call("POST", ORDERS)


def retry_pull(scene: Scene) -> None:
    log_id = start(scene.runtime, scene.store.store_id, INCREMENTAL)
    turn(scene.runtime, scene.store.store_id, log_id, MemoryShop(failures=[revoked()]))
    scene.call("POST", f"/api/sync/jobs/{log_id}/retry")


def resume_pull(scene: Scene) -> None:
    log_id = start(scene.runtime, scene.store.store_id, INCREMENTAL)
    scene.call("POST", f"/api/sync/jobs/{log_id}/pause")
    scene.call("POST", f"/api/sync/jobs/{log_id}/resume")


def yield_pull(scene: Scene) -> None:
    log_id = start(scene.runtime, scene.store.store_id, INCREMENTAL)
    scene.runtime.stopping.set()
    turn(scene.runtime, scene.store.store_id, log_id, MemoryShop())


def run_schedule(scene: Scene) -> None:
    due = Schedule("orders", "incremental", None, None, 3600, datetime.now(UTC) - timedelta(minutes=1))
    with scene.runtime.pool.connection() as conn, tenant(conn, scene.store.store_id):
        put_schedule(conn, scene.store.store_id, due)
    scene.dispatch()


def put_catalogue(scene: Scene) -> None:
    scene.call("PUT", "/api/v1/erp/products", {"products": [make_erp_product()]}, 200)


def post_event(scene: Scene) -> None:
    scene.call("POST", f"{WOO}/events", {"events": [{"event": "product.updated", "productId": str(uuid4())}]})


def hear_event(scene: Scene) -> None:
    """From the ERP's stream."""
    data = f'{{"storeId": "{scene.store.store_id}", "productId": "{uuid4()}"}}'
    scene.redis.xadd(STREAM, {"event": "product.updated", "data": data})
    with connect(scene.redis_url, 5.0) as own:
        listener = Listener(scene.runtime.pool, own, scene.runtime.wake_up)
        listener.tick()
        listener.disconnect()


def send_one(scene: Scene) -> None:
    scene.call("POST", f"{WOO}/sync/price/{scene.add_product()}")


def send_all(scene: Scene) -> None:
    scene.add_product()
    scene.call("POST", f"{WOO}/sync/all", {"force": True})


def send_categories(scene: Scene) -> None:
    category = {"category_id": str(uuid4()), "name": "Lamps"}
    scene.call("PUT", "/api/v1/erp/categories", {"categories": [category]}, 200)
    scene.wakes.seen.clear()
    scene.call("POST", f"{WOO}/sync/categories", {"force": True})


def retry_items(scene: Scene) -> None:
    scene.add_product()
    scene.root_conn.execute(FAIL_ITEMS, (scene.store.store_id,))
    scene.call("POST", f"{WOO}/sync/retry", status=200)


def approve_hold(scene: Scene) -> None:
    scene.add_product()
    hold = new_id()
    scene.root_conn.execute(HOLD, (scene.store.store_id, hold))
    scene.root_conn.execute(HOLD_ITEMS, (hold, scene.store.store_id))
    scene.call("POST", f"{WOO}/sync/batches/{hold}/approve", status=200)


Action = Callable[[Scene], None]
OF_BATCHES: tuple[Action, ...] = (accept, admit_the_next, find_stranded, retry_batch)
OF_PULLS: tuple[Action, ...] = (start_pull, retry_pull, resume_pull, yield_pull, run_schedule)
OUTBOUND: tuple[Action, ...] = (
    put_catalogue,
    post_event,
    hear_event,
    send_one,
    send_all,
    send_categories,
    retry_items,
    approve_hold,
)
CASES = [
    *(pytest.param("woocommerce", action, id=action.__name__) for action in OF_BATCHES + OUTBOUND),
    *(pytest.param("tiktok", action, id=action.__name__) for action in OF_PULLS),
]


@pytest.mark.parametrize(("scene", "action"), CASES, indirect=["scene"])
def test_wake_up_comes_after_the_commit(scene: Scene, action: Action) -> None:
    action(scene)
    assert scene.wakes.seen == [(True, 0)]
