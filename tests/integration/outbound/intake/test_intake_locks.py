"""Taking in the ERP's catalogue and sending its changes at the same time never deadlock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID, uuid4

from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.erp_categories import forget_sent_categories
from db.outbound.erp_products import mark_create_begun
from db.outbound.items import lock_items
from tests.support.outbound import make_erp_product, put_categories, put_products
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.outbound.intake.catalogue import Intake

WAITING_FOR_ITEMS = """
    SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE NOT l.granted AND l.locktype = 'advisory' AND d.datname = current_database())"""


@contextmanager
def claiming(
    conn: Connection, root_conn: Connection, store_id: UUID, take_in: Callable[[], Intake]
) -> Iterator[Connection]:
    """Hold the store's item lock while an intake waits for it; the intake must succeed afterwards."""
    with ThreadPoolExecutor(1) as other:
        with tenant(conn, store_id):
            lock_items(conn, store_id)
            intake = other.submit(take_in)
            wait_until(lambda: root_conn.execute(WAITING_FOR_ITEMS).fetchone() == (True,), what="the intake to wait")
            conn.execute(b"SET LOCAL lock_timeout = '2s'")  # a deadlock fails at once
            yield conn
        assert intake.result().counts == {"updated": 1, "stale": 0}


def test_a_product_intake_does_not_deadlock_a_claim(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID
) -> None:
    product = make_erp_product()
    put_products(runtime, store_id, [product])

    def change() -> Intake:
        return put_products(runtime, store_id, [product | {"name": "Red Widget"}])

    with claiming(conn, root_conn, store_id, change):
        mark_create_begun(conn, store_id, [UUID(product["product_id"])])


def test_a_category_intake_does_not_deadlock_a_save(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID
) -> None:
    category = {"category_id": str(uuid4()), "name": "Widgets"}
    put_categories(runtime, store_id, [category])

    def change() -> Intake:
        return put_categories(runtime, store_id, [category | {"name": "Things"}])

    with claiming(conn, root_conn, store_id, change):
        forget_sent_categories(conn, store_id, [UUID(category["category_id"])])
