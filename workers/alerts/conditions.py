"""Decides which alerts to raise and which to recover. Pure: works on measured facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.settings.environment import Settings
from db.insight.alerts import Drifted, Failures, Imbalanced, LongRunning, OldWatermark, OpenAlert, RecentRuns
from db.outbound.push_leases import Backlog

LOG_FAILED = "log_failed"
RUNNING_TOO_LONG = "running_too_long"
ZERO_ROWS = "zero_rows"
SKIPPED_SHARE = "skipped_share"
WATERMARK_OLD = "watermark_old"
QUEUE_DEPTH = "queue_depth"
SLA_LAG = "sla_lag"
SHOP_DIFFERS = "shop_differs"
ORDER_IMBALANCE = "order_imbalance"
KINDS = (
    *(LOG_FAILED, RUNNING_TOO_LONG, ZERO_ROWS, SKIPPED_SHARE, WATERMARK_OLD, QUEUE_DEPTH, SLA_LAG, SHOP_DIFFERS),
    ORDER_IMBALANCE,
)

DEEPEST_QUEUE = 1000  # specification 3
FEWEST_RECORDS = 20  # a share of fewer says nothing

Key = tuple[UUID, str, str, str]  # store, kind, entity, source


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition that holds now. `measured` and `threshold` are in the unit of the kind: logs, seconds, runs, percent or
    items."""

    store_id: UUID
    kind: str
    entity: str
    source: str
    measured: float
    threshold: float
    log_id: UUID | None = None

    @property
    def key(self) -> Key:
        return (self.store_id, self.kind, self.entity, self.source)


@dataclass(frozen=True, slots=True)
class Facts:
    """Measured over all stores at one moment."""

    failures: Sequence[Failures]
    running: Sequence[LongRunning]
    runs: Sequence[RecentRuns]
    watermarks: Sequence[OldWatermark]
    backlog: Sequence[Backlog]
    drifted: Sequence[Drifted] = ()
    imbalanced: Sequence[Imbalanced] = ()


def key_of(alert: OpenAlert) -> Key:
    return (alert.store_id, alert.kind, alert.entity, alert.source)


def troubles_in(facts: Facts, opened: Iterable[OpenAlert], settings: Settings, now: datetime) -> list[Trouble]:
    found = [
        Trouble(one.store_id, LOG_FAILED, one.entity, one.source, one.failed, 0, one.log_id) for one in facts.failures
    ]
    for run in facts.running:
        source = "" if run.queue == "ingest" else run.queue
        seconds, threshold = round(run.running_seconds), settings.alert_running_seconds
        found.append(Trouble(run.store_id, RUNNING_TOO_LONG, "", source, seconds, threshold, run.log_id))
    already_open = {key_of(alert) for alert in opened}
    for runs in facts.runs:
        key = (runs.store_id, ZERO_ROWS, runs.entity, runs.source)
        # A run with records must have come before; once the alert is open, that run may be too long ago to be among the facts.
        if 0 < settings.alert_zero_runs <= runs.zero_runs and (runs.had_rows or key in already_open):
            found.append(Trouble(*key, runs.zero_runs, settings.alert_zero_runs, runs.log_id))
    for runs in facts.runs:
        # Only invalid records count: a populate skips existing ones on purpose.
        percent = round(100 * runs.invalid / runs.received, 1) if runs.received else 0.0
        if runs.received >= FEWEST_RECORDS and percent > settings.alert_skipped_percent:
            key = (runs.store_id, SKIPPED_SHARE, runs.entity, runs.source)
            found.append(Trouble(*key, percent, settings.alert_skipped_percent, runs.log_id))
    for old in facts.watermarks:
        allowed = round(old.step_seconds + settings.alert_watermark_seconds)
        found.append(Trouble(old.store_id, WATERMARK_OLD, old.entity, "", round(old.age_seconds), allowed))
    for books in facts.imbalanced:
        percent = round(100 * books.found / max(books.written, books.found), 1)
        if books.written >= FEWEST_RECORDS and percent > settings.alert_imbalance_percent:
            found.append(
                Trouble(books.store_id, ORDER_IMBALANCE, "orders", "", percent, settings.alert_imbalance_percent)
            )
    found += [Trouble(one.store_id, SHOP_DIFFERS, "", "", one.differing, 0) for one in facts.drifted]
    return found + _outbound(facts.backlog, now)


def _outbound(backlog: Sequence[Backlog], now: datetime) -> list[Trouble]:
    found: list[Trouble] = []
    for store_id in sorted({one.store_id for one in backlog}):
        own = [one for one in backlog if one.store_id == store_id]
        waiting, overdue = sum(one.waiting for one in own), sum(one.overdue for one in own)
        oldest = (now - min(one.oldest_created_at for one in own)).total_seconds()
        if waiting > DEEPEST_QUEUE:
            found.append(Trouble(store_id, QUEUE_DEPTH, "", "", waiting, DEEPEST_QUEUE))
        if overdue:
            found.append(Trouble(store_id, SLA_LAG, "", "", round(oldest), 0))
    return found


def new_troubles(troubles: Iterable[Trouble], opened: Iterable[OpenAlert]) -> list[Trouble]:
    known = {key_of(alert) for alert in opened}
    return [trouble for trouble in troubles if trouble.key not in known]


def recovered_alerts(troubles: Iterable[Trouble], opened: Iterable[OpenAlert]) -> list[OpenAlert]:
    wrong = {trouble.key for trouble in troubles}
    return [alert for alert in opened if key_of(alert) not in wrong]
