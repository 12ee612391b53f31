"""The pipeline without processes: accept and process a batch in the test's own process."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from psycopg import Connection
from werkzeug.test import TestResponse

from db.core.tenancy import tenant
from db.sync.logs import LogView, get_log
from schemas.base.privacy import email_hasher
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import read_batch
from workers.core.runtime import Runtime
from workers.inbound.accept import Acceptance, Limits, accept, fingerprint_of
from workers.inbound.payload import unpack
from workers.inbound.process import Outcome, process

LIMITS = Limits(most_open=100_000, window=8)


def accept_batch(
    runtime: Runtime, store_id: UUID, entity: str, records: list[Any], mode: str | None = None, key: str | None = None
) -> UUID:
    """What the API does with a posted batch; returns the log's id."""
    envelope: dict[str, Any] = {entity: records}
    if mode is not None:
        envelope["syncMode"] = mode
    body = json.dumps(envelope).encode()
    batch = read_batch(ENTITIES[entity], body, 5000, email_hasher(None))
    wanted = Acceptance(store_id, entity, batch, key, fingerprint_of(entity, body), "test")
    return accept(runtime.pool, runtime.wake_up, wanted, LIMITS).log_id


def sync(runtime: Runtime, store_id: UUID, entity: str, records: list[Any], mode: str | None = None) -> LogView:
    """Accept and process a batch; returns its log."""
    log_id = accept_batch(runtime, store_id, entity, records, mode)
    assert process(runtime, store_id, log_id) is Outcome.COMPLETED
    return read_log(runtime, store_id, log_id)


def read_log(runtime: Runtime, store_id: UUID, log_id: UUID) -> LogView:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        log = get_log(conn, store_id, log_id)
    assert log is not None
    return log


def kept_batch(root_conn: Connection, store_id: UUID) -> bytes:
    """The one batch of a store that waits, as the worker will read it."""
    rows = root_conn.execute("SELECT body FROM sync_payloads WHERE store_id = %s", (store_id,)).fetchall()
    (row,) = rows
    return unpack(row[0])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def post(
    client: FlaskClient, token: str, entity: str, records: Any, headers: dict[str, str] | None = None
) -> TestResponse:
    """Post a batch as the plugin does."""
    return client.post(f"/api/sync/{entity}", json={entity: records}, headers=bearer(token) | (headers or {}))
