"""Watches all stores for alerts, in one transaction and on one dispatcher at a time."""

from __future__ import annotations

from datetime import UTC, datetime

from app.settings.environment import Settings
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.insight.alerts import (
    claim_watch,
    insert_alert,
    list_open_alerts,
    prune_alerts,
    recover_alert,
    watch_drift,
    watch_failures,
    watch_findings,
    watch_running,
    watch_runs,
    watch_watermarks,
)
from db.outbound.push_leases import list_backlog
from workers.alerts.conditions import Facts, new_troubles, recovered_alerts, troubles_in
from workers.core.ids import new_id

WATCH_SECONDS = 15.0
DRIFTED_SECONDS = 3600.0  # repairs and their brakes have had their time
QUIET_SECONDS = 900.0  # a failure alert recovers after this time without another failure, if a run completed since
RECENT_RUNS = 10
BOOKS_SECONDS = 86_400.0  # of orders that were written in a day, so many may not add up


def watch(pool: Pool, settings: Settings, pause: float = WATCH_SECONDS) -> None:
    """Raise and recover alerts, unless a dispatcher did so within the last `pause` seconds.

    Raises psycopg.Error and PoolTimeout.
    """
    with pool.connection() as conn, conn.transaction():
        if not claim_watch(conn, pause):
            return
        opened = list_open_alerts(conn)
        facts = Facts(
            failures=watch_failures(conn, QUIET_SECONDS),
            running=watch_running(conn, settings.alert_running_seconds),
            runs=watch_runs(conn, RECENT_RUNS),
            watermarks=watch_watermarks(conn, settings.alert_watermark_seconds),
            backlog=list_backlog(conn),
            drifted=watch_drift(conn, DRIFTED_SECONDS),
            imbalanced=watch_findings(conn, BOOKS_SECONDS),
        )
        troubles = troubles_in(facts, opened, settings, datetime.now(UTC))
        for trouble in new_troubles(troubles, opened):
            about = (trouble.kind, trouble.entity, trouble.source)
            with tenant(conn, trouble.store_id):
                insert_alert(
                    conn, trouble.store_id, new_id(), about, trouble.log_id, trouble.measured, trouble.threshold
                )
        for alert in recovered_alerts(troubles, opened):
            with tenant(conn, alert.store_id):
                recover_alert(conn, alert.store_id, alert.id)
        prune_alerts(conn, settings.retention_days)
