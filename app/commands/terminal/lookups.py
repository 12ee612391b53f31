"""Finds the store or job that an operator names, and describes it as the API does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from app.stack.command_errors import NotFound
from app.usecases.pulls import job_answers
from db.core.tenancy import tenant
from db.stores.stores import get_store, list_store_ids
from db.sync.logs import LogView, get_log


def the_store(conn: Connection, named: UUID) -> UUID:
    """The named store. Raises NotFound for an unknown one."""
    with tenant(conn, named):
        if get_store(conn, named) is None:
            raise no_such_store(named)
    return named


def no_such_store(store_id: UUID) -> NotFound:
    return NotFound(f"there is no store {store_id}: `python -m app stores list` shows them")


def find_log(conn: Connection, log_id: UUID) -> tuple[UUID, LogView]:
    """The job and its store, from all stores. Raises NotFound."""
    for store_id in list_store_ids(conn):
        with tenant(conn, store_id):
            log = get_log(conn, store_id, log_id)
        if log is not None:
            return store_id, log
    raise NotFound(f"there is no job {log_id}")


def answers_of(conn: Connection, store_id: UUID, logs: Sequence[LogView]) -> list[dict[str, Any]]:
    """As the API answers, pulls with their progress. Call it within `tenant`."""
    jobs: list[dict[str, Any]] = msgspec.to_builtins(job_answers(conn, store_id, logs))
    return jobs
