"""One line in the log for each notice, however often the webhook refuses it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from psycopg import Connection

from app.settings.environment import Settings
from tests.fakes.common.webhook import running_webhook
from workers.alerts.notices import send_notices
from workers.alerts.watch import watch
from workers.core.ids import new_id
from workers.core.runtime import Runtime

FAILED_LOG = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, next_attempt_at, accepted_at,
    finished_at, error_code) VALUES (%s, %s, 'orders', 'plugin', 'upsert', 'failed', 1, now(), now(), now(), 'INTERNAL')"""
DUE = "UPDATE alerts SET next_notice_at = now() WHERE store_id = %s"
GOOD_AGAIN = "DELETE FROM sync_logs WHERE store_id = %s"


def test_notice_that_is_refused_twice_is_logged_once(
    runtime: Runtime, settings: Settings, root_conn: Connection, store_id: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused twice and taken the third time: first that the episode began, then that it ended."""
    lines: list[str] = []

    def tell_three_times() -> None:
        for hook.status in (500, 500, 204):
            root_conn.execute(DUE, (store_id,))
            send_notices(runtime.pool, hook.url)
        written = capsys.readouterr().out.splitlines()
        lines.extend(
            found[1] for line in written if str(store_id) in line and (found := re.search(r"(alert_\w+)", line))
        )

    root_conn.execute(FAILED_LOG, (store_id, new_id()))
    with running_webhook() as hook:
        watch(runtime.pool, settings, pause=0.0)
        tell_three_times()
        root_conn.execute(GOOD_AGAIN, (store_id,))
        watch(runtime.pool, settings, pause=0.0)
        tell_three_times()
    assert [alert["event"] for alert in hook.alerts_of(store_id)] == ["raised"] * 3 + ["recovered"] * 3
    assert lines == ["alert_raised", "alert_recovered"]
