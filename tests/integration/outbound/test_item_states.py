"""Which items each statement claims, ends or returns: every statement meets items of every state.

Another store has items with the same ids, and the statements run past row-level security, so that a condition that is missing
shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from db.core.pool import open_pool
from db.outbound.item_claims import (
    Completed,
    Failed,
    Returned,
    Spent,
    claim_category_items,
    claim_product_items,
    complete_items,
    fail_items,
    holds_claim,
    list_orphaned_items,
    next_is_category,
    return_items,
)
from db.outbound.items import lock_items
from db.outbound.push_leases import take_lease
from tests.conftest import Database
from workers.core.runtime import Runtime
from workers.outbound.planning.results import ClaimResult
from workers.outbound.sending.claim import ItemClaim, claim_next
from workers.outbound.sending.interrupted import requeue_interrupted
from workers.outbound.sending.save_results import save_results

INSERT = """INSERT INTO wc_sync_items (store_id, id, product_id, category_id, sync_type, priority, status, checked_by_brakes,
                                       attempts, next_attempt_at, claim_id, claimed_by, force, due_at, created_at, batch_id,
                                       error_code, retryable)
            VALUES (%(store_id)s, %(id)s, %(product_id)s, %(category_id)s, %(sync_type)s, %(priority)s, %(status)s, %(checked)s,
                    %(attempts)s, now() + %(due)s::interval, %(claim_id)s, %(claimed_by)s, %(force)s, now() - %(age)s::interval,
                    now() - %(age)s::interval, %(batch_id)s, 'X', false)"""
RUN = "INSERT INTO wc_sync_batches (store_id, id, kind, status) VALUES (%s, %s, 'full', 'syncing')"
CLAIM, OTHER_CLAIM, HOLDER, OTHER_HOLDER = (uuid4() for _ in range(4))
RUNS = [uuid4(), uuid4()]
SPENT = Spent(2.0, 1.0)
HOUR = timedelta(hours=1)
ENDED = ("completed", "failed", "superseded", "needs_approval")


@dataclass(frozen=True)
class Item:
    """An item as it is stored. `target` names its product, or its category; `age` in minutes."""

    target: str
    sync_type: str = "price"
    status: str = "pending"
    priority: int = 1
    age: int = 10
    due: str = "-1 minute"
    checked: bool = True
    claim: UUID = CLAIM
    holder: UUID = HOLDER
    force: bool = False
    run: UUID | None = None
    attempts: int = 1

    @property
    def is_category(self) -> bool:
        return self.target.startswith("category")


@dataclass
class Place:
    """Two stores that get the same items."""

    conn: Connection
    store_id: UUID
    other_id: UUID
    ids: dict[str, UUID] = field(default_factory=dict)
    targets: dict[str, UUID] = field(default_factory=dict)

    def add(self, **items: Item) -> None:
        for name, item in items.items():
            self.ids[name] = uuid4()
            target = self.targets.setdefault(item.target, uuid4())
            is_claimed = item.status == "syncing"
            for store_id in (self.store_id, self.other_id):
                parameters = {
                    "store_id": store_id,
                    "id": self.ids[name],
                    "product_id": None if item.is_category else target,
                    "category_id": target if item.is_category else None,
                    "sync_type": "category" if item.is_category else item.sync_type,
                    "priority": item.priority,
                    "status": item.status,
                    "checked": item.checked,
                    "due": item.due,
                    "claim_id": item.claim if is_claimed else None,
                    "claimed_by": item.holder if is_claimed else None,
                    "force": item.force,
                    "age": f"{item.age} minutes",
                    "batch_id": item.run,
                    "attempts": item.attempts,
                }
                self.conn.execute(INSERT, parameters)

    def names(self, ids: list[UUID]) -> list[str]:
        by_id = {item_id: name for name, item_id in self.ids.items()}
        return [by_id[item_id] for item_id in ids]

    def rows(self) -> dict[tuple[UUID, UUID], str]:
        found = self.conn.execute("SELECT store_id, id, i::text FROM wc_sync_items i").fetchall()
        return {(row[0], row[1]): row[2] for row in found}

    def changed_by(self, change: Callable[[], object]) -> set[str]:
        """The items of the store that are changed afterwards; those of the other store may not change."""
        before = self.rows()
        with self.conn.transaction(force_rollback=True):
            change()
            after = self.rows()
        changed = [key for key, row in before.items() if after[key] != row]
        assert {store_id for store_id, _ in changed} <= {self.store_id}
        return set(self.names([item_id for _, item_id in changed]))

    def claim_products(self, most: int = 100) -> list[str]:
        with self.conn.transaction(force_rollback=True):
            claimed = claim_product_items(self.conn, self.store_id, uuid4(), HOLDER, most)
        assert {item.attempts for item in claimed} <= {2}
        return self.names([item.id for item in claimed])

    def claim_categories(self, most: int = 100) -> list[str]:
        with self.conn.transaction(force_rollback=True):
            claimed = claim_category_items(self.conn, self.store_id, uuid4(), HOLDER, most)
        assert {item.attempts for item in claimed} <= {2}
        return self.names([item.id for item in claimed])

    def item(self, name: str, columns: str) -> Any:
        query = f"SELECT {columns} FROM wc_sync_items WHERE store_id = %s AND id = %s"
        return self.conn.execute(query.encode(), (self.store_id, self.ids[name])).fetchone()


@pytest.fixture
def place(root_conn: Connection) -> Iterator[Place]:
    with root_conn.transaction(force_rollback=True):
        place = Place(root_conn, uuid4(), uuid4())
        for store_id in (place.store_id, place.other_id):
            root_conn.execute("INSERT INTO stores (id, name, platform) VALUES (%s, 'A', 'woocommerce')", (store_id,))
            for run_id in RUNS:
                root_conn.execute(RUN, (store_id, run_id))
        yield place


def test_only_waiting_items_that_are_due_and_checked_are_claimed(place: Place) -> None:
    for kind in ("product", "category"):
        place.add(
            **{f"{kind} waits": Item(f"{kind} 1")},
            **{f"{kind} is not due": Item(f"{kind} 2", due="1 hour")},
            **{f"{kind} is not checked": Item(f"{kind} 3", checked=False)},
            **{f"{kind} {status}": Item(f"{kind} 4 {status}", status=status) for status in ENDED},
        )
    assert place.claim_products() == ["product waits"]
    assert place.claim_categories() == ["category waits"]
    assert place.changed_by(lambda: claim_product_items(place.conn, place.store_id, uuid4(), HOLDER, 9)) == {
        "product waits"
    }
    assert place.changed_by(lambda: claim_category_items(place.conn, place.store_id, uuid4(), HOLDER, 9)) == {
        "category waits"
    }


def test_product_in_a_call_is_claimed_by_no_other(place: Place) -> None:
    place.add(called=Item("product 1", status="syncing"), later=Item("product 1", "stock"))
    assert place.claim_products() == []
    assert next_is_category(place.conn, place.store_id) is None


def test_category_in_a_call_holds_up_no_product(place: Place) -> None:
    place.add(called=Item("category 1", status="syncing"), product=Item("product 1"))
    assert place.claim_products() == ["product"]
    assert next_is_category(place.conn, place.store_id) is False


def test_ended_item_of_a_product_holds_up_no_other(place: Place) -> None:
    place.add(ended=Item("product 1", status="completed"), waits=Item("product 1", "stock"))
    assert place.claim_products() == ["waits"]
    assert next_is_category(place.conn, place.store_id) is False


def test_products_are_claimed_by_priority_then_age(place: Place) -> None:
    place.add(
        young=Item("product 1", age=1),
        urgent=Item("product 2", priority=0, age=2),
        old=Item("product 3", age=3),
        with_urgent=Item("product 2", "stock", priority=5, age=9),
        last=Item("product 4", priority=4, age=9),
    )
    assert place.claim_products(2) == ["urgent", "old", "with_urgent"]
    assert place.claim_products() == ["urgent", "old", "young", "last", "with_urgent"]


def test_claimed_product_leaves_its_items_that_may_not_go(place: Place) -> None:
    place.add(
        goes=Item("product 1"),
        unchecked=Item("product 1", "stock", checked=False),
        not_due=Item("product 1", "image", due="1 hour"),
        ended=Item("product 1", "product", status="failed"),
    )
    assert place.claim_products() == ["goes"]


def test_categories_are_claimed_by_priority_then_age(place: Place) -> None:
    place.add(young=Item("category 1", age=1), urgent=Item("category 2", priority=0), old=Item("category 3", age=3))
    assert place.claim_categories(2) == ["urgent", "old"]
    assert place.claim_categories() == ["urgent", "old", "young"]


def test_next_item_is_the_most_urgent_that_may_go(place: Place) -> None:
    assert next_is_category(place.conn, place.store_id) is None
    place.add(
        ended=Item("category 1", status="completed", priority=0),
        unchecked=Item("category 2", checked=False, priority=0),
        not_due=Item("category 3", due="1 hour", priority=0),
    )
    assert next_is_category(place.conn, place.store_id) is None
    place.add(product=Item("product 1", age=5))
    assert next_is_category(place.conn, place.store_id) is False
    place.add(category=Item("category 4", age=6))
    assert next_is_category(place.conn, place.store_id) is True
    place.add(urgent=Item("product 2", priority=0))
    assert next_is_category(place.conn, place.store_id) is False


def add_claimed(place: Place) -> list[UUID]:
    place.add(
        own=Item("product 1", status="syncing", run=RUNS[0]),
        second=Item("product 2", status="syncing", run=RUNS[1]),
        of_another_claim=Item("product 3", status="syncing", claim=OTHER_CLAIM),
        waits=Item("product 4"),
        ended=Item("product 5", status="completed"),
    )
    return [place.ids[name] for name in ("own", "of_another_claim", "waits", "ended")]


def test_claim_ends_only_the_items_that_it_holds(place: Place) -> None:
    ids = add_claimed(place)
    completed = [Completed(item_id, 7, None) for item_id in ids]
    failed = [Failed(item_id, "X", "x", retryable=True, breach=None) for item_id in ids]
    assert place.changed_by(lambda: complete_items(place.conn, place.store_id, CLAIM, completed, SPENT)) == {"own"}
    assert place.changed_by(lambda: fail_items(place.conn, place.store_id, CLAIM, failed, SPENT)) == {"own"}
    assert complete_items(place.conn, place.store_id, CLAIM, completed, SPENT) == [RUNS[0]]
    assert place.item("own", "status, wc_id, platform_seconds, validation_seconds") == ("completed", 7, 2.0, 1.0)
    assert fail_items(place.conn, place.store_id, CLAIM, failed[:0], SPENT) == []


def returned(item_id: UUID, *, spent: bool = True, claim: UUID = CLAIM) -> Returned:
    return Returned(item_id, claim, "LATER", "later", 60.0, spent)


def test_claim_returns_only_the_items_that_it_holds(place: Place) -> None:
    back = [returned(item_id) for item_id in add_claimed(place)]
    assert place.changed_by(lambda: return_items(place.conn, place.store_id, back, SPENT)) == {"own"}
    assert return_items(place.conn, place.store_id, back, SPENT) == []
    waits = "status, attempts, claim_id, platform_seconds, backoff_seconds, validation_seconds, next_attempt_at > now()"
    assert place.item("own", waits) == ("pending", 1, None, 2.0, 60.0, 1.0, True)


def test_attempt_that_was_not_spent_is_given_back(place: Place) -> None:
    add_claimed(place)
    return_items(place.conn, place.store_id, [returned(place.ids["own"], spent=False)], SPENT)
    assert place.item("own", "attempts") == (0,)


@pytest.mark.parametrize("kind", ["product", "category"])
def test_returned_item_is_superseded_by_one_that_waits(place: Place, kind: str) -> None:
    """The waiting item takes over its place, its deadline, its force and its run."""
    place.add(
        back=Item(f"{kind} 1", status="syncing", age=60, force=True, run=RUNS[0]),
        waits=Item(f"{kind} 1", age=5),
        neighbour=Item(f"{kind} 2", age=5),
        of_other_kind=Item("category 3" if kind == "product" else "product 3", age=5),
    )
    back = [returned(place.ids["back"])]
    assert place.changed_by(lambda: return_items(place.conn, place.store_id, back, SPENT)) == {"back", "waits"}
    assert return_items(place.conn, place.store_id, back, SPENT) == []
    assert place.item("back", "status, completed_at IS NOT NULL") == ("superseded", True)
    taken_over = "force, batch_id, now() - created_at, now() - due_at"
    assert place.item("waits", taken_over) == (True, RUNS[0], HOUR, HOUR)


def test_waiting_item_that_is_older_keeps_its_place_and_run(place: Place) -> None:
    place.add(
        back=Item("product 1", status="syncing", age=5, run=RUNS[0]),
        waits=Item("product 1", age=60, force=True, run=RUNS[1]),
    )
    assert return_items(place.conn, place.store_id, [returned(place.ids["back"])], SPENT) == [RUNS[0]]
    assert place.item("waits", "force, batch_id, now() - created_at, now() - due_at") == (True, RUNS[1], HOUR, HOUR)


@pytest.mark.parametrize(
    "rival",
    [
        Item("product 1", "stock"),
        Item("product 1", status="completed"),
        Item("product 2"),
        Item("category 2"),
    ],
    ids=["another type", "an ended one", "another product", "a category"],
)
def test_returned_item_waits_again_beside_others(place: Place, rival: Item) -> None:
    place.add(back=Item("product 1", status="syncing", run=RUNS[0]), rival=rival)
    back = [returned(place.ids["back"])]
    assert place.changed_by(lambda: return_items(place.conn, place.store_id, back, SPENT)) == {"back"}
    assert return_items(place.conn, place.store_id, back, SPENT) == []
    assert place.item("back", "status") == ("pending",)


def test_claim_is_held_while_one_of_its_items_is_sent(place: Place) -> None:
    place.add(ended=Item("product 1", status="completed"))
    assert not holds_claim(place.conn, place.store_id, CLAIM)
    place.add(sent=Item("product 2", status="syncing"))
    assert holds_claim(place.conn, place.store_id, CLAIM)
    assert not holds_claim(place.conn, place.store_id, OTHER_CLAIM)
    assert not holds_claim(place.conn, uuid4(), CLAIM)


def test_orphans_are_the_items_that_other_processes_send(place: Place) -> None:
    place.add(
        orphan=Item("product 1", status="syncing", holder=OTHER_HOLDER),
        own=Item("product 2", status="syncing"),
        waits=Item("product 3"),
        ended=Item("product 4", status="completed"),
    )
    found = list_orphaned_items(place.conn, place.store_id, HOLDER)
    assert place.names([one.id for one in found]) == ["orphan"]


@pytest.mark.parametrize(
    ("attempts", "status", "is_due"),
    [(1, "pending", True), (2, "pending", False), (9, "pending", False), (10, "failed", True)],
)
def test_interrupted_item_waits_longer_and_fails_at_last(
    place: Place, attempts: int, status: str, is_due: bool
) -> None:
    place.add(
        orphan=Item("product 1", status="syncing", holder=OTHER_HOLDER, attempts=attempts, run=RUNS[0]),
        own=Item("product 2", status="syncing"),
    )
    assert requeue_interrupted(place.conn, place.store_id, HOLDER) == 1
    assert place.item("orphan", "status, error_code, attempts") == (status, "INTERRUPTED", attempts)
    assert place.item("orphan", "next_attempt_at <= clock_timestamp()") == (is_due,)
    assert place.item("own", "status") == ("syncing",)
    counts = "SELECT success_count, fail_count FROM wc_sync_batches WHERE store_id = %s AND id = %s"
    assert place.conn.execute(counts, (place.store_id, RUNS[0])).fetchone() == (0, int(status == "failed"))


def test_interrupted_item_that_is_superseded_counts_for_its_run(place: Place) -> None:
    place.add(
        orphan=Item("product 1", status="syncing", holder=OTHER_HOLDER, run=RUNS[0]),
        waits=Item("product 1", run=RUNS[1]),
    )
    assert requeue_interrupted(place.conn, place.store_id, HOLDER) == 1
    assert place.item("orphan", "status") == ("superseded",)
    counts = "SELECT success_count, fail_count FROM wc_sync_batches WHERE store_id = %s AND id = %s"
    assert place.conn.execute(counts, (place.store_id, RUNS[0])).fetchone() == (1, 0)


READERS: dict[str, Callable[[Connection, UUID], object]] = {
    "products": lambda conn, store_id: claim_product_items(conn, store_id, CLAIM, HOLDER, 9),
    "categories": lambda conn, store_id: claim_category_items(conn, store_id, CLAIM, HOLDER, 9),
}


@pytest.mark.parametrize("what", READERS)
def test_items_that_another_holds_are_skipped(
    root_conn: Connection, database: Database, store_id: UUID, what: str
) -> None:
    place = Place(root_conn, store_id, add_store(root_conn))
    place.add(product=Item("product 1"), category=Item("category 1"))
    with psycopg.connect(database.superuser_url) as holder:
        holder.execute("SELECT FROM wc_sync_items FOR UPDATE")
        with psycopg.connect(database.superuser_url, options="-c lock_timeout=300ms") as sender:
            assert READERS[what](sender, store_id) == []
    assert READERS[what](root_conn, store_id)


TURNS: dict[str, Callable[[Runtime, Connection, UUID], object]] = {
    "claim": lambda _runtime, conn, store_id: claim_next(conn, store_id, HOLDER, 9),
    "take over": lambda _runtime, conn, store_id: requeue_interrupted(conn, store_id, HOLDER),
    "save": lambda runtime, _conn, store_id: save_results(
        runtime.pool, store_id, ItemClaim(CLAIM, [], [], {}), ClaimResult([], 0, SPENT)
    ),
}


@pytest.mark.parametrize("what", TURNS)
def test_items_of_a_store_are_moved_by_one_at_a_time(
    runtime: Runtime, database: Database, root_conn: Connection, store_id: UUID, what: str
) -> None:
    """Requests, claims and returns take the store's lock, so that they can't deadlock."""
    assert take_lease(root_conn, store_id, HOLDER, 60)
    impatient = (
        f"{database.superuser_url}{'&' if '?' in database.superuser_url else '?'}options=-c%20lock_timeout%3D300ms"
    )
    with open_pool(impatient, 1, "test") as pool, psycopg.connect(database.superuser_url) as other, other.transaction():
        lock_items(other, store_id)
        with pytest.raises(psycopg.errors.LockNotAvailable), psycopg.connect(impatient) as conn:
            TURNS[what](replace(runtime, pool=pool), conn, store_id)
    TURNS[what](runtime, root_conn, store_id)


def test_orphans_are_locked_until_they_are_returned(root_conn: Connection, database: Database, store_id: UUID) -> None:
    place = Place(root_conn, store_id, add_store(root_conn))
    place.add(orphan=Item("product 1", status="syncing", holder=OTHER_HOLDER))
    free = "SELECT FROM wc_sync_items WHERE store_id = %s FOR UPDATE SKIP LOCKED"
    with psycopg.connect(database.superuser_url) as sender:
        assert len(list_orphaned_items(sender, store_id, HOLDER)) == 1
        assert root_conn.execute(free, (store_id,)).fetchall() == []


def add_store(conn: Connection) -> UUID:
    store_id = uuid4()
    conn.execute("INSERT INTO stores (id, name, platform) VALUES (%s, 'A', 'woocommerce')", (store_id,))
    return store_id
