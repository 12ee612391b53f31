"""The console without a browser: a world to look at, signing in, forms with their CSRF token, and pages as text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.settings.environment import Settings, load_settings
from app.usecases.stores import CreatedStore, Origin, create_operator, create_store, set_credentials
from db.core.pool import open_pool
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.factories import make_order
from tests.support.outbound import SECRET_KEY, make_erp_product, put_products
from tests.support.pipeline import accept_batch, sync
from workers.core.ids import new_id
from workers.core.queues import WakeUp, connect
from workers.core.runtime import Runtime

CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')
NEXT_PAGE = re.compile(r'href="/console([^"]+[?;](?:cursor|page)=[^"]+)">(?:Older|More)<')
STORE_PAGES = (
    "/",
    "/history",
    "/start",
    "/explain",
    "/books",
    "/outbound",
    "/store",
    "/live",
    "/plots",
    "/history/rows",
    "/outbound/live",
)
FAIL = """UPDATE sync_logs SET status = 'failed', phase = NULL, finished_at = now(), error_code = 'GAVE_UP', error_message = %s
    WHERE id = %s"""
FAILED_ITEM = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, error_code,
    error_message, retryable) VALUES (%s, %s, %s, 'price', 1, 'failed', now(), 'REJECTED', 'the shop refused it', false)"""
OPEN_HOLD = """INSERT INTO wc_sync_batches (store_id, id, kind, status, total_items, preview)
    VALUES (%s, %s, 'hold', 'needs_approval', 1, '{"reasons": ["price_share"], "products": 1, "changes":
    [{"sku": "LAMP-1", "regularPrice": ["19.9", "25"], "salePrice": [null, null], "outOfStock": false}],
    "fields": [{"field": "name", "products": 7, "examples": [{"sku": "LAMP-1", "shop": "By <hand>", "erp": "Lamp"}]}]}')"""
ERP_PRODUCT = """INSERT INTO erp_products (store_id, product_id, sku, name, manage_stock, image_urls, category_ids,
    allow_manual_woocommerce_offers, group_hashes) VALUES (%s, %s, 'LAMP-2', 'Lamp', false, '{}', '{}', false, '{}')"""
DIFFERING = """INSERT INTO wc_product_sync_mappings (store_id, id, internal_product_id, wc_product_id, last_synced, sync_status,
    differences) VALUES (%s, %s, %s, 7, now(), 'synced', '{"stock_quantity": {"ours": 30, "theirs": 27, "digest": "x",
    "since": "2026-01-15T00:00:00Z"}}')"""
HELD_ITEM = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, hold_id)
    VALUES (%s, %s, %s, 'price', 1, 'needs_approval', now(), %s)"""


@contextmanager
def console_app(settings: Settings, database_url: str, redis_url: str) -> Iterator[Flask]:
    """The application that can keep credentials; its connections are closed at the end."""
    with application(replace(settings, secret_key=SECRET_KEY), database_url, redis_url) as app:
        yield app


@dataclass(frozen=True)
class Visitor:
    """One browser, as far as cookies go."""

    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        return self.client.get(f"/console{path}")

    def read(self, path: str) -> str:
        """The text of a page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, words_of(answer))
        return words_of(answer)

    def post(self, path: str, form_on: str, **fields: object) -> TestResponse:
        """Send a form of the page `form_on`, with that page's CSRF token."""
        token = csrf_of(self.get(form_on))
        sent = {name: str(value) for name, value in fields.items()}
        return self.client.post(f"/console{path}", data={"csrf": token} | sent)

    def sign_in(self, token: str) -> TestResponse:
        return self.post("/login", "/login", token=token)


def visitor(app: Flask, token: str | None = None) -> Visitor:
    """A browser of its own, signed in where a token is given."""
    made = Visitor(app.test_client())
    if token is not None:
        assert made.sign_in(token).status_code == 302
    return made


def csrf_of(answer: TestResponse) -> str:
    found = CSRF.search(answer.text)
    assert found is not None, f"no form on a page of status {answer.status_code}"
    return found[1]


def words_of(answer: TestResponse) -> str:
    """What is to be read on a page: no tags, no runs of white space."""
    body = re.sub(r"<head>.*?</head>|<script.*?</script>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def listed(guest: Visitor, path: str, pattern: str) -> list[str]:
    """What the pattern finds on this page of a list and on all that follow it."""
    found: list[str] = []
    while path:
        page = guest.get(path).text
        found += re.findall(pattern, page)
        more = NEXT_PAGE.search(page)
        path = html.unescape(more[1]) if more else ""
    return found


def place(store_id: UUID, rest: str = "/") -> str:
    return f"/{store_id}{rest}"


@dataclass(frozen=True)
class World:
    """One store with something on each page, an empty one, one that is pulled, and an operator."""

    app: Flask
    full: CreatedStore
    empty: CreatedStore
    pulled: CreatedStore
    operator: str
    done: UUID
    failed: UUID
    hold: UUID


@contextmanager
def make_world(servers: Servers, database: Database) -> Iterator[World]:
    settings = replace(load_settings({}), data_dir=servers.root, rate_limit_per_minute=1_000_000)
    pool = open_pool(database.url, 2, "test")
    runtime = Runtime(settings, pool, WakeUp(connect(servers.redis.url)))
    with (
        console_app(settings, database.url, servers.redis.url) as app,
        psycopg.connect(database.url, autocommit=True) as conn,
        psycopg.connect(database.superuser_url, autocommit=True) as root,
    ):
        full = create_store(conn, "Lamps <&> more", "woocommerce", "https://lamps.example", "admin")
        pulled = create_store(conn, "Pulled shop", "shopify", "http://127.0.0.1:1")
        set_credentials(conn, SECRET_KEY, pulled.store_id, {"access_token": "t"})
        done = sync(runtime, full.store_id, "orders", [make_order(), {"wc_order_id": 77}]).id
        failed = accept_batch(runtime, full.store_id, "orders", [make_order(wc_order_id=5)])
        root.execute(FAIL, ("every attempt was interrupted", failed))
        put_products(runtime, full.store_id, [make_erp_product()])
        hold = new_id()
        root.execute(OPEN_HOLD, (full.store_id, hold))
        root.execute(HELD_ITEM, (full.store_id, new_id(), new_id(), hold))
        differing = new_id()
        root.execute(ERP_PRODUCT, (full.store_id, differing))
        root.execute(DIFFERING, (full.store_id, new_id(), differing))
        root.execute(FAILED_ITEM, (full.store_id, new_id(), new_id()))
        empty = create_store(conn, "Empty shop", "woocommerce")
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            operator = create_operator(owner, Origin("test"))
        yield World(app, full, empty, pulled, operator, done, failed, hold)
    pool.close()
    runtime.wake_up.redis.close()


@pytest.fixture(scope="module")
def world(servers: Servers, database: Database) -> Iterator[World]:
    with make_world(servers, database) as made:
        yield made


@pytest.fixture
def admin(world: World) -> Visitor:
    return visitor(world.app, world.full.token)
