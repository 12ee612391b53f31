"""From which states each statement moves a log, and that it moves no other log: every statement meets every state.

Two stores have logs with the same ids in different states, and the statements run past row-level security, so that a
condition that is missing shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from app.usecases.stores import CreatedStore
from db.core.tenancy import tenant
from db.pulls.pages import AppliedPage, Stash, claim_page, discard_page, finish_page, stash_page
from db.pulls.runs import complete_pull, get_active_pull, pause_pull, resume_pull, retry_pull
from db.pulls.turns import Worker, begin_pull, fail_pull, postpone_pull, renew_lease, yield_pull
from db.sync.dispatch import admit_waiting, give_up, list_stranded, mend_times, prune_logs
from db.sync.logs import (
    Claim,
    Counts,
    NewLog,
    accept_log,
    admit_next,
    begin_attempt,
    cancel_log,
    claim_log,
    get_barrier,
    get_log,
    mark_completed,
    mark_failed,
    mark_retrying,
    retry_log,
)
from tests.conftest import Database

MOST_ATTEMPTS = 5
EPOCH = 3
HOUR = "1 hour"
LONG_AGO = "-40 days"


@dataclass(frozen=True)
class State:
    """A log as it is stored. Times are relative to now; `enqueued` is None for a log that was not admitted."""

    status: str = "running"
    attempts: int = 1
    due: str = "-1 minute"
    enqueued: str | None = "-1 minute"
    accepted: str = "-1 minute"
    queue: str = "ingest"
    entity: str = "orders"
    has_payload: bool = True
    has_page: bool = False


PULL = State(queue="pull", has_payload=False, has_page=True)
STATES = {
    "is tried before all others": State(due=HOUR),
    "cancelled before admission": State("cancelled", attempts=0, enqueued=None, has_payload=False),
    "paused before admission": replace(PULL, status="paused", entity="categories", enqueued=None, attempts=0),
    "waits for admission": State(attempts=0, enqueued=None),
    "waits behind it": State(attempts=0, enqueued=None),
    "has spent its attempts unadmitted": State(attempts=5, enqueued=None),
    "accepted by a fast clock, unadmitted": State(attempts=0, due=HOUR, enqueued=None, accepted=HOUR),
    "first attempt is due": State(attempts=0),
    "first attempt is not due": State(attempts=0, due=HOUR),
    "second attempt is due": State(),
    "is being tried": State(due=HOUR),
    "of another entity": State(due=HOUR, entity="products"),
    "has spent its attempts": State(attempts=5),
    "makes its last attempt": State(attempts=5, due=HOUR),
    "accepted by a fast clock": State(attempts=0, due=HOUR, accepted=HOUR),
    "enqueued by a fast clock": State(attempts=1, due=HOUR, enqueued=HOUR),
    "failed": State("failed"),
    "failed with its attempts spent": State("failed", attempts=5),
    "failed by a fast clock": State("failed", due=HOUR, enqueued=HOUR),
    "failed without payload": State("failed", has_payload=False),
    "completed": State("completed", has_payload=False),
    "cancelled": State("cancelled", has_payload=False),
    "pull is due": PULL,
    "pull has a worker": replace(PULL, entity="products", due=HOUR),
    "pull has no page": replace(PULL, entity="customers", due=HOUR, has_page=False),
    "pull failed beside a running one": replace(PULL, status="failed", entity="products"),
    "pull failed beside a paused one": replace(PULL, status="failed", entity="categories"),
    "pull was cancelled": replace(PULL, status="cancelled", entity="products"),
    "pull completed": replace(PULL, status="completed", entity="products"),
}
INSERT = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, inserted, attempts, attempt_no,
                                   next_attempt_at, enqueues, enqueued_at, accepted_at, error_code, queue)
            VALUES (%(store_id)s, %(id)s, %(entity)s, 'plugin', 'upsert', %(status)s, %(phase)s, 1, %(inserted)s, %(attempts)s,
                    %(attempts)s, now() + %(due)s::interval, 1, now() + %(enqueued)s::interval, now() + %(accepted)s::interval,
                    %(code)s, %(queue)s)"""
RUN = """INSERT INTO pull_runs (store_id, log_id, windows, options, epoch, page) VALUES (%s, %s, '[]', '{}', %s, %s)"""

Names = set[str]


@dataclass(frozen=True)
class Place:
    """The logs of two stores: log `ids[state]` of `store_id` has that state, and in `other_id` the state of its neighbour."""

    conn: Connection
    store_id: UUID
    other_id: UUID
    ids: dict[str, UUID]

    @property
    def names(self) -> dict[tuple[UUID, UUID], str]:
        order = list(self.ids)
        own = {(self.store_id, self.ids[name]): name for name in order}
        neighbours = zip(order, order[1:] + order[:1], strict=True)
        return own | {(self.other_id, self.ids[name]): f"other: {neighbour}" for name, neighbour in neighbours}

    def rows(self) -> dict[str, tuple[Any, ...]]:
        found = self.conn.execute(
            """SELECT l.store_id, l.id, l::text, r::text, p::text
                 FROM sync_logs l
                 LEFT JOIN pull_runs r ON r.store_id = l.store_id AND r.log_id = l.id
                 LEFT JOIN sync_payloads p ON p.store_id = l.store_id AND p.log_id = l.id
                WHERE l.store_id IN (%s, %s)""",
            (self.store_id, self.other_id),
        )
        names = self.names
        return {names[row[0], row[1]]: row[2:] for row in found}

    def changed_by(self, change: Callable[[], object]) -> Names:
        """The logs that are changed or gone afterwards. The change is rolled back."""
        before = self.rows()
        with self.conn.transaction(force_rollback=True):
            change()
            after = self.rows()
        return {name for name, row in before.items() if after.get(name) != row}

    def moved_by(self, change: Callable[[UUID], object]) -> Names:
        """The states from which `change` moves a log. Nothing else may change with it."""
        moved = set()
        for name, log_id in self.ids.items():
            changed = self.changed_by(partial(change, log_id))
            assert changed <= {name}
            moved |= changed
        return moved

    def found_by(self, query: Callable[[UUID], object]) -> Names:
        found = set()
        for name, log_id in self.ids.items():
            with self.conn.transaction(force_rollback=True):
                if query(log_id):
                    found.add(name)
        return found

    def worker(self, log_id: UUID, epoch: int = EPOCH) -> Worker:
        return Worker(self.store_id, log_id, epoch)


@pytest.fixture
def place(root_conn: Connection, store_id: UUID, other_store: CreatedStore) -> Iterator[Place]:
    place = Place(root_conn, store_id, other_store.store_id, {name: uuid4() for name in STATES})
    with root_conn.transaction(force_rollback=True):
        root_conn.execute("DELETE FROM sync_logs")
        states = list(STATES.values())
        for store, of_store in ((store_id, states), (other_store.store_id, states[1:] + states[:1])):
            for log_id, state in zip(place.ids.values(), of_store, strict=True):
                insert(root_conn, store, log_id, state)
        yield place


def insert(conn: Connection, store_id: UUID, log_id: UUID, state: State) -> None:
    parameters = {
        "store_id": store_id,
        "id": log_id,
        "entity": state.entity,
        "status": state.status,
        "phase": "processing" if state.status == "running" else None,
        "inserted": int(state.status == "completed" or state.queue == "pull"),
        "attempts": state.attempts,
        "due": state.due,
        "enqueued": state.enqueued,
        "accepted": state.accepted,
        "code": "INTERNAL" if state.status == "failed" else None,
        "queue": state.queue,
    }
    conn.execute(INSERT, parameters)
    if state.has_payload:
        conn.execute("INSERT INTO sync_payloads (store_id, log_id, body) VALUES (%s, %s, '[]')", (store_id, log_id))
    if state.queue == "pull":
        conn.execute(RUN, (store_id, log_id, EPOCH, b"page" if state.has_page else None))


def named(wanted: Callable[[State], bool]) -> Names:
    return {name for name, state in STATES.items() if wanted(state)}


def of_both(names: Names) -> Names:
    return names | {f"other: {name}" for name in names}


def is_batch(state: State) -> bool:
    return state.queue == "ingest"


def is_running_batch(state: State) -> bool:
    return is_batch(state) and state.status == "running"


def is_running_pull(state: State) -> bool:
    return state.queue == "pull" and state.status == "running"


def test_attempt_begins_only_at_due_running_logs(place: Place) -> None:
    begun = place.moved_by(lambda log_id: begin_attempt(place.conn, place.store_id, log_id, MOST_ATTEMPTS, [60.0]))
    assert begun - {"pull is due"} == {
        "waits for admission",
        "waits behind it",
        "accepted by a fast clock, unadmitted",
        "first attempt is due",
        "second attempt is due",
        "accepted by a fast clock",
    }


def test_attempt_is_counted_and_postponed_by_its_delay(place: Place) -> None:
    seconds = """SELECT attempts, round(extract(epoch FROM next_attempt_at - now()), -1)
                   FROM sync_logs WHERE store_id = %s AND id = %s"""
    delays = {"first attempt is due": (1, 100), "second attempt is due": (2, 200)}
    for name, expected in delays.items():
        log_id = place.ids[name]
        begin_attempt(place.conn, place.store_id, log_id, MOST_ATTEMPTS, [100.0, 200.0])
        assert place.conn.execute(seconds, (place.store_id, log_id)).fetchone() == expected


def test_delay_of_an_attempt_beyond_the_list_is_the_last(place: Place) -> None:
    log_id = place.ids["second attempt is due"]
    begin_attempt(place.conn, place.store_id, log_id, MOST_ATTEMPTS, [100.0])
    log = get_log(place.conn, place.store_id, log_id)
    assert log is not None and 90 < (log.next_attempt_at - datetime.now(UTC)).total_seconds() <= 100


def test_only_the_running_attempt_is_claimed(place: Place) -> None:
    assert place.found_by(lambda log_id: claim_log(place.conn, place.store_id, log_id, 1)) == {
        "second attempt is due",
        "is tried before all others",
        "is being tried",
        "of another entity",
        "enqueued by a fast clock",
    }


def test_only_a_running_log_completes(place: Place) -> None:
    counts = Counts(inserted=1)
    completed = place.moved_by(lambda log_id: mark_completed(place.conn, place.store_id, log_id, counts))
    assert completed == named(lambda state: state.status == "running")


@pytest.mark.parametrize("mark", [mark_retrying, mark_failed])
def test_verdict_moves_only_a_running_log(place: Place, mark: Callable[..., bool]) -> None:
    moved = place.moved_by(lambda log_id: mark(place.conn, place.store_id, log_id, 1, "INTERNAL", "It failed."))
    assert moved == named(lambda state: state.status == "running" and state.attempts == 1)


def test_only_a_failed_log_with_payload_is_retried(place: Place) -> None:
    retried = place.moved_by(lambda log_id: retry_log(place.conn, place.store_id, log_id))
    assert retried == {"failed", "failed with its attempts spent", "failed by a fast clock"}
    ticket = retry_log(place.conn, place.store_id, place.ids["failed"])
    assert ticket is not None and ticket.enqueue_no == 2


def test_only_open_logs_are_cancelled(place: Place) -> None:
    cancelled = place.moved_by(lambda log_id: cancel_log(place.conn, place.store_id, log_id))
    assert cancelled == named(lambda state: state.status in ("running", "paused"))


def test_log_of_another_store_is_not_read(place: Place) -> None:
    assert get_log(place.conn, place.store_id, uuid4()) is None
    for name, log_id in place.ids.items():
        log = get_log(place.conn, place.store_id, log_id)
        assert log is not None and (log.id, log.status) == (log_id, STATES[name].status)


def test_window_admits_the_oldest_waiting_logs_of_a_store(place: Place) -> None:
    in_window = len(named(lambda state: is_running_batch(state) and state.enqueued is not None))
    waiting = [name for name, state in STATES.items() if is_running_batch(state) and state.enqueued is None]
    for room in (0, 1, 2):
        window = in_window + room
        assert place.changed_by(partial(admit_next, place.conn, place.store_id, window)) == set(waiting[:room])
        # The other store has the states one place further, so its first log was accepted last.
        admitted = place.changed_by(partial(admit_waiting, place.conn, window))
        assert admitted == of_both(set(waiting[:room]))
    assert admit_next(place.conn, place.store_id, 0) == []
    tickets = admit_next(place.conn, place.store_id, in_window + 1)
    assert [ticket.enqueue_no for ticket in tickets] == [2]
    assert {ticket.enqueue_no for ticket in admit_waiting(place.conn, in_window + 2)} == {2}


def test_barrier_is_the_newest_older_log_that_may_be_applied(place: Place) -> None:
    """Older by number or by time of acceptance, of the same entity, and neither the log itself nor a pull's."""
    place.conn.execute("UPDATE sync_logs SET accepted_at = now() + make_interval(mins => (accepted_seq % 3)::int)")
    rows = place.conn.execute(
        "SELECT id, accepted_seq, accepted_at, entity, mode, status, queue FROM sync_logs WHERE store_id = %s",
        (place.store_id,),
    ).fetchall()
    for log_id, seq, accepted_at, entity, mode, *_ in rows:
        claim = Claim(log_id, seq, accepted_at, entity, mode, "woocommerce")
        older = [
            other_seq
            for other_id, other_seq, other_at, other_entity, _, status, queue in rows
            if (other_entity, queue) == (entity, "ingest")
            and status in ("running", "failed")
            and other_id != log_id
            and (other_seq < seq or other_at <= accepted_at)
        ]
        assert get_barrier(place.conn, place.store_id, claim) == max(older, default=0)


def test_only_due_logs_without_attempts_are_given_up(place: Place) -> None:
    given_up = place.changed_by(lambda: give_up(place.conn, MOST_ATTEMPTS, "GAVE_UP", ""))
    assert given_up == of_both({"has spent its attempts"})


def test_only_due_admitted_logs_are_stranded(place: Place) -> None:
    stranded = of_both({"first attempt is due", "second attempt is due", "pull is due"})
    assert place.changed_by(lambda: list_stranded(place.conn, [], MOST_ATTEMPTS, 100)) == stranded
    in_redis = [place.ids["second attempt is due"], place.ids["pull is due"]]
    names = {place.names[place.other_id, log_id] for log_id in in_redis} | {"second attempt is due", "pull is due"}
    assert place.changed_by(lambda: list_stranded(place.conn, in_redis, MOST_ATTEMPTS, 100)) == stranded - names
    tickets = list_stranded(place.conn, [], MOST_ATTEMPTS, 2)
    assert [ticket.enqueue_no for ticket in tickets] == [2, 2]


def test_phase_of_a_stranded_log_tells_whether_it_was_tried(place: Place) -> None:
    list_stranded(place.conn, [], MOST_ATTEMPTS, 100)
    logs = [
        get_log(place.conn, place.store_id, place.ids[name])
        for name in ("first attempt is due", "second attempt is due")
    ]
    assert [log.phase for log in logs if log] == ["queued", "retrying"]


def test_only_times_to_come_of_admitted_running_logs_are_mended(place: Place) -> None:
    mended = place.changed_by(lambda: mend_times(place.conn))
    assert mended == of_both({"accepted by a fast clock", "enqueued by a fast clock"})


def test_old_ended_logs_are_pruned_oldest_first(place: Place) -> None:
    place.conn.execute("UPDATE sync_logs SET accepted_at = now() - interval '40 days'")
    young = "UPDATE sync_logs SET accepted_at = now() WHERE id = %s"
    place.conn.execute(young, (place.ids["cancelled"],))
    kept = {name for key, name in place.names.items() if key[1] == place.ids["cancelled"]}
    ended = of_both(named(lambda state: state.status not in ("running", "paused"))) - kept
    assert place.changed_by(lambda: prune_logs(place.conn, 30, 100)) == ended
    assert place.changed_by(lambda: prune_logs(place.conn, 41, 100)) == set()


STASH = Stash(0, b"next", 1, 0, None, True, None, datetime(2026, 1, 1, tzinfo=UTC), None, None, 0.0)
PULL_CHANGES: dict[str, tuple[Callable[[Place, Worker], object], Names]] = {
    "begin": (lambda p, w: begin_pull(p.conn, w.store_id, w.log_id, MOST_ATTEMPTS, 60), {"pull is due"}),
    "renew": (lambda p, w: renew_lease(p.conn, w, 900), named(is_running_pull)),
    "yield": (lambda p, w: yield_pull(p.conn, w), named(is_running_pull)),
    "postpone": (lambda p, w: postpone_pull(p.conn, w, 900, "X", "x"), named(is_running_pull)),
    "fail": (lambda p, w: fail_pull(p.conn, w, "X", "x"), named(is_running_pull)),
    "store a page": (lambda p, w: stash_page(p.conn, w, STASH, 900), {"pull has no page"}),
    "pause": (lambda p, w: pause_pull(p.conn, w.store_id, w.log_id), named(is_running_pull)),
    "resume": (lambda p, w: resume_pull(p.conn, w.store_id, w.log_id), {"paused before admission"}),
    "retry": (lambda p, w: retry_pull(p.conn, w.store_id, w.log_id), set()),
    "discard": (
        lambda p, w: discard_page(p.conn, w.store_id, w.log_id),
        named(lambda state: state.has_page),
    ),
}
OF_WORKERS = ("renew", "yield", "postpone", "fail", "store a page")


@pytest.mark.parametrize("change", PULL_CHANGES)
def test_pull_moves_only_from_its_states(place: Place, change: str) -> None:
    act, states = PULL_CHANGES[change]
    assert place.moved_by(lambda log_id: act(place, place.worker(log_id))) == states


@pytest.mark.parametrize("change", OF_WORKERS)
def test_pull_is_moved_by_no_worker_of_another_epoch(place: Place, change: str) -> None:
    act, _ = PULL_CHANGES[change]
    assert place.moved_by(lambda log_id: act(place, place.worker(log_id, EPOCH - 1))) == set()


def test_pull_out_of_attempts_does_not_begin(place: Place) -> None:
    log_id = place.ids["pull is due"]
    assert begin_pull(place.conn, place.store_id, log_id, 1, 60) is None


def test_page_number_that_was_stored_is_not_stored_again(place: Place) -> None:
    worker = place.worker(place.ids["pull has no page"])
    assert stash_page(place.conn, worker, replace(STASH, pages=1), 900) is None


def test_only_a_waiting_page_of_a_running_pull_is_claimed(place: Place) -> None:
    claimed = place.found_by(lambda log_id: claim_page(place.conn, place.worker(log_id)))
    assert claimed == named(lambda state: is_running_pull(state) and state.has_page)
    assert not place.found_by(lambda log_id: claim_page(place.conn, place.worker(log_id, EPOCH - 1)))


def test_finished_page_changes_its_own_pull(place: Place) -> None:
    page = AppliedPage(1, 1, 1, Counts(inserted=1), None, True, None, None, None)
    log_id = place.ids["pull has a worker"]
    changed = place.changed_by(lambda: finish_page(place.conn, place.worker(log_id), page, 900))
    assert changed == {"pull has a worker"}


def test_only_a_running_pull_completes(place: Place) -> None:
    for name in named(lambda state: state.queue == "pull"):
        if is_running_pull(STATES[name]):
            assert place.changed_by(partial(complete_pull, place.conn, place.store_id, place.ids[name])) == {name}
        else:
            with pytest.raises(RuntimeError):
                complete_pull(place.conn, place.store_id, place.ids[name])


def test_failed_pull_is_retried_once_its_entity_is_free(place: Place) -> None:
    failed = [place.ids[f"pull failed beside a {what} one"] for what in ("running", "paused")]
    assert [retry_pull(place.conn, place.store_id, log_id) for log_id in failed] == [None, None]
    for name in ("pull has a worker", "paused before admission"):
        assert cancel_log(place.conn, place.store_id, place.ids[name])
    tickets = [retry_pull(place.conn, place.store_id, log_id) for log_id in failed]
    assert [(ticket.log_id, ticket.enqueue_no) for ticket in tickets if ticket] == [(log_id, 2) for log_id in failed]


def test_active_pull_is_the_running_or_paused_one(place: Place) -> None:
    active = {
        entity: get_active_pull(place.conn, place.store_id, entity) for entity in ("orders", "products", "categories")
    }
    assert active == {
        "orders": place.ids["pull is due"],
        "products": place.ids["pull has a worker"],
        "categories": place.ids["paused before admission"],
    }
    cancel_log(place.conn, place.store_id, place.ids["pull is due"])
    assert get_active_pull(place.conn, place.store_id, "orders") is None


def test_open_batches_of_the_store_fill_it_and_its_window(place: Place) -> None:
    def accepted(window: int, most_open: int) -> tuple[str, int]:
        log = NewLog(place.store_id, uuid4(), "orders", "plugin", "upsert", 1, b"x", None, None, None)
        with place.conn.transaction(force_rollback=True):
            answer = accept_log(place.conn, log, window, most_open)
        return answer.verdict, answer.enqueue_no

    admitted = len(named(lambda state: is_running_batch(state) and state.enqueued is not None))
    are_open = len(named(is_running_batch))
    for window in (1, admitted):
        assert accepted(window, are_open) == ("full", 0)
        assert accepted(window, are_open + 1) == ("accepted", 0)
    assert accepted(admitted + 1, are_open + 1) == ("accepted", 1)


TURNS: dict[str, Callable[[Connection, UUID, UUID], object]] = {
    "admit": lambda conn, _store, _log: admit_waiting(conn, 8),
    "give up": lambda conn, _store, _log: give_up(conn, MOST_ATTEMPTS, "GAVE_UP", ""),
    "find stranded": lambda conn, _store, _log: list_stranded(conn, [], MOST_ATTEMPTS, 100),
    "mend times": lambda conn, _store, _log: mend_times(conn),
    "prune": lambda conn, _store, _log: prune_logs(conn, 30, 100),
    "admit one store": lambda conn, store_id, _log: admit_next(conn, store_id, 8),
    "begin": lambda conn, store_id, log_id: begin_attempt(conn, store_id, log_id, MOST_ATTEMPTS, [60.0]),
    "claim": lambda conn, store_id, log_id: claim_log(conn, store_id, log_id, 1),
    "begin pull": lambda conn, store_id, log_id: begin_pull(conn, store_id, log_id, MOST_ATTEMPTS, 60),
}


@pytest.mark.parametrize("turn", TURNS)
def test_locked_logs_are_skipped_without_waiting(
    conn: Connection, root_conn: Connection, database: Database, store_id: UUID, turn: str
) -> None:
    log_ids = {name: uuid4() for name in ("second attempt is due", "pull is due")}
    for name in (*log_ids, "waits for admission", "has spent its attempts", "enqueued by a fast clock"):
        insert(root_conn, store_id, log_ids.get(name, uuid4()), STATES[name])
    insert(root_conn, store_id, uuid4(), replace(STATES["completed"], accepted=LONG_AGO))
    log_id = log_ids["pull is due" if turn == "begin pull" else "second attempt is due"]
    with psycopg.connect(database.superuser_url) as holder:
        holder.execute("SELECT FROM sync_logs FOR UPDATE")
        with psycopg.connect(database.url, options="-c lock_timeout=300ms") as worker, tenant(worker, store_id):
            assert not TURNS[turn](worker, store_id, log_id)
    with tenant(conn, store_id):
        assert TURNS[turn](conn, store_id, log_id)
