"""Turns of a worker at a run.

A worker holds no lock while it fetches. `epoch` says whose turn it is, and the worker moves `next_attempt_at` ahead while it
lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from db.sync.logs import Ticket

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class BegunPull:
    """A run and its state, as the worker that takes it finds it."""

    entity: str
    platform: str
    mode: str
    attempts: int
    request_id: str | None
    received: int
    windows: list[dict[str, Any]]
    max_records: int | None
    base_watermark: datetime | None
    epoch: int
    window_no: int
    cursor: str | None
    is_fetched: bool
    pages: int
    fetched: int
    page: bytes | None
    watermark: datetime | None
    in_order: bool
    read_to: datetime | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's turn. Every change checks the epoch, so a worker that was replaced changes nothing."""

    store_id: UUID
    log_id: UUID
    epoch: int

    @property
    def parameters(self) -> dict[str, Any]:
        return {"store_id": self.store_id, "log_id": self.log_id, "epoch": self.epoch}


def begin_pull(conn: Connection, store_id: UUID, log_id: UUID, most_attempts: int, lease: float) -> BegunPull | None:
    """Take a run for `lease` seconds. None if it is not due."""
    parameters = {"store_id": store_id, "log_id": log_id, "most_attempts": most_attempts, "lease": lease}
    with conn.cursor(row_factory=class_row(BegunPull)) as cursor:
        return cursor.execute(SQL["begin_pull"], parameters).fetchone()


def renew_lease(conn: Connection, worker: Worker, lease: float) -> bool:
    return conn.execute(SQL["renew_lease"], {**worker.parameters, "lease": lease}).rowcount == 1


def yield_pull(conn: Connection, worker: Worker) -> Ticket | None:
    """Requeue the run behind others. Enqueue the ticket after the commit."""
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["yield_pull"], worker.parameters).fetchone()


def postpone_pull(conn: Connection, worker: Worker, delay: float, code: str, message: str) -> bool:
    parameters = {**worker.parameters, "delay": delay, "error_code": code, "error_message": message}
    return conn.execute(SQL["postpone_pull"], parameters).rowcount == 1


def fail_pull(conn: Connection, worker: Worker, code: str, message: str) -> bool:
    parameters = {**worker.parameters, "error_code": code, "error_message": message}
    return conn.execute(SQL["fail_pull"], parameters).rowcount == 1
