"""References are completed, whichever side arrives first."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from tests.support.factories import make_category, make_customer, make_item, make_order, make_product
from tests.support.pipeline import sync
from workers.core.runtime import Runtime


def test_orders_may_arrive_before_what_they_refer_to(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order(customer_id=7, items=[make_item(wc_product_id=8)])])
    sync(runtime, store_id, "customers", [make_customer(wc_customer_id=7)])
    sync(runtime, store_id, "products", [make_product(wc_product_id=8, category_id=9)])
    sync(runtime, store_id, "categories", [make_category(wc_category_id=9, parent_id=10)])
    sync(runtime, store_id, "categories", [make_category(wc_category_id=10, parent_id=0)])
    found = root_conn.execute(
        """SELECT c.external_id, p.external_id, k.external_id, parent.external_id
             FROM orders o JOIN customers c ON c.id = o.customer_id JOIN order_items i ON i.order_id = o.id
             JOIN products p ON p.id = i.product_id JOIN categories k ON k.id = p.category_id
             JOIN categories parent ON parent.id = k.parent_id WHERE o.store_id = %s""",
        (store_id,),
    ).fetchall()
    assert found == [(7, 8, 9, 10)]
