"""The lease of a store that is sent for: it outlasts a slow shop, and nothing is claimed without it."""

from __future__ import annotations

import threading
from typing import LiteralString
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.push_leases import take_lease
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import make_erp_product, push, put_products, statuses
from tests.support.pulls import in_thread
from tests.support.waiting import wait_until
from workers.core.ids import new_id
from workers.core.runtime import Runtime
from workers.outbound.sending.claim import claim_next
from workers.outbound.sending.push_store import PushOutcome

LEASE = "SELECT lease_until FROM wc_push_leases WHERE store_id = %s"


def test_lease_is_renewed_during_a_long_call(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    """Another process finds the store taken, and what the slow shop did is saved."""
    came, answer = threading.Event(), threading.Event()

    def wait_for_answer(_endpoint: str) -> None:
        came.set()
        answer.wait(60)

    connected_shop.before = wait_for_answer
    put_products(pushing, store_id, [make_erp_product()])
    outcomes: list[PushOutcome] = []
    worker = in_thread(lambda: outcomes.append(push(pushing, store_id)))
    try:
        assert came.wait(30)
        before = root_conn.execute(LEASE, (store_id,)).fetchone()
        wait_until(lambda: root_conn.execute(LEASE, (store_id,)).fetchone() != before, 30.0, "a renewal of the lease")
        assert push(pushing, store_id) is PushOutcome.BUSY
    finally:
        answer.set()
        worker.join()
    assert outcomes == [PushOutcome.DRAINED]
    assert statuses(root_conn, store_id) == {"completed": 1}


@pytest.mark.parametrize(
    "change",
    [
        "holder = gen_random_uuid()",
        "lease_until = now() - interval '1 second'",
        "holder = NULL, lease_until = NULL",
        "resume_at = now() + interval '1 minute'",
    ],
)
def test_nothing_is_claimed_without_the_lease(
    pushing: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, change: LiteralString
) -> None:
    """Another process has it, it ran out, it was released, or the shop asked for a pause."""
    put_products(pushing, store_id, [make_erp_product()])
    with tenant(conn, store_id):
        assert take_lease(conn, store_id, holder := new_id(), 60)
    root_conn.execute(f"UPDATE wc_push_leases SET {change} WHERE store_id = %s", (store_id,))
    with tenant(conn, store_id):
        assert claim_next(conn, store_id, holder, 100) is None
    assert statuses(root_conn, store_id) == {"pending": 1}
