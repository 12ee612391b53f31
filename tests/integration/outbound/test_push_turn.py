"""How a turn at a store ends: its outcome, its lease, and whether another turn follows."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from redis import Redis

from tests.support.outbound import make_erp_product, push, put_products, statuses
from workers.core.queues import PUSH, WakeUp, connect, count_waiting
from workers.core.runtime import Runtime
from workers.outbound.sending import push_store
from workers.outbound.sending.push_store import PushOutcome

LEASE = "SELECT holder FROM wc_push_leases WHERE store_id = %s"


def test_turn_that_is_stopped_is_followed_by_another(
    pushing: Runtime, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    redis.flushall()
    pushing.stopping.set()
    try:
        assert push(pushing, store_id) is PushOutcome.MORE
    finally:
        pushing.stopping.clear()
    assert count_waiting(redis, PUSH) == 1
    assert root_conn.execute(LEASE, (store_id,)).fetchone() == (None,)
    assert push(pushing, store_id) is PushOutcome.DRAINED
    assert count_waiting(redis, PUSH) == 1, "nothing is left to send"


def test_short_turn_drains_though_another_store_waits(
    pushing: Runtime, redis: Redis, root_conn: Connection, store_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_store, "FAIR_SECONDS", 3600.0)
    monkeypatch.setattr(push_store, "TURN_SECONDS", 7200.0)
    put_products(pushing, store_id, [make_erp_product()])
    pushing.wake_up.push(uuid4())
    assert push(pushing, store_id) is PushOutcome.DRAINED
    assert statuses(root_conn, store_id) == {"completed": 1}


def test_store_is_sent_for_while_redis_is_away(pushing: Runtime, root_conn: Connection, store_id: UUID) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    with connect("redis://127.0.0.1:1/0") as nowhere:
        alone = replace(pushing, wake_up=WakeUp(nowhere))
        assert push(alone, store_id) is PushOutcome.DRAINED
    assert alone.wake_up.is_resting
    assert statuses(root_conn, store_id) == {"completed": 1}


@pytest.mark.parametrize("is_passing", [True, False], ids=["passing", "defect"])
def test_lease_that_is_not_released_ends_no_turn(
    pushing: Runtime, root_conn: Connection, store_id: UUID, monkeypatch: pytest.MonkeyPatch, is_passing: bool
) -> None:
    """If the database is away, the lease runs out by itself; a defect is raised."""

    def fail(*_: object) -> None:
        raise psycopg.OperationalError if is_passing else RuntimeError("a defect")

    monkeypatch.setattr(push_store, "release_lease", fail)
    put_products(pushing, store_id, [make_erp_product()])
    if is_passing:
        assert push(pushing, store_id) is PushOutcome.DRAINED
    else:
        with pytest.raises(RuntimeError, match="a defect"):
            push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1}
    assert push(pushing, store_id) is PushOutcome.BUSY
