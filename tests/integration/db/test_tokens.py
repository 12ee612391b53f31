"""API tokens: which are accepted, until when, and what is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.usecases.stores import CreatedStore, create_store, revoke_all, rotate_token
from tests.support.pipeline import bearer
from workers.core.ids import new_id

DAY = timedelta(days=1)


def status_of(client: FlaskClient, token: str) -> int:
    return client.get("/api/sync/status", headers=bearer(token)).status_code


def set_token(root_conn: Connection, store: CreatedStore, column: str, ago: str) -> None:
    query = f"UPDATE api_tokens SET {column} = now() - %s::interval WHERE store_id = %s"
    root_conn.execute(query.encode(), (ago, store.store_id))


def test_store_token_is_accepted(client: FlaskClient, store: CreatedStore) -> None:
    assert status_of(client, store.token) == 200


def test_admin_token_is_accepted(client: FlaskClient, conn: Connection) -> None:
    assert status_of(client, create_store(conn, "Shop", "woocommerce", role="admin").token) == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic dTpw", "Token {}", "{}", "Bearer {}x", "Bearer {} {}", "Bearer é", "bearer\t{}"],
)
def test_malformed_authorization_is_refused(client: FlaskClient, store: CreatedStore, header: str) -> None:
    answer = client.get("/api/sync/status", headers={"Authorization": header.format(store.token, store.token)})
    assert (answer.status_code, (answer.json or {})["error"]["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_authorization_scheme_ignores_case(client: FlaskClient, store: CreatedStore, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {store.token}"}
    assert client.get("/api/sync/status", headers=headers).status_code == 200


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
def test_ended_token_is_answered_like_an_unknown_one(
    client: FlaskClient, store: CreatedStore, root_conn: Connection, column: str
) -> None:
    set_token(root_conn, store, column, "1 second")
    answers = [client.get("/api/sync/status", headers=bearer(token)) for token in (store.token, "slc_unknown")]
    assert answers[0].status_code == 401
    assert answers[0].json == answers[1].json


def test_token_works_until_it_expires(client: FlaskClient, store: CreatedStore, root_conn: Connection) -> None:
    set_token(root_conn, store, "expires_at", "-1 hour")
    assert status_of(client, store.token) == 200


def test_revoking_ends_all_tokens_of_one_store(
    client: FlaskClient, conn: Connection, store: CreatedStore, other_store: CreatedStore
) -> None:
    rotate_token(conn, store.store_id, "admin", DAY)
    assert revoke_all(conn, store.store_id) == 2
    assert (status_of(client, store.token), status_of(client, other_store.token)) == (401, 200)


def test_rotated_token_works_until_its_grace_ends(client: FlaskClient, conn: Connection, store: CreatedStore) -> None:
    fresh = rotate_token(conn, store.store_id, "store", DAY)
    assert fresh is not None
    assert (status_of(client, store.token), status_of(client, fresh)) == (200, 200)


def test_second_rotation_leaves_two_live_tokens(client: FlaskClient, conn: Connection, store: CreatedStore) -> None:
    second, third = (rotate_token(conn, store.store_id, "store", DAY) or "" for _ in range(2))
    assert [status_of(client, token) for token in (store.token, second, third)] == [401, 200, 200]


def test_rotation_without_grace_ends_the_token(client: FlaskClient, conn: Connection, store: CreatedStore) -> None:
    fresh = rotate_token(conn, store.store_id, "store", timedelta(0)) or ""
    assert (status_of(client, store.token), status_of(client, fresh)) == (401, 200)


def test_rotation_never_extends_an_expiry(
    client: FlaskClient, conn: Connection, root_conn: Connection, store: CreatedStore
) -> None:
    set_token(root_conn, store, "expires_at", "-1 hour")
    rotate_token(conn, store.store_id, "store", DAY)
    query = "SELECT count(*) FROM api_tokens WHERE store_id = %s AND expires_at < now() + interval '2 hours'"
    assert root_conn.execute(query, (store.store_id,)).fetchone() == (1,)


def test_unknown_store_gets_no_token(conn: Connection) -> None:
    assert rotate_token(conn, new_id(), "store", DAY) is None


def test_last_use_is_saved_once_a_minute(client: FlaskClient, store: CreatedStore, root_conn: Connection) -> None:
    def last_used() -> object:
        query = "SELECT last_used_at, xmin::text FROM api_tokens WHERE store_id = %s"
        return root_conn.execute(query, (store.store_id,)).fetchone()

    before = last_used()
    status_of(client, store.token)
    used = last_used()
    status_of(client, store.token)
    assert before != used == last_used()


def test_tokens_are_stored_only_as_hashes(root_conn: Connection, store: CreatedStore) -> None:
    rows = root_conn.execute("SELECT t::text FROM api_tokens t WHERE store_id = %s", (store.store_id,)).fetchall()
    assert len(rows) == 1 and store.token not in repr(rows) and store.token.encode().hex() not in repr(rows)
