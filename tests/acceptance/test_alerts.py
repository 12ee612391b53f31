"""A running stack tells a webhook what went wrong, once, though its dispatcher is killed in between."""

from __future__ import annotations

import signal

import pytest

from tests.fakes.common.webhook import running_webhook
from tests.support.factories import make_order
from tests.support.stack import running_stack
from tests.support.waiting import wait_until

SECONDS = 60.0  # two looks of the dispatcher and a restart, on a machine with other things to do


@pytest.mark.slow
def test_a_failure_is_told_and_taken_back_across_a_killed_dispatcher() -> None:
    with running_webhook() as hook, running_stack(ALERT_WEBHOOK_URL=hook.url) as stack:
        shop = stack.create_store()
        (job,) = shop.wait_completed([shop.accept("orders", [make_order()])])
        stack.sql("UPDATE sync_logs SET status = 'failed', error_code = 'INTERNAL' WHERE id = %s", job["syncLogId"])
        wait_until(lambda: hook.alerts_of(shop.id), SECONDS, "the alert")
        stack.kill("dispatcher", signal.SIGKILL)
        stack.sql("UPDATE sync_logs SET status = 'completed', error_code = NULL WHERE id = %s", job["syncLogId"])
        wait_until(lambda: len(hook.alerts_of(shop.id)) > 1, SECONDS, "the recovery")
        assert [(one["event"], one["kind"], one["log_id"]) for one in hook.alerts_of(shop.id)] == [
            ("raised", "log_failed", job["syncLogId"]),
            ("recovered", "log_failed", job["syncLogId"]),
        ]
        assert len(stack.up.logged("alert_raised")) == len(stack.up.logged("alert_recovered")) == 1
        (line,) = [line for line in stack.up.logged("batch_completed") if line["log_id"] == job["syncLogId"]]
        (request,) = [
            line
            for line in stack.up.logged("request")
            if line.get("log_id") == job["syncLogId"] and line["status"] == 202
        ]
        assert line["request_id"] == request["request_id"]
        assert {"store_id", "log_id", "seconds", "inserted"} <= line.keys()
        assert {"store_id", "records", "seconds", "route"} <= request.keys()
