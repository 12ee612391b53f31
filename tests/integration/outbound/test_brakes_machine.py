"""Whatever changes in the ERP and in the shop, and by whatever path it is asked for: no change beyond a limit leaves unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg import Connection

from app.usecases.stores import create_store
from db.core.tenancy import tenant
from db.outbound.batches import list_batches
from db.outbound.brakes import set_brakes
from db.outbound.drift import request_check, set_drift_settings
from db.outbound.push_leases import take_lease
from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.support.examples import examples
from tests.support.outbound import connect_shop, hurried, make_erp_product, push, put_products, with_key
from workers.core.ids import new_id
from workers.core.runtime import Runtime
from workers.outbound.intake.events import read_event, take_events
from workers.outbound.runs import approve, reject, retry_failed, retry_group, start_full, start_one
from workers.outbound.sending.claim import claim_next
from workers.outbound.sending.save_results import save_results
from workers.outbound.sending.send_claim import send_claim
from workers.outbound.sending.shop_connection import ShopConnection
from workers.shops.opener import open_store_woocommerce

PRODUCTS = 2
FACTOR = 2
# Any emptied stock is held, and any price that moves by more than FACTOR.
LIMITS = {"price_share": 1, "price_factor": FACTOR, "zero_share": 0, "text_share": 1, "least": 1}
PRICES = st.sampled_from(("10", "11", "15", "40", "100"))
STOCKS = st.sampled_from((0, 3, 5))
NUMBERS = st.integers(0, PRODUCTS - 1)
EVENTS = st.sampled_from(
    ("pricing.price_changed", "inventory.stock_changed", "product.updated", "product.image_updated")
)
OPEN = "SELECT DISTINCT product_id::text FROM wc_sync_items WHERE store_id = %s AND status IN ('pending', 'syncing')"

LEASE_OVER = (
    "UPDATE wc_push_leases SET lease_until = now(), resume_at = NULL WHERE store_id = %s AND holder IS NOT NULL"
)

Move = tuple[str, str, str]  # a product, and its regular price before and after


@dataclass
class Place:
    """What all examples share."""

    runtime: Runtime
    conn: Connection
    root_conn: Connection


class BrakesMachine(RuleBasedStateMachine):
    """Changes the ERP and the shop, asks by every path, decides about holds, and watches each write."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.store_id = create_store(place.conn, "A shop", "woocommerce").store_id
        self.shop = FakeWooCommerce()
        self.shop.__enter__()
        connect_shop(place.conn, place.root_conn, self.store_id, self.shop)
        with tenant(place.conn, self.store_id):
            set_brakes(place.conn, self.store_id, LIMITS)
        self.products = [make_erp_product(regular_price="10", stock_quantity=5) for _ in range(PRODUCTS)]
        self.names = {one["sku"]: one["product_id"] for one in self.products}
        self.is_decided = False
        self.approved: set[Move] = set()
        self.approved_to_empty: set[str] = set()
        self.before: dict[str, tuple[str, Any]] = {}
        self.wrong: list[str] = []
        self.shop.before = self._watch

    def teardown(self) -> None:
        self.shop.__exit__(None, None, None)

    @initialize(theirs=st.lists(st.tuples(PRICES, STOCKS), max_size=PRODUCTS))
    def fill(self, theirs: list[tuple[str, int]]) -> None:
        """The shop has some of the products already."""
        self.had = set()
        for product, (price, stock) in zip(self.products, theirs, strict=False):
            self.shop.add_product(
                sku=product["sku"], name="By hand", regular_price=price, manage_stock=True, stock_quantity=stock
            )
            self.had.add(product["sku"])
        put_products(self.place.runtime, self.store_id, self.products)

    @rule(number=NUMBERS, price=PRICES, stock=STOCKS)
    def state(self, number: int, price: str, stock: int) -> None:
        self.products[number] |= {"regular_price": price, "stock_quantity": stock}
        put_products(self.place.runtime, self.store_id, [self.products[number]])

    @rule(number=NUMBERS, price=PRICES | st.none(), stock=STOCKS | st.none())
    def edit_shop(self, number: int, price: str | None, stock: int | None) -> None:
        found = self.shop.product_of(self.products[number]["sku"])
        if found is None:
            return
        changed: dict[str, Any] = {"regular_price": price} if price else {}
        changed |= {} if stock is None else {"stock_quantity": stock}
        with self.shop.state.lock:
            dates = self.shop.state.dates("date_modified", self.shop.state.now())
            self.shop.state.products[found["id"]] = found | changed | dates

    @rule(number=NUMBERS, name=EVENTS)
    def tell(self, number: int, name: str) -> None:
        event = read_event(name, {"productId": self.products[number]["product_id"]}, self.store_id)
        assert not isinstance(event, str)
        take_events(self.place.runtime.pool, self.place.runtime.wake_up, [event], "test")

    @rule(number=NUMBERS, sync_type=st.sampled_from(("price", "stock", "product")), force=st.booleans())
    def ask_for_one(self, number: int, sync_type: str, force: bool) -> None:
        product = UUID(self.products[number]["product_id"])
        self._in_store(lambda conn: start_one(conn, self.store_id, product, sync_type, "test", force=force))

    @rule(how=st.sampled_from(("full", "forced", "retry", "rejected")))
    def ask_for_all(self, how: str) -> None:
        if how == "retry":
            self._in_store(lambda conn: retry_failed(conn, self.store_id, everything=True))
        elif how == "rejected":
            self._in_store(lambda conn: retry_group(conn, self.store_id, "product", "REJECTED"))
        else:
            self._in_store(lambda conn: start_full(conn, self.store_id, "test", force=how == "forced"))

    @rule(whole=st.booleans(), stock=st.sampled_from(("repair", "hold", "report")))
    def check_for_drift(self, whole: bool, stock: str) -> None:
        self._in_store(lambda conn: set_drift_settings(conn, self.store_id, {"stock": stock}))
        self._in_store(lambda conn: request_check(conn, self.store_id, whole=whole))

    @rule(verdict=st.sampled_from(("approve", "reject")))
    def decide(self, verdict: str) -> None:
        """A person sees the preview and decides; an approval covers what it shows."""
        with self.place.conn.transaction(), tenant(self.place.conn, self.store_id):
            holds = [one for one in list_batches(self.place.conn, self.store_id, 9) if one.status == "needs_approval"]
            for hold in holds:
                assert hold.preview is not None
                if verdict == "reject":
                    reject(self.place.conn, self.store_id, hold.id)
                else:
                    approve(self.place.conn, self.store_id, hold.id)
                    self._note(hold.preview)
                self.is_decided |= "takeover" in hold.preview["reasons"]

    def _note(self, preview: dict[str, Any]) -> None:
        for change in preview["changes"]:
            if "regularPrice" in change:
                self.approved.add((change["productId"], *change["regularPrice"]))
            if change["outOfStock"]:
                self.approved_to_empty.add(change["productId"])

    @rule(
        number=NUMBERS,
        price=PRICES,
        stock=STOCKS,
        path=st.sampled_from(("put", "event", "one", "full", "drift")),
        other=st.booleans(),
    )
    def change_both_sides(self, number: int, price: str, stock: int, path: str, other: bool) -> None:
        """What seldom comes by chance: the shop changes a product that is in step, and the ERP asks for it."""
        self.send(None)
        self.edit_shop(number, price, stock)
        if path == "put":
            self.state(number, self.products[number]["regular_price"], self.products[number]["stock_quantity"])
        elif path == "event":
            self.tell(number, "product.updated")
        elif path == "one":
            self.ask_for_one(number, "stock" if other else "product", force=False)
        elif path == "full":
            self.ask_for_all("full")
        else:
            self.check_for_drift(whole=other, stock="repair")
        self.send(None)

    @rule(number=NUMBERS, held=PRICES, price=PRICES, stock=STOCKS)
    def change_while_held(self, number: int, held: str, price: str, stock: int) -> None:
        """The shop changes a product that is held, another item reads it, and a person approves."""
        self.state(number, held, 5)
        self.send(None)
        self.edit_shop(number, price, stock)
        self.ask_for_one(number, "stock", force=False)
        self.send(None)
        self.decide("approve")
        self.send(None)

    @rule(fault=st.sampled_from((None, None, "lost_answer", "drop", "crash", "maintenance")))
    def send(self, fault: str | None) -> None:
        if fault is not None:
            self.shop.faults.add(Fault(fault, "POST /products/batch", times=1, seconds=1))
        with hurried(self.place.root_conn, self.store_id):
            push(self.place.runtime, self.store_id)
        self.shop.faults.clear()
        self._compare()

    @rule()
    def send_late(self) -> None:
        """A worker claims, loses its lease to another one, and sends all the same."""
        dead = new_id()
        with self.place.conn.transaction(), tenant(self.place.conn, self.store_id):
            claim = claim_next(self.place.conn, self.store_id, dead, 100) if self._take_lease(dead) else None
        self.place.root_conn.execute(LEASE_OVER, (self.store_id,))
        if claim is None:
            return
        self.send(None)
        runtime = self.place.runtime
        connection = ShopConnection(open_store_woocommerce(runtime.settings, runtime.pool, self.store_id), float("inf"))
        result = send_claim(connection, claim, lambda _category: None, lambda _ids: None, lambda _befores: None)
        connection.close()
        save_results(runtime.pool, self.store_id, claim, result)
        self._compare()

    def _take_lease(self, holder: UUID) -> bool:
        return take_lease(self.place.conn, self.store_id, holder, 60)

    def _watch(self, endpoint: str) -> None:
        if endpoint == "POST /products/batch":
            self._compare()
            with self.shop.state.lock:
                self.before = {one["sku"]: self._values(one) for one in self.shop.state.products.values()}

    def _values(self, product: dict[str, Any]) -> tuple[str, Any]:
        return product["regular_price"], product["stock_quantity"]

    def _compare(self) -> None:
        """What the last write changed, against what people approved."""
        for sku, (price, stock) in self.before.items():
            found = self.shop.product_of(sku)
            assert found is not None
            now_price, now_stock = self._values(found)
            product_id = self.names[sku]
            if (now_price, now_stock) != (price, stock) and sku in self.had and not self.is_decided:
                self.wrong.append(f"{sku} was taken over without a verdict")
            if _factor(price, now_price) > FACTOR and (product_id, price, now_price) not in self.approved:
                self.wrong.append(f"price of {sku} went from {price} to {now_price} without a verdict")
            if stock and not now_stock and product_id not in self.approved_to_empty:
                self.wrong.append(f"stock of {sku} went from {stock} to {now_stock} without a verdict")
        self.before = {}

    @invariant()
    def nothing_left_unseen(self) -> None:
        assert self.wrong == []

    def _in_store(self, act: Callable[[Connection], object]) -> None:
        with self.place.runtime.pool.connection() as conn, tenant(conn, self.store_id):
            act(conn)


def _factor(before: str, after: str) -> Decimal:
    if not before or not after:
        return Decimal(1) if not before else Decimal(10**9)
    return max(Decimal(before) / Decimal(after), Decimal(after) / Decimal(before))


def test_no_path_passes_a_limit_without_a_verdict(runtime: Runtime, conn: Connection, root_conn: Connection) -> None:
    place = Place(with_key(runtime), conn, root_conn)
    run_state_machine_as_test(
        lambda: BrakesMachine(place),  # type: ignore[arg-type]  # it only calls it
        settings=settings(
            max_examples=examples(25),
            stateful_step_count=15,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
