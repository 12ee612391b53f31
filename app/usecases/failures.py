"""Failed syncs of all stores, for operators: by code, one by one, and tried again together."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from app.http.errors import ApiError
from app.http.services import services
from app.usecases.job_actions import retry
from app.usecases.job_answers import moment
from db.core.tenancy import tenant
from db.insight.failures import list_failures_of_all
from db.stores.stores import Store, get_store
from db.sync.logs import LogView, get_log

COLUMNS = ("store", "storeId", "jobId", "entity", "source", "mode", "records", "failedAt", "code", "message")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a cell


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed sync and its store."""

    store: Store
    log: LogView

    @property
    def key(self) -> str:
        return f"{self.store.id}:{self.log.id}"


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a selection: syncs that run again, and those that could not."""

    done: tuple[tuple[UUID, UUID], ...]
    refused: int


def read_failures(conn: Connection, code: str, most: int) -> list[Failure]:
    """The newest failed syncs with this code."""
    found = (read_failure(conn, store_id, log_id) for store_id, log_id in list_failures_of_all(conn, code, most))
    return [failure for failure in found if failure is not None]


def read_failure(conn: Connection, store_id: UUID, log_id: UUID) -> Failure | None:
    """None if it is gone, or no longer failed."""
    with tenant(conn, store_id):
        store, log = get_store(conn, store_id), get_log(conn, store_id, log_id)
    return Failure(store, log) if store and log and log.status == "failed" else None


def retry_all(selected: Sequence[tuple[UUID, UUID]]) -> Retried:
    """Try each again as its store could. One that can't be, because its payload is gone, stops no other."""
    done = []
    for store_id, log_id in selected:
        try:
            retry(store_id, log_id)
        except ApiError as error:
            if error.code not in ("CONFLICT", "NOT_FOUND"):
                raise
            continue
        done.append((store_id, log_id))
    return Retried(tuple(done), len(selected) - len(done))


def csv_of(code: str, most: int) -> Iterator[str]:
    """The failed syncs with this code as lines of a file for spreadsheets."""
    with services().pool.connection() as conn:
        found = read_failures(conn, code, most)
    yield _line(COLUMNS)
    for one in found:
        log = one.log
        facts = (log.entity, log.source, log.mode, str(log.received), moment(log.finished_at) or "")
        yield _line(
            (one.store.name, str(one.store.id), str(log.id), *facts, log.error_code or "", log.error_message or "")
        )


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells)
    return line.getvalue()
