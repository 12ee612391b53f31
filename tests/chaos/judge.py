"""Compares what happened to each accepted batch with what must have happened."""

from __future__ import annotations

from typing import NamedTuple

from tests.chaos.check import applied_twice, wrong_rows
from tests.chaos.client import Client
from tests.chaos.harm import Done
from tests.chaos.report import Report
from tests.chaos.truth import Posted
from tests.support.stack import Stack
from tests.support.waiting import wait_until

SLACK_SECONDS = 60.0  # how long is waited before a batch counts as lost


LOGS = """
    SELECT id, status, received, records_synced, records_skipped, enqueues,
           extract(epoch FROM accepted_at)::float8, extract(epoch FROM finished_at)::float8 FROM sync_logs
     WHERE queue = 'ingest'"""


class Log(NamedTuple):
    """What the database says of a batch; times are seconds since the epoch."""

    status: str
    received: int
    synced: int
    skipped: int
    enqueues: int
    accepted: float
    finished: float


def judge(stack: Stack, clients: list[Client], faults: list[Done]) -> Report:
    """Wait until all has ended, then hold every batch and row against the truth."""
    report = Report(faults, failures=[client.failure for client in clients if client.failure])
    _wait_for_ends(stack)
    logs = {str(row[0]): Log(*row[1:]) for row in stack.sql(LOGS)}
    batches = [batch for client in clients for batch in client.truth.accepted]
    report.accepted = len(batches)
    report.reenqueues = (sum(log.enqueues for log in logs.values()) - len(logs)) / max(len(logs), 1)
    for batch in batches:
        _judge_batch(report, batch, logs.get(batch.job_id))
    # A log that no receipt names would be a batch that came twice.
    report.twice += max(len(logs) - len(batches), 0)
    for client in clients:
        report.twice += applied_twice(stack, client.shop.id)
        report.wrong += wrong_rows(stack, client.shop.id, client.truth)
    _judge_times(report, [log for log in logs.values() if log.status == "completed"])
    report.slowest_frozen_p99 = _p99(_answers_while_frozen(clients, faults))
    return report


def _judge_batch(report: Report, batch: Posted, log: Log | None) -> None:
    report.lost += log is None or log.status == "running"
    if log is None:
        return
    report.failed += log.status in ("failed", "cancelled")
    if log.status == "completed":
        report.ended += 1
        told = (log.received, log.synced + log.skipped, log.skipped)
        report.miscounted += told != (len(batch.records), len(batch.records), batch.spoiled)


def _judge_times(report: Report, completed: list[Log]) -> None:
    seconds = [log.finished - log.accepted for log in completed]
    beside = [taken - _overlap(report.faults, log) for taken, log in zip(seconds, completed, strict=True)]
    report.worst_seconds, report.p99_seconds = max(seconds, default=0.0), _p99(seconds)
    report.worst_beside_faults = max(beside, default=0.0)
    report.worst_after_fault = max((log.finished - _last_end(report.faults, log) for log in completed), default=0.0)
    report.drained_seconds = max([0.0, *(log.finished - report.faults[-1].ended for log in completed)])


def _answers_while_frozen(clients: list[Client], faults: list[Done]) -> list[float]:
    frozen = [done for done in faults if done.name == "redis freeze"]
    answers = [answer for client in clients for answer in client.answers]
    return [taken for when, taken in answers if any(done.began <= when <= done.ended for done in frozen)]


def _wait_for_ends(stack: Stack) -> None:
    """Until no log runs; one that still does after SLACK_SECONDS is lost, and counted so."""
    try:
        wait_until(lambda: not stack.one("SELECT count(*) FROM sync_logs WHERE status = 'running'"), SLACK_SECONDS)
    except AssertionError:
        return


def _overlap(faults: list[Done], log: Log) -> float:
    return sum(max(0.0, min(done.ended, log.finished) - max(done.began, log.accepted)) for done in faults)


def _last_end(faults: list[Done], log: Log) -> float:
    """When the last fault that fell into the batch's time was over; its acceptance where there was none."""
    return max([log.accepted, *(done.ended for done in faults if log.accepted <= done.ended <= log.finished)])


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)] if values else 0.0
