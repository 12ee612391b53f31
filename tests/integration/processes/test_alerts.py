"""Alerts: each condition raises one alert and recovers it, sent once to a real webhook, despite crashes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from redis import Redis

from app.settings.environment import Settings
from db.core.tenancy import tenant
from db.outbound.mappings import ProductLook, save_looks
from tests.fakes.common.webhook import Webhook, running_webhook
from tests.support.factories import make_item, make_order
from tests.support.outbound import make_erp_product, make_look, put_products
from tests.support.pipeline import accept_batch, sync
from tests.support.waiting import wait_until
from workers.alerts.notices import delay_after, send_notices
from workers.alerts.watch import watch
from workers.core.ids import new_id
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher, tick_safely

Look = Callable[[], None]


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with running_webhook() as receiver:
        yield receiver


@pytest.fixture
def strict(settings: Settings) -> Settings:
    return replace(settings, alert_running_seconds=60, alert_zero_runs=2, alert_skipped_percent=10)


@pytest.fixture
def look(runtime: Runtime, strict: Settings, hook: Webhook) -> Look:
    """One round of a dispatcher: watch, then send."""

    def round_of_it() -> None:
        watch(runtime.pool, strict, pause=0.0)
        send_notices(runtime.pool, hook.url)

    return round_of_it


def add_log(
    root_conn: Connection,
    store_id: UUID,
    status: str,
    *,
    records: int = 1,
    invalid: int = 0,
    age: str = "1 s",
    source: str = "plugin",
) -> UUID:
    """A log accepted, and ended if it has, so long ago."""
    log_id = new_id()
    query = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, inserted, invalid,
                                      next_attempt_at, accepted_at, finished_at, error_code)
               VALUES (%(store)s, %(log)s, 'orders', %(source)s, 'upsert', %(status)s,
                       CASE WHEN %(status)s = 'running' THEN 'queued' END,
                       %(records)s, %(records)s - %(invalid)s, %(invalid)s, now(), now() - %(age)s::interval,
                       CASE WHEN %(status)s <> 'running' THEN now() - %(age)s::interval END,
                       CASE WHEN %(status)s = 'failed' THEN 'INTERNAL' END)"""
    facts = {
        "store": store_id,
        "log": log_id,
        "source": source,
        "status": status,
        "records": records,
        "invalid": invalid,
    }
    root_conn.execute(query, facts | {"age": age})
    return log_id


def told(hook: Webhook, store_id: UUID) -> list[tuple[str, str]]:
    return [(alert["event"], alert["kind"]) for alert in hook.alerts_of(store_id)]


def test_failed_log_and_its_recovery_are_reported_once(
    look: Look, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    log_id = add_log(root_conn, store_id, "failed", age="20 min")
    for _ in range(3):
        look()
    (alert,) = hook.alerts_of(store_id)
    assert hook.headers[0]["Content-Type"] == "application/json"
    assert {
        name: alert[name] for name in ("event", "kind", "entity", "source", "log_id", "measured", "recovered_at")
    } == {
        "event": "raised",
        "kind": "log_failed",
        "entity": "orders",
        "source": "plugin",
        "log_id": str(log_id),
        "measured": 1.0,
        "recovered_at": None,
    }
    add_log(root_conn, store_id, "completed")
    for _ in range(3):
        look()
    assert told(hook, store_id) == [("raised", "log_failed"), ("recovered", "log_failed")]
    assert hook.alerts_of(store_id)[1]["recovered_at"] is not None


def test_failure_among_successes_is_reported(look: Look, hook: Webhook, root_conn: Connection, store_id: UUID) -> None:
    add_log(root_conn, store_id, "failed", age="5 s")
    add_log(root_conn, store_id, "completed", age="1 s")
    look()
    assert told(hook, store_id) == [("raised", "log_failed")]


def test_alert_recovers_when_a_retried_log_succeeds(
    look: Look, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    log_id = add_log(root_conn, store_id, "failed")
    look()
    root_conn.execute("UPDATE sync_logs SET status = 'completed', error_code = NULL WHERE id = %s", (log_id,))
    look()
    look()
    assert told(hook, store_id) == [("raised", "log_failed"), ("recovered", "log_failed")]


def test_log_running_too_long_is_reported(look: Look, hook: Webhook, root_conn: Connection, store_id: UUID) -> None:
    add_log(root_conn, store_id, "running", age="50 s")
    look()
    assert told(hook, store_id) == []
    log_id = add_log(root_conn, store_id, "running", age="2 min")
    look()
    assert told(hook, store_id) == [("raised", "running_too_long")]
    assert hook.alerts_of(store_id)[0]["log_id"] == str(log_id)
    root_conn.execute("UPDATE sync_logs SET status = 'cancelled', phase = NULL WHERE store_id = %s", (store_id,))
    look()
    assert told(hook, store_id)[1:] == [("recovered", "running_too_long")]


def test_only_a_pull_without_a_worker_is_too_long(
    look: Look, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    log_id = add_log(root_conn, store_id, "running", age="3 h", source="woocommerce")
    root_conn.execute(
        "UPDATE sync_logs SET queue = 'pull', next_attempt_at = now() + interval '1 min' WHERE id = %s", (log_id,)
    )
    look()
    assert told(hook, store_id) == []
    root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() - interval '2 min' WHERE id = %s", (log_id,))
    look()
    assert told(hook, store_id) == [("raised", "running_too_long")]


def test_empty_runs_after_full_ones_are_reported(
    look: Look, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    add_log(root_conn, store_id, "completed", records=5, age="2 h")
    add_log(root_conn, store_id, "completed", records=0, age="1 h")
    look()
    assert told(hook, store_id) == []
    for minutes in range(12, 0, -1):
        add_log(root_conn, store_id, "completed", records=0, age=f"{minutes} min")
        look()
    assert told(hook, store_id) == [("raised", "zero_rows")]
    add_log(root_conn, store_id, "completed", records=1)
    look()
    assert told(hook, store_id)[1:] == [("recovered", "zero_rows")]


def test_runs_that_were_always_empty_are_not_reported(
    look: Look, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    for _ in range(4):
        add_log(root_conn, store_id, "completed", records=0)
    look()
    assert told(hook, store_id) == []


def test_high_share_of_invalid_records_is_reported(
    look: Look, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    add_log(root_conn, store_id, "completed", records=2, invalid=2, age="9 s")
    look()
    assert told(hook, store_id) == []
    add_log(root_conn, store_id, "completed", records=100, invalid=10, age="8 s")
    look()
    assert [(one["kind"], one["measured"], one["threshold"]) for one in hook.alerts_of(store_id)] == [
        ("skipped_share", 11.8, 10.0)
    ]
    add_log(root_conn, store_id, "completed", records=900, age="7 s")
    look()
    assert told(hook, store_id)[1:] == [("recovered", "skipped_share")]


def test_watermark_behind_its_schedule_is_reported(
    look: Look, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    root_conn.execute(
        """INSERT INTO schedules (store_id, entity, mode, every_seconds, next_run_at)
           VALUES (%s, 'orders', 'incremental', 7200, now())""",
        (store_id,),
    )
    mark = """INSERT INTO sync_metadata (store_id, sync_type, last_sync_time) VALUES (%s, 'orders', now() - %s::interval)
              ON CONFLICT (store_id, sync_type) DO UPDATE SET last_sync_time = EXCLUDED.last_sync_time"""
    root_conn.execute(mark, (store_id, "170 min"))  # its interval of two hours, and a threshold of one
    look()
    assert told(hook, store_id) == []
    root_conn.execute(mark, (store_id, "190 min"))
    look()
    root_conn.execute(mark, (store_id, "1 min"))
    look()
    assert told(hook, store_id) == [("raised", "watermark_old"), ("recovered", "watermark_old")]


def test_outbound_queue_is_watched(
    look: Look, runtime: Runtime, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    put_products(runtime, store_id, [make_erp_product()])
    look()
    assert told(hook, store_id) == []
    root_conn.execute("UPDATE wc_sync_items SET due_at = now() - interval '1 s' WHERE store_id = %s", (store_id,))
    root_conn.execute(
        """INSERT INTO wc_sync_items (store_id, id, category_id, sync_type, priority, status, due_at)
           SELECT %s, gen_random_uuid(), gen_random_uuid(), 'category', 4, 'pending', now() + interval '1 h'
             FROM generate_series(1, 1000)""",
        (store_id,),
    )
    look()
    assert sorted(told(hook, store_id)) == [("raised", "queue_depth"), ("raised", "sla_lag")]
    root_conn.execute("DELETE FROM wc_sync_items WHERE store_id = %s", (store_id,))
    look()
    assert sorted(told(hook, store_id)[2:]) == [("recovered", "queue_depth"), ("recovered", "sla_lag")]


def test_a_shop_that_differs_is_told_once(
    look: Look, runtime: Runtime, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    product = make_erp_product()
    put_products(runtime, store_id, [product])
    root_conn.execute("DELETE FROM wc_sync_items WHERE store_id = %s", (store_id,))
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        save_looks(conn, store_id, [ProductLook(new_id(), UUID(product["product_id"]), make_look(7))])
    differ = """UPDATE wc_product_sync_mappings SET differences = jsonb_build_object(%s::text, jsonb_build_object('since',
                       now() - %s::interval)) WHERE store_id = %s"""
    for field, age, kinds in (
        ("stock_quantity", "5 h", []),
        ("name", "5 min", []),
        ("name", "2 h", [("raised", "shop_differs")]),
        ("name", "3 h", [("raised", "shop_differs")]),
    ):
        root_conn.execute(differ, (field, age, store_id))
        look()
        assert told(hook, store_id) == kinds
    root_conn.execute("UPDATE wc_product_sync_mappings SET differences = '{}' WHERE store_id = %s", (store_id,))
    look()
    assert told(hook, store_id) == [("raised", "shop_differs"), ("recovered", "shop_differs")]


def test_orders_that_do_not_add_up_are_told_by_share(
    look: Look, runtime: Runtime, hook: Webhook, store_id: UUID
) -> None:
    def orders(wrong: int, count: int) -> list[dict[str, Any]]:
        stated = {"amounts_include_tax": False, "discount_total": None, "tax_total": 0, "shipping_total": 0}
        lines = [make_item(total=10)]
        totals = [11 if number < wrong else 10 for number in range(count)]
        return [
            make_order(**stated, wc_order_id=number + 1, items=lines, total=total)
            for number, total in enumerate(totals)
        ]

    sync(runtime, store_id, "orders", orders(10, 15))  # too few to tell
    look()
    sync(runtime, store_id, "orders", orders(1, 40))
    look()
    assert told(hook, store_id) == []
    sync(runtime, store_id, "orders", orders(9, 40))
    look()
    assert told(hook, store_id) == [("raised", "order_imbalance")]
    sync(runtime, store_id, "orders", orders(0, 40))
    look()
    assert told(hook, store_id) == [("raised", "order_imbalance"), ("recovered", "order_imbalance")]


@pytest.mark.parametrize("refusal", [500, 404, 301])
def test_refused_notice_is_sent_again(
    look: Look, runtime: Runtime, hook: Webhook, root_conn: Connection, store_id: UUID, refusal: int
) -> None:
    add_log(root_conn, store_id, "failed")
    hook.status = refusal
    look()
    add_log(root_conn, store_id, "completed")
    root_conn.execute(
        "UPDATE sync_logs SET finished_at = now() - interval '1 h' WHERE store_id = %s AND status = 'failed'",
        (store_id,),
    )
    look()  # not due yet, and the recovery waits for it
    assert told(hook, store_id) == [("raised", "log_failed")]
    hook.status = 200
    root_conn.execute("UPDATE alerts SET next_notice_at = now() WHERE store_id = %s", (store_id,))
    for _ in range(3):
        look()
    assert told(hook, store_id) == [("raised", "log_failed"), ("raised", "log_failed"), ("recovered", "log_failed")]


def test_unreachable_webhook_stops_nothing(
    runtime: Runtime, strict: Settings, root_conn: Connection, store_id: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    add_log(root_conn, store_id, "failed")
    watch(runtime.pool, strict, pause=0.0)
    send_notices(runtime.pool, "http://127.0.0.1:1/hooks/a-secret-path")
    written = capsys.readouterr().out
    assert "alert_raised" in written and "alerts_not_delivered" in written
    assert "a-secret-path" not in written


def test_notices_are_only_logged_without_a_webhook(
    runtime: Runtime, strict: Settings, root_conn: Connection, store_id: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    add_log(root_conn, store_id, "failed")
    watch(runtime.pool, strict, pause=0.0)
    for _ in range(2):
        send_notices(runtime.pool, None)
    lines = [line for line in capsys.readouterr().out.splitlines() if "alert_raised" in line and str(store_id) in line]
    assert len(lines) == 1


def test_concurrent_dispatchers_send_each_notice_once(
    runtime: Runtime, strict: Settings, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    add_log(root_conn, store_id, "failed")
    add_log(root_conn, store_id, "running", age="1 h")
    together = threading.Barrier(4)

    def dispatcher() -> None:
        together.wait(10)
        for _ in range(5):
            watch(runtime.pool, strict, pause=0.0)
            send_notices(runtime.pool, hook.url)

    threads = [threading.Thread(target=dispatcher) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told(hook, store_id)) == [("raised", "log_failed"), ("raised", "running_too_long")]


def test_notice_of_a_dead_dispatcher_is_sent_by_another(
    look: Look, runtime: Runtime, strict: Settings, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    add_log(root_conn, store_id, "failed")
    watch(runtime.pool, strict, pause=0.0)
    root_conn.execute("SELECT * FROM claim_notices('30 s', 100)")  # and nothing since
    look()
    assert told(hook, store_id) == []
    root_conn.execute("UPDATE alerts SET next_notice_at = now() WHERE store_id = %s", (store_id,))
    look()
    assert told(hook, store_id) == [("raised", "log_failed")]


def test_pause_of_the_watch_holds_for_all_dispatchers(
    runtime: Runtime, strict: Settings, root_conn: Connection, store_id: UUID
) -> None:
    watch(runtime.pool, strict, pause=0.0)
    add_log(root_conn, store_id, "failed")
    watch(runtime.pool, strict, pause=60.0)
    count = "SELECT count(*) FROM alerts WHERE store_id = %s"
    assert root_conn.execute(count, (store_id,)).fetchone() == (0,)
    root_conn.execute("UPDATE dispatcher_marks SET marked_at = now() + interval '1 h' WHERE name = 'watch'")
    watch(runtime.pool, strict, pause=60.0)  # the clock was set back
    assert root_conn.execute(count, (store_id,)).fetchone() == (1,)


def test_dispatcher_marks_its_tick_and_sends_notices(
    runtime: Runtime, strict: Settings, hook: Webhook, root_conn: Connection, store_id: UUID
) -> None:
    add_log(root_conn, store_id, "failed")
    root_conn.execute("UPDATE dispatcher_marks SET marked_at = '-infinity'")
    dispatcher = Dispatcher(replace(strict, alert_webhook_url=hook.url), runtime.pool, runtime.wake_up)
    tick_safely(dispatcher)
    dispatcher.stop()
    assert told(hook, store_id) == [("raised", "log_failed")]
    marks = root_conn.execute(
        "SELECT name FROM dispatcher_marks WHERE marked_at > now() - interval '1 min' ORDER BY name"
    )
    assert marks.fetchall() == [("tick",), ("watch",)]


def test_endless_webhook_answer_delays_no_batch(
    runtime: Runtime, strict: Settings, hook: Webhook, root_conn: Connection, store_id: UUID, redis: Redis
) -> None:
    add_log(root_conn, store_id, "failed")
    root_conn.execute("UPDATE dispatcher_marks SET marked_at = '-infinity'")
    dispatcher = Dispatcher(replace(strict, alert_webhook_url=hook.url), runtime.pool, runtime.wake_up)
    hook.released.clear()
    with ThreadPoolExecutor(1) as ticking:
        try:
            wait_until(ticking.submit(tick_safely, dispatcher).done, 10.0, "the tick to end")
            wait_until(lambda: hook.posts, 10.0, "the notice to come")
            log_id = accept_batch(runtime, store_id, "orders", [make_order()])
            redis.flushall()
            root_conn.execute("UPDATE sync_logs SET enqueued_at = now() - interval '1 minute' WHERE id = %s", (log_id,))
            wait_until(ticking.submit(tick_safely, dispatcher).done, 10.0, "the next tick to end")
            assert waiting_logs(redis) == [log_id]
        finally:
            hook.released.set()
            dispatcher.stop()
    assert told(hook, store_id) == [("raised", "log_failed")]


def test_old_alerts_are_pruned_but_not_open_ones(look: Look, root_conn: Connection, store_id: UUID) -> None:
    add_log(root_conn, store_id, "failed")
    look()
    old = """INSERT INTO alerts (store_id, id, kind, entity, source, measured, threshold, recovered_at)
             VALUES (%s, gen_random_uuid(), 'zero_rows', '', '', 1, 1, now() - interval '40 days')"""
    root_conn.execute(old, (store_id,))
    look()
    kept = root_conn.execute("SELECT kind FROM alerts WHERE store_id = %s", (store_id,)).fetchall()
    assert kept == [("log_failed",)]


def test_delays_of_notices_grow_up_to_ten_minutes() -> None:
    assert [delay_after(tries) for tries in (1, 2, 3, 7, 100)] == [15.0, 30.0, 60.0, 600.0, 600.0]
