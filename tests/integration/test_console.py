"""The console: who gets in, what each page shows with data and without, what it says of bad input, and whose data it is."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from psycopg import Connection
from werkzeug.test import TestResponse

from app.console import blueprint
from app.console.attempts import MOST_FAILURES
from app.settings import load_settings
from app.tenants import CreatedStore, create_operator, create_store, delete_store, revoke_all, set_credentials
from db.pool import open_pool
from tests.conftest import Database, Servers
from tests.console import Visitor, console_app, csrf_of, place, visitor, words_of
from tests.factories import make_order
from tests.outbound import SECRET_KEY, make_erp_product, put_products
from tests.pipeline import accept_batch, sync
from workers.credentials import decrypt_credentials
from workers.ids import new_id
from workers.queues import WakeUp, connect
from workers.runtime import Runtime

STORE_PAGES = (
    "/",
    "/history",
    "/start",
    "/explain",
    "/outbound",
    "/store",
    "/live",
    "/plots",
    "/history/rows",
    "/outbound/live",
)
FAIL = """UPDATE sync_logs SET status = 'failed', phase = NULL, finished_at = now(), error_code = 'GAVE_UP', error_message = %s
    WHERE id = %s"""
HOLD_AGAIN = "UPDATE wc_sync_batches SET status = 'needs_approval', completed_at = NULL WHERE id = %s"
FAILED_ITEM = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, error_code,
    error_message, retryable) VALUES (%s, %s, %s, 'price', 1, 'failed', now(), 'REJECTED', 'the shop refused it', false)"""
OPEN_HOLD = """INSERT INTO wc_sync_batches (store_id, id, kind, status, total_items, preview)
    VALUES (%s, %s, 'hold', 'needs_approval', 1, '{"reasons": ["price_share"], "products": 1, "changes":
    [{"sku": "LAMP-1", "regularPrice": ["19.9", "25"], "salePrice": [null, null], "outOfStock": false}]}')"""
MANY_LOGS = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, next_attempt_at, finished_at)
    SELECT %s, gen_random_uuid(), 'orders', 'plugin', 'upsert', 'completed', 0, now(), now() FROM generate_series(1, 120)"""
MANY_ITEMS = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at)
    SELECT %s, gen_random_uuid(), gen_random_uuid(), 'price', 1, 'pending', now() FROM generate_series(1, 120)"""
MANY_ERRORS = """WITH log AS (SELECT id FROM sync_logs WHERE store_id = %(store_id)s LIMIT 1)
    INSERT INTO sync_record_errors (store_id, log_id, record_index, field, code, reason)
    SELECT %(store_id)s, log.id, n, 'items[].total', 'required', 'is missing' FROM log, generate_series(0, 119) n
    RETURNING log_id"""
VENDOR = Path(blueprint.__file__).parent / "static" / "vendor"
HELD_ITEM = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, hold_id)
    VALUES (%s, %s, %s, 'price', 1, 'needs_approval', now(), %s)"""


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


@pytest.fixture(scope="module")
def world(servers: Servers, database: Database) -> Iterator[World]:
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
        root.execute(FAILED_ITEM, (full.store_id, new_id(), new_id()))
        empty = create_store(conn, "Empty shop", "woocommerce")
        yield World(app, full, empty, pulled, create_operator(conn), done, failed, hold)
    pool.close()
    runtime.wake_up.redis.close()


@pytest.fixture
def admin(world: World) -> Visitor:
    return visitor(world.app, world.full.token)


# Getting in


def test_without_a_session_every_page_leads_to_the_form_and_back(world: World) -> None:
    answer = visitor(world.app).get(place(world.full.store_id, "/history?status=failed"))
    assert answer.status_code == 302
    assert answer.location.startswith("/console/login?next=/console/")
    assert "status%3Dfailed" in answer.location or "status=failed" in answer.location
    form = visitor(world.app).client.get(answer.location)
    signed = visitor(world.app)
    signed.client.get(answer.location)
    sent = {"csrf": csrf_of(signed.client.get(answer.location)), "token": world.full.token, "next": next_of(form)}
    assert signed.client.post("/console/login", data=sent).location == next_of(form)


def next_of(answer: TestResponse) -> str:
    found = re.search(r'name="next" value="([^"]*)"', answer.text)
    assert found is not None
    return html.unescape(found[1])


def test_a_live_part_without_a_session_takes_the_whole_page_to_the_form(world: World) -> None:
    answer = visitor(world.app).client.get(f"/console/{world.full.store_id}/live", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/console/login"


@pytest.mark.parametrize("asked", ["https://evil.example/", "//evil.example/", "/console/\\evil", "/api/sync/jobs"])
def test_nobody_is_led_elsewhere_after_signing_in(world: World, asked: str) -> None:
    answer = visitor(world.app).post("/login", "/login", token=world.full.token, next=asked)
    assert answer.location == "/console/"


@pytest.mark.parametrize("token", ["", "slc_wrong", "slc_\x00", "ü" * 50])
def test_a_wrong_token_is_told_and_opens_nothing(world: World, token: str) -> None:
    stranger = visitor(world.app)
    answer = stranger.sign_in(token)
    assert answer.status_code == 401
    assert "token" in words_of(answer)
    assert stranger.get("/").status_code == 302


def test_the_cookie_is_for_this_site_alone_and_holds_no_token(world: World, root_conn: Connection) -> None:
    answer = visitor(world.app).sign_in(world.full.token)
    (cookie,) = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("sluice_console=")]
    assert {"HttpOnly", "Path=/console", "SameSite=Strict"} <= set(cookie.split("; "))
    assert world.full.token not in cookie
    secret = cookie.split("=", 1)[1].split(";")[0]
    kept = root_conn.execute("SELECT session_sha256 FROM console_sessions").fetchall()
    assert hashlib.sha256(secret.encode()).digest() in [row[0] for row in kept]
    assert secret.encode() not in b"".join(row[0] for row in kept)


def test_over_https_the_cookie_never_goes_in_clear(world: World) -> None:
    page = world.app.test_client()
    form = page.get("/console/login", base_url="https://localhost")
    sent = {"csrf": csrf_of(form), "token": world.full.token}
    answer = page.post("/console/login", data=sent, base_url="https://localhost")
    assert all("Secure" in line for line in answer.headers.getlist("Set-Cookie") if "Max-Age=43200" in line)
    assert answer.status_code == 302


def test_only_a_trusted_proxy_says_whose_call_it_is_and_whether_in_clear(
    servers: Servers, database: Database, world: World
) -> None:
    settings = replace(load_settings({"TRUSTED_PROXIES": "1"}), data_dir=servers.root)
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    with console_app(settings, database.url, servers.redis.url) as behind_proxy:
        behind, straight = (app.test_client().get("/console/login", headers=said) for app in (behind_proxy, world.app))
    assert ["Secure" in answer.headers["Set-Cookie"] for answer in (behind, straight)] == [True, False]


def test_signing_out_ends_the_session_for_whoever_has_the_cookie(world: World, admin: Visitor) -> None:
    cookie = admin.client.get_cookie("sluice_console", path="/console")
    assert cookie is not None
    assert admin.post("/logout", place(world.full.store_id)).location == "/console/login"
    thief = visitor(world.app)
    thief.client.set_cookie("sluice_console", cookie.value, path="/console")
    assert thief.get("/").status_code == 302


def test_a_revoked_token_ends_its_sessions_at_once(world: World, conn: Connection) -> None:
    made = create_store(conn, "Leaky shop", "woocommerce")
    guest = visitor(world.app, made.token)
    assert guest.get(place(made.store_id)).status_code == 200
    revoke_all(conn, made.store_id)
    assert guest.get(place(made.store_id)).status_code == 302


def test_a_session_ends_by_itself(world: World, root_conn: Connection) -> None:
    guest = visitor(world.app, world.empty.token)
    root_conn.execute("UPDATE console_sessions SET expires_at = now()")
    assert guest.get(place(world.empty.store_id)).status_code == 302


def test_too_many_wrong_tokens_are_refused_for_a_while(world: World) -> None:
    stranger = visitor(world.app)
    stranger.client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    answers = [stranger.sign_in("slc_wrong") for _ in range(MOST_FAILURES + 1)]
    assert [answer.status_code for answer in answers] == [401] * MOST_FAILURES + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert stranger.sign_in(world.full.token).status_code == 429
    assert visitor(world.app).sign_in(world.full.token).status_code == 302, "another address is not held liable"


# Every page


def test_every_answer_carries_the_policy_and_no_page_has_inline_script_or_style(world: World) -> None:
    boss = visitor(world.app, world.operator)
    paths = [place(world.full.store_id, page) for page in STORE_PAGES]
    for path in [*paths, "/login", "/stores", "/nowhere", place(world.full.store_id, f"/logs/{world.done}")]:
        answer = boss.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), path
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert not re.search(
            r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:|https?://(?!lamps)", answer.text
        ), path


def test_what_pages_load_is_our_own_and_stays_in_the_browser(world: World) -> None:
    page = visitor(world.app).get("/login").text
    files = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page)
    assert len(files) >= 6
    for path in files:
        with visitor(world.app).client.get(path) as answer:
            assert answer.status_code == 200
            assert "max-age" in answer.headers["Cache-Control"]
    assert all((VENDOR / name).stat().st_size > 300 for name in ("htmx-LICENSE.txt", "uplot-LICENSE.txt"))


def test_pages_with_data_show_it(world: World, admin: Visitor) -> None:
    overview = admin.read(place(world.full.store_id))
    assert "Lamps <&> more" in overview
    assert "Syncs failed 1" in overview and "Records skipped 1" in overview
    history = admin.read(place(world.full.store_id, "/history"))
    assert "completed" in history and "failed" in history
    log = admin.read(place(world.full.store_id, f"/logs/{world.done}"))
    assert "2 received = 1 synced + 1 skipped" in log
    assert "77" in log and "is missing or empty" in log
    assert "every attempt was interrupted" in admin.read(place(world.full.store_id, f"/logs/{world.failed}"))
    outbound = admin.read(place(world.full.store_id, "/outbound"))
    assert "1 changes of 1 products wait for approval" in outbound and "the shop refused it" in outbound
    assert "LAMP-1" in admin.read(place(world.full.store_id, f"/outbound/holds/{world.hold}"))
    csv = admin.get(place(world.full.store_id, f"/logs/{world.done}/skipped.csv"))
    assert csv.text.splitlines()[0] == "index,id,field,code,reason" and ",77," in csv.text


def test_pages_without_data_say_what_to_do_next(world: World) -> None:
    guest = visitor(world.app, world.empty.token)
    said = {page: guest.read(place(world.empty.store_id, page)) for page in STORE_PAGES}
    assert "No sync is running" in said["/"]
    assert "Post a first batch with the plugin" in said["/history"]
    assert "The shop is not connected yet" in said["/start"]
    assert "Write the number that the shop gave the record" in said["/explain"]
    assert "Nothing waits, nothing failed" in said["/outbound"]
    assert "Nothing is pulled by schedule" in said["/store"]


def test_an_operator_sees_all_stores_one_at_a_time_and_totals(world: World) -> None:
    boss = visitor(world.app, world.operator)
    assert boss.get("/").location == "/console/stores"
    everything = boss.read("/stores")
    assert "Lamps <&> more" in everything and "Pulled shop" in everything and "Syncs failed 1" in everything
    for made in (world.full, world.empty, world.pulled):
        assert "Overview" in boss.read(place(made.store_id))
    assert "Outbound" not in boss.read(place(world.pulled.store_id))


# Walls


def theirs(world: World) -> list[str]:
    ids = [
        f"/logs/{world.done}",
        f"/logs/{world.done}/live",
        f"/logs/{world.done}/skipped.csv",
        f"/outbound/holds/{world.hold}",
    ]
    return [*STORE_PAGES, *ids, "/outbound/failed/price/REJECTED"]


def test_another_stores_pages_and_ids_are_not_there(world: World) -> None:
    guest = visitor(world.app, world.empty.token)
    for page in theirs(world):
        answers = [guest.get(place(world.full.store_id, page)), guest.get(place(new_id(), page))]
        assert [answer.status_code for answer in answers] == [404, 404], page
        assert len({without_id(answer) for answer in answers}) == 1, page
    for page in theirs(world)[len(STORE_PAGES) : -1]:  # the ids of the other store below one's own address
        assert guest.get(place(world.empty.store_id, page)).status_code == 404, page


def without_id(answer: TestResponse) -> str:
    return re.sub(r"Request \w+", "", words_of(answer))


@pytest.mark.parametrize(
    "path", ["/logs/{done}/retry", "/outbound/holds/{hold}/approve", "/outbound/failed/price/REJECTED", "/store/tokens",
             "/store/credentials", "/store/schedules", "/start"]
)  # fmt: skip
def test_nobody_changes_another_store(world: World, path: str) -> None:
    guest = visitor(world.app, world.pulled.token)
    rest = path.format(done=world.failed, hold=world.hold)
    answer = guest.post(place(world.full.store_id, rest), place(world.pulled.store_id))
    assert answer.status_code == 404


def test_operators_pages_are_not_there_for_a_store(world: World, admin: Visitor) -> None:
    assert [admin.get(path).status_code for path in ("/stores", "/stores/live", "/stores/new")] == [404] * 3


def test_the_plugins_token_administers_nothing(world: World) -> None:
    guest = visitor(world.app, world.empty.token)
    own = world.empty.store_id
    for path in ("/store/tokens", "/store/tokens/rotate", "/store/credentials", f"/outbound/holds/{new_id()}/approve"):
        answer = guest.post(place(own, path), place(own, "/store"), role="admin")
        assert answer.status_code == 403, path
    assert "admin" in guest.read(place(own, "/store"))


CHANGES = (
    "/logs/{failed}/retry", "/logs/{failed}/cancel", "/start", "/start/confirm", "/outbound/failed/price/REJECTED",
    "/outbound/holds/{hold}/approve", "/store/tokens", "/store/tokens/rotate", "/store/credentials", "/store/schedules",
    "/store/schedules/orders/remove",
)  # fmt: skip


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_no_change_without_its_csrf_token(
    world: World, admin: Visitor, root_conn: Connection, token: str | None
) -> None:
    before = root_conn.execute("SELECT count(*) FROM api_tokens").fetchone()
    for path in CHANGES:
        address = f"/console/{world.full.store_id}{path.format(failed=world.failed, hold=world.hold)}"
        sent = {"role": "admin"} | ({"csrf": token} if token is not None else {})
        assert admin.client.post(address, data=sent).status_code == 403, path
    assert admin.client.post("/console/logout", data={}).status_code == 403
    assert root_conn.execute("SELECT count(*) FROM api_tokens").fetchone() == before


def test_every_change_stands_in_the_list_of_those_that_need_a_token(world: World) -> None:
    """Retry and cancel are one rule; not in the list are signing in and out, a new store, and ending one token."""
    rules = {
        rule.rule
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith("/console") and "POST" in (rule.methods or set())
    }
    assert len(rules) == len(CHANGES) - 1 + 4


# Changes


def test_a_failed_log_is_retried_and_then_the_state_forbids_it(
    world: World, admin: Visitor, root_conn: Connection
) -> None:
    path = place(world.full.store_id, f"/logs/{world.failed}")
    assert admin.post(f"{path}/retry", path).status_code == 302
    assert "Waiting" in admin.read(path)
    again = admin.post(f"{path}/retry", path)
    assert again.status_code == 409
    assert "Not possible now" in words_of(again) and "only a failed job" in words_of(again).lower()
    root_conn.execute(FAIL, ("every attempt was interrupted", world.failed))


def test_a_start_is_confirmed_once_and_leads_to_its_log(world: World) -> None:
    guest, own = visitor(world.app, world.pulled.token), world.pulled.store_id
    asked = {"entity": "orders", "mode": "update", "stale_after_mins": "soon"}
    wrong = guest.post(place(own, "/start/confirm"), place(own, "/start"), **asked)
    assert wrong.status_code == 400
    assert "Write a whole number from 1 to 5,256,000." in words_of(wrong)
    assert 'value="soon"' in wrong.text and re.search(r'value="update"[^>]* checked', wrong.text), (
        "nothing typed is lost"
    )
    asked["stale_after_mins"] = "90"
    page = guest.post(place(own, "/start/confirm"), place(own, "/start"), **asked)
    assert "Read the orders of this Shopify shop that changed within the last 90 minutes." in words_of(page)
    started = guest.post(place(own, "/start"), place(own, "/start"), **asked)
    assert "staleAfterMins 90" in words_of(guest.client.get(started.location))
    second = guest.post(place(own, "/start"), place(own, "/start"), **asked)
    assert second.status_code == 409
    assert "in progress" in words_of(second) and started.location in second.text
    for action, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        log = started.location.removeprefix("/console")
        guest.post(f"{log}/{action}", log)
        assert status in guest.read(log)


def test_explain_tells_why(world: World, admin: Visitor) -> None:
    own = world.full.store_id
    assert "It came, and was skipped." in admin.read(place(own, "/explain?entity=orders&id=77"))
    assert "It is here." in admin.read(place(own, "/explain?entity=orders&id=1001"))
    for wrong in ("abc", "-1", "9" * 30):
        answer = admin.get(place(own, f"/explain?entity=orders&id={wrong}"))
        assert answer.status_code == 400 and "Write the number" in words_of(answer)
    assert admin.get(place(own, "/explain?entity=moons&id=1")).status_code == 400


def test_failed_items_are_counted_before_they_are_tried_again(
    world: World, admin: Visitor, root_conn: Connection
) -> None:
    own = world.full.store_id
    group = place(own, "/outbound/failed/price/REJECTED")
    assert "Try 1 failed price item again?" in admin.read(group)
    answer = admin.post(group, group)
    assert "1 items wait to be sent again." in words_of(admin.client.get(answer.location))
    assert admin.get(group).status_code == 404
    root_conn.execute(FAILED_ITEM, (own, new_id(), new_id()))


def test_a_hold_is_looked_at_approved_once_and_then_gone(world: World, admin: Visitor, root_conn: Connection) -> None:
    own = world.full.store_id
    page = place(own, f"/outbound/holds/{world.hold}")
    assert "Approve: send 1 changes" in admin.read(page)
    answer = admin.post(f"{page}/approve", page)
    assert "Approved: 1 items are on their way" in words_of(admin.client.get(answer.location))
    again = admin.post(f"{page}/approve", place(own))
    assert again.status_code == 409 and "Nothing waits for approval" in words_of(again)
    root_conn.execute(HOLD_AGAIN, (world.hold,))
    root_conn.execute(HELD_ITEM, (own, new_id(), new_id(), world.hold))


def test_a_token_is_shown_once_works_and_is_revoked(world: World, admin: Visitor) -> None:
    own = world.full.store_id
    made = admin.post(place(own, "/store/tokens"), place(own, "/store"), role="store")
    token = re.search(r'value="(slc_[^"]+)"', made.text)
    assert token is not None and made.headers["Cache-Control"] == "no-store"
    assert token[1] not in admin.get(place(own, "/store")).text
    guest = visitor(world.app, token[1])
    assert guest.get(place(own)).status_code == 200
    (address,) = [
        one for one in re.findall(r'action="(/console/[^"]+/revoke)"', made.text) if is_newest(made.text, one)
    ]
    answer = admin.post(address.removeprefix("/console"), place(own, "/store"))
    assert "The token is revoked" in words_of(admin.client.get(answer.location))
    assert guest.get(place(own)).status_code == 302
    again = admin.post(address.removeprefix("/console"), place(own, "/store"))
    assert again.status_code == 409
    assert admin.post(place(own, "/store/tokens"), place(own, "/store"), role="operator").status_code == 400


def is_newest(page: str, address: str) -> bool:
    """Tokens stand newest first."""
    return page.index(address) == min(page.index(one) for one in re.findall(r'/console/[^"]+/revoke', page))


def test_rotating_leaves_the_token_before_for_its_grace(world: World, conn: Connection) -> None:
    made = create_store(conn, "Rotating shop", "woocommerce", None, "admin")
    guest, page = visitor(world.app, made.token), place(made.store_id, "/store")
    answer = guest.post(f"{page}/tokens/rotate", page, role="admin", grace_hours=24)
    assert re.search(r'value="slc_', answer.text)
    assert "ends in" in guest.read(page)
    assert guest.post(f"{page}/tokens/rotate", page, role="admin", grace_hours="-1").status_code == 400
    assert guest.post(f"{page}/tokens/rotate", page, role="admin", grace_hours=0).status_code == 200
    assert guest.get(page).status_code == 302


def test_credentials_are_kept_encrypted_and_never_shown(world: World, admin: Visitor, root_conn: Connection) -> None:
    page = place(world.full.store_id, "/store")
    half = admin.post(f"{page}/credentials", page, consumer_key="ck_secret")
    assert half.status_code == 400
    assert "This is needed." in words_of(half) and "ck_secret" not in half.text
    done = admin.post(f"{page}/credentials", page, consumer_key="ck_secret", consumer_secret="cs_secret")
    shown = admin.client.get(done.location)
    assert "never shown" in words_of(shown) and "_secret&" not in shown.text and "ck_secret" not in shown.text
    ((kept,),) = root_conn.execute("SELECT credentials FROM stores WHERE id = %s", (world.full.store_id,)).fetchall()
    assert decrypt_credentials(SECRET_KEY, world.full.store_id, kept) == {
        "consumer_key": "ck_secret",
        "consumer_secret": "cs_secret",
    }


def test_a_schedule_is_set_and_removed(world: World, admin: Visitor) -> None:
    page = place(world.full.store_id, "/store")
    wrong = admin.post(f"{page}/schedules", page, entity="orders", mode="incremental", cron="whenever")
    assert wrong.status_code == 400 and 'value="whenever"' in wrong.text
    both = admin.post(f"{page}/schedules", page, entity="orders", mode="incremental", cron="* * * * *", every_minutes=5)
    assert "either a number of minutes or a cron expression" in words_of(both)
    done = admin.post(f"{page}/schedules", page, entity="orders", mode="incremental", every_minutes=15)
    assert "every 15 min" in words_of(admin.client.get(done.location))
    admin.post(f"{page}/schedules/orders/remove", page)
    assert "Nothing is pulled by schedule" in admin.read(page)


def test_an_operator_makes_a_store_and_sees_its_token_once(world: World, conn: Connection) -> None:
    boss = visitor(world.app, world.operator)
    wrong = boss.post("/stores/new", "/stores/new", name="A shop", platform="shopify", url="javascript:alert(1)")
    assert wrong.status_code == 400 and "whole address" in words_of(wrong) and 'value="A shop"' in wrong.text
    made = boss.post(
        "/stores/new", "/stores/new", name="A <b>new</b> shop", platform="shopify", url="https://a.example"
    )
    token = re.search(r'value="(slc_[^"]+)"', made.text)
    assert token is not None and "<b>new</b>" not in made.text
    assert visitor(world.app, token[1]).get("/").location.startswith("/console/")
    delete_store(conn, UUID(visitor(world.app, token[1]).get("/").location.split("/")[2]))


@pytest.mark.parametrize(
    "rest", ["/history?status=odd", "/history?cursor=x", "/history?cursor=%00", "/outbound?cursor=1", "/?range=9y",
             "/outbound?cursor=1.9.01a1fc05-4b10-7a01-8f21-1c2d3e4f5a6b", "/outbound/live?cursor=1.1.x"]
)  # fmt: skip
def test_a_bad_address_is_told_in_plain_words(world: World, admin: Visitor, rest: str) -> None:
    answer = admin.get(place(world.full.store_id, rest))
    assert answer.status_code == 400
    assert "Something is missing or wrong" in words_of(answer)


def test_what_is_too_much_or_not_there_is_a_page_too(world: World, admin: Visitor) -> None:
    huge = admin.client.post("/console/login", data={"token": "x" * 100_000})
    assert huge.status_code == 413 and "<h1>" in huge.text
    assert admin.client.put("/console/login").status_code == 405
    missing = admin.get(place(world.full.store_id, f"/logs/{new_id()}"))
    assert missing.status_code == 404 and "belongs to another store" in words_of(missing)
    assert visitor(world.app).client.get("/nowhere").json is not None, "elsewhere errors keep the envelope"


def test_pages_of_a_list_follow_each_other(world: World, root_conn: Connection) -> None:
    """Each log, each change that waits and each skipped record once, over three pages."""
    store_id = world.empty.store_id
    root_conn.execute(MANY_LOGS, (store_id,))
    root_conn.execute(MANY_ITEMS, (store_id,))
    log_id = root_conn.execute(MANY_ERRORS, {"store_id": store_id}).fetchall()[0][0]
    guest = visitor(world.app, world.empty.token)
    logs = listed(guest, place(store_id, "/history"), r'id="log-([0-9a-f-]+)"')
    items = listed(guest, place(store_id, "/outbound"), r'data-label="Of"><code title="([0-9a-f-]+)"')
    errors = listed(guest, place(store_id, f"/logs/{log_id}"), r'data-label="Place">(\d+)<')
    for table in ("sync_logs", "wc_sync_items"):
        root_conn.execute(f"DELETE FROM {table} WHERE store_id = %s".encode(), (store_id,))
    assert len(logs) == len(set(logs)) == 120
    assert len(items) == len(set(items)) == 120
    assert errors == [str(index) for index in range(120)]


def listed(guest: Visitor, path: str, pattern: str) -> list[str]:
    """What all pages from this one on show."""
    found: list[str] = []
    while path:
        page = guest.get(path).text
        found += re.findall(pattern, page)
        more = re.search(r'href="/console([^"]+cursor=[^"]+)">(?:Older|More)<', page)
        path = html.unescape(more[1]) if more else ""
    return found
