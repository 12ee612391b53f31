"""The ERP's Redis user can only send events, for its own stores, signed if a key is set."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from app.settings.values import ErpUser
from db.sync.logs import Ticket
from tests.conftest import Servers
from tests.support.paths import ROOT
from tests.support.waiting import wait_until
from workers.core.ids import new_id
from workers.core.queues import INGEST, connect, enqueue_all, queue_lengths
from workers.core.runtime import Runtime
from workers.outbound.intake.event_sources import STREAM, TOLERANCE_SECONDS, USER_STREAM, sign, sources_of, store_secret
from workers.outbound.intake.listener import Listener, refused_counts
from workers.processes import jobs
from workers.processes.worker import build_worker

RULES = re.findall(
    r"^user (sluice|erp) on >\$\([^)]+\) (.+)$",
    (ROOT / "docker" / "redis.sh").read_text(encoding="utf-8"),
    re.MULTILINE,
)
EVENT_KEY = "a key for events that is long enough"
NAME = "product.updated"


def command_of(client: Redis, *words: str) -> Any:
    return client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis has no type


@pytest.fixture
def users(servers: Servers, redis: Redis) -> Iterator[dict[str, Redis]]:
    """The users of docker/redis.sh, signed in to the server of these tests."""
    found: dict[str, Redis] = {}
    for name, rules in RULES:
        command_of(redis, "ACL", "SETUSER", name, "reset", "on", ">password", *rules.split())
        found[name] = Redis.from_url(servers.redis.url, username=name, password="password")
    yield found
    for name, client in found.items():
        client.close()
        command_of(redis, "ACL", "DELUSER", name)


@pytest.fixture
def listen(runtime: Runtime, servers: Servers, redis: Redis) -> Iterator[Callable[..., Listener]]:
    """A listener for these ERP users; it has subscribed."""
    made: list[Listener] = []

    def start(*erp: ErpUser, event_key: str | None = None) -> Listener:
        client = connect(servers.redis.url, 5.0)
        made.append(Listener(runtime.pool, client, runtime.wake_up, sources=sources_of(erp), event_key=event_key))
        made[-1].tick()
        return made[-1]

    yield start
    for listener in made:
        listener.disconnect()
        listener.redis.close()


def hear(listener: Listener) -> None:
    wait_until(lambda: listener.tick() == 0, 10, "everything is heard")


def items(root_conn: Connection, *stores: UUID) -> list[int]:
    query = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s"
    return [root_conn.execute(query, (store,)).fetchall()[0][0] for store in stores]


def event_of(store_id: UUID) -> dict[str, str]:
    return {"event": NAME, "data": json.dumps({"storeId": str(store_id), "productId": str(uuid4())})}


def signed(store_id: UUID, timestamp: float, secret: str | None = None) -> dict[str, Any]:
    event = event_of(store_id)
    stamp = str(int(timestamp))
    secret = secret or store_secret(EVENT_KEY, store_id)
    return event | {"timestamp": stamp, "signature": sign(secret, stamp, NAME, event["data"].encode())}


FORBIDDEN = [
    ("XADD", "sluice:events", "*", "event", "x"),
    ("XADD", "sluice:events:from:other", "*", "event", "x"),
    ("XREAD", "COUNT", "1", "STREAMS", "sluice:events:from:erp", "0"),
    ("PUBLISH", "product.updated", "{}"),
    ("PUBLISH", "rq:pubsub:worker", "{}"),
    ("RPUSH", "rq:queue:ingest", "job"),
    ("HSET", "rq:job:forged", "data", "x"),
    ("GET", "sluice:rate"),
    ("EVAL", "return 1", "0"),
    ("KEYS", "*"),
    ("FLUSHALL",),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("SUBSCRIBE", "sluice:events:from:erp:product.updated"),
]


@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
def test_erp_user_can_do_nothing_else(users: dict[str, Redis], command: tuple[str, ...]) -> None:
    with pytest.raises(NoPermissionError):
        command_of(users["erp"], *command)


def test_erp_user_sends_events_on_its_stream_and_channels(
    users: dict[str, Redis], listen: Callable[..., Listener], store_id: UUID, root_conn: Connection
) -> None:
    listener = listen(ErpUser("erp", frozenset([store_id])))
    event = event_of(store_id)
    users["erp"].xadd(f"{USER_STREAM}erp", event)  # type: ignore[arg-type]  # a dict of texts will do
    users["erp"].publish(f"{USER_STREAM}erp:{NAME}", event_of(store_id)["data"])
    hear(listener)
    assert items(root_conn, store_id) == [2]


def test_events_for_stores_of_others_are_refused(
    redis: Redis, listen: Callable[..., Listener], store_id: UUID, other_store: Any, root_conn: Connection
) -> None:
    listener = listen(ErpUser("erp", frozenset([store_id])), ErpUser("hub", None))
    for place in (f"{USER_STREAM}erp", STREAM, f"{USER_STREAM}hub"):
        redis.xadd(place, event_of(other_store.store_id))  # type: ignore[arg-type]
    redis.publish(f"{USER_STREAM}erp:{NAME}", event_of(other_store.store_id)["data"])
    redis.publish(NAME, event_of(other_store.store_id)["data"])  # nobody listens there any more
    hear(listener)
    assert items(root_conn, store_id, other_store.store_id) == [0, 1]
    assert refused_counts(redis) == {"store_not_bound": 3}
    groups: Any = [redis.xpending(place, "sluice")["pending"] for place in (STREAM, f"{USER_STREAM}erp")]
    assert groups == [0, 0]


def test_application_user_can_do_what_processes_need(
    users: dict[str, Redis], runtime: Runtime, store_id: UUID, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, worked = users["sluice"], []
    monkeypatch.setattr(jobs, "process_log", lambda *ids: worked.append(ids))
    enqueue_all(ours, [Ticket(store_id, new_id(), 1, "orders", 5)])
    assert queue_lengths(ours)[INGEST] == 1
    worker = build_worker(ours, (INGEST,))
    worker.log.disabled = True
    worker.work(burst=True, logging_level="CRITICAL")
    assert len(worked) == 1
    ours.xadd(STREAM, event_of(store_id))  # type: ignore[arg-type]
    listener = Listener(runtime.pool, ours, runtime.wake_up)
    hear(listener)
    listener.disconnect()
    assert items(root_conn, store_id) == [1]
    assert ours.info("memory") and ours.info("server")


@pytest.mark.parametrize(
    "command", [("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("REPLICAOF", "NO", "ONE")]
)
def test_application_user_administers_nothing(users: dict[str, Redis], command: tuple[str, ...]) -> None:
    with pytest.raises(NoPermissionError):
        command_of(users["sluice"], *command)


def test_wrong_password_of_a_user_opens_nothing(users: dict[str, Redis], servers: Servers) -> None:
    with (
        Redis.from_url(servers.redis.url, username="erp", password="guess") as client,
        pytest.raises(AuthenticationError),
    ):
        client.ping()


# Signatures


def test_only_signed_events_are_taken_where_there_is_a_key(
    redis: Redis, listen: Callable[..., Listener], store_id: UUID, other_store: Any, root_conn: Connection
) -> None:
    listener = listen(event_key=EVENT_KEY)
    now = time.time()
    theirs = store_secret(EVENT_KEY, other_store.store_id)
    sent: list[dict[Any, Any]] = [
        event_of(store_id),
        signed(store_id, now),
        signed(store_id, now, theirs),
        signed(store_id, now) | {"event": "product.created"},
        signed(store_id, now) | {"data": event_of(store_id)["data"]},
        signed(store_id, now) | {"timestamp": str(int(now) + 1)},
        signed(store_id, now) | {"signature": "é"},
        signed(store_id, now - 2 * TOLERANCE_SECONDS),
        signed(store_id, now + 2 * TOLERANCE_SECONDS),
    ]
    for fields in sent:
        redis.xadd(STREAM, fields)
    hear(listener)
    assert items(root_conn, store_id) == [1]
    assert refused_counts(redis) == {"bad_signature": 6, "stale_signature": 2}


def test_signed_event_that_waited_for_days_is_taken(
    redis: Redis, listen: Callable[..., Listener], store_id: UUID, root_conn: Connection
) -> None:
    listener = listen(event_key=EVENT_KEY)
    days_ago = time.time() - 3 * 86_400
    waited: dict[Any, Any] = signed(store_id, days_ago)
    redis.xadd(STREAM, waited, id=f"{int(days_ago * 1000)}-1")
    hear(listener)
    assert items(root_conn, store_id) == [1]


def test_signed_messages_of_pub_sub_are_taken(
    redis: Redis, listen: Callable[..., Listener], store_id: UUID, root_conn: Connection
) -> None:
    listener = listen(event_key=EVENT_KEY)
    good, old = (signed(store_id, time.time() - age) for age in (0.0, 2 * TOLERANCE_SECONDS))
    for event in (good, old, good | {"signature": "0" * 64}):
        redis.publish(NAME, json.dumps({part: event[part] for part in ("data", "timestamp", "signature")}))
    for text in (good["data"], "[]", "{", '{"data": "\\ud800"}'):
        redis.publish(NAME, text)
    hear(listener)
    assert items(root_conn, store_id) == [1]
    counts = refused_counts(redis)
    assert counts["stale_signature"] == 1 and sum(counts.values()) == 6


def test_secret_of_one_store_tells_nothing_of_anothers(store_id: UUID) -> None:
    secrets = {store_secret(key, store) for key in (EVENT_KEY, EVENT_KEY[::-1]) for store in (store_id, new_id())}
    assert len(secrets) == 4
    assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in secrets)


def test_event_secret_is_shown_to_an_operator(
    command_line: Callable[..., tuple[int, str]], store_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command_line("erp", "event-secret", str(store_id))[0] == 1
    monkeypatch.setenv("ERP_EVENT_KEY", EVENT_KEY)
    assert command_line("erp", "event-secret", str(store_id)) == (0, store_secret(EVENT_KEY, store_id) + "\n")
