"""Two processes that send for one store, in any order of their steps: each item ends once, and the shop gets the newest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import Connection

from app.usecases.stores import create_store
from db.core.tenancy import tenant
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.examples import examples
from tests.support.outbound import connect_shop, make_erp_product, put_products, with_key
from tests.support.stepped.push import ANSWER, CALL, JOIN, step_pushes
from tests.support.stepped.worker import MovedClock, SteppedWorker, stepped
from workers.core.runtime import Runtime
from workers.outbound.runs import retry_failed, start_full
from workers.outbound.sending.push_store import LEASE_SECONDS, RENEW_SECONDS, push_store
from workers.platforms.woocommerce.errors import NetworkError, RateLimitError, ValidationError

PRODUCTS = 2
STEPS = st.integers(1, 6)
FAILURES: dict[str, Callable[[], Exception]] = {
    "refused": lambda: ValidationError("The shop does not take it."),
    "rate limit": lambda: RateLimitError(5.0),
    "no answer": NetworkError,
}

LEASE_PAST = """UPDATE wc_push_leases SET lease_until = lease_until - make_interval(secs => %(seconds)s),
                       resume_at = resume_at - make_interval(secs => %(seconds)s) WHERE store_id = %(store_id)s"""
ITEMS_PAST = """UPDATE wc_sync_items SET next_attempt_at = next_attempt_at - make_interval(secs => %(seconds)s)
                 WHERE store_id = %(store_id)s AND status = 'pending'"""
LEASE = """SELECT holder, extract(epoch FROM lease_until - clock_timestamp())::float8
             FROM wc_push_leases WHERE store_id = %s"""
ITEMS = """SELECT id, status, attempts, claim_id, claimed_by, error_code, i::text FROM wc_sync_items i WHERE store_id = %s"""
MAPPINGS = "SELECT m::text FROM wc_product_sync_mappings m WHERE store_id = %s ORDER BY id"
RUNS = "SELECT status, total_items, success_count + fail_count FROM wc_sync_batches WHERE store_id = %s"


@dataclass(frozen=True)
class Item:
    """An item as it is stored. `row` is all of it."""

    status: str
    attempts: int
    claim_id: UUID | None
    claimed_by: UUID | None
    error_code: str | None
    row: str

    @property
    def claim(self) -> tuple[Any, ...]:
        return self.status, self.attempts, self.claim_id, self.claimed_by, self.error_code


@dataclass
class Process:
    """A process that sends. `holder` is its name at the lease; at `alive_at` its lease was renewed in time."""

    main: SteppedWorker
    holder: UUID | None = None
    alive_at: float | None = None
    has_called_late: bool = False

    @property
    def sender(self) -> SteppedWorker | None:
        found: SteppedWorker | None = self.main.waits_for
        return None if found is None or found.has_ended else found

    def kill(self) -> None:
        if self.sender is not None:
            self.sender.kill()
        self.main.kill()


@dataclass
class Place:
    """What all examples share."""

    runtime: Runtime
    conn: Connection
    root_conn: Connection
    shop: FakeWooCommerce
    clock: MovedClock


class ClaimMachine(RuleBasedStateMachine):
    """Changes the ERP's products and moves two processes, their shop's failures, and the clock."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.store_id = create_store(place.conn, "A shop", "woocommerce").store_id
        connect_shop(place.conn, place.root_conn, self.store_id, place.shop)
        self.products = [make_erp_product() for _ in range(PRODUCTS)]
        self.processes: dict[str, Process] = {}
        self.ended: dict[UUID, str] = {}

    @initialize()
    def fill_catalogue(self) -> None:
        put_products(self.place.runtime, self.store_id, self.products)

    @rule(number=st.integers(0, PRODUCTS - 1), price=st.integers(1900, 2100), stock=st.none() | st.integers(5, 9))
    def change_product(self, number: int, price: int, stock: int | None) -> None:
        product = self.products[number] | {"regular_price": str(Decimal(price) / 100)}
        self.products[number] = product | ({} if stock is None else {"stock_quantity": stock})
        put_products(self.place.runtime, self.store_id, [self.products[number]])

    @rule(everything=st.sampled_from(("retry", "full", "forced")))
    def ask(self, everything: str) -> None:
        with self.place.conn.transaction(), tenant(self.place.conn, self.store_id):
            if everything == "retry":
                retry_failed(self.place.conn, self.store_id, everything=True)
            else:
                start_full(self.place.conn, self.store_id, "test", force=everything == "forced")

    @rule(seconds=st.sampled_from((5, 13)))
    def let_time_pass(self, seconds: int) -> None:
        self.place.clock.passed += seconds
        for statement in (LEASE_PAST, ITEMS_PAST):
            self.place.root_conn.execute(statement, {"seconds": seconds, "store_id": self.store_id})

    @rule(is_sender=st.booleans(), steps=STEPS)
    def move_a(self, is_sender: bool, steps: int) -> None:
        self._move("A", is_sender, steps)

    @rule(is_sender=st.booleans(), steps=STEPS)
    def move_b(self, is_sender: bool, steps: int) -> None:
        self._move("B", is_sender, steps)

    @rule(rounds=st.integers(1, 3), steps=STEPS)
    def wait_for_shop(self, rounds: int, steps: int) -> None:
        """What seldom comes by chance: a process whose call takes long goes on in time, while the other asks for the store."""
        self._move("A", is_sender=False, steps=2)
        for _ in range(rounds):
            self.let_time_pass(5)
            self._move("A", is_sender=False, steps=2)
        self._move("B", is_sender=True, steps=steps)

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), blow=st.sampled_from((*FAILURES, "kill")))
    def strike(self, data: st.DataObject, blow: str) -> None:
        """Let a call fail; one that was made already can only lose its answer. Or kill the process."""
        name = data.draw(st.sampled_from(sorted(self.processes)))
        process = self.processes[name]
        place = process.sender.place if process.sender is not None else None
        if blow == "kill":
            # Nobody can put right what a call does that reaches the shop after a takeover, if its own process dies, too.
            if not process.has_called_late:
                self.processes.pop(name).kill()
        elif place in (CALL, ANSWER):
            self._step(name, is_sender=True, thrown=FAILURES["no answer" if place == ANSWER else blow]())

    @invariant()
    def each_item_ends_once(self) -> None:
        items = self._items()
        assert {item_id: items[item_id].row for item_id in self.ended} == self.ended
        ended = {"completed", "superseded"}
        self.ended = {item_id: item.row for item_id, item in items.items() if item.status in ended}

    @invariant()
    def items_are_claimed_by_one_process(self) -> None:
        assert len({item.claimed_by for item in self._items().values() if item.claimed_by is not None}) <= 1

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:  # a move has failed
            for process in self.processes.values():
                process.kill()
            return
        self._settle()

    def _settle(self) -> None:
        """Without further trouble every item ends, and the shop has what the ERP said last."""
        for _ in range(6):
            for name in sorted(self.processes):
                self._run_to_the_end(name)
            self.let_time_pass(3600)
            self.ask("retry")
            self._put_to_work("A")
        self._run_to_the_end("A")
        assert {item.status for item in self._items().values()} <= {"completed", "superseded"}
        for product in self.products:
            found = self.place.shop.product_of(product["sku"])
            assert found is not None
            assert Decimal(found["regular_price"]) == Decimal(product["regular_price"])
            assert found["stock_quantity"] == product["stock_quantity"]
        for status, total, results in self.place.root_conn.execute(RUNS, (self.store_id,)):
            assert (status, results) == ("completed", total)

    def _run_to_the_end(self, name: str) -> None:
        while name in self.processes:
            self._step(name, is_sender=True)

    def _move(self, name: str, is_sender: bool, steps: int) -> None:
        for _ in range(steps):
            if name in self.processes:
                self._step(name, is_sender=is_sender)
            else:
                self._put_to_work(name)

    def _put_to_work(self, name: str) -> None:
        runtime = stepped(self.place.runtime)
        self.processes[name] = Process(SteppedWorker(lambda: push_store(runtime, self.store_id)))
        self.processes[name].main.step()

    def _step(self, name: str, *, is_sender: bool, thrown: Exception | None = None) -> None:
        process = self.processes[name]
        worker = (process.sender if is_sender else None) or process.main
        began, left, before, mappings = self.place.clock.monotonic(), worker.place, self._items(), self._mappings()
        is_lost = process.holder is not None and self._lease()[0] != process.holder
        process.has_called_late |= is_lost and left == CALL and thrown is None
        worker.step(thrown)
        holder, seconds_left = self._lease()
        if is_lost:
            after = {item_id: item.claim for item_id, item in self._items().items() if item_id in before}
            assert after == {item_id: item.claim for item_id, item in before.items()}
            assert self._mappings() == mappings, "a process that lost the lease changed something"
        if process.holder is None and not process.main.has_ended:
            process.holder = holder
            self._check_takeover(name)
        if worker.place == CALL:
            assert holder == process.holder and seconds_left + self.place.clock.monotonic() - began > 0
        if worker is process.main and worker.place == JOIN and holder == process.holder and seconds_left > 0:
            process.alive_at = began
        if process.main.has_ended:
            del self.processes[name]

    def _check_takeover(self, name: str) -> None:
        for other, process in self.processes.items():
            if other != name and process.alive_at is not None:
                waited = self.place.clock.monotonic() - process.alive_at
                assert waited >= LEASE_SECONDS - RENEW_SECONDS, "a process that renews its lease in time was replaced"
                process.alive_at = None

    def _lease(self) -> tuple[UUID | None, float]:
        row = self.place.root_conn.execute(LEASE, (self.store_id,)).fetchone()
        return (None, 0.0) if row is None else (row[0], row[1] or 0.0)

    def _items(self) -> dict[UUID, Item]:
        return {row[0]: Item(*row[1:]) for row in self.place.root_conn.execute(ITEMS, (self.store_id,))}

    def _mappings(self) -> list[Any]:
        return self.place.root_conn.execute(MAPPINGS, (self.store_id,)).fetchall()


def test_claims_keep_their_promises_in_any_order_of_steps(
    runtime: Runtime, conn: Connection, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovedClock()
    step_pushes(monkeypatch, runtime.pool, clock)
    with FakeWooCommerce() as shop:
        place = Place(with_key(runtime), conn, root_conn, shop, clock)
        run_state_machine_as_test(
            lambda: ClaimMachine(place),  # type: ignore[arg-type]  # it only calls it
            settings=settings(
                max_examples=examples(40),
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )


def test_a_process_that_begins_late_renews_its_lease_in_time(
    runtime: Runtime, conn: Connection, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds pass between taking the lease and sending: the first renewal is due at once."""
    clock = MovedClock()
    step_pushes(monkeypatch, runtime.pool, clock)
    with FakeWooCommerce() as shop:
        machine = ClaimMachine(Place(with_key(runtime), conn, root_conn, shop, clock))
        machine.fill_catalogue()
        machine.move_b(is_sender=False, steps=2)
        machine.wait_for_shop(rounds=2, steps=1)
        machine.let_time_pass(seconds=5)
        machine.move_a(is_sender=False, steps=2)
        machine.teardown()
