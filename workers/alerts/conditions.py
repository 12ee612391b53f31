"""What counts as wrong, and what that means for the episodes that are open: pure decisions over measured facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.settings.environment import Settings
from db.insight.alerts import Failures, LongRunning, OldWatermark, OpenAlert, RecentRuns
from db.outbound.push_leases import Backlog

LOG_FAILED = "log_failed"
RUNNING_TOO_LONG = "running_too_long"
ZERO_ROWS = "zero_rows"
SKIPPED_SHARE = "skipped_share"
WATERMARK_OLD = "watermark_old"
QUEUE_DEPTH = "queue_depth"
SLA_LAG = "sla_lag"
KINDS = (LOG_FAILED, RUNNING_TOO_LONG, ZERO_ROWS, SKIPPED_SHARE, WATERMARK_OLD, QUEUE_DEPTH, SLA_LAG)

DEEPEST_QUEUE = 1000  # specification 3
FEWEST_RECORDS = 20  # a share of fewer says nothing

Key = tuple[UUID, str, str, str]  # store, kind, entity, source


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition that holds now. `measured` and `threshold` are in the unit of its kind: logs, seconds, runs, percent or
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
    """What was measured over all stores at one moment."""

    failures: Sequence[Failures]
    running: Sequence[LongRunning]
    runs: Sequence[RecentRuns]
    watermarks: Sequence[OldWatermark]
    backlog: Sequence[Backlog]


def key_of(alert: OpenAlert) -> Key:
    return (alert.store_id, alert.kind, alert.entity, alert.source)


def troubles_in(facts: Facts, opened: Iterable[OpenAlert], settings: Settings, now: datetime) -> list[Trouble]:
    """Everything that is wrong now."""
    known = {key_of(alert) for alert in opened}
    return [
        *(_failed(one) for one in facts.failures),
        *(_too_long(one, settings.alert_running_seconds) for one in facts.running),
        *(
            _empty(one, settings.alert_zero_runs)
            for one in facts.runs
            if _is_empty(one, settings.alert_zero_runs, known)
        ),
        *(_skipped(one, settings.alert_skipped_percent) for one in facts.runs if _skips(one, settings)),
        *(_old(one, settings.alert_watermark_seconds) for one in facts.watermarks),
        *_outbound(facts.backlog, now),
    ]


def _failed(one: Failures) -> Trouble:
    return Trouble(one.store_id, LOG_FAILED, one.entity, one.source, one.failed, 0, one.log_id)


def _too_long(one: LongRunning, threshold: int) -> Trouble:
    source = "" if one.queue == "ingest" else one.queue
    return Trouble(one.store_id, RUNNING_TOO_LONG, "", source, round(one.running_seconds), threshold, one.log_id)


def _is_empty(one: RecentRuns, threshold: int, known: set[Key]) -> bool:
    """Enough empty runs in a row after one with records. While that lasts the one with records may leave our sight."""
    if threshold == 0 or one.zero_runs < threshold:
        return False
    return one.had_rows or (one.store_id, ZERO_ROWS, one.entity, one.source) in known


def _empty(one: RecentRuns, threshold: int) -> Trouble:
    return Trouble(one.store_id, ZERO_ROWS, one.entity, one.source, one.zero_runs, threshold, one.log_id)


def _percent(one: RecentRuns) -> float:
    return round(100 * one.invalid / one.received, 1) if one.received else 0.0


def _skips(one: RecentRuns, settings: Settings) -> bool:
    """Invalid records alone: what a populate leaves as it stands is skipped on purpose."""
    return one.received >= FEWEST_RECORDS and _percent(one) > settings.alert_skipped_percent


def _skipped(one: RecentRuns, threshold: int) -> Trouble:
    return Trouble(one.store_id, SKIPPED_SHARE, one.entity, one.source, _percent(one), threshold, one.log_id)


def _old(one: OldWatermark, threshold: int) -> Trouble:
    allowed = one.step_seconds + threshold
    return Trouble(one.store_id, WATERMARK_OLD, one.entity, "", round(one.age_seconds), round(allowed))


def _outbound(backlog: Sequence[Backlog], now: datetime) -> list[Trouble]:
    """More than DEEPEST_QUEUE items of a store wait, or some are past their deadline; measured: how old the oldest is."""
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


def begun(troubles: Iterable[Trouble], opened: Iterable[OpenAlert]) -> list[Trouble]:
    """What is wrong and has no open episode yet."""
    known = {key_of(alert) for alert in opened}
    return [trouble for trouble in troubles if trouble.key not in known]


def ended(troubles: Iterable[Trouble], opened: Iterable[OpenAlert]) -> list[OpenAlert]:
    """Open episodes of what is no longer wrong."""
    wrong = {trouble.key for trouble in troubles}
    return [alert for alert in opened if key_of(alert) not in wrong]
