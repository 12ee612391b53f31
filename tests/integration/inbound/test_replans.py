"""Rows that change again and again between plan and write: the attempt gives up for now, and a later one completes."""

from __future__ import annotations

from uuid import UUID

import pytest
from psycopg import Connection

from app.usecases.stores import create_store
from db.catalogue.staged_upsert import ConcurrentChange
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch, read_log
from tests.support.pulls import MemoryShop, start, turn
from workers.core.runtime import Runtime
from workers.inbound import apply
from workers.inbound.process import Outcome, process
from workers.pulls.start import Wanted
from workers.pulls.turn import Turn

DUE = "UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s"


def change_again(*_: object) -> None:
    raise ConcurrentChange


def test_batch_that_is_replanned_too_often_is_tried_later(
    runtime: Runtime, root_conn: Connection, store_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    with monkeypatch.context() as patched:
        patched.setattr(apply, "upsert", change_again)
        assert process(runtime, store_id, log_id) is Outcome.RETRYING
    assert read_log(runtime, store_id, log_id).error_code == "TEMPORARILY_UNAVAILABLE"
    root_conn.execute(DUE, (log_id,))
    assert process(runtime, store_id, log_id) is Outcome.COMPLETED


def test_page_that_is_replanned_too_often_is_tried_later(
    runtime: Runtime, conn: Connection, root_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_id, shop = create_store(conn, "TikTok shop", "tiktok").store_id, MemoryShop()
    shop.change(1)
    log_id = start(runtime, store_id, Wanted("orders", "incremental"))
    with monkeypatch.context() as patched:
        patched.setattr(apply, "upsert", change_again)
        assert turn(runtime, store_id, log_id, shop) is Turn.RETRYING
    root_conn.execute(DUE, (log_id,))
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
