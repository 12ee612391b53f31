"""Look-ups of wrong tokens are limited per client address; callers with a valid token do not notice."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection
from redis import Redis

from app.console import sessions
from app.http import auth
from app.http.errors import ApiError
from app.http.token_throttle import BURST, MOST_REMEMBERED, REFUSED_SECONDS, TokenThrottle
from app.usecases.stores import CreatedStore, create_store
from db.stores.tokens import Caller, authenticate_token
from tests.conftest import Database, Servers
from tests.support.application import application
from workers.core.ids import new_id

CALLER = Caller(new_id(), UUID(int=1), "store", ("ingest", "read"))


@pytest.fixture
def fresh_app(settings: object, database: Database, servers: Servers, redis: Redis) -> Iterator[Flask]:
    """An application that has seen no wrong token yet."""
    with application(settings, database.url, servers.redis.url) as made:  # type: ignore[arg-type]
        yield made


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The tokens that the database was asked for."""
    asked: list[bytes] = []

    def counting(conn: Connection, sha256: bytes) -> Caller | None:
        asked.append(sha256)
        return authenticate_token(conn, sha256)

    monkeypatch.setattr(auth, "authenticate_token", counting)
    return asked


def ask(client: FlaskClient, token: str, address: str = "203.0.113.5") -> tuple[int, str | None]:
    sent = {"Authorization": f"Bearer {token}"}
    answer = client.get("/api/sync/status", headers=sent, environ_base={"REMOTE_ADDR": address})
    return answer.status_code, answer.headers.get("Retry-After")


def test_wrong_tokens_stop_reaching_the_database(fresh_app: Flask, look_ups: list[bytes]) -> None:
    client = fresh_app.test_client()
    fresh_app.extensions["sluice"].token_throttle.clock = lambda: 100.0
    answers = [ask(client, f"slc_wrong_{number}") for number in range(2 * BURST)]
    assert len(look_ups) == BURST
    assert answers == [(401, None)] * BURST + [(429, "1")] * BURST


def test_wrong_session_cookies_stop_reaching_the_database(fresh_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def counting(_conn: Connection, sha256: bytes) -> None:
        asked.append(sha256)

    monkeypatch.setattr(sessions, "find_session", counting)
    fresh_app.extensions["sluice"].token_throttle.clock = lambda: 100.0
    statuses = []
    for number in range(2 * BURST):
        browser = fresh_app.test_client()
        browser.set_cookie("sluice_console", f"guess {number}", path="/console")
        statuses.append(browser.get("/console/").status_code)
    assert len(asked) == BURST
    assert statuses == [302] * BURST + [429] * BURST


def test_same_wrong_token_is_remembered(fresh_app: Flask, look_ups: list[bytes]) -> None:
    client = fresh_app.test_client()
    fresh_app.extensions["sluice"].token_throttle.clock = lambda: 100.0
    assert {ask(client, "slc_revoked") for _ in range(100)} == {(401, None)}
    assert len(look_ups) == 1


def test_other_addresses_and_known_tokens_go_on(fresh_app: Flask, look_ups: list[bytes], store: CreatedStore) -> None:
    client = fresh_app.test_client()
    fresh_app.extensions["sluice"].token_throttle.clock = lambda: 100.0
    assert ask(client, store.token)[0] == 200
    for number in range(BURST + 1):
        status, _ = ask(client, f"slc_wrong_{number}")
    assert status == 429
    fresh_app.extensions["sluice"].token_cache.clock = lambda: float("inf")  # so that it is looked up again
    assert ask(client, store.token)[0] == 200
    assert ask(client, "slc_wrong_x", "203.0.113.6") == (401, None)


def test_good_tokens_consume_nothing(fresh_app: Flask, conn: Connection) -> None:
    client = fresh_app.test_client()
    fresh_app.extensions["sluice"].token_throttle.clock = lambda: 100.0
    fresh_app.extensions["sluice"].token_cache.clock = iter(range(10_000)).__next__
    token = create_store(conn, "Busy shop", "woocommerce").token
    assert {ask(client, token)[0] for _ in range(2 * BURST)} == {200}


# The throttle by itself, on a clock of its own


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> TokenThrottle:
    return TokenThrottle(clock)


def fail(throttle: TokenThrottle, number: int, address: str = "203.0.113.5") -> None:
    assert throttle.look_up(address, b"%d" % number, lambda _sha256: None) is None


def test_token_made_a_moment_later_works_within_a_second(throttle: TokenThrottle, clock: Clock) -> None:
    fail(throttle, 1)
    clock.now += 1.0
    assert REFUSED_SECONDS < 1.0
    assert throttle.look_up("203.0.113.5", b"1", lambda _sha256: CALLER) == CALLER


def test_a_token_that_waited_refills_the_bucket(throttle: TokenThrottle, clock: Clock) -> None:
    for number in range(BURST):
        fail(throttle, number)
    with pytest.raises(ApiError) as caught:
        fail(throttle, BURST)
    clock.now += int(caught.value.headers["Retry-After"])
    fail(throttle, BURST)
    with pytest.raises(ApiError):
        fail(throttle, BURST + 1)


def test_ipv6_clients_are_counted_by_their_network(throttle: TokenThrottle) -> None:
    for number in range(BURST):
        fail(throttle, number, f"2001:db8::{number:x}")
    with pytest.raises(ApiError):
        fail(throttle, BURST, "2001:db8::ffff:1")
    fail(throttle, BURST, "2001:db8:0:1::1")


def test_memory_is_bounded_however_many_addresses_ask(throttle: TokenThrottle) -> None:
    for number in range(MOST_REMEMBERED + 100):
        fail(throttle, number, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    for number in range(MOST_REMEMBERED + 100):
        throttle.look_up(None, b"good %d" % number, lambda _sha256: CALLER)
    assert throttle.size <= 3 * MOST_REMEMBERED
