"""The console's pages: with and without data, their changes, and their answers to bad input."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import Connection

from app.console import blueprint
from app.settings.environment import load_settings
from app.settings.version import VERSION
from app.usecases.stores import create_store, delete_store
from tests.conftest import Database, Servers
from tests.support.console import (
    FAIL,
    FAILED_ITEM,
    HELD_ITEM,
    STORE_PAGES,
    Visitor,
    World,
    console_app,
    listed,
    place,
    visitor,
    words_of,
)
from tests.support.outbound import SECRET_KEY
from workers.core.credentials import decrypt_credentials
from workers.core.ids import first_id_of, new_id
from workers.core.presence import ENTRIES, Presence
from workers.core.queues import connect

HOLD_AGAIN = "UPDATE wc_sync_batches SET status = 'needs_approval', completed_at = NULL WHERE id = %s"
MANY_ITEMS = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, created_at)
    SELECT %s, gen_random_uuid(), gen_random_uuid(), (ARRAY['price', 'stock'])[1 + n %% 2], 1 + n %% 2, 'pending', now(),
           now() - n * interval '1.000007 s'
      FROM generate_series(1, 120) n"""
CLAIM_ORDER = "SELECT product_id FROM wc_sync_items WHERE store_id = %s ORDER BY priority, created_at, id"
MANY_LOGS = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, next_attempt_at, finished_at)
    SELECT %s, gen_random_uuid(), 'orders', 'plugin', 'upsert', 'completed', 0, now(), now() FROM generate_series(1, 120)"""
OLD_LOG = """INSERT INTO sync_logs (store_id, id, accepted_seq, entity, source, mode, status, received, next_attempt_at)
    OVERRIDING SYSTEM VALUE VALUES (%s, %s, -7, 'orders', 'plugin', 'upsert', 'completed', 0, now())"""
MANY_ERRORS = """INSERT INTO sync_record_errors (store_id, log_id, record_index, field, code, reason)
    SELECT %s, %s, n, 'items[].total', 'required', 'is missing' FROM generate_series(0, 119) n"""
VENDOR = Path(blueprint.__file__).parent / "static" / "vendor"


# Every page


def test_pages_carry_the_policy_and_no_inline_code(world: World) -> None:
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


def test_static_files_are_our_own_and_cached(world: World) -> None:
    page = visitor(world.app).get("/login").text
    files = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page)
    assert len(files) >= 6
    for path in files:
        with visitor(world.app).client.get(path) as answer:
            assert answer.status_code == 200
            assert "max-age" in answer.headers["Cache-Control"]
    assert all((VENDOR / name).stat().st_size > 300 for name in ("htmx-LICENSE.txt", "uplot-LICENSE.txt"))


def test_pages_show_a_stores_data(world: World, admin: Visitor) -> None:
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
    assert "1 changes to 1 products are waiting for approval" in outbound and "the shop refused it" in outbound
    assert "LAMP-2 stock_quantity 27 30" in outbound
    held = admin.read(place(world.full.store_id, f"/outbound/holds/{world.hold}"))
    assert "LAMP-1" in held and "name 7 LAMP-1 By <hand> Lamp" in held
    csv = admin.get(place(world.full.store_id, f"/logs/{world.done}/skipped.csv"))
    assert csv.text.splitlines()[0] == "index,id,field,code,reason" and ",77," in csv.text


def test_pages_without_data_say_what_to_do(world: World) -> None:
    guest = visitor(world.app, world.empty.token)
    said = {page: guest.read(place(world.empty.store_id, page)) for page in STORE_PAGES}
    assert "No sync is running" in said["/"]
    assert "Post a first batch with the plugin" in said["/history"]
    assert "The shop is not connected yet" in said["/start"]
    assert "Enter the record's number in the shop" in said["/explain"]
    assert "Every order that says how its amounts are taxed adds up" in said["/books"]
    assert "Nothing is waiting and nothing has failed" in said["/outbound"]
    assert "There is no schedule" in said["/store"]


def test_the_books_list_orders_that_do_not_add_up(world: World, root_conn: Connection) -> None:
    finding = """INSERT INTO order_findings (store_id, order_id, position, kind, stated, computed, difference)
                 SELECT store_id, id, 0, 'order_imbalance', 14.75, 13.5, 1.25 FROM orders WHERE store_id = %s"""
    root_conn.execute(finding, (world.full.store_id,))
    books = visitor(world.app, world.full.token).read(place(world.full.store_id, "/books"))
    assert "A-1001 1001" in books and "The lines do not sum up to the total" in books
    assert "14.75 USD" in books and "13.50" in books and "1.25" in books
    assert "adds up" in visitor(world.app, world.empty.token).read(place(world.empty.store_id, "/books"))


def test_an_operator_sees_all_stores_and_totals(world: World) -> None:
    boss = visitor(world.app, world.operator)
    assert boss.get("/").location == "/console/stores"
    everything = boss.read("/stores")
    assert "Outbound items waiting" in boss.read("/stores/live")
    assert "Lamps <&> more" in everything and "Pulled shop" in everything and "Syncs failed 1" in everything
    for made in (world.full, world.empty, world.pulled):
        assert "Overview" in boss.read(place(made.store_id))
    assert "Outbound" not in boss.read(place(world.pulled.store_id))


# Changes


def test_a_failed_sync_can_be_retried_once(world: World, admin: Visitor, root_conn: Connection) -> None:
    path = place(world.full.store_id, f"/logs/{world.failed}")
    assert admin.post(f"{path}/retry", path).status_code == 302
    assert "Waiting" in admin.read(path)
    again = admin.post(f"{path}/retry", path)
    assert again.status_code == 409
    assert "Not possible now" in words_of(again) and "only a failed job" in words_of(again).lower()
    root_conn.execute(FAIL, ("every attempt was interrupted", world.failed))


def test_a_confirmed_start_leads_to_its_sync(world: World) -> None:
    guest, own = visitor(world.app, world.pulled.token), world.pulled.store_id
    asked = {"entity": "orders", "mode": "update", "stale_after_mins": "soon"}
    wrong = guest.post(place(own, "/start/confirm"), place(own, "/start"), **asked)
    assert wrong.status_code == 400
    assert "Enter a whole number from 1 to 5,256,000." in words_of(wrong)
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


def test_explain_shows_the_verdict(world: World, admin: Visitor) -> None:
    own = world.full.store_id
    assert "The record was received and skipped." in admin.read(place(own, "/explain?entity=orders&id=77"))
    assert "The record is stored." in admin.read(place(own, "/explain?entity=orders&id=1001"))
    for wrong in ("abc", "-1", "9" * 30):
        answer = admin.get(place(own, f"/explain?entity=orders&id={wrong}"))
        assert answer.status_code == 400 and "Enter the record's number" in words_of(answer)
    assert admin.get(place(own, "/explain?entity=moons&id=1")).status_code == 400


def test_explain_offers_only_the_platforms_entities(world: World, conn: Connection) -> None:
    made = create_store(conn, "Short videos", "tiktok")
    answer = visitor(world.app, made.token).get(place(made.store_id, "/explain?entity=customers&id=5"))
    delete_store(conn, made.store_id)
    assert answer.status_code == 400 and "Choose the type" in words_of(answer)
    assert re.findall(r'<option value="(\w+)"', answer.text) == ["orders", "products", "refunds", "variations"]


def test_failed_items_are_counted_before_a_retry(world: World, admin: Visitor, root_conn: Connection) -> None:
    own = world.full.store_id
    group = place(own, "/outbound/failed/price/REJECTED")
    # A hold that another test rejected has left its item in this group.
    root_conn.execute("DELETE FROM wc_sync_items WHERE store_id = %s AND error_code = 'REJECTED'", (own,))
    root_conn.execute(FAILED_ITEM, (own, new_id(), new_id()))
    assert "Try 1 failed price item again?" in admin.read(group)
    answer = admin.post(group, group)
    assert "1 items will be sent again." in words_of(admin.client.get(answer.location))
    assert admin.get(group).status_code == 404
    root_conn.execute(FAILED_ITEM, (own, new_id(), new_id()))


@pytest.mark.parametrize(
    ("decision", "button", "said"),
    [
        ("approve", "Approve: send 1 product", "Approved: 1 items will be sent"),
        ("reject", "Reject: the shop keeps its values", "Rejected: 1 items will not be sent"),
    ],
)
def test_a_hold_is_reviewed_and_decided_once(
    world: World, admin: Visitor, root_conn: Connection, decision: str, button: str, said: str
) -> None:
    own = world.full.store_id
    page = place(own, f"/outbound/holds/{world.hold}")
    assert button in admin.read(page)
    assert '<input type="hidden" name="items" value="1">' in admin.get(page).text
    for unseen in ({"items": 0}, {}):
        assert "More changes were held in the meantime" in words_of(admin.post(f"{page}/{decision}", page, **unseen))
    answer = admin.post(f"{page}/{decision}", page, items=1)
    assert said in words_of(admin.client.get(answer.location))
    again = admin.post(f"{page}/{decision}", place(own), items=1)
    assert again.status_code == 409 and "Nothing is waiting for approval" in words_of(again)
    root_conn.execute(HOLD_AGAIN, (world.hold,))
    root_conn.execute(HELD_ITEM, (own, new_id(), new_id(), world.hold))


def test_a_token_is_shown_once_and_can_be_revoked(world: World, admin: Visitor) -> None:
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
    """Tokens are listed newest first."""
    return page.index(address) == min(page.index(one) for one in re.findall(r'/console/[^"]+/revoke', page))


def test_a_rotated_token_stays_valid_for_its_grace(world: World, conn: Connection) -> None:
    made = create_store(conn, "Rotating shop", "woocommerce", None, "admin")
    guest, page = visitor(world.app, made.token), place(made.store_id, "/store")
    answer = guest.post(f"{page}/tokens/rotate", page, role="admin", grace_hours=24)
    assert re.search(r'value="slc_', answer.text)
    assert "ends in" in guest.read(page)
    assert guest.post(f"{page}/tokens/rotate", page, role="admin", grace_hours="-1").status_code == 400
    assert guest.post(f"{page}/tokens/rotate", page, role="admin", grace_hours=0).status_code == 200
    assert guest.get(page).status_code == 302


def test_credentials_are_encrypted_and_never_shown(world: World, admin: Visitor, root_conn: Connection) -> None:
    page = place(world.full.store_id, "/store")
    half = admin.post(f"{page}/credentials", page, consumer_key="ck_secret")
    assert half.status_code == 400
    assert "This field is required." in words_of(half) and "ck_secret" not in half.text
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
    assert "There is no schedule" in admin.read(page)


def test_an_operator_creates_a_store(world: World, conn: Connection) -> None:
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
    "rest", ["/history?status=odd", "/history?cursor=x", "/history?cursor=%00", "/outbound?cursor=MQ", "/?range=9y",
             "/outbound/live?cursor=MQo5OjE"]
)  # fmt: skip
def test_a_bad_query_shows_a_plain_error(world: World, admin: Visitor, rest: str) -> None:
    answer = admin.get(place(world.full.store_id, rest))
    assert answer.status_code == 400
    assert "Something is missing or wrong" in words_of(answer)


def test_errors_are_pages_too(world: World, admin: Visitor) -> None:
    huge = admin.client.post("/console/login", data={"token": "x" * 100_000})
    assert huge.status_code == 413 and "<h1>" in huge.text
    assert admin.client.put("/console/login").status_code == 405
    missing = admin.get(place(world.full.store_id, f"/logs/{new_id()}"))
    assert missing.status_code == 404 and "belongs to another store" in words_of(missing)
    assert visitor(world.app).client.get("/nowhere").json is not None, "elsewhere errors keep the envelope"


def test_the_history_is_paged(world: World, root_conn: Connection) -> None:
    """Newest first, each log once, over three pages."""
    root_conn.execute(MANY_LOGS, (world.empty.store_id,))
    guest = visitor(world.app, world.empty.token)
    seen = listed(guest, place(world.empty.store_id, "/history"), r'id="log-([0-9a-f-]+)"')
    root_conn.execute("DELETE FROM sync_logs WHERE store_id = %s", (world.empty.store_id,))
    assert len(seen) == len(set(seen)) == 120


def test_skipped_records_are_paged_in_order(world: World, root_conn: Connection) -> None:
    store_id = world.full.store_id
    root_conn.execute(MANY_ERRORS, (store_id, world.failed))
    admin = visitor(world.app, world.full.token)
    places = listed(admin, place(store_id, f"/logs/{world.failed}"), r'data-label="Index">(\d+)<')
    root_conn.execute("DELETE FROM sync_record_errors WHERE log_id = %s", (world.failed,))
    assert places == [str(index) for index in range(120)]


def test_an_operator_pages_through_all_stores(world: World, conn: Connection) -> None:
    made = [create_store(conn, f"Shop {number}", "tiktok").store_id for number in range(30)]
    seen = listed(visitor(world.app, world.operator), "/stores", r'id="store-([0-9a-f-]+)"')
    for store_id in made:
        delete_store(conn, store_id)
    assert len(seen) == len(set(seen))
    assert {str(store_id) for store_id in made} <= set(seen)


def test_waiting_items_are_paged_in_sending_order(world: World, root_conn: Connection) -> None:
    root_conn.execute(MANY_ITEMS, (world.empty.store_id,))
    guest = visitor(world.app, world.empty.token)
    seen = listed(guest, place(world.empty.store_id, "/outbound"), r'<code title="([0-9a-f-]+)">product')
    wanted = root_conn.execute(CLAIM_ORDER, (world.empty.store_id,)).fetchall()
    root_conn.execute("DELETE FROM wc_sync_items WHERE store_id = %s", (world.empty.store_id,))
    assert seen == [str(row[0]) for row in wanted]


@pytest.mark.slow
def test_a_page_says_that_the_database_is_down(servers: Servers) -> None:
    """Takes two seconds: a request waits that long for a connection."""
    settings = replace(load_settings({}), data_dir=servers.root)
    with console_app(settings, "postgresql://sluice_app@127.0.0.1:1/away", servers.redis.url) as app:
        guest = visitor(app)
        guest.client.set_cookie("sluice_console", "anything", path="/console")
        answer = guest.get("/stores")
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
        assert "Not available at the moment" in words_of(answer)


def test_system_page_lists_processes_queues_and_servers(world: World, servers: Servers) -> None:
    operator = visitor(world.app, world.operator)
    with connect(servers.redis.url) as redis:
        assert "No worker of batches is alive" in operator.read("/system")
        with (
            Presence(redis, "worker", VERSION, "<b>worker-1", "ingest") as presence,
            presence.doing("orders batch 5 records"),
        ):
            presence.tell()
            page = operator.read("/system")
            assert "No worker of batches is alive" not in page
            assert all(text in page for text in ("<b>worker-1", "worker of ingest", "alive", "orders batch 5 records"))
            assert all(text in page for text in ("Waiting in Redis", "connections", "free of", f"Sluice {VERSION}"))
            Presence(redis, "worker", VERSION, "pusher-1", "push").tell()
            for key in redis.scan_iter("sluice:alive:*/pusher-1"):
                redis.delete(key)
            live = operator.read("/system/live")
            assert "silent" in live and "given no sign of life for ten seconds" in live
        redis.delete(ENTRIES)
    assert visitor(world.app, world.full.token).get("/system/live").status_code == 404


def test_system_page_without_redis_says_what_is_unknown(world: World, servers: Servers, database: Database) -> None:
    settings = replace(load_settings({}), data_dir=servers.root)
    with console_app(settings, database.url, "redis://127.0.0.1:1/0") as app:
        page = visitor(app, world.operator).read("/system")
    assert "Redis is not reachable" in page and "PostgreSQL" in page


def test_history_finds_a_sync_by_the_end_of_its_id(world: World, admin: Visitor) -> None:
    store = world.full.store_id
    for part in (str(world.failed), str(world.failed)[-8:], f"…{str(world.failed)[-6:]}"):
        page = admin.get(place(store, f"/history?id={part}")).text
        assert f"log-{world.failed}" in page and f"log-{world.done}" not in page
    assert "No sync matches" in admin.read(place(store, "/history?id=ffffffff0"))
    assert admin.get(place(store, "/history?id=xyz")).status_code == 400


def test_history_lists_syncs_up_to_a_day(world: World, admin: Visitor, root_conn: Connection) -> None:
    store, old = world.full.store_id, first_id_of(datetime(2026, 3, 4, 12, tzinfo=UTC))
    root_conn.execute(OLD_LOG, (store, old))
    for day, found in (("2026-03-03", False), ("2026-03-04", True), ("2026-03-05", True)):
        page = admin.get(place(store, f"/history?until={day}")).text
        assert (f"log-{old}" in page) is found, day
        assert f"log-{world.failed}" not in page
    root_conn.execute("DELETE FROM sync_logs WHERE id = %s", (old,))
    assert admin.get(place(store, "/history?until=yesterday")).status_code == 400


def test_history_says_why_a_sync_failed(world: World, admin: Visitor, root_conn: Connection) -> None:
    root_conn.execute(FAIL, ("every attempt was interrupted", world.failed))
    assert "GAVE_UP every attempt was interrupted" in admin.read(place(world.full.store_id, "/history"))


def test_a_retry_without_a_payload_is_disabled_and_says_why(
    world: World, admin: Visitor, root_conn: Connection
) -> None:
    root_conn.execute(FAIL, ("every attempt was interrupted", world.failed))
    path = place(world.full.store_id, f"/logs/{world.failed}")
    assert 'id="retry" type="submit" class="primary"' in admin.get(path).text
    root_conn.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM sync_payloads WHERE log_id = %s", (world.failed,))
    assert root_conn.execute("DELETE FROM sync_payloads WHERE log_id = %s", (world.failed,)).rowcount == 1
    assert 'id="retry" type="submit" disabled' in admin.get(path).text
    assert "its payload is no longer kept" in admin.read(path)
    root_conn.execute("INSERT INTO sync_payloads SELECT * FROM kept")  # for other tests, in any order


def test_explain_shows_what_is_stored_with_links(world: World, admin: Visitor, root_conn: Connection) -> None:
    own = world.full.store_id
    page = admin.get(place(own, "/explain?entity=orders&id=1001"))
    customer = root_conn.execute(
        "SELECT customer_external_id, total FROM orders WHERE store_id = %s AND external_id = 1001", (own,)
    ).fetchone()
    assert customer is not None
    assert f"entity=customers&amp;id={customer[0]}" in page.text
    words = words_of(page)
    assert "What is stored" in words and f"Total {customer[1]:.2f}" in words and "Product name" in words
    assert "hash" not in words.lower()
    assert "What is stored" not in admin.read(place(own, "/explain?entity=orders&id=77"))
