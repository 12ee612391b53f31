"""Changes of the ERP's catalogue reach the shop: what is sent, in how many calls, and with which result."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from redis import Redis

from app.usecases.stores import CreatedStore
from db.core.tenancy import tenant
from db.outbound.batches import get_batch, list_batches
from db.outbound.item_claims import Spent
from db.outbound.push_leases import take_lease
from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.support.outbound import (
    ask,
    connect_shop,
    hurried,
    make_erp_product,
    push,
    put_categories,
    put_products,
    say_yes_to_takeover,
    statuses,
)
from workers.core.ids import new_id
from workers.core.queues import PUSH, count_waiting
from workers.core.runtime import Runtime
from workers.outbound.planning.results import ClaimResult, Refused
from workers.outbound.runs import retry_failed, start_full
from workers.outbound.sending.claim import claim_next
from workers.outbound.sending.holds import approve, reject
from workers.outbound.sending.push_store import PushOutcome
from workers.outbound.sending.save_results import save_results
from workers.outbound.sending.send_claim import send_claim
from workers.outbound.sending.shop_connection import ShopConnection
from workers.platforms.common.interface import PlatformError
from workers.shops.opener import open_store_woocommerce

CACHED = ("mapping", "sync_status", "sync_attempts", "last_sync")


@pytest.fixture
def shop(connected_shop: FakeWooCommerce) -> FakeWooCommerce:
    return connected_shop


def open_connection(runtime: Runtime, store_id: UUID) -> ShopConnection:
    """A connection for which the lease never runs out."""
    return ShopConnection(open_store_woocommerce(runtime.settings, runtime.pool, store_id), float("inf"))


def test_new_products_are_sent_together(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    products = [make_erp_product() for _ in range(250)]
    put_products(pushing, store_id, products)
    assert push(pushing, store_id) is PushOutcome.DRAINED
    assert shop.calls == {"GET /products": 3, "POST /products/batch": 3}
    assert statuses(root_conn, store_id) == {"completed": 250}
    for product in products:
        made = shop.product_of(product["sku"])
        assert made is not None and (made["regular_price"], made["stock_quantity"]) == ("19.9", 7)


def test_an_unchanged_product_is_not_sent(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    for sync_type in ("price", "stock", "product", "category", "image"):
        ask(pushing, store_id, product["product_id"], sync_type)
    push(pushing, store_id)
    assert shop.calls == {"GET /products": 2, "POST /products/batch": 1}
    assert statuses(root_conn, store_id) == {"completed": 6}


def test_changes_of_a_product_are_sent_in_one_call(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "21", "stock_quantity": 3}])
    for _ in range(100):
        ask(pushing, store_id, product["product_id"], "price")
    push(pushing, store_id)
    made = shop.product_of(product["sku"])
    assert made is not None and (made["regular_price"], made["stock_quantity"]) == ("21", 3)
    assert shop.calls == {"GET /products": 2, "POST /products/batch": 2}
    assert statuses(root_conn, store_id) == {"completed": 4}  # new prices and stock go ahead of the whole product


def test_claims_go_by_priority_then_age(
    pushing: Runtime, root_conn: Connection, store_id: UUID, conn: Connection
) -> None:
    products = [make_erp_product() for _ in range(10)]
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    asked = ["image", "category", "product", "stock", "price"]
    for product, sync_type in zip(products, asked * 2, strict=True):
        ask(pushing, store_id, product["product_id"], sync_type)
    holder = new_id()
    claimed: list[str] = []
    with tenant(conn, store_id):
        assert take_lease(conn, store_id, holder, 60)
        while (claim := claim_next(conn, store_id, holder, 1)) is not None:
            claimed += [item.sync_type for task in claim.tasks for item in task.items]
    assert claimed == [
        "price",
        "price",
        "stock",
        "stock",
        "product",
        "product",
        "category",
        "category",
        "image",
        "image",
    ]


def test_a_product_that_a_claim_holds_is_not_claimed_again(
    pushing: Runtime, root_conn: Connection, store_id: UUID, conn: Connection
) -> None:
    held, other = make_erp_product(), make_erp_product()
    put_products(pushing, store_id, [held])
    holder = new_id()
    with tenant(conn, store_id):
        assert take_lease(conn, store_id, holder, 60)
        assert claim_next(conn, store_id, holder, 100) is not None
    ask(pushing, store_id, held["product_id"], "price")
    with tenant(conn, store_id):
        assert claim_next(conn, store_id, holder, 100) is None
    put_products(pushing, store_id, [other])
    with tenant(conn, store_id):
        claim = claim_next(conn, store_id, holder, 100)
    assert claim is not None and [str(task.product_id) for task in claim.tasks] == [other["product_id"]]


def test_failing_products_of_a_call_fail_alone(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    good = [make_erp_product() for _ in range(93)]
    taken = [make_erp_product(sku=f"TRASH-{number}") for number in range(7)]
    for product in taken:
        trashed = shop.add_product(name="Old", sku=product["sku"])
        shop.trash_product(trashed["id"])
    put_products(pushing, store_id, good + taken)
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 93, "failed": 7}
    query = (
        "SELECT DISTINCT error_code, retryable, attempts FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"
    )
    assert root_conn.execute(query, (store_id,)).fetchall() == [("SKU_IN_TRASH", False, 1)]


def test_a_product_already_in_the_shop_is_adopted(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    theirs = shop.add_product(name="Old name", sku="KNOWN-1", regular_price="18", manage_stock=True, stock_quantity=1)
    say_yes_to_takeover(pushing, store_id)
    put_products(pushing, store_id, [make_erp_product(sku="KNOWN-1"), make_erp_product()])
    push(pushing, store_id)
    made = shop.product_of("KNOWN-1")
    assert made is not None and made["id"] == theirs["id"]
    assert (made["name"], made["regular_price"]) == ("Blue Widget", "19.9")
    assert statuses(root_conn, store_id) == {"completed": 2}


def test_a_duplicate_sku_fails_the_second_product(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    put_products(pushing, store_id, [make_erp_product(sku="TWIN"), make_erp_product(sku="TWIN")])
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1, "failed": 1}
    query = "SELECT error_code FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"
    assert root_conn.execute(query, (store_id,)).fetchone() == ("DUPLICATE_SKU",)


def test_a_product_deleted_in_the_shop_is_created_again(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    old = shop.product_of(product["sku"])
    assert old is not None
    shop.trash_product(old["id"], force=True)
    put_products(pushing, store_id, [product | {"name": "Green Widget"}])
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    push(pushing, store_id)
    made = shop.product_of(product["sku"])
    assert made is not None and made["id"] != old["id"] and made["name"] == "Green Widget"
    assert statuses(root_conn, store_id) == {"completed": 2}


def test_a_rate_limit_pauses_and_spends_no_attempt(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    shop.faults.add(Fault("rate_limit", times=1, seconds=120))
    push(pushing, store_id)
    query = """SELECT status, attempts, resume_at > now() + interval '3 s', resume_at < now() + interval '10 s'
                 FROM wc_sync_items JOIN wc_push_leases USING (store_id) WHERE store_id = %s"""
    assert root_conn.execute(query, (store_id,)).fetchone() == ("pending", 0, True, True)
    assert push(pushing, store_id) is PushOutcome.BUSY
    with hurried(root_conn, store_id):
        pass
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1}


def test_a_passing_failure_of_an_item_is_retried_three_times(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    shop.faults.add(Fault("crash", "POST /products/batch", times=3))
    query = """SELECT status, attempts, extract(epoch FROM next_attempt_at - updated_at)::int, retryable
                 FROM wc_sync_items WHERE store_id = %s"""
    seen = []
    for _ in range(3):
        with hurried(root_conn, store_id):
            push(pushing, store_id)
            seen.append(root_conn.execute(query, (store_id,)).fetchone())
    assert seen[:2] == [("pending", 1, 2, None), ("pending", 2, 4, None)]
    assert seen[2] is not None and (seen[2][0], seen[2][1], seen[2][3]) == ("failed", 3, True)


def test_a_create_with_a_lost_answer_is_not_repeated(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    shop.faults.add(Fault("lost_answer", "POST /products/batch"))
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1}
    assert [one["sku"] for one in shop.state.products.values()] == [product["sku"]]


def test_a_create_finished_after_the_lookup_is_adopted(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    """We gave the call up, the lookup came too early, and the next create meets the finished product."""
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    shop.faults.add(Fault("drop", "POST /products/batch"))
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    found = shop.calls["GET /products"]
    finished = [lambda: shop.add_product(name="Blue Widget", sku=product["sku"])]
    shop.before = lambda endpoint: finished.pop()() if endpoint == "POST /products/batch" and finished else None
    with hurried(root_conn, store_id):
        push(pushing, store_id)
    assert shop.calls["GET /products"] == found + 3  # a probe, the lookup, and who has the SKU
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1}
    assert len(shop.state.products) == 1


def test_a_crashing_product_does_not_fail_the_others(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    put_products(pushing, store_id, [make_erp_product() for _ in range(8)])
    shop.faults.add(Fault("crash", "POST /products/batch", times=1))
    push(pushing, store_id)
    assert shop.calls["POST /products/batch"] == 3
    assert statuses(root_conn, store_id) == {"completed": 8}


def test_items_of_a_killed_worker_are_sent_once(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    """It died after the shop's answer, before the results were saved: the shop has the products, the database has not."""
    products = [make_erp_product() for _ in range(5)]
    put_products(pushing, store_id, products)
    dead, connection = new_id(), open_connection(pushing, store_id)
    with tenant(conn, store_id):
        assert take_lease(conn, store_id, dead, 20)
        claim = claim_next(conn, store_id, dead, 100)
    assert claim is not None
    send_claim(connection, claim, lambda category: None, lambda ids: None, lambda befores: None)
    connection.close()
    assert push(pushing, store_id) is PushOutcome.BUSY
    root_conn.execute("UPDATE wc_push_leases SET lease_until = now() WHERE store_id = %s", (store_id,))
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 5}
    assert shop.calls["POST /products/batch"] == 1  # the look-up finds them as the ERP has them
    assert sorted(one["sku"] for one in shop.state.products.values()) == sorted(one["sku"] for one in products)


def test_a_wake_up_during_a_turn_starts_another_one(pushing: Runtime, redis: Redis, store_id: UUID) -> None:
    """Further wake-ups are dropped until the turn begins; from then on they mean new work."""
    for _ in range(2):
        pushing.wake_up.push(store_id)
    assert count_waiting(redis, PUSH) == 1
    push(pushing, store_id)
    pushing.wake_up.push(store_id)
    assert count_waiting(redis, PUSH) == 2


def test_a_run_counts_a_superseded_item_once(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    root_conn.execute("DELETE FROM wc_sync_items")
    with tenant(conn, store_id):
        run = start_full(conn, store_id, "test", force=False)
        take_lease(conn, store_id, dead := new_id(), 20)
        assert claim_next(conn, store_id, dead, 100) is not None
    put_products(pushing, store_id, [product | {"name": "Red Widget"}])
    ask(pushing, store_id, product["product_id"], "product")
    root_conn.execute("UPDATE wc_push_leases SET lease_until = now() WHERE store_id = %s", (store_id,))
    push(pushing, store_id)
    with tenant(conn, store_id):
        batch = get_batch(conn, store_id, run.batch_id)
    assert batch is not None
    assert (batch.status, batch.total_items, batch.success_count) == ("completed", 1, 1)


def test_results_after_a_lost_lease_are_not_saved(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID
) -> None:
    put_products(pushing, store_id, [make_erp_product()])
    dead = new_id()
    with tenant(conn, store_id):
        take_lease(conn, store_id, dead, 20)
        claim = claim_next(conn, store_id, dead, 100)
    assert claim is not None
    root_conn.execute("UPDATE wc_push_leases SET lease_until = now() WHERE store_id = %s", (store_id,))
    push(pushing, store_id)
    late = [Refused(claim.tasks[0].items, PlatformError("X", "x", retryable=False))]
    save_results(pushing.pool, store_id, claim, ClaimResult(late, 0, Spent(0.0, 0.0)))
    assert statuses(root_conn, store_id) == {"completed": 1}


def test_a_price_changed_back_after_a_lost_call_is_sent(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    """The call between is never confirmed: its worker dies, then its answer is lost until the item fails."""
    product = make_erp_product(regular_price="10")
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "12"}])
    dead, connection = new_id(), open_connection(pushing, store_id)
    with tenant(conn, store_id):
        take_lease(conn, store_id, dead, 20)
        claim = claim_next(conn, store_id, dead, 100)
    assert claim is not None
    send_claim(connection, claim, lambda category: None, lambda ids: None, lambda befores: None)
    connection.close()
    put_products(pushing, store_id, [product])
    root_conn.execute("UPDATE wc_push_leases SET lease_until = now() WHERE store_id = %s", (store_id,))
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["10"]
    put_products(pushing, store_id, [product | {"regular_price": "13"}])
    root_conn.execute("UPDATE wc_sync_items SET due_at = now() WHERE store_id = %s", (store_id,))
    shop.faults.add(Fault("lost_answer", "POST /products/batch", times=3))
    for _ in range(3):
        with hurried(root_conn, store_id):
            push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["13"]
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["10"]


def test_an_older_state_sent_late_is_overwritten(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    """A worker loses its lease between its look and its write; another one sends the newer price meanwhile."""
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "20"}])
    dead, connection = new_id(), open_connection(pushing, store_id)
    with tenant(conn, store_id):
        take_lease(conn, store_id, dead, 20)
        claim = claim_next(conn, store_id, dead, 100)
    assert claim is not None

    def overtake(endpoint: str) -> None:
        if endpoint == "POST /products/batch":
            shop.before = lambda _endpoint: None
            root_conn.execute("UPDATE wc_push_leases SET lease_until = now() WHERE store_id = %s", (store_id,))
            put_products(pushing, store_id, [product | {"regular_price": "21"}])
            push(pushing, store_id)

    shop.before = overtake
    result = send_claim(connection, claim, lambda category: None, lambda ids: None, lambda befores: None)
    connection.close()
    save_results(pushing.pool, store_id, claim, result)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["20"]
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["21"]


def test_stores_with_the_same_products_stay_separate(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    other_store: CreatedStore,
    shop: FakeWooCommerce,
) -> None:
    product = make_erp_product(sku="SAME")
    with FakeWooCommerce() as other_shop:
        other_shop.add_product(name="Filler", sku="FILLER")
        connect_shop(conn, root_conn, other_store.store_id, other_shop)
        put_products(pushing, store_id, [product])
        put_products(pushing, other_store.store_id, [product | {"regular_price": "99"}])
        push(pushing, store_id)
        push(pushing, other_store.store_id)
        ours, theirs = shop.product_of("SAME"), other_shop.product_of("SAME")
    assert ours is not None and theirs is not None
    assert (ours["regular_price"], theirs["regular_price"]) == ("19.9", "99")


def test_a_new_category_is_sent_before_its_products(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    top, below = str(uuid4()), str(uuid4())
    product = make_erp_product(category_ids=[below])
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    made = shop.product_of(product["sku"])
    assert made is not None
    put_categories(
        pushing,
        store_id,
        [{"category_id": below, "name": "Lamps", "parent_id": top}, {"category_id": top, "name": "Home"}],
    )
    push(pushing, store_id)
    names = {term["name"]: term for term in shop.state.categories.values()}
    assert names["Lamps"]["parent"] == names["Home"]["id"]
    made = shop.product_of(product["sku"])
    assert made is not None and [one["id"] for one in made["categories"]] == [names["Lamps"]["id"]]
    saved = "SELECT wc_category_id FROM erp_categories WHERE store_id = %s AND sent_hash = content_hash ORDER BY name"
    ids = [names[name]["id"] for name in ("Home", "Lamps")]
    assert [row[0] for row in root_conn.execute(saved, (store_id,)).fetchall()] == ids


def test_a_category_deleted_in_the_shop_is_created_again(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    category = {"category_id": str(uuid4()), "name": "Lamps"}
    put_categories(pushing, store_id, [category])
    push(pushing, store_id)
    shop.state.categories.clear()
    put_categories(pushing, store_id, [category | {"name": "Lights"}])
    push(pushing, store_id)
    assert [one["name"] for one in shop.state.categories.values()] == ["Lights"]
    assert statuses(root_conn, store_id) == {"completed": 2}


def test_a_manual_offer_stays_if_the_product_allows_it(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    products = [make_erp_product(sale_price=None, allow_manual_woocommerce_offers=own) for own in (True, False)]
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    for product in products:
        made = shop.product_of(product["sku"])
        assert made is not None
        made["sale_price"] = "9.5"
    put_products(pushing, store_id, [product | {"regular_price": "22"} for product in products])
    push(pushing, store_id)
    found = [shop.product_of(product["sku"]) for product in products]
    assert [(one["regular_price"], one["sale_price"]) for one in found if one] == [("22", "9.5"), ("22", "")]


def test_too_many_price_changes_are_held_until_approved(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    products = [make_erp_product() for _ in range(20)]
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "25"} for product in products[:12]])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 20, "needs_approval": 24}  # each price, and the whole product
    assert shop.calls["POST /products/batch"] == 1
    with tenant(conn, store_id):
        [hold] = list_batches(conn, store_id, 5)
        assert hold.preview is not None and hold.preview["reasons"] == ["price_share"]
        assert approve(conn, store_id, hold.id) == 24
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 44}


def test_full_syncs_do_not_multiply_held_items(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    products = [make_erp_product() for _ in range(20)]
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "25"} for product in products[:12]])
    push(pushing, store_id)
    runs, held = [], []
    for _ in range(3):
        with tenant(conn, store_id):
            runs.append(start_full(conn, store_id, "test", force=False))
        push(pushing, store_id)
        held.append(statuses(root_conn, store_id)["needs_approval"])
    assert held == [24, 24, 24]  # 12 prices, and their products
    with tenant(conn, store_id):
        [hold] = [one for one in list_batches(conn, store_id, 9) if one.kind == "hold"]
        assert (hold.total_items, hold.preview and hold.preview["products"]) == (24, 12)
        first, last = get_batch(conn, store_id, runs[0].batch_id), get_batch(conn, store_id, runs[-1].batch_id)
        assert first is not None and (first.status, first.success_count) == ("completed", 20)
        assert last is not None and last.held == 12
        assert approve(conn, store_id, runs[-1].batch_id) == 24
    push(pushing, store_id)
    assert "needs_approval" not in statuses(root_conn, store_id)


def test_an_approval_does_not_cover_later_changes(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "199"}])
    push(pushing, store_id)
    with tenant(conn, store_id):
        [hold] = list_batches(conn, store_id, 1)
        assert approve(conn, store_id, hold.id) == 2
    put_products(pushing, store_id, [product | {"regular_price": "0.05"}])
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["19.9"]


def test_an_approved_run_does_not_cover_later_changes(
    pushing: Runtime, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "199"}])
    with tenant(conn, store_id):
        run = start_full(conn, store_id, "test", force=False)
    push(pushing, store_id)
    with tenant(conn, store_id):
        assert approve(conn, store_id, run.batch_id) == 2  # the price, and the whole product
    put_products(pushing, store_id, [product | {"regular_price": "0.05"}])  # joins the price alone
    push(pushing, store_id)
    assert [one["regular_price"] for one in shop.state.products.values()] == ["19.9"]


@pytest.mark.parametrize("kind", ["maintenance", "error_page", "html", "php_warning", "database_down", "drop"])
def test_a_failing_shop_gets_each_product_once(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce, kind: str
) -> None:
    products = [make_erp_product() for _ in range(3)]
    put_products(pushing, store_id, products)
    shop.faults.add(Fault(kind, seconds=5))
    for _ in range(2):
        with hurried(root_conn, store_id):
            push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 3}
    assert sorted(one["sku"] for one in shop.state.products.values()) == sorted(one["sku"] for one in products)


def test_plain_permalinks_fail_and_nothing_is_written(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    shop.configure(plain_permalinks=True)
    put_products(pushing, store_id, [make_erp_product()])
    push(pushing, store_id)
    told = root_conn.execute("SELECT error_code, retryable FROM wc_sync_items WHERE store_id = %s", (store_id,))
    assert (told.fetchone(), shop.state.products) == (("PLAIN_PERMALINKS", False), {})


def test_results_are_cached_in_redis(pushing: Runtime, redis: Redis, store_id: UUID, shop: FakeWooCommerce) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    keys = {name: f"wc_{name}:{store_id}:{product['product_id']}" for name in CACHED}
    [wc_id] = shop.state.products
    assert [redis.get(keys[name]) for name in CACHED[:3]] == [str(wc_id).encode(), b"completed", b"1"]
    assert int(redis.get(keys["last_sync"]) or 0) > 0
    assert all(0 < redis.ttl(key) <= 24 * 3600 for key in keys.values())


def test_a_rejected_price_stays_until_the_erp_changes_it(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    products = [make_erp_product() for _ in range(12)]
    put_products(pushing, store_id, products)
    push(pushing, store_id)
    put_products(pushing, store_id, [one | {"regular_price": "0.01"} for one in products])
    with tenant(conn, store_id):
        run = start_full(conn, store_id, "test", force=False)
    push(pushing, store_id)
    with tenant(conn, store_id):
        assert reject(conn, store_id, run.batch_id) == 24  # each product's price, and the run's whole product
        assert reject(conn, store_id, run.batch_id) is None
        batch = get_batch(conn, store_id, run.batch_id)
    assert batch is not None and (batch.status, batch.fail_count) == ("completed", 12)
    push(pushing, store_id)
    assert {one["regular_price"] for one in shop.state.products.values()} == {"19.9"}
    assert statuses(root_conn, store_id) == {"completed": 12, "failed": 24}
    with tenant(conn, store_id):
        assert [retry_failed(conn, store_id, everything=everything) for everything in (False, True)] == [0, 0]
    put_products(pushing, store_id, [one | {"regular_price": "20.10"} for one in products[:3]])
    push(pushing, store_id)
    assert sorted(one["regular_price"] for one in shop.state.products.values()) == ["19.9"] * 9 + ["20.1"] * 3


def test_a_corrected_mistake_is_released_without_a_write(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    put_products(pushing, store_id, [product | {"regular_price": "1990"}])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1, "needs_approval": 2}
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    assert set(statuses(root_conn, store_id)) <= {"completed", "superseded"}
    assert shop.calls["POST /products/batch"] == 1
