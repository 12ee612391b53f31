"""Who gets, renews and loses the lease of a store, and which task of a store is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from db.outbound.push_leases import (
    claim_task,
    hold_lease,
    pause_store,
    plan_task,
    release_lease,
    renew_lease,
    take_lease,
)
from tests.conftest import Database

LEASE = """INSERT INTO wc_push_leases (store_id, holder, lease_until, resume_at)
           VALUES (%s, %s, now() + %s::interval, now() + %s::interval)"""
TASK = "INSERT INTO wc_schedules (store_id, task, next_run_at) VALUES (%s, %s, now() + %s::interval)"
HOLDER = uuid4()
# Until when the lease of HOLDER lasts (None: nobody has one), and until when the shop asked for a pause.
LEASES: dict[str, tuple[str | None, str | None]] = {
    "held": ("1 hour", None),
    "held after a pause": ("1 hour", "-1 minute"),
    "held in a pause": ("1 hour", "1 minute"),
    "run out": ("-1 minute", None),
    "run out in a pause": ("-1 minute", "1 minute"),
    "released": (None, None),
    "released after a pause": (None, "-1 minute"),
    "released in a pause": (None, "1 minute"),
}
HELD = {"held", "held after a pause"}


@dataclass(frozen=True)
class Place:
    """A store for each state of a lease. Statements run past row-level security, so that a condition that is missing shows."""

    conn: Connection
    stores: dict[str, UUID]

    def rows(self) -> dict[str, Any]:
        names = {store_id: name for name, store_id in self.stores.items()}
        found = self.conn.execute("SELECT store_id, l::text FROM wc_push_leases l").fetchall()
        return {names[row[0]]: row[1] for row in found if row[0] in names}

    def changed_by(self, change: Callable[[UUID], object]) -> set[str]:
        """The states in which `change` changes the lease of its store; others may not change."""
        found = set()
        for name, store_id in self.stores.items():
            before = self.rows()
            with self.conn.transaction(force_rollback=True):
                change(store_id)
                changed = {one for one, row in self.rows().items() if before[one] != row}
            assert changed <= {name}
            found |= changed
        return found


@pytest.fixture
def place(root_conn: Connection) -> Iterator[Place]:
    with root_conn.transaction(force_rollback=True):
        stores = {name: add_store(root_conn) for name in LEASES}
        for name, (until, pause) in LEASES.items():
            root_conn.execute(LEASE, (stores[name], HOLDER if until else None, until, pause))
        yield Place(root_conn, stores)


def add_store(conn: Connection) -> UUID:
    store_id = uuid4()
    conn.execute("INSERT INTO stores (id, name, platform) VALUES (%s, 'A', 'woocommerce')", (store_id,))
    return store_id


def test_lease_is_taken_when_it_is_free_and_no_pause_lasts(place: Place) -> None:
    taken = place.changed_by(lambda store_id: take_lease(place.conn, store_id, uuid4(), 60))
    assert taken == {"run out", "released", "released after a pause"}
    assert take_lease(place.conn, add_store(place.conn), uuid4(), 60)


def test_only_its_holder_renews_a_lease_that_lasts(place: Place) -> None:
    renewed = place.changed_by(lambda store_id: renew_lease(place.conn, store_id, HOLDER, 900))
    assert renewed == HELD | {"held in a pause"}
    assert place.changed_by(lambda store_id: renew_lease(place.conn, store_id, uuid4(), 900)) == set()


def test_only_its_holder_may_claim_outside_a_pause(place: Place) -> None:
    assert {name for name, store_id in place.stores.items() if hold_lease(place.conn, store_id, HOLDER)} == HELD
    assert not any(hold_lease(place.conn, store_id, uuid4()) for store_id in place.stores.values())


def test_only_its_holder_releases_a_lease(place: Place) -> None:
    released = place.changed_by(lambda store_id: release_lease(place.conn, store_id, HOLDER))
    assert released == {name for name, (until, _) in LEASES.items() if until}
    assert place.changed_by(lambda store_id: release_lease(place.conn, store_id, uuid4())) == set()


def test_pause_is_never_shortened(place: Place) -> None:
    longer = place.changed_by(lambda store_id: pause_store(place.conn, store_id, 120))
    assert longer == set(LEASES)
    shorter = place.changed_by(lambda store_id: pause_store(place.conn, store_id, 30))
    assert shorter == {name for name, (_, pause) in LEASES.items() if pause != "1 minute"}


def test_lease_is_locked_while_items_are_claimed(root_conn: Connection, database: Database) -> None:
    store_id = add_store(root_conn)
    assert take_lease(root_conn, store_id, HOLDER, 60)
    free = "SELECT FROM wc_push_leases WHERE store_id = %s FOR UPDATE SKIP LOCKED"
    with psycopg.connect(database.superuser_url) as sender:
        assert hold_lease(sender, store_id, HOLDER)
        assert root_conn.execute(free, (store_id,)).fetchall() == []


def tasks(conn: Connection) -> dict[tuple[UUID, str], datetime]:
    found = conn.execute("SELECT store_id, task, next_run_at FROM wc_schedules").fetchall()
    return {(row[0], row[1]): row[2] for row in found}


LATER = datetime.now(UTC) + timedelta(days=1)


def test_only_a_due_task_is_claimed_and_moved(root_conn: Connection) -> None:
    stores = [add_store(root_conn) for _ in range(2)]
    for store_id in stores:
        for task, due in (("full", "-1 minute"), ("retry", "-1 minute"), ("orders", "1 hour")):
            root_conn.execute(TASK, (store_id, task, due))
    before = tasks(root_conn)
    assert claim_task(root_conn, stores[0], "full", LATER)
    assert tasks(root_conn) == before | {(stores[0], "full"): LATER}
    assert not claim_task(root_conn, stores[0], "full", LATER)
    assert not claim_task(root_conn, stores[0], "orders", LATER)


def test_plan_of_a_task_is_kept(root_conn: Connection) -> None:
    stores = [add_store(root_conn) for _ in range(2)]
    root_conn.execute(TASK, (stores[0], "full", "-1 minute"))
    root_conn.execute(TASK, (stores[1], "retry", "-1 minute"))
    before = tasks(root_conn)
    plan_task(root_conn, stores[0], "full", LATER)
    assert tasks(root_conn) == before
    plan_task(root_conn, stores[0], "retry", LATER)
    plan_task(root_conn, stores[1], "full", LATER)
    assert tasks(root_conn) == before | {(stores[0], "retry"): LATER, (stores[1], "full"): LATER}


def test_task_that_another_holds_is_left_without_waiting(root_conn: Connection, database: Database) -> None:
    store_id = add_store(root_conn)
    root_conn.execute(TASK, (store_id, "full", "-1 minute"))
    with psycopg.connect(database.superuser_url) as holder:
        holder.execute("SELECT FROM wc_schedules FOR UPDATE")
        with psycopg.connect(database.superuser_url, options="-c lock_timeout=300ms") as dispatcher:
            assert not claim_task(dispatcher, store_id, "full", LATER)
            plan_task(dispatcher, store_id, "full", LATER)
    assert claim_task(root_conn, store_id, "full", LATER)
