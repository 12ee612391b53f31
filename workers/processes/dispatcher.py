"""The dispatcher: about once a second, enqueue what is due and stranded, admit what waits, give up on what is spent, run what
is scheduled, and look whether something is wrong.

Any number may run: rows are taken with SKIP LOCKED. It holds no state but a pause after Redis failed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial

from redis.exceptions import RedisError

from app.settings.environment import Settings
from app.settings.logs import get_logger
from db.core.errors import is_retryable, safe_facts
from db.core.pool import Pool, open_pool
from db.core.session import set_asynchronous_commit
from db.insight.alerts import mark_tick
from db.insight.audit_events import prune_events
from db.sync.dispatch import admit_waiting, give_up, list_stranded, mend_times, merge_coverage, prune_logs
from db.sync.logs import Ticket
from workers.alerts.notices import tell
from workers.alerts.watch import watch
from workers.core.background_tasks import Aside
from workers.core.heartbeat import beat
from workers.core.queues import WakeUp, connect, waiting_logs
from workers.inbound.attempts import GAVE_UP, GAVE_UP_MESSAGE
from workers.outbound.scheduled_tasks import ScheduledTasks
from workers.processes.schedules import run_due

TICK_SECONDS = 1.0
MOST_A_TICK = 500
PRUNE_EVERY_SECONDS = 600.0
PRUNED_AT_ONCE = 1000
REDIS_TIMEOUT_SECONDS = 2.0
CONNECTIONS = 3  # a tick's, and one for each of the two that go aside

log = get_logger(__name__)


@dataclass(slots=True)
class Dispatcher:
    """What a tick needs, and when it pruned last.

    Aside go the upkeep, for a full sync of a million products takes its time, and the notices: httpx limits each read and no
    call as a whole, and nothing limits how long a name is looked up.
    """

    settings: Settings
    pool: Pool
    wake_up: WakeUp
    pruned_at: float = float("-inf")
    upkeep: Aside = field(init=False)
    telling: Aside = field(init=False)

    def __post_init__(self) -> None:
        self.upkeep = Aside("upkeep", ScheduledTasks(self.settings, self.pool, self.wake_up).tick)
        self.telling = Aside(
            "tell", partial(tell, self.pool, self.settings.alert_webhook_url, self.settings.alert_webhook_secret)
        )

    def end(self) -> None:
        """Wait for what is under way."""
        self.upkeep.end()
        self.telling.end()

    def tick(self) -> None:
        """One round. Raises psycopg.Error and PoolTimeout where the database is away."""
        self._mend_times()
        self._give_up()
        self._hand_out()  # before all that is done store by store: what fails there must hold up no batch
        self._prune()
        self.wake_up.enqueue(run_due(self.pool, self.settings.max_store_bytes))

    def _hand_out(self) -> None:
        """Enqueue what is stranded, and top up stores."""
        if self.wake_up.is_resting:
            return
        try:
            waiting = waiting_logs(self.wake_up.redis)
        except RedisError as error:
            # Without knowing what waits, enqueueing would only amplify.
            self.wake_up.rest(error)
            return
        with self.pool.connection() as conn:
            stranded = list_stranded(conn, waiting, self.settings.max_attempts, MOST_A_TICK)
            admitted = admit_waiting(conn, self.settings.queue_window)
        self._enqueue(stranded, admitted)

    def _mend_times(self) -> None:
        with self.pool.connection() as conn:
            mended = mend_times(conn)
        if mended:
            log.warning("clock_set_back", logs=mended)

    def _give_up(self) -> None:
        with self.pool.connection() as conn:
            spent = give_up(conn, self.settings.max_attempts, GAVE_UP, GAVE_UP_MESSAGE)
        for store_id, log_id in spent:
            log.error("batch_given_up", store_id=str(store_id), log_id=str(log_id))

    def _prune(self) -> None:
        """Delete old logs, a bounded number a tick, until none is left; then rest."""
        if time.monotonic() < self.pruned_at + PRUNE_EVERY_SECONDS:
            return
        with self.pool.connection() as conn:
            pruned = prune_logs(conn, self.settings.retention_days, PRUNED_AT_ONCE)
            merged = merge_coverage(conn, self.settings.retention_days, PRUNED_AT_ONCE)
            events = prune_events(conn, self.settings.audit_retention_days, PRUNED_AT_ONCE)
        if pruned or merged:
            log.info("logs_pruned", logs=pruned, windows=merged)
        if events:
            log.info("audit_pruned", events=events)
        if max(pruned, events) < PRUNED_AT_ONCE:
            self.pruned_at = time.monotonic()

    def _enqueue(self, stranded: list[Ticket], admitted: list[Ticket]) -> None:
        if stranded or admitted:
            arrived = self.wake_up.enqueue(stranded + admitted)
            log.info("logs_enqueued", stranded=len(stranded), admitted=len(admitted), arrived=arrived)


def run_dispatcher(settings: Settings, database_url: str, redis_url: str, stop: threading.Event) -> None:
    """Tick until `stop` is set. A tick that fails because a server is away is logged, and the next one tries again."""
    pool = open_pool(database_url, CONNECTIONS, "dispatcher", 10.0, settings.prepare_threshold)
    dispatcher = Dispatcher(settings, pool, WakeUp(connect(redis_url, REDIS_TIMEOUT_SECONDS)))
    log.info("dispatcher_started")
    try:
        while not stop.is_set():
            began = time.monotonic()
            tick_safely(dispatcher)
            beat(settings.data_dir, "dispatcher")
            stop.wait(max(0.05, TICK_SECONDS - (time.monotonic() - began)))
    finally:
        dispatcher.end()
        pool.close()
    log.info("dispatcher_stopped")


def tick_safely(dispatcher: Dispatcher) -> None:
    """A tick and a look for alerts; a server that is away is logged, and anything else is raised."""
    try:
        began = time.monotonic()
        dispatcher.tick()
        _mark(dispatcher.pool, time.monotonic() - began)
        watch(dispatcher.pool, dispatcher.settings)
        dispatcher.upkeep.begin()
        dispatcher.telling.begin()
    except Exception as error:
        if not is_retryable(error):
            raise
        log.warning("tick_failed", **safe_facts(error))


def _mark(pool: Pool, seconds: float) -> None:
    """For whoever watches from outside; a crash of the server may take it."""
    with pool.connection() as conn, conn.transaction():
        set_asynchronous_commit(conn)
        mark_tick(conn, round(seconds, 4))
