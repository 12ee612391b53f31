"""Starts pulls: turns a request into windows to read, from where earlier pulls ended."""

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
from workers.pulls.watermark import holes, incremental_window, parse_moment, populate_window, window_json


@dataclass(frozen=True, slots=True)
class Wanted:
    """A requested pull.

    Modes: `upsert` reads everything and applies it; `populate` skips stored records; `update` reads what changed in the last
    `stale_after_mins`; `incremental` what changed since the watermark; `full` everything, as on the first pull; `fill` the
    gaps in the coverage.
    """

    entity: str
    mode: str
    days: int | None = None
    stale_after_mins: int | None = None
    full_scan: bool = False
    max_records: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        named = {
            "days": self.days,
            "staleAfterMins": self.stale_after_mins,
            "fullScan": self.full_scan or None,
            "maxRecords": self.max_records,
        }
        return {name: value for name, value in named.items() if value is not None}


class AlreadyRunning(Exception):
    """Another pull of this store and entity is active."""

    def __init__(self, log_id: UUID) -> None:
        super().__init__("already running")
        self.log_id = log_id


class NothingToFill(Exception):
    """The coverage has no gap."""


def start_pull(conn: Connection, store_id: UUID, platform: str, wanted: Wanted, request_id: str | None) -> Ticket:
    """Create a pull in the caller's transaction; enqueue its ticket after the commit.

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
        return NewPull(kept["windows"], wanted.options, wanted.max_records, base, resume_from(wanted, kept, page))
    if wanted.mode == "fill":
        gaps = holes(list_covered(conn, store_id, wanted.entity))
        if not gaps:
            raise NothingToFill
        windows = [Window(updated_from=begin, updated_until=end) for begin, end in gaps]
    else:
        windows = [window_for(wanted, metadata, now)]
    return NewPull(
        [window_json(window) for window in windows], wanted.options, wanted.max_records, base, FROM_THE_START
    )


def window_for(wanted: Wanted, metadata: Metadata | None, now: datetime) -> Window:
    created_from = _seconds(now - timedelta(days=wanted.days)) if wanted.days is not None else None
    if wanted.mode == "incremental":
        return incremental_window(metadata)
    if wanted.mode == "update":
        return Window(updated_from=_seconds(now - timedelta(minutes=wanted.stale_after_mins or 0)))
    if wanted.mode == "populate" and not wanted.full_scan:
        return populate_window(metadata, created_from)
    return Window(created_from=created_from)


def _seconds(moment: datetime) -> datetime:
    # Platforms filter by whole seconds.
    return moment.replace(microsecond=0)


def resume_from(wanted: Wanted, kept: dict[str, Any], body: bytes | None) -> Start:
    """Where a pull resumes that continues another one: with the part of its kept page that fits into max_records."""
    page = decode_page(wanted.entity, body) if body is not None else None
    used, unused = split_page(page, wanted.max_records) if page and wanted.max_records else (page, None)
    rest = {name: kept[name] for name in ("windowNo", "cursor", "isFetched")}
    is_full = wanted.max_records is not None and used is not None and used.received >= wanted.max_records
    has_rest = is_full and (unused is not None or not rest["isFetched"])
    return Start(
        window_no=rest["windowNo"],
        cursor=rest["cursor"],
        is_fetched=has_rest or rest["isFetched"],
        in_order=kept["inOrder"],
        watermark=parse_moment(kept["watermark"]),
        read_to=parse_moment(kept["readTo"]),
        page=encode_page(used) if used else None,
        page_records=used.received if used else 0,
        rest=rest if has_rest else None,
        rest_page=encode_page(unused) if unused else None,
    )
