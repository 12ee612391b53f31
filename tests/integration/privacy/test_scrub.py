"""Scrubbing waits for transactions that may still see deleted rows, and for no others."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from psycopg import Connection

from db.stores.scrub import has_older_transactions
from tests.conftest import Database, Servers
from tests.support.waiting import wait_until


def test_only_transactions_that_began_before_hold_up_a_scrub(database: Database, root_conn: Connection) -> None:
    early = datetime.now(UTC)
    with psycopg.connect(database.url) as open_transaction:
        open_transaction.execute("SELECT 1")
        late = datetime.now(UTC)
        assert not has_older_transactions(root_conn, early)
        assert has_older_transactions(root_conn, late)
        open_transaction.rollback()
        wait_until(lambda: not has_older_transactions(root_conn, late), 20)  # the session stays, without a transaction


def test_transaction_in_another_database_holds_up_no_scrub(servers: Servers, root_conn: Connection) -> None:
    with psycopg.connect(servers.postgres.superuser_url()) as elsewhere:
        elsewhere.execute("SELECT 1")
        assert not has_older_transactions(root_conn, datetime.now(UTC))
