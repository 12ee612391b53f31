"""Two workers on the pulls of one store, in any order of their steps: nothing is lost, and nothing is applied twice."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
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
from db.pulls.pages import discard_page
from db.pulls.runs import pause_pull, resume_pull
from db.sync.logs import cancel_log
from tests.support.examples import examples
from tests.support.pulls import MemoryShop, MemorySource, busy, start
from tests.support.stepped.worker import ENDED, FETCH, MovedClock, SteppedFetcher, SteppedWorker, stepped
from workers.core.runtime import Runtime
from workers.platforms.common.interface import Page, Window
from workers.pulls import turn
from workers.pulls.apply_page import LEASE_SECONDS
from workers.pulls.page_codec import decode_page
from workers.pulls.start import Wanted
from workers.pulls.turn import Turn, pull

ORDERS = 9
STEPS = st.integers(1, 7)
PAST = """UPDATE sync_logs SET next_attempt_at = next_attempt_at - make_interval(secs => %s)
           WHERE store_id = %s AND status = 'running'"""
RUN = """SELECT l.status, r.epoch, l.received, r.fetched, r.page, l::text, r::text,
                (SELECT coalesce(sum(p.records), 0) FROM pull_pages p WHERE p.store_id = l.store_id AND p.log_id = l.id),
                l.records_synced + l.records_skipped
           FROM sync_logs l JOIN pull_runs r ON r.store_id = l.store_id AND r.log_id = l.id
          WHERE l.store_id = %s AND l.id = %s"""
STORED = """SELECT external_id, platform_status, extract(epoch FROM date_modified)::bigint,
                   extract(epoch FROM source_updated_at), accepted_seq
              FROM orders WHERE store_id = %s"""
WATERMARK = "SELECT extract(epoch FROM last_sync_time) FROM sync_metadata WHERE store_id = %s AND sync_type = 'orders'"
INSERTED = "SELECT coalesce(sum(inserted), 0) FROM sync_logs WHERE store_id = %s"


class ShelfSource(MemorySource):
    """Orders by their ids: one that changes behind the cursor is not seen again by this pull."""

    def fetch(self, cursor: str | None) -> Page:
        shop = self.shop
        wanted = [number for number in sorted(shop.orders) if self._is_wanted(shop.orders[number])]
        left = [number for number in wanted if number > int(cursor or 0)]
        page = left[: shop.page_size]
        following = str(page[-1]) if len(left) > len(page) else None
        moment = datetime.fromtimestamp(shop.clock.timestamp() + 0.9, UTC)
        return Page([shop.orders[number] for number in page], following, len(wanted), moment, in_order=False)


@dataclass
class ChangingShop(MemoryShop):
    by_id: bool = False

    def source(self, entity: str, window: Window) -> MemorySource:
        return ShelfSource(self, window) if self.by_id else super().source(entity, window)


@dataclass(frozen=True)
class State:
    """A run as it is stored."""

    status: str
    epoch: int
    received: int
    fetched: int
    page: bytes | None
    log: str
    run: str
    in_pages: int
    counted: int

    @property
    def waiting(self) -> int:
        return decode_page("orders", self.page).received if self.page is not None else 0


@dataclass
class OnRun:
    """A worker, the run that it took, and since when its lease must be whole. `epoch` 0: it has not begun."""

    worker: SteppedWorker
    log_id: UUID
    epoch: int = 0
    renewed_at: float | None = None
    has_waited: bool = False
    has_failed: bool = False

    @property
    def is_waiting(self) -> bool:
        return self.worker.place == FETCH and not self.worker.waits_for.done()


@dataclass
class Place:
    """What all examples share."""

    runtime: Runtime
    conn: Connection
    root_conn: Connection


class PullMachine(RuleBasedStateMachine):
    """Moves two workers, the platform's clock, and ours."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.store_id = create_store(place.conn, "A shop", "tiktok").store_id
        self.shop = ChangingShop(page_size=3)
        self.clock = MovedClock()
        self.logs: list[UUID] = []
        self.on_run: dict[str, OnRun] = {}
        self.seen: dict[int, tuple[float, int]] = {}

    @initialize(by_id=st.booleans())
    def fill_shop(self, by_id: bool) -> None:
        self.shop.by_id = by_id
        for number in range(1, ORDERS - 1):
            self.shop.change(number)
        self.logs.append(start(self.place.runtime, self.store_id, Wanted("orders", "incremental")))

    @precondition(lambda self: self.status not in ("running", "paused"))
    @rule(mode=st.sampled_from(("incremental", "incremental", "full")), most=st.none() | st.integers(1, ORDERS))
    def start_run(self, mode: str, most: int | None) -> None:
        self.logs.append(start(self.place.runtime, self.store_id, Wanted("orders", mode, max_records=most)))

    @rule(number=st.integers(1, ORDERS), status=st.sampled_from(("UNPAID", "COMPLETED", "CANCELLED")))
    def change_order(self, number: int, status: str) -> None:
        self.shop.change(number, status=status)

    @rule(seconds=st.sampled_from((5, 9)))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.passed += seconds
        self.place.root_conn.execute(PAST, (seconds, self.store_id))

    @rule(steps=STEPS, answers=st.booleans())
    def move_a(self, steps: int, answers: bool) -> None:
        self._move("A", steps, answers)

    @rule(steps=STEPS, answers=st.booleans())
    def move_b(self, steps: int, answers: bool) -> None:
        self._move("B", steps, answers)

    @rule(first=STEPS, second=STEPS, answers=st.booleans())
    def overtake(self, first: int, second: int, answers: bool) -> None:
        """What seldom comes by chance: one worker rests for longer than its lease, and goes on later."""
        self._move("A", first, answers=True)
        self.let_time_pass(9)
        self._move("B", second, answers=True)
        self._move("A", 2, answers)

    @rule(rounds=st.integers(1, 3))
    def wait_for_page(self, rounds: int) -> None:
        """A worker that waits goes on in time, while the other one asks for its run."""
        for _ in range(rounds):
            self._move("A", 2, answers=False)
            self.let_time_pass(5)
        self._move("B", 2, answers=False)

    @precondition(lambda self: self.on_run)
    @rule(data=st.data(), blow=st.sampled_from(("fail", "kill", "pause", "cancel")))
    def strike(self, data: st.DataObject, blow: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.on_run)))
        on_run = self.on_run[name]
        if blow == "kill":
            self.on_run.pop(name).worker.kill()
        elif blow == "fail" and on_run.is_waiting:
            on_run.worker.waits_for.fail(busy())
            on_run.has_failed = True
        elif blow in ("pause", "cancel") and self.status in ("running", "paused"):
            self._interfere(blow)

    def _interfere(self, blow: str) -> None:
        for on_run in self.on_run.values():
            on_run.renewed_at = None
        status = self.status
        with self.place.conn.transaction(), tenant(self.place.conn, self.store_id):
            if blow == "cancel":
                assert cancel_log(self.place.conn, self.store_id, self.logs[-1])
                discard_page(self.place.conn, self.store_id, self.logs[-1])
            elif status == "paused":
                assert resume_pull(self.place.conn, self.store_id, self.logs[-1])
            else:
                assert pause_pull(self.place.conn, self.store_id, self.logs[-1])

    @invariant()
    def counts_balance(self) -> None:
        if not self.logs:
            return
        state = self._state(self.logs[-1])
        assert state.received == state.in_pages == state.counted
        if state.status != "cancelled":
            assert state.received + state.waiting == state.fetched, "a page was lost, or applied twice"

    @invariant()
    def each_order_is_inserted_once_and_never_goes_back(self) -> None:
        rows = self._stored()
        inserted = self.place.root_conn.execute(INSERTED, (self.store_id,)).fetchone()
        assert inserted == (len(rows),)
        versions = {number: (row[2], row[3]) for number, row in rows.items()}
        assert all(versions[number] >= version for number, version in self.seen.items())
        self.seen = versions

    @invariant()
    def watermark_is_not_ahead(self) -> None:
        row = self.place.root_conn.execute(WATERMARK, (self.store_id,)).fetchone()
        if row is None or row[0] is None:
            return
        rows = {number: stored[:2] for number, stored in self._stored().items()}
        must = {number: version for number, version in self._in_shop().items() if version[1] < row[0]}
        assert {number: rows.get(number) for number in must} == must

    def teardown(self) -> None:
        for on_run in self.on_run.values():
            on_run.worker.kill()
        self.on_run.clear()
        if self.logs and sys.exc_info()[0] is None:  # no move has failed
            self._settle()

    def _settle(self) -> None:
        """Whatever happened, pulls without trouble make the tables equal to the platform."""
        if self.status == "paused":
            self._interfere("pause")
        for _ in range(3):
            if self.status not in ("running", "paused"):
                self.start_run("incremental", None)
            self._run_to_the_end()
        assert {number: row[:2] for number, row in self._stored().items()} == self._in_shop()
        self.each_order_is_inserted_once_and_never_goes_back()

    def _run_to_the_end(self) -> None:
        while self.status == "running":
            self.let_time_pass(120)
            self.place.root_conn.execute("UPDATE sync_logs SET attempts = 0 WHERE id = %s", (self.logs[-1],))
            self._move("A", 1, answers=True)
            while "A" in self.on_run:
                self._move("A", 1, answers=True)
                self.counts_balance()
                self.watermark_is_not_ahead()

    @property
    def status(self) -> str:
        return self._state(self.logs[-1]).status if self.logs else "none"

    def _move(self, name: str, steps: int, answers: bool) -> None:
        for _ in range(steps):
            on_run = self.on_run.get(name)
            if on_run is None:
                self._put_to_work(name)
                continue
            if answers and on_run.is_waiting:
                on_run.worker.waits_for.answer()
            self._step(name, on_run)

    def _put_to_work(self, name: str) -> None:
        log_id, runtime = self.logs[-1], stepped(self.place.runtime)
        worker = SteppedWorker(lambda: pull(runtime, self.store_id, log_id, lambda _runtime, _store: self.shop))
        worker.step()
        self.on_run[name] = OnRun(worker, log_id)

    def _step(self, name: str, on_run: OnRun) -> None:
        before, left_at = self._state(on_run.log_id), self.clock.monotonic()
        is_lost = on_run.epoch > 0 and (before.status, before.epoch) != ("running", on_run.epoch)
        unanswered = on_run.is_waiting
        rows = self._stored() if is_lost else None
        on_run.worker.step()
        after = self._state(on_run.log_id)
        if is_lost:
            assert (after, self._stored()) == (before, rows), "a worker that lost its run changed something"
        if on_run.epoch == 0 and not on_run.worker.has_ended:
            on_run.epoch = after.epoch
            self._check_takeover(name)
        if on_run.worker.place == FETCH:
            if on_run.has_waited and not is_lost:
                on_run.renewed_at = left_at
            on_run.has_waited = False
        if unanswered:
            on_run.has_waited = True
            if on_run.worker.place == FETCH and not is_lost:
                on_run.renewed_at = left_at
        if on_run.worker.place == ENDED:
            del self.on_run[name]
            if is_lost and not on_run.has_failed:
                assert on_run.worker.outcome is Turn.NOT_OURS, "a worker that lost its run did not notice"

    def _check_takeover(self, name: str) -> None:
        for other, on_run in self.on_run.items():
            if other != name and on_run.log_id == self.on_run[name].log_id and on_run.renewed_at is not None:
                waited = self.clock.monotonic() - on_run.renewed_at
                assert waited >= LEASE_SECONDS, "a worker that renews its lease in time was replaced"
                on_run.renewed_at = None

    def _state(self, log_id: UUID) -> State:
        row = self.place.root_conn.execute(RUN, (self.store_id, log_id)).fetchone()
        assert row is not None
        return State(*row)

    def _stored(self) -> dict[int, tuple[Any, ...]]:
        return {row[0]: row[1:] for row in self.place.root_conn.execute(STORED, (self.store_id,))}

    def _in_shop(self) -> dict[int, tuple[str, int]]:
        return {number: (order["status"], order["update_time"]) for number, order in self.shop.orders.items()}


def test_pulls_keep_their_promises_in_any_order_of_steps(
    runtime: Runtime, conn: Connection, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "ThreadPoolExecutor", SteppedFetcher)
    place = Place(runtime, conn, root_conn)
    run_state_machine_as_test(
        lambda: PullMachine(place),  # type: ignore[arg-type]  # it only calls it
        settings=settings(
            max_examples=examples(60),
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
