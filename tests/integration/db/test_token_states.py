"""Which tokens each statement accepts, ends or lists: every statement meets every state of a token."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.stores.console_sessions import find_session, open_session
from db.stores.tokens import (
    authenticate_token,
    list_tokens,
    retire_token,
    retire_tokens,
    revoke_token,
    revoke_tokens,
)
from tests.conftest import Database
from tests.support.pulls import in_thread
from tests.support.waiting import wait_until

DAY = timedelta(days=1)
INSERT = """INSERT INTO api_tokens (id, store_id, token_sha256, role, scopes, created_at, expires_at, revoked_at)
            VALUES (%s, %s, %s, %s, '{read}', now() - %s::interval, now() + %s::interval, now() + %s::interval)"""
# Role, age, when it expires and when it was revoked.
STATES: dict[str, tuple[str, str, str | None, str | None]] = {
    "oldest": ("store", "9 days", None, None),
    "older": ("store", "8 days", "2 days", None),
    "of another role": ("erp", "7 days", None, None),
    "newest": ("store", "6 days", "3 days", None),
    "expired": ("store", "5 days", "-1 day", None),
    "revoked": ("store", "4 days", None, "-1 day"),
    "revoked before its end": ("store", "3 days", "1 day", "-1 day"),
}
LIVE = {"oldest", "older", "of another role", "newest"}


@dataclass(frozen=True)
class Place:
    """The tokens of two stores, one of each state."""

    conn: Connection
    store_id: UUID
    ids: dict[str, UUID]

    def rows(self) -> dict[UUID, tuple[Any, ...]]:
        found = self.conn.execute("SELECT id, expires_at, revoked_at, last_used_at FROM api_tokens")
        return {row[0]: row[1:] for row in found}

    def changed_by(self, change: Callable[[], object]) -> set[str]:
        before = self.rows()
        with self.conn.transaction(force_rollback=True):
            change()
            after = self.rows()
        names = {log_id: name for name, log_id in self.ids.items()}
        return {names.get(token_id, "another store's") for token_id, row in before.items() if after[token_id] != row}


def sha256(token_id: UUID) -> bytes:
    return hashlib.sha256(token_id.bytes).digest()


@pytest.fixture
def place(root_conn: Connection) -> Iterator[Place]:
    """Past row-level security, so that a condition that is missing shows."""
    with root_conn.transaction(force_rollback=True):
        root_conn.execute("DELETE FROM api_tokens")
        places = [add_store(root_conn) for _ in range(2)]
        yield places[0]


def add_store(conn: Connection) -> Place:
    place = Place(conn, uuid4(), {name: uuid4() for name in STATES})
    conn.execute("INSERT INTO stores (id, name, platform) VALUES (%s, 'A shop', 'woocommerce')", (place.store_id,))
    for name, (role, age, expires, revoked) in STATES.items():
        token_id = place.ids[name]
        conn.execute(INSERT, (token_id, place.store_id, sha256(token_id), role, age, expires, revoked))
    return place


def test_only_live_tokens_are_accepted(place: Place) -> None:
    found = {name: authenticate_token(place.conn, sha256(token_id)) for name, token_id in place.ids.items()}
    assert {name for name, caller in found.items() if caller} == LIVE
    assert all(caller.token_id == place.ids[name] for name, caller in found.items() if caller)
    assert authenticate_token(place.conn, sha256(uuid4())) is None


def test_use_of_a_token_is_noted_at_that_token(place: Place) -> None:
    used = sha256(place.ids["older"])
    assert place.changed_by(lambda: authenticate_token(place.conn, used)) == {"older"}
    for last, noted in (("30 seconds", set()), ("2 minutes", {"older"})):
        place.conn.execute("UPDATE api_tokens SET last_used_at = now() - %s::interval", (last,))
        assert place.changed_by(lambda: authenticate_token(place.conn, used)) == noted


def test_session_is_open_while_it_and_its_token_live(place: Place) -> None:
    keys = {(name, hours): sha256(uuid4()) for name in STATES for hours in (-1, 1)}
    for (name, hours), key in keys.items():
        place.conn.execute(
            "INSERT INTO console_sessions (session_sha256, token_id, expires_at) VALUES (%s, %s, now() + %s)",
            (key, place.ids[name], timedelta(hours=hours)),
        )
    found = {which: find_session(place.conn, key) for which, key in keys.items()}
    assert {which for which, caller in found.items() if caller} == {(name, 1) for name in LIVE}
    assert all(caller.token_id == place.ids[name] for (name, _), caller in found.items() if caller)


def test_session_opens_only_with_a_live_token(place: Place) -> None:
    opened = {
        name for name, token_id in place.ids.items() if open_session(place.conn, sha256(uuid4()), sha256(token_id), 60)
    }
    assert opened == LIVE


@pytest.mark.parametrize("name", STATES)
def test_only_a_live_token_is_revoked_or_retired(place: Place, name: str) -> None:
    conn, store_id, token_id = place.conn, place.store_id, place.ids[name]
    expected = {name} & LIVE
    assert place.changed_by(lambda: revoke_token(conn, store_id, token_id)) == expected
    assert place.changed_by(lambda: retire_token(conn, store_id, token_id, datetime.now(UTC) + DAY)) == expected
    assert place.changed_by(lambda: revoke_token(conn, uuid4(), token_id)) == set()
    assert place.changed_by(lambda: retire_token(conn, uuid4(), token_id, datetime.now(UTC) + DAY)) == set()


def test_revoking_all_ends_every_live_token_of_the_store(place: Place) -> None:
    assert place.changed_by(lambda: revoke_tokens(place.conn, place.store_id)) == LIVE


def test_rotation_ends_all_but_the_newest_token_of_the_role(place: Place) -> None:
    end = datetime.now(UTC) + DAY
    assert place.changed_by(lambda: retire_tokens(place.conn, place.store_id, "store", end)) == {
        "oldest",
        "older",
        "newest",
    }
    retire_tokens(place.conn, place.store_id, "store", end)
    rows = place.rows()
    assert rows[place.ids["newest"]][:2] == (end, None)
    assert all(rows[place.ids[name]][1] is not None for name in ("oldest", "older"))


def test_newest_of_tokens_of_one_moment_has_the_highest_id(place: Place) -> None:
    place.conn.execute("UPDATE api_tokens SET created_at = now()")
    retire_tokens(place.conn, place.store_id, "store", datetime.now(UTC) + DAY)
    rows = place.rows()
    live = sorted(place.ids[name] for name in ("oldest", "older", "newest"))
    assert [rows[token_id][1] is None for token_id in live] == [False, False, True]
    assert [token.id for token in list_tokens(place.conn, place.store_id, 100)] == sorted(
        place.ids.values(), reverse=True
    )


@pytest.mark.parametrize(("days", "kept"), [(1, False), (5, True)])
def test_retired_token_ends_no_later_than_before(place: Place, days: int, kept: bool) -> None:
    token_id, end = place.ids["newest"], datetime.now(UTC) + timedelta(days=days)
    before = place.rows()[token_id][0]
    retired = retire_token(place.conn, place.store_id, token_id, end)
    assert retired is not None and retired.lifetime == timedelta(days=9)
    assert place.rows()[token_id][0] == (before if kept else end)


def test_list_tells_which_tokens_live_newest_first(place: Place) -> None:
    names = {token_id: name for name, token_id in place.ids.items()}
    listed = list_tokens(place.conn, place.store_id, 100)
    assert [names[token.id] for token in listed] == list(reversed(STATES))
    assert {names[token.id] for token in listed if token.is_live} == LIVE
    assert list_tokens(place.conn, place.store_id, 2) == listed[:2]


def test_token_is_replaced_by_one_of_two_at_once(database: Database, root_conn: Connection) -> None:
    """The second waits for the first, and then finds the token ended."""
    place = add_store(root_conn)
    answers: list[object] = []
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def retire(conn: Connection) -> None:
        with tenant(conn, place.store_id):
            answers.append(retire_token(conn, place.store_id, place.ids["oldest"], datetime.now(UTC) - DAY) is not None)

    with psycopg.connect(database.url) as first, psycopg.connect(database.url) as second:
        with first.transaction():
            retire(first)
            thread = in_thread(lambda: retire(second))
            wait_until(lambda: root_conn.execute(waiting).fetchone() == (1,), 30.0, "the second to wait")
        thread.join()
    assert answers == [True, False]
