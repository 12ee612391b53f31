"""Runs the stores' schedules that are due: pulls, and outbound tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection, Error

from app.settings.logs import get_logger
from db.core.errors import is_contended, safe_facts
from db.core.pool import Pool
from db.insight.storage import list_full_stores
from db.outbound.push_leases import list_due_tasks
from db.pulls.schedules import list_due_schedules
from db.sync.logs import Ticket
from workers.outbound.scheduled_tasks import run_task
from workers.pulls.scheduled import run_schedule

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduleKind:
    """`list_due` lists (store id, name) over all stores. `run` runs one schedule, and is told whether its store is above its
    quota; each run happens in one dispatcher."""

    list_due: Callable[[Connection, int], list[tuple[UUID, str]]]
    run: Callable[[Pool, UUID, str, bool], list[Ticket]]
    most_a_tick: int


PULL_SCHEDULES = ScheduleKind(list_due_schedules, run_schedule, 100)
OUTBOUND_TASKS = ScheduleKind(list_due_tasks, run_task, 500)


def run_due(pool: Pool, kind: ScheduleKind, most_store_bytes: int = 0) -> Iterator[Ticket]:
    """Run what is due, and yield what to enqueue after each. Any number of dispatchers may do so at once.

    `most_store_bytes` is MAX_STORE_BYTES, 0 for none.
    """
    with pool.connection() as conn:
        due = kind.list_due(conn, kind.most_a_tick)
        full = list_full_stores(conn, most_store_bytes) if due and most_store_bytes else []
    for store_id, name in due:
        try:
            yield from kind.run(pool, store_id, name, store_id in full)
        except Error as error:
            if not is_contended(error):
                raise
            # It stays due; a locked store must not delay the others.
            log.warning("schedule_postponed", store_id=str(store_id), schedule=name, **safe_facts(error))
