"""Facts about jobs, read from PostgreSQL and Redis at each scrape: they survive restarts of any process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from app.settings.logs import get_logger
from db.core.errors import safe_facts
from db.core.pool import connect_briefly
from db.core.session import limit_statements
from db.insight import metrics
from workers.core.presence import read_processes, workers_alive
from workers.core.queues import QUEUES, queue_lengths
from workers.outbound.planning.pacing import is_slowed

log = get_logger(__name__)

STATEMENT_SECONDS = 2.0  # below Prometheus's own time-out of a scrape
BREACH_SECONDS = 3600.0
ENDS = ("completed", "failed", "cancelled")
OUTCOMES = ("inserted", "updated", "unchanged", "stale", "invalid", "existing")

Family = GaugeMetricFamily | CounterMetricFamily
Row = tuple[Sequence[str], float | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What PostgreSQL knows at one moment."""

    logs: list[metrics.LogGroup]
    totals: list[metrics.Totals]
    watermarks: list[metrics.Watermarks]
    outbound: list[metrics.ItemGroup]
    pace: list[metrics.PaceGroup]
    breaches: list[tuple[str, str, int]]
    drift: list[tuple[str, int]]
    findings: list[tuple[str, int]]
    alerts: list[tuple[str, int, int]]
    marks: dict[str, tuple[float | None, float]]
    connections: list[tuple[str, str, int]]


class FactsCollector(Collector):
    """Asks both servers at each scrape. One that is away is reported as down, and costs at most two seconds."""

    def __init__(self, database_url: str, redis: Redis) -> None:
        self._database_url = database_url
        self._redis = redis

    def collect(self) -> Iterator[Family]:
        facts = read_facts(self._database_url)
        yield GaugeMetricFamily("sluice_postgres_up", "Whether PostgreSQL answered this scrape.", facts is not None)
        if facts is not None:
            yield from families(facts)
        lengths = read_queues(self._redis)
        yield GaugeMetricFamily("sluice_redis_up", "Whether Redis answered this scrape.", lengths is not None)
        if lengths is not None:
            rows: list[Row] = [([queue], length) for queue, length in lengths.waiting.items()]
            yield _gauge("sluice_queue_depth", "Jobs that wait in Redis.", ("queue",), rows)
            alive: list[Row] = [([queue], count) for queue, count in lengths.workers.items()]
            about = "Workers that gave a sign of life within ten seconds."
            yield _gauge("sluice_workers_alive", about, ("queue",), alive)


def read_facts(database_url: str) -> Facts | None:
    """None if PostgreSQL is away or too slow. Uses a connection of its own: a full pool must not hide the reason."""
    try:
        with connect_briefly(database_url, "metrics") as conn, conn.transaction():
            limit_statements(conn, STATEMENT_SECONDS)
            return Facts(
                logs=metrics.measure_logs(conn),
                totals=metrics.measure_totals(conn),
                watermarks=metrics.measure_watermarks(conn),
                outbound=metrics.measure_outbound(conn),
                pace=metrics.measure_shop_pace(conn),
                breaches=metrics.measure_breaches(conn, BREACH_SECONDS),
                drift=metrics.measure_drift(conn),
                findings=metrics.measure_findings(conn),
                alerts=metrics.measure_alerts(conn),
                marks=metrics.measure_marks(conn),
                connections=metrics.count_connections(conn),
            )
    except psycopg.Error as error:
        log.warning("facts_not_read", **safe_facts(error))
        return None


@dataclass(frozen=True, slots=True)
class Queues:
    """By queue: jobs that wait in Redis, and workers that are alive."""

    waiting: dict[str, int]
    workers: dict[str, int]


def read_queues(redis: Redis) -> Queues | None:
    """None if Redis is away."""
    try:
        return Queues(queue_lengths(redis), workers_alive(read_processes(redis), QUEUES))
    except RedisError as error:
        log.warning("redis_unavailable", error=type(error).__name__)
        return None


def families(facts: Facts) -> Iterator[Family]:
    yield from _of_logs(facts.logs)
    yield from _of_totals(facts.totals)
    yield from _of_watermarks(facts.watermarks)
    yield from _of_outbound(facts.outbound, facts.breaches)
    yield from _of_pace(facts.pace)
    differing: list[Row] = [([field], products) for field, products in facts.drift]
    about = "Products in which a shop was last seen to differ from the ERP."
    yield _gauge("sluice_outbound_differing", about, ("field",), differing)
    broken: list[Row] = [([kind], orders) for kind, orders in facts.findings]
    yield _gauge("sluice_order_findings", "Orders that do not add up.", ("kind",), broken)
    yield from _of_dispatcher(facts.marks)
    kinds: list[Row] = [([kind], opened) for kind, opened, _ in facts.alerts]
    yield _gauge("sluice_alerts_open", "Alerts that were raised and have not recovered.", ("kind",), kinds)
    untold = sum(untold for _, _, untold in facts.alerts)
    yield GaugeMetricFamily("sluice_alert_notices_waiting", "Notices that nobody took yet.", untold)
    used: list[Row] = [([process, state], count) for process, state, count in facts.connections]
    about = "Connections of all our processes to PostgreSQL."
    yield _gauge("sluice_database_connections", about, ("process", "state"), used)


def _gauge(name: str, about: str, labels: Sequence[str], rows: Iterable[Row]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, value in rows:
        if value is not None:
            family.add_metric(values, value)
    return family


def _counter(name: str, about: str, labels: Sequence[str], rows: Iterable[Row]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, about, labels=labels)
    for values, value in rows:
        family.add_metric(values, value or 0)
    return family


def _summed(rows: Iterable[tuple[tuple[str, ...], float]]) -> list[Row]:
    sums: dict[tuple[str, ...], float] = {}
    for labels, value in rows:
        sums[labels] = sums.get(labels, 0) + value
    return list(sums.items())


def _of_logs(groups: Sequence[metrics.LogGroup]) -> Iterator[Family]:
    by_status = _summed(((one.entity, one.source, one.status), one.logs) for one in groups)
    yield _gauge("sluice_logs", "Logs that run, are paused, or failed.", ("entity", "source", "status"), by_status)
    running = [one for one in groups if one.status == "running"]
    by_phase = _summed(((one.queue, one.phase or ""), one.logs) for one in running)
    yield _gauge("sluice_logs_running", "Running logs, admitted to Redis or not.", ("queue", "phase"), by_phase)
    oldest, attempts = [], []
    for queue in ("ingest", "pull"):
        own = [one for one in running if one.queue == queue]
        oldest.append(([queue], max((one.oldest_seconds for one in own), default=0.0)))
        attempts.append(([queue], max((one.most_attempts for one in own), default=0)))
    yield _gauge("sluice_oldest_running_log_seconds", "Since the oldest running log was accepted.", ("queue",), oldest)
    yield _gauge("sluice_running_log_attempts", "The most attempts at a running log.", ("queue",), attempts)


def _of_totals(totals: Sequence[metrics.Totals]) -> Iterator[Family]:
    ends: list[Row] = [([one.entity, one.source, end], getattr(one, end)) for one in totals for end in ENDS]
    yield _counter("sluice_logs_ended", "Logs that ended.", ("entity", "source", "status"), ends)
    attempts: list[Row] = [([one.entity, one.source], one.attempts) for one in totals]
    yield _counter("sluice_log_attempts", "Attempts at logs that ended.", ("entity", "source"), attempts)
    records: list[Row] = [([one.entity, one.source, name], getattr(one, name)) for one in totals for name in OUTCOMES]
    yield _counter("sluice_records", "Records by outcome.", ("entity", "source", "outcome"), records)


def _of_watermarks(watermarks: Sequence[metrics.Watermarks]) -> Iterator[Family]:
    def rows(name: str) -> list[Row]:
        return [([one.platform, one.entity], getattr(one, name)) for one in watermarks]

    labels = ("platform", "entity")
    about = "Since the oldest watermark among scheduled pulls."
    yield _gauge("sluice_watermark_age_seconds", about, labels, rows("age_seconds"))
    about = "How late records were last seen to come, at worst."
    yield _gauge("sluice_watermark_lateness_seconds", about, labels, rows("lateness_seconds"))
    about = "How far pulls read back before their watermark, at most."
    yield _gauge("sluice_watermark_overlap_seconds", about, labels, rows("overlap_seconds"))


def _of_pace(groups: Sequence[metrics.PaceGroup]) -> Iterator[Family]:
    states = {"paused": 0, "slowed": 0, "full": 0}
    for one in groups:
        slowed = "slowed" if is_slowed(one.products_at_once, one.calls_limit) else "full"
        states["paused" if one.is_paused else slowed] += one.shops
    about = "Shops that are sent to: paused after a failure, slowed because they answer slowly, or at full pace."
    shops: list[Row] = [([state], count) for state, count in states.items()]
    yield _gauge("sluice_outbound_shops", about, ("state",), shops)
    learned = [one.products_at_once for one in groups if one.products_at_once is not None]
    if learned:
        about = "The fewest products that may be on their way to one shop at once."
        yield GaugeMetricFamily("sluice_outbound_least_products_at_once", about, min(learned))


def _of_outbound(groups: Sequence[metrics.ItemGroup], breaches: Sequence[tuple[str, str, int]]) -> Iterator[Family]:
    items: list[Row] = [([one.sync_type, one.status], one.items) for one in groups]
    yield _gauge("sluice_outbound_items", "Outbound items that have not ended well.", ("type", "state"), items)
    waiting = [one for one in groups if one.status in ("pending", "syncing")]
    overdue = _summed(((one.sync_type,), one.overdue) for one in waiting)
    yield _gauge("sluice_outbound_overdue", "Items past their deadline that still wait.", ("type",), overdue)
    types = sorted({one.sync_type for one in waiting})
    oldest: list[Row] = [
        ([name], max(one.oldest_seconds for one in waiting if one.sync_type == name)) for name in types
    ]
    yield _gauge("sluice_outbound_oldest_seconds", "Since the oldest waiting item was created.", ("type",), oldest)
    late: list[Row] = [([sync_type, cause], count) for sync_type, cause, count in breaches]
    about = "Items that ended past their deadline in the last hour, by what took most of their time."
    yield _gauge("sluice_outbound_breaches", about, ("type", "cause"), late)


def _of_dispatcher(marks: dict[str, tuple[float | None, float]]) -> Iterator[Family]:
    since, seconds = marks.get("tick", (None, 0.0))
    yield _gauge("sluice_dispatcher_lag_seconds", "Since some dispatcher last ended a tick.", (), [((), since)])
    yield GaugeMetricFamily("sluice_dispatcher_tick_seconds", "How long that tick took.", seconds)
    since, _ = marks.get("watch", (None, 0.0))
    yield _gauge("sluice_alert_watch_lag_seconds", "Since some dispatcher last looked for alerts.", (), [((), since)])
