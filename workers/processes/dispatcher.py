"""The dispatcher process: enqueues logs that are due or stranded, gives up after the last attempt, runs schedules, raises
alerts, and prunes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial

from redis.exceptions import RedisError

from app.settings.environment import Settings
from app.settings.logs import get_logger
from app.settings.version import VERSION
from db.core.errors import is_retryable, safe_facts
from db.core.pool import Pool, open_pool
from db.core.session import set_asynchronous_commit
from db.insight.alerts import mark_tick
from db.insight.audit_events import prune_events
from db.sync.dispatch import admit_waiting, give_up, list_stranded, mend_times, merge_coverage, prune_logs
from workers.alerts.notices import send_notices
from workers.alerts.watch import watch
from workers.core.background_tasks import BackgroundTask
from workers.core.heartbeat import beat
from workers.core.presence import Presence
from workers.core.queues import WakeUp, connect, waiting_logs
from workers.core.timing import Periodic
from workers.inbound.attempts import GAVE_UP, GAVE_UP_MESSAGE
from workers.processes.scheduler import PULL_SCHEDULES, run_due
from workers.processes.slow_tick import SlowTick

TICK_SECONDS = 1.0
MOST_A_TICK = 500
PRUNE_EVERY_SECONDS = 600.0
PRUNED_AT_ONCE = 1000
REDIS_TIMEOUT_SECONDS = 2.0
CONNECTIONS = 3  # one for the tick, one for each background task

log = get_logger(__name__)


@dataclass(slots=True)
class Dispatcher:
    """Ticks about once a second. Any number may run: rows are taken with SKIP LOCKED."""

    settings: Settings
    pool: Pool
    wake_up: WakeUp
    pruning: Periodic = field(init=False)
    slow: BackgroundTask = field(init=False)
    notices: BackgroundTask = field(init=False)

    def __post_init__(self) -> None:
        self.pruning = Periodic(PRUNE_EVERY_SECONDS, self._prune)
        # A full sync of a million products takes minutes.
        self.slow = BackgroundTask("slow-tick", SlowTick(self.settings, self.pool, self.wake_up).run)
        # httpx limits each read, but no call as a whole, and nothing limits the lookup of a name.
        webhook_url, secret = self.settings.alert_webhook_url, self.settings.alert_webhook_secret
        self.notices = BackgroundTask("notices", partial(send_notices, self.pool, webhook_url, secret))

    def stop(self) -> None:
        self.slow.stop()
        self.notices.stop()

    def tick(self) -> None:
        """One round. Raises psycopg.Error and PoolTimeout if the database is away."""
        self._mend_times()
        self._give_up()
        self._enqueue()  # before the schedules, which run store by store: a failure there must not delay batches
        self.pruning.tick()
        self.wake_up.enqueue(list(run_due(self.pool, PULL_SCHEDULES, self.settings.max_store_bytes)))

    def _mend_times(self) -> None:
        with self.pool.connection() as conn:
            mended = mend_times(conn)
        if mended:
            log.warning("clock_set_back", logs=mended)

    def _give_up(self) -> None:
        with self.pool.connection() as conn:
            given_up = give_up(conn, self.settings.max_attempts, GAVE_UP, GAVE_UP_MESSAGE)
        for store_id, log_id in given_up:
            log.error("batch_given_up", store_id=str(store_id), log_id=str(log_id))

    def _enqueue(self) -> None:
        if self.wake_up.is_resting:
            return
        try:
            waiting = waiting_logs(self.wake_up.redis)
        except RedisError as error:
            # Without knowing what waits in Redis, each tick would enqueue the same logs again.
            self.wake_up.rest(error)
            return
        with self.pool.connection() as conn:
            stranded = list_stranded(conn, waiting, self.settings.max_attempts, MOST_A_TICK)
            admitted = admit_waiting(conn, self.settings.queue_window)
        if stranded or admitted:
            arrived = self.wake_up.enqueue(stranded + admitted)
            log.info("logs_enqueued", stranded=len(stranded), admitted=len(admitted), arrived=arrived)

    def _prune(self) -> bool:
        with self.pool.connection() as conn:
            pruned = prune_logs(conn, self.settings.retention_days, PRUNED_AT_ONCE)
            merged = merge_coverage(conn, self.settings.retention_days, PRUNED_AT_ONCE)
            events = prune_events(conn, self.settings.audit_retention_days, PRUNED_AT_ONCE)
        if pruned or merged:
            log.info("logs_pruned", logs=pruned, windows=merged)
        if events:
            log.info("audit_pruned", events=events)
        return max(pruned, events) < PRUNED_AT_ONCE


def run_dispatcher(settings: Settings, database_url: str, redis_url: str, stop: threading.Event) -> None:
    """Tick until `stop` is set. A tick that fails because a server is away is logged; the next one tries again."""
    pool = open_pool(database_url, CONNECTIONS, "dispatcher", 10.0, settings.prepare_threshold)
    dispatcher = Dispatcher(settings, pool, WakeUp(connect(redis_url, REDIS_TIMEOUT_SECONDS)))
    log.info("dispatcher_started")
    try:
        with Presence(connect(redis_url), "dispatcher", VERSION, settings.process_name):
            while not stop.is_set():
                began = time.monotonic()
                tick_safely(dispatcher)
                beat(settings.data_dir, "dispatcher")
                stop.wait(max(0.05, TICK_SECONDS - (time.monotonic() - began)))
    finally:
        dispatcher.stop()
        pool.close()
    log.info("dispatcher_stopped")


def tick_safely(dispatcher: Dispatcher) -> None:
    """Tick, watch for alerts, start the background tasks. Logs that a server is away; raises anything else."""
    try:
        began = time.monotonic()
        dispatcher.tick()
        seconds = time.monotonic() - began
        with dispatcher.pool.connection() as conn, conn.transaction():
            set_asynchronous_commit(conn)  # the metrics read it; a crash of the server may lose it
            mark_tick(conn, round(seconds, 4))
        watch(dispatcher.pool, dispatcher.settings)
        dispatcher.slow.start()
        dispatcher.notices.start()
    except Exception as error:
        if not is_retryable(error):
            raise
        log.warning("tick_failed", **safe_facts(error))
