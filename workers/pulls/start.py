"""Starts runs: what was asked for becomes windows to read, from where earlier runs left off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from db.pulls.runs import FROM_THE_START, NewPull, Start, get_active_pull, insert_pull_log, insert_pull_run
from db.sync.coverage import list_covered
from db.sync.logs import Ticket
from db.sync.metadata import Metadata, get_metadata, take_rest
from workers.core.ids import new_id
from workers.platforms.common.interface import Window
from workers.pulls.page_codec import decode_page, encode_page, split_page
from workers.pulls.watermark import holes, incremental_window, moment_of, populate_window, window_json


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run as it was asked for.

    Modes: `upsert` reads everything and applies it; `populate` passes over what is stored; `update` reads what changed in the
    last `stale_after_mins`; `incremental` what changed since the watermark; `full` everything, as if nothing had been read;
    `fill` the holes in the coverage.
    """

    entity: str
    mode: str
    days: int | None = None
    stale_after_mins: int | None = None
    full_scan: bool = False
    max_records: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As the job's answer repeats them."""
        named = {
            "days": self.days,
            "staleAfterMins": self.stale_after_mins,
            "fullScan": self.full_scan or None,
            "maxRecords": self.max_records,
        }
        return {name: value for name, value in named.items() if value is not None}


class AlreadyRunning(Exception):
    """Another run of this store and entity has its place."""

    def __init__(self, log_id: UUID) -> None:
        super().__init__("already running")
        self.log_id = log_id


class NothingToFill(Exception):
    """The coverage has no hole."""


def start_pull(conn: Connection, store_id: UUID, platform: str, wanted: Wanted, request_id: str | None) -> Ticket:
    """Make a run in the caller's transaction; enqueue its ticket after the commit.

    Raises AlreadyRunning and NothingToFill; then the transaction must not commit.
    """
    log_id = new_id()
    if not insert_pull_log(conn, store_id, log_id, wanted.entity, platform, wanted.mode, request_id):
        running = get_active_pull(conn, store_id, wanted.entity)
        raise AlreadyRunning(running or log_id)
    metadata = get_metadata(conn, store_id, wanted.entity)
    insert_pull_run(conn, store_id, log_id, _plan(conn, store_id, wanted, metadata, datetime.now(UTC)))
    return Ticket(store_id, log_id, 1, wanted.entity, 0, "pull")


def _plan(conn: Connection, store_id: UUID, wanted: Wanted, metadata: Metadata | None, now: datetime) -> NewPull:
    base = metadata.last_sync_time if metadata else None
    rest = take_rest(conn, store_id, wanted.entity) if wanted.mode in ("incremental", "full") else None
    if rest is not None and wanted.mode == "incremental":
        kept, page = rest
        return NewPull(kept["windows"], wanted.options, wanted.max_records, base, go_on(wanted, kept, page))
    windows = [window_json(window) for window in _windows(conn, store_id, wanted, metadata, now)]
    return NewPull(windows, wanted.options, wanted.max_records, base, FROM_THE_START)


def _windows(
    conn: Connection, store_id: UUID, wanted: Wanted, metadata: Metadata | None, now: datetime
) -> list[Window]:
    if wanted.mode == "fill":
        return _holes(conn, store_id, wanted.entity)
    return [window_for(wanted, metadata, now)]


def window_for(wanted: Wanted, metadata: Metadata | None, now: datetime) -> Window:
    """What a mode other than `fill` reads."""
    created_from = _seconds(now - timedelta(days=wanted.days)) if wanted.days is not None else None
    if wanted.mode == "incremental":
        return incremental_window(metadata)
    if wanted.mode == "update":
        return Window(updated_from=_seconds(now - timedelta(minutes=wanted.stale_after_mins or 0)))
    if wanted.mode == "populate" and not wanted.full_scan:
        return populate_window(metadata, created_from)
    return Window(created_from=created_from)


def _holes(conn: Connection, store_id: UUID, entity: str) -> list[Window]:
    found = holes(list_covered(conn, store_id, entity))
    if not found:
        raise NothingToFill
    return [Window(updated_from=begin, updated_until=end) for begin, end in found]


def _seconds(moment: datetime) -> datetime:
    """Platforms go by whole seconds."""
    return moment.replace(microsecond=0)


def go_on(wanted: Wanted, kept: dict[str, Any], body: bytes | None) -> Start:
    """Where a run begins that goes on with what another left: with the part of its page that fits into max_records."""
    page = decode_page(wanted.entity, body) if body is not None else None
    used, unused = split_page(page, wanted.max_records) if page and wanted.max_records else (page, None)
    place = {name: kept[name] for name in ("windowNo", "cursor", "isFetched")}
    is_full = wanted.max_records is not None and used is not None and used.received >= wanted.max_records
    leaves = is_full and (unused is not None or not place["isFetched"])
    return Start(
        window_no=place["windowNo"],
        cursor=place["cursor"],
        is_fetched=leaves or place["isFetched"],
        in_order=kept["inOrder"],
        watermark=moment_of(kept["watermark"]),
        read_to=moment_of(kept["readTo"]),
        page=encode_page(used) if used else None,
        page_records=used.received if used else 0,
        rest=place if leaves else None,
        rest_page=encode_page(unused) if unused else None,
    )
