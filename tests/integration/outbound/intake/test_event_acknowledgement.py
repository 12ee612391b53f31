"""An event of the ERP is acknowledged once its item is committed, so that a transaction that fails loses none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from redis import Redis

from tests.conftest import Servers
from tests.support.waiting import wait_until
from workers.core.queues import connect
from workers.core.runtime import Runtime
from workers.outbound.intake.event_sources import STREAM
from workers.outbound.intake.listener import GROUP, Listener

BREAK = """CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql
           AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$;
           CREATE CONSTRAINT TRIGGER break_down AFTER INSERT ON wc_sync_items DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION break_down()"""
MEND = "DROP TRIGGER break_down ON wc_sync_items; DROP FUNCTION break_down()"


@pytest.fixture
def listener(runtime: Runtime, servers: Servers, redis: Redis) -> Iterator[Listener]:
    with connect(servers.redis.url, 5.0) as client:
        listener = Listener(runtime.pool, client, runtime.wake_up)
        listener.tick()
        yield listener
        listener.disconnect()


@contextmanager
def failing_commits(root_conn: Connection) -> Iterator[None]:
    """Each transaction that adds an item fails as it commits."""
    root_conn.execute(BREAK)
    try:
        yield
    finally:
        root_conn.execute(MEND)


def age(redis: Redis) -> None:
    """What was read and not acknowledged looks abandoned: nobody waits half a minute."""
    for entry in redis.xpending_range(STREAM, GROUP, "-", "+", 10):
        redis.xclaim(STREAM, GROUP, "gone", 0, [entry["message_id"]], idle=60_000)


def test_event_whose_transaction_fails_is_read_again(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    data = json.dumps({"storeId": str(store_id), "productId": str(uuid4())})
    redis.xadd(STREAM, {"event": "product.updated", "data": data})
    with failing_commits(root_conn), pytest.raises(psycopg.OperationalError):
        listener.tick()
    assert redis.xpending(STREAM, GROUP)["pending"] == 1, "acknowledged before its item was committed"
    age(redis)
    listener.claimed_at = float("-inf")
    listener.tick()
    query = "SELECT sync_type, requests FROM wc_sync_items WHERE store_id = %s"
    assert root_conn.execute(query, (store_id,)).fetchall() == [("product", 1)]
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


def test_message_of_a_channel_whose_transaction_fails_is_kept(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    """Nobody would say it again."""
    redis.publish("product.updated", json.dumps({"storeId": str(store_id), "productId": str(uuid4())}))
    with failing_commits(root_conn), pytest.raises(psycopg.OperationalError):
        wait_until(lambda: listener.tick() < 0, 30.0, "the message to come")
    listener.tick()
    query = "SELECT sync_type, requests FROM wc_sync_items WHERE store_id = %s"
    assert root_conn.execute(query, (store_id,)).fetchall() == [("product", 1)]
