"""The console in a real browser over the whole stack: signing in by keyboard, watching bars move, retry, start, approve."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from app.usecases.stores import Origin, create_operator
from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.factories import make_order
from tests.support.outbound import make_erp_product
from tests.support.stack import Shop, Stack, running_stack
from tests.support.waiting import wait_until
from tests.tools.browser import DESK, PHONE, Scheme, Window, find_chromium, missing, window
from workers.core.ids import new_id

pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

FAIL = """UPDATE sync_logs SET status = 'failed', phase = NULL, finished_at = now(), error_code = 'GAVE_UP',
    error_message = 'every attempt was interrupted' WHERE id = %s"""
OPEN_ALERT = """INSERT INTO alerts (store_id, id, kind, entity, source, log_id, measured, threshold)
    VALUES (%s, gen_random_uuid(), 'log_failed', 'orders', 'plugin', %s, 1, 0) ON CONFLICT DO NOTHING"""
FAILED_ITEMS = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, error_code,
    error_message, retryable, attempts, completed_at)
    SELECT %s, gen_random_uuid(), gen_random_uuid(), 'stock', 2, 'failed', now(), 'REJECTED', 'the shop refused it', false, 3,
           now()
      FROM generate_series(1, 30)"""
SECONDS = 20_000  # of patience with a loaded machine, in milliseconds


@dataclass(frozen=True)
class World:
    stack: Stack
    posted: Shop
    pulled: Shop
    pushed: Shop
    shopify: FakeShopify
    operator: str


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    shopify, woocommerce = FakeShopify(orders=3000), FakeWooCommerce()
    shopify.server.latency = 0.25
    with shopify, woocommerce, running_stack() as stack:
        pulled = stack.connect_store("shopify", shopify.url, shopify.credentials)
        pushed = stack.connect_store("woocommerce", woocommerce.url, woocommerce.credentials, "admin")
        with psycopg.connect(stack.postgres.owner_url(), autocommit=True) as owner:
            operator = create_operator(owner, Origin("test"))
        yield World(stack, stack.create_store("Blue Lamp & Co"), pulled, pushed, shopify, operator)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def orders(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [make_order(wc_order_id=number) for number in range(first, first + count)]


def test_signing_in_works_with_the_keyboard(chromium: Browser, world: World) -> None:
    with window(chromium, world.stack.url) as seen:
        seen.open("/login")
        expect(seen.page.get_by_label("API token")).to_be_focused()
        seen.page.keyboard.type(world.posted.token)
        seen.page.keyboard.press("Tab")
        expect(seen.page.get_by_role("button", name="Sign in")).to_be_focused()
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_role("heading", name="Overview")).to_be_visible()
        seen.page.keyboard.press("Tab")
        skip = seen.page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        assert seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "main"
        assert seen.page.evaluate("document.cookie") == "", "scripts see no cookie"


def test_a_posted_batch_is_shown_live(chromium: Browser, world: World) -> None:
    with window(chromium, world.stack.url) as seen:
        seen.sign_in(world.posted.token)
        with world.stack.frozen("worker"):
            job = world.posted.accept("orders", [*orders(400), {"wc_order_id": 9999}])
            run = seen.page.locator(f"#run-{job}")
            run.wait_for(timeout=SECONDS)  # without a reload
            bar = seen.page.get_by_role("progressbar", name="Progress of orders")
            assert bar.get_attribute("value") == "0.0"
            run.click()
            expect(seen.page.locator("#cancel")).to_be_visible()
        expect(seen.page.locator(".title .pill")).to_contain_text("completed", timeout=SECONDS)
        expect(seen.page.locator("#announcement")).to_have_text("Orders: completed")  # for screen readers
        expect(seen.page.get_by_text("401 received = 400 synced + 1 skipped")).to_be_visible()
        expect(seen.page.get_by_role("cell", name="9999").first).to_be_visible()
        assert seen.page.get_by_role("img", name=re.compile("400 new, 1 skipped of 401 received")).count() == 1
        seen.shoot("log")


def test_a_batch_is_cancelled_after_confirmation(chromium: Browser, world: World) -> None:
    with window(chromium, world.stack.url) as seen, world.stack.frozen("worker"):
        job = world.posted.accept("orders", orders(10, 6000))
        seen.sign_in(world.posted.token)
        seen.open(f"/{world.posted.id}/logs/{job}")
        seen.page.locator("#cancel").focus()
        seen.page.keyboard.press("Enter")
        seen.page.get_by_role("button", name="Yes, cancel it").click()
        expect(seen.page.locator(".title .pill")).to_contain_text("cancelled")


def test_a_failed_log_is_retried(chromium: Browser, world: World) -> None:
    with world.stack.frozen("worker"):
        job = world.posted.accept("orders", orders(50, 5000))
        world.stack.sql(FAIL, job)
    with window(chromium, world.stack.url) as seen:
        seen.sign_in(world.posted.token)
        seen.page.get_by_role("link", name="Sync history").click()
        seen.page.get_by_label("Status").select_option("failed")
        expect(seen.page).to_have_url(re.compile("status=failed"))
        expect(seen.page.locator("#rows tbody tr")).to_have_count(1)
        seen.page.locator(f"#log-{job}").click()
        expect(seen.page.get_by_text("every attempt was interrupted").first).to_be_visible()
        seen.page.get_by_role("button", name="Retry").click()
        expect(seen.page.locator(".title .pill")).to_contain_text("completed", timeout=SECONDS)


def test_a_pull_is_started_and_its_bar_moves(chromium: Browser, world: World) -> None:
    with window(chromium, world.stack.url) as seen:
        seen.sign_in(world.pulled.token)
        seen.page.get_by_role("link", name="Start a sync", exact=True).click()
        seen.page.get_by_role("radio", name=re.compile("Everything")).check()
        seen.page.get_by_label("Days since creation").fill("many")
        seen.page.get_by_role("button", name="Review before starting").click()
        expect(seen.page.get_by_text("Enter a whole number")).to_be_visible()
        assert seen.page.get_by_label("Days since creation").input_value() == "many"
        seen.page.get_by_label("Days since creation").fill("")
        seen.page.get_by_role("button", name="Review before starting").click()
        expect(seen.page.get_by_text("Read all of the orders of this Shopify shop.")).to_be_visible()
        seen.page.get_by_role("button", name="Start sync").click()
        values = watch(seen)
        assert len(values) >= 3 and values == sorted(values), values
        expect(seen.page.get_by_text("3,000 received = 3,000 synced + 0 skipped")).to_be_visible()


def watch(seen: Window) -> list[float]:
    """The values that the bar takes, until the run has ended."""
    values: list[float] = []

    def ended() -> bool:
        value = seen.page.evaluate("document.querySelector('progress[value]')?.value ?? null")
        if value is not None and value not in values[-1:]:
            values.append(value)
        return "completed" in seen.page.locator(".title .pill").inner_text()

    wait_until(ended, 60, "the end of the pull", 0.2)
    return values


def test_a_held_run_is_approved(chromium: Browser, world: World) -> None:
    shop, products = world.pushed, [make_erp_product() for _ in range(20)]
    put(shop, products)
    wait_until(lambda: items(world, "completed") == 20, 60, "the products in the shop")
    put(shop, [product | {"regular_price": "25"} for product in products[:12]])
    wait_until(lambda: products_held(world) == 12, 60, "the hold")
    world.stack.sql(FAILED_ITEMS, shop.id)
    with window(chromium, world.stack.url) as seen:
        seen.sign_in(shop.token)
        seen.page.get_by_role("link", name="Outbound", exact=True).first.click()
        seen.shoot("outbound")
        seen.page.get_by_role("link", name="Review", exact=True).click()
        expect(seen.page.get_by_text("unusually large share of all prices")).to_be_visible()
        seen.shoot("hold")
        seen.page.get_by_role("button", name="Approve: send 12 products").click()
        expect(seen.page.get_by_text(re.compile(r"Approved: \d+ items will be sent"))).to_be_visible()
        wait_until(
            lambda: not any(items(world, status) for status in ("needs_approval", "pending", "syncing")),
            60,
            "the sending",
        )
        assert items(world, "completed") >= 32
        seen.page.get_by_role("link", name=re.compile("Review 30")).click()
        expect(seen.page.get_by_role("button", name="Send 30 again")).to_be_visible()
        seen.page.get_by_role("button", name="Send 30 again").click()
        expect(seen.page.get_by_text("30 items will be sent again.")).to_be_visible()


def put(shop: Shop, products: list[dict[str, Any]]) -> None:
    answer = shop.call("PUT", "/api/v1/erp/products", json.dumps({"products": products}).encode())
    assert answer.status_code == 200, answer.text


def items(world: World, status: str) -> int:
    query = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND status = %s"
    return int(world.stack.one(query, world.pushed.id, status))


def products_held(world: World) -> int:
    query = "SELECT count(DISTINCT product_id) FROM wc_sync_items WHERE store_id = %s AND status = 'needs_approval'"
    return int(world.stack.one(query, world.pushed.id))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_fits_its_window_without_errors(
    chromium: Browser, world: World, size: tuple[int, int], scheme: Scheme
) -> None:
    (job,) = [
        one["syncLogId"] for one in world.posted.wait_completed([world.posted.accept("orders", [*orders(20), {}])])
    ]
    posted, pulled, pushed = (f"/{shop.id}" for shop in (world.posted, world.pulled, world.pushed))
    pages = {
        "stores": "/stores",
        "new-store": "/stores/new",
        "overview": f"{posted}/",
        "overview-hour": f"{pulled}/?range=1h",
        "history": f"{posted}/history",
        "log": f"{posted}/logs/{job}",
        "start": f"{pulled}/start",
        "explain": f"{posted}/explain?entity=orders&id=7",
        "outbound": f"{pushed}/outbound",
        "store": f"{pushed}/store",
    }
    with window(chromium, world.stack.url, size, scheme) as seen:
        seen.sign_in(world.operator)
        for name, path in pages.items():
            seen.open(path)
            assert seen.overflow() <= 0, name
            assert seen.page.get_by_role("heading", level=1).count() == 1, name
            unlabelled = seen.page.locator("input:not([type=hidden]), select").evaluate_all(
                "fields => fields.filter(field => !field.labels?.length && !field.ariaLabel).map(field => field.name)"
            )
            assert unlabelled == [], name
            seen.shoot(f"{name}-{size[0]}-{scheme}")


def test_plots_are_drawn_and_the_page_polls(chromium: Browser, world: World) -> None:
    world.posted.wait_completed([world.posted.accept("orders", orders(5, 8000))])
    with window(chromium, world.stack.url) as seen:
        seen.sign_in(world.posted.token)
        expect(seen.page.locator("#plot-records canvas")).to_have_count(1)
        expect(seen.page.locator("#plot-logs canvas")).to_have_count(1)
        with seen.page.expect_response(re.compile("/live")):
            pass


def test_an_expired_session_leads_to_sign_in(chromium: Browser, world: World) -> None:
    with window(chromium, world.stack.url) as seen:
        shop = world.stack.create_store(f"Short {new_id()}")
        seen.sign_in(shop.token)
        world.stack.sql("UPDATE api_tokens SET revoked_at = now() WHERE store_id = %s", shop.id)
        seen.page.get_by_label("API token").wait_for(timeout=SECONDS)  # the page's own poll leads there


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_page_has_a_barrier(chromium: Browser, world: World, size: tuple[int, int], scheme: Scheme) -> None:
    store = world.pushed.id
    (job,) = world.posted.wait_completed([world.posted.accept("orders", orders(1, 9900))])
    world.stack.sql(FAIL, job["jobId"])
    world.stack.sql(OPEN_ALERT, world.posted.id, job["jobId"])
    pages = [
        f"/{world.posted.id}/logs/{job['jobId']}",
        f"/{world.posted.id}/history",
        "/stores",
        "/stores/new",
        "/failures?code=GAVE_UP",
        "/system",
        "/audit",
        f"/{store}/",
        f"/{store}/history",
        f"/{store}/start",
    ]
    pages += [f"/{store}/explain", f"/{store}/outbound", f"/{store}/store", f"/{store}/audit"]
    with window(chromium, world.stack.url, size, scheme) as seen:
        seen.open("/login")
        found = {"/login": seen.barriers()}
        seen.sign_in(world.operator)
        for path in pages:
            seen.open(path)
            expect(seen.page.locator("h1")).to_be_visible()
            found[path] = [*seen.barriers(), *(["wider than the window"] if seen.overflow() > 0 else [])]
    assert {path: barriers for path, barriers in found.items() if barriers} == {}


def test_a_frozen_worker_appears_on_the_system_page(chromium: Browser, world: World) -> None:
    with window(chromium, world.stack.url) as seen:
        seen.sign_in(world.operator)
        seen.open("/system")
        expect(seen.page.get_by_role("row", name=re.compile("puller-1"))).to_contain_text("alive")
        with world.stack.frozen("puller"):
            row = seen.page.get_by_role("row", name=re.compile("puller-1"))
            expect(row).to_contain_text("silent", timeout=SECONDS)  # without a reload
            seen.shoot("system")
