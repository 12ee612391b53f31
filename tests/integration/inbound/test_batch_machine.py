"""Two workers on the batches of one store, in any order of their steps: each batch is applied once, and newer stands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
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
from db.catalogue.staged_upsert import get_versions
from db.core.tenancy import tenant
from db.sync.logs import cancel_log, retry_log
from db.sync.payloads import delete_payload
from tests.support.examples import examples
from tests.support.factories import make_customer, make_order
from tests.support.pipeline import accept_batch
from tests.support.stepped.worker import SteppedWorker, stepped, stop
from workers.core.runtime import Runtime
from workers.inbound import apply
from workers.inbound.attempts import LONGEST_DELAY_SECONDS
from workers.inbound.process import Outcome, process

PLANNED = "planned"  # a stop inside the transaction: the stored versions are read, and nothing is written
MOST_OPEN = 2  # with more of them, the workers seldom meet
STEPS = st.integers(1, 4)
KEYS = st.integers(1, 3)
TIMES = ("2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z", "2026-01-15T12:00:00Z", None)
RECORD = st.tuples(KEYS, st.sampled_from("abcd"), st.sampled_from(TIMES))
FAILURES: dict[str, Callable[[], Exception]] = {
    "permanent": lambda: RuntimeError("a defect"),
    "passing": lambda: psycopg.OperationalError("the server is gone"),
}

PAST = """UPDATE sync_logs SET next_attempt_at = next_attempt_at - make_interval(secs => %(seconds)s)
           WHERE store_id = %(store_id)s AND id IN (SELECT id FROM sync_logs
                  WHERE store_id = %(store_id)s AND status = 'running' FOR UPDATE SKIP LOCKED)"""
LOGS = """SELECT l.id, l.status, l.attempts, l.accepted_seq, l.received, l.records_synced + l.records_skipped, l.inserted,
                 EXISTS (SELECT FROM sync_payloads p WHERE p.store_id = l.store_id AND p.log_id = l.id), l::text
            FROM sync_logs l WHERE l.store_id = %s"""
ROWS = """SELECT 'orders', external_id, source_updated_at, accepted_seq, status FROM orders WHERE store_id = %(store_id)s
           UNION ALL
          SELECT 'customers', external_id, source_updated_at, accepted_seq, display_name
            FROM customers WHERE store_id = %(store_id)s"""

Record = tuple[int, str, str | None]
Key = tuple[str, int]


@dataclass(frozen=True)
class LogState:
    """A log as it is stored. `row` is all of it."""

    status: str
    attempts: int
    seq: int
    received: int
    counted: int
    inserted: int
    has_payload: bool
    row: str


@dataclass
class AtWork:
    """A worker and its log. `turn` counts the attempts of all workers at it; 0: this one's has not begun."""

    worker: SteppedWorker
    log_id: UUID
    turn: int = 0


@dataclass
class Place:
    """What all examples share."""

    runtime: Runtime
    conn: Connection
    root_conn: Connection


class BatchMachine(RuleBasedStateMachine):
    """Accepts batches and moves two workers, a failure here and there, and the clock."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.store_id = create_store(place.conn, "A shop", "woocommerce").store_id
        self.batches: dict[UUID, tuple[str, list[Record]]] = {}
        self.at_work: dict[str, AtWork] = {}
        self.turns: dict[UUID, int] = {}
        self.ended: dict[UUID, str] = {}
        self.seen: dict[Key, tuple[Any, int]] = {}

    @initialize()
    def fill_store(self) -> None:
        for entity in ("orders", "customers"):
            self.accept(entity, [(1, "a", TIMES[0]), (2, "a", TIMES[0])])
            assert process(self.place.runtime, self.store_id, list(self.batches)[-1]) is Outcome.COMPLETED

    @precondition(lambda self: len(self.open_logs) < MOST_OPEN)
    @rule(entity=st.sampled_from(("orders", "customers")), records=st.lists(RECORD, min_size=1, max_size=3))
    def accept(self, entity: str, records: list[Record]) -> None:
        if entity == "orders":
            sent = [
                make_order(wc_order_id=key, status=text, date_modified=time, items=[]) for key, text, time in records
            ]
        else:
            sent = [make_customer(wc_customer_id=key, display_name=text) for key, text, _time in records]
        log_id = accept_batch(self.place.runtime, self.store_id, entity, sent)
        self.batches[log_id], self.turns[log_id] = (entity, records), 0

    @rule(steps=STEPS, newest=st.booleans())
    def move_a(self, steps: int, newest: bool) -> None:
        self._move("A", steps, newest)

    @rule(steps=STEPS, newest=st.booleans())
    def move_b(self, steps: int, newest: bool) -> None:
        self._move("B", steps, newest)

    @rule(first=STEPS, second=STEPS, places=st.tuples(st.booleans(), st.booleans()), fails=st.booleans())
    def overtake(self, first: int, second: int, places: tuple[bool, bool], fails: bool) -> None:
        """What seldom comes by chance: one worker rests or fails, another one works, and the first goes on."""
        self._move("A", first, places[0])
        at_work = self.at_work.get("A")
        if fails and at_work is not None and at_work.turn and not at_work.worker.waits_for:
            self._step("A", FAILURES["permanent"]())
        self.let_time_pass()
        self._move("B", second, places[1])
        self._move("A", 1, places[0])

    @rule(entity=st.sampled_from(("orders", "customers")), texts=st.permutations("abcd"))
    def write_late(self, entity: str, texts: list[str]) -> None:
        """What seldom comes by chance: a newer batch is applied after an older one was planned and before it is written."""
        self._send_workers_home()
        for text in texts[:2]:
            self.accept(entity, [(1, text, None)])
        for name, log_id in zip("AB", list(self.batches)[-2:], strict=True):
            self._put_to_work(name, log_id)
            self._move(name, 2, newest=True)
        for name in "BA":
            self._step(name)

    @rule(failure=st.sampled_from((None, *FAILURES)))
    def outlast_retry(self, failure: str | None) -> None:
        """What seldom comes by chance: a worker rests while its batch fails, is retried and begins anew, and goes on."""
        self._send_workers_home()
        self.accept("customers", [(1, "a", None)])
        log_id = list(self.batches)[-1]
        self._put_to_work("A", log_id)
        self._step("A")
        self.let_time_pass()
        self._put_to_work("B", log_id)
        self._step("B")
        self._step("B", FAILURES["permanent"]())
        self._step("B")
        with self.place.conn.transaction(), tenant(self.place.conn, self.store_id):
            self._retry(log_id)
        self._put_to_work("B", log_id)
        self._step("B")
        self._step("A", FAILURES[failure]() if failure else None)
        if "A" in self.at_work:
            self._step("A")

    @precondition(lambda self: self.at_work)
    @rule(data=st.data(), blow=st.sampled_from(("permanent", "passing", "kill")))
    def strike(self, data: st.DataObject, blow: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.at_work)))
        at_work = self.at_work[name]
        if blow == "kill":
            del self.at_work[name]
            at_work.worker.kill()
        elif at_work.turn and not at_work.worker.waits_for:
            self._step(name, FAILURES[blow]())

    @rule()
    def let_time_pass(self) -> None:
        self.place.root_conn.execute(PAST, {"seconds": LONGEST_DELAY_SECONDS * 1.5, "store_id": self.store_id})

    @precondition(lambda self: self.ended)
    @rule(cancels=st.integers(0, 3).map(lambda number: number == 0))
    def retry_or_cancel(self, cancels: bool) -> None:
        """Retry all that failed, or cancel the newest batch that no transaction holds."""
        locked = {one.log_id for one in self.at_work.values() if one.worker.place == PLANNED}
        free = [log_id for log_id in self.open_logs if log_id not in locked]
        failed = [log_id for log_id, log in self._logs().items() if log.status == "failed"]
        with self.place.conn.transaction(), tenant(self.place.conn, self.store_id):
            for log_id in free[-1:] if cancels else []:
                assert cancel_log(self.place.conn, self.store_id, log_id)
                delete_payload(self.place.conn, self.store_id, log_id)
            for log_id in [] if cancels else failed:
                self._retry(log_id)
                del self.ended[log_id]

    @invariant()
    def nothing_is_lost_and_counts_balance(self) -> None:
        logs, rows = self._logs(), self._rows()
        for log in logs.values():
            assert log.has_payload == (log.status in ("running", "failed")), "a batch without its records"
            assert log.counted == (log.received if log.status == "completed" else 0)
        assert sum(log.inserted for log in logs.values()) == len(rows), "a row was inserted twice"
        completed = {log.seq for log in logs.values() if log.status == "completed"}
        assert {row[1] for row in rows.values()} <= completed

    @invariant()
    def what_has_ended_stays_as_it_is(self) -> None:
        ended = {log_id: log.row for log_id, log in self._logs().items() if log.status != "running"}
        assert {log_id: ended.get(log_id) for log_id in self.ended} == self.ended
        self.ended = ended

    @invariant()
    def newer_stands(self) -> None:
        versions = {key: row[:2] for key, row in self._rows().items()}
        assert all(versions[key] >= version for key, version in self.seen.items()), "an older version replaced a newer"
        self.seen = versions

    def teardown(self) -> None:
        self._send_workers_home()
        if self.batches and sys.exc_info()[0] is None:  # no move has failed
            self._settle()

    def _settle(self) -> None:
        """In the end every batch that was not cancelled is applied, and of each record the newest version stands."""
        for log_id, log in self._logs().items():
            if log.status == "failed":
                with self.place.conn.transaction(), tenant(self.place.conn, self.store_id):
                    assert retry_log(self.place.conn, self.store_id, log_id) is not None
        self.place.root_conn.execute(
            "UPDATE sync_logs SET attempts = 0, next_attempt_at = now() WHERE store_id = %s AND status = 'running'",
            (self.store_id,),
        )
        for log_id, log in self._logs().items():
            if log.status == "running":
                assert process(self.place.runtime, self.store_id, log_id) is Outcome.COMPLETED
        self.ended.clear()
        self.nothing_is_lost_and_counts_balance()
        self.newer_stands()
        assert {key: row[2] for key, row in self._rows().items()} == self._winners()

    def _winners(self) -> dict[Key, str]:
        """A record without a time of its own is as new as its acceptance."""
        best: dict[Key, tuple[tuple[bool, str, int, int], str]] = {}
        for log_id, log in self._logs().items():
            entity, records = self.batches[log_id]
            for place, (key, text, time) in enumerate(records if log.status == "completed" else []):
                own = time if entity == "orders" else None
                version = (own is None, own or "", log.seq, place)
                if (entity, key) not in best or version > best[entity, key][0]:
                    best[entity, key] = (version, text)
        return {key: text for key, (_version, text) in best.items()}

    @property
    def open_logs(self) -> list[UUID]:
        return [log_id for log_id, log in self._logs().items() if log.status == "running"]

    def _send_workers_home(self) -> None:
        for at_work in self.at_work.values():
            at_work.worker.kill()
        self.at_work.clear()

    def _retry(self, log_id: UUID) -> None:
        assert retry_log(self.place.conn, self.store_id, log_id) is not None
        self.turns[log_id] += 1

    def _move(self, name: str, steps: int, newest: bool) -> None:
        for _ in range(steps):
            if name in self.at_work:
                self._step(name)
            elif self.open_logs:
                self._put_to_work(name, self.open_logs[-1 if newest else 0])

    def _put_to_work(self, name: str, log_id: UUID) -> None:
        runtime = stepped(self.place.runtime)
        worker = SteppedWorker(lambda: process(runtime, self.store_id, log_id))
        worker.step()
        self.at_work[name] = AtWork(worker, log_id)

    def _step(self, name: str, thrown: Exception | None = None) -> None:
        at_work = self.at_work[name]
        before, rows = self._logs()[at_work.log_id], self._rows()
        has_begun = at_work.turn > 0
        is_lost = has_begun and (before.status != "running" or self.turns[at_work.log_id] != at_work.turn)
        at_work.worker.waits_for = at_work.worker.waits_for or thrown  # only the verdict is left
        at_work.worker.step(thrown)
        after = self._logs()[at_work.log_id]
        if is_lost:
            assert (after, self._rows()) == (before, rows), "an attempt that was overtaken changed something"
        if not has_begun and not at_work.worker.has_ended:
            self.turns[at_work.log_id] += 1
            at_work.turn = self.turns[at_work.log_id]
        if at_work.worker.has_ended:
            del self.at_work[name]

    def _logs(self) -> dict[UUID, LogState]:
        rows = self.place.root_conn.execute(LOGS, (self.store_id,)).fetchall()
        return {row[0]: LogState(*row[1:]) for row in sorted(rows, key=lambda row: row[3])}

    def _rows(self) -> dict[Key, tuple[Any, int, str]]:
        found = self.place.root_conn.execute(ROWS, {"store_id": self.store_id})
        return {(row[0], row[1]): row[2:] for row in found}


def test_batches_keep_their_promises_in_any_order_of_steps(
    runtime: Runtime, conn: Connection, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_versions_and_stop(*arguments: Any) -> Any:
        found = get_versions(*arguments)
        stop(PLANNED)
        return found

    monkeypatch.setattr(apply, "get_versions", get_versions_and_stop)
    place = Place(runtime, conn, root_conn)
    run_state_machine_as_test(
        lambda: BatchMachine(place),  # type: ignore[arg-type]  # it only calls it
        settings=settings(
            max_examples=examples(60),
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
