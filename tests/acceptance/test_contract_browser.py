"""The contract's page in a real browser: search, a call with a token that is forgotten, and no barrier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.stack import Shop, Stack
from tests.tools.browser import DESK, PHONE, Scheme, find_chromium, missing, window

pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=missing() or "")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def test_search_finds_a_call_by_what_it_does(chromium: Browser, stack: Stack) -> None:
    with window(chromium, stack.url) as seen:
        seen.page.goto(f"{stack.url}/docs")
        seen.page.keyboard.press("/")
        seen.page.keyboard.type("idempotency orders")
        expect(seen.page.get_by_role("link", name="post Send a batch of orders")).to_be_visible()
        expect(seen.page.get_by_role("link", name="post Send a batch of products")).to_be_hidden()
        expect(seen.page.get_by_role("status").first).to_have_text("1 found")


def test_a_call_uses_the_token_and_forgets_it(chromium: Browser, stack: Stack, shop: Shop) -> None:
    with window(chromium, stack.url) as seen:
        seen.page.goto(f"{stack.url}/docs")
        part = seen.page.locator("article#listJobs")
        part.get_by_text("Try it").click()
        seen.page.get_by_label("Token for the calls").fill(shop.token)
        part.get_by_role("button", name="Send GET").click()
        expect(part.locator("output")).to_contain_text('"success": true')
        assert seen.page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        seen.page.reload()
        expect(seen.page.get_by_label("Token for the calls")).to_have_value("")


def test_a_body_is_sent_from_the_page(chromium: Browser, stack: Stack, shop: Shop) -> None:
    with window(chromium, stack.url) as seen:
        seen.page.goto(f"{stack.url}/docs")
        part = seen.page.locator("article#postOrders")
        part.get_by_text("Try it").click()
        seen.page.get_by_label("Token for the calls").fill(shop.token)
        part.get_by_role("button", name="Send POST").click()
        expect(part.locator("output")).to_contain_text("202 in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_has_no_barrier(chromium: Browser, stack: Stack, size: tuple[int, int], scheme: Scheme) -> None:
    with window(chromium, stack.url, size, scheme) as seen:
        seen.page.goto(f"{stack.url}/docs")
        seen.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert seen.overflow() <= 0
        assert seen.barriers() == []


def test_the_search_for_barriers_finds_one(chromium: Browser, stack: Stack) -> None:
    """Guards the search itself."""
    with window(chromium, stack.url) as seen:
        seen.page.set_content("<html lang=en><title>x</title><main><h1>x</h1><button></button></main></html>")
        assert any(barrier.startswith("button-name") for barrier in seen.barriers())
