"""An Idempotency-Key stands for one body on one route."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.usecases.stores import CreatedStore
from tests.support.factories import MAKERS
from tests.support.pipeline import bearer

BODY = json.dumps({entity: [make()] for entity, make in MAKERS.items()}).encode()


@pytest.mark.parametrize(("first", "second"), list(permutations(MAKERS, 2)))
def test_one_key_and_body_on_two_routes_is_refused(
    client: FlaskClient, store: CreatedStore, root_conn: Connection, first: str, second: str
) -> None:
    """The body holds an array of each entity, so that the route alone says which is meant."""
    headers = bearer(store.token) | {"Idempotency-Key": "key-1", "Content-Type": "application/json"}
    answers = [client.post(f"/api/sync/{entity}", data=BODY, headers=headers) for entity in (first, second)]
    assert [answer.status_code for answer in answers] == [202, 422]
    assert (answers[1].json or {})["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    kept = root_conn.execute("SELECT entity FROM sync_logs WHERE store_id = %s", (store.store_id,)).fetchall()
    assert kept == [(first,)]
