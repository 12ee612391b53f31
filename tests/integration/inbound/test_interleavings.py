"""On the real database, batches processed in any order end in the same state as in order."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from tests.support.examples import examples
from tests.support.factories import make_customer, make_order
from tests.support.pipeline import accept_batch
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

KEYS = 16  # each key of an example is an interleaving of its own: 16 keys x (100 + 30) examples if thorough
TIMES = (None, "2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z")
FRESH = count(1)

Version = tuple[str, str | None]  # what it says, and its own time
Batches = list[list[tuple[int, Version]]]
VERSIONS = st.tuples(st.sampled_from("abc"), st.sampled_from(TIMES))
BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, KEYS - 1), VERSIONS), min_size=1, max_size=24), min_size=2, max_size=4
)
LAW = settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])


def winners(batches: Batches, timed: bool) -> dict[int, str]:
    """The newest version of each key. A version without a time is newer than any time."""
    best: dict[int, tuple[tuple[bool, str, int, int], str]] = {}
    for accepted, batch in enumerate(batches):
        for place, (key, (text, own_time)) in enumerate(batch):
            time = own_time if timed else None
            version = (time is None, time or "", accepted, place)
            if key not in best or version > best[key][0]:
                best[key] = (version, text)
    return {key: text for key, (_version, text) in best.items()}


def run(runtime: Runtime, store_id: UUID, entity: str, batches: list[list[dict[str, Any]]], order: list[int]) -> None:
    """Accept all in one order, process in another; an ended log is skipped."""
    logs = [accept_batch(runtime, store_id, entity, batch) for batch in batches]
    seen: set[int] = set()
    for number in order:
        wanted = Outcome.NOT_NOW if number in seen else Outcome.COMPLETED
        assert process(runtime, store_id, logs[number]) is wanted
        seen.add(number)


def with_repeats(data: st.DataObject, batches: Batches) -> list[int]:
    """Each batch at least once, in any order, some twice."""
    numbers = range(len(batches))
    order = data.draw(st.permutations(numbers))
    return [*order, *data.draw(st.lists(st.sampled_from(order), max_size=2))]


def says(root_conn: Connection, query: str, store_id: UUID, base: int) -> dict[int, str]:
    rows = root_conn.execute(query.encode(), (store_id, base, base + KEYS - 1)).fetchall()
    return {key - base: text for key, text in rows}


@LAW
@given(data=st.data(), batches=BATCHES)
def test_orders_end_in_one_state(
    runtime: Runtime, store_id: UUID, root_conn: Connection, data: st.DataObject, batches: Batches
) -> None:
    base = next(FRESH) * KEYS
    orders = [
        [make_order(wc_order_id=base + key, status=text, date_modified=time, items=[]) for key, (text, time) in batch]
        for batch in batches
    ]
    run(runtime, store_id, "orders", orders, with_repeats(data, batches))
    query = "SELECT external_id, status FROM orders WHERE store_id = %s AND external_id BETWEEN %s AND %s"
    assert says(root_conn, query, store_id, base) == winners(batches, timed=True)


@settings(LAW, max_examples=examples(30))
@given(data=st.data(), batches=BATCHES)
def test_customers_end_in_one_state(
    runtime: Runtime, store_id: UUID, root_conn: Connection, data: st.DataObject, batches: Batches
) -> None:
    base = next(FRESH) * KEYS
    customers = [
        [make_customer(wc_customer_id=base + key, display_name=text) for key, (text, _time) in batch]
        for batch in batches
    ]
    run(runtime, store_id, "customers", customers, with_repeats(data, batches))
    query = "SELECT external_id, display_name FROM customers WHERE store_id = %s AND external_id BETWEEN %s AND %s"
    assert says(root_conn, query, store_id, base) == winners(batches, timed=False)
