"""Ends a pull in the transaction of its last page: watermark, coverage, statistics, and where the next one resumes."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from db.catalogue.entity_stats import add_to_stats
from db.pulls.runs import FinishedCounts, PullRun, complete_pull, get_pull_run
from db.pulls.turns import Worker
from db.stores.stores import mark_store_synced
from db.sync.coverage import Covered, insert_coverage, list_covered
from db.sync.metadata import MetadataChange, get_metadata, mark_lowest, mark_populated, upsert_metadata
from workers.platforms.common.interface import Window
from workers.pulls.watermark import (
    FIRST_OVERLAP,
    RunFacts,
    contiguous_until,
    covered_until,
    is_complete,
    parse_window,
    widened_overlap,
)


def complete(conn: Connection, worker: Worker, entity: str, mode: str) -> None:
    counts = complete_pull(conn, worker.store_id, worker.log_id)
    run = get_pull_run(conn, worker.store_id, worker.log_id)
    _record_coverage(conn, worker, entity, mode, run, counts)
    _move_watermark(conn, worker, entity, mode, run, counts)
    if mode == "populate":
        _note_populated(conn, worker, entity, run)
    if run.lowest_id is not None and run.rest is None and parse_window(run.windows[0]) == Window():
        mark_lowest(conn, worker.store_id, entity, run.lowest_id)
    add_to_stats(conn, worker.store_id, entity, counts.inserted, counts.synced, run.read_to)
    mark_store_synced(conn, worker.store_id)


def _record_coverage(
    conn: Connection, worker: Worker, entity: str, mode: str, run: PullRun, counts: FinishedCounts
) -> None:
    for kept in run.windows:
        window = parse_window(kept)
        facts = RunFacts(
            mode=mode,
            window_from=window.updated_from,
            window_until=window.updated_until,
            is_partial=window.created_from is not None or window.after_id is not None,
            watermark=run.watermark,
            read_to=run.read_to,
            in_order=run.in_order,
            has_rest=run.rest is not None,
            existing=counts.existing,
        )
        until = covered_until(facts)
        if until is not None and (facts.window_from is None or facts.window_from < until):
            covered = Covered(facts.window_from, until, mode, worker.log_id, is_complete(facts))
            insert_coverage(conn, worker.store_id, entity, covered)


def _move_watermark(
    conn: Connection, worker: Worker, entity: str, mode: str, run: PullRun, counts: FinishedCounts
) -> None:
    metadata = get_metadata(conn, worker.store_id, entity)
    overlap = metadata.overlap if metadata else FIRST_OVERLAP
    change = MetadataChange(
        last_sync_time=contiguous_until(list_covered(conn, worker.store_id, entity)),
        last_record_time=run.read_to,
        records_synced=counts.synced,
        is_full_sync=mode != "populate" and parse_window(run.windows[0]) == Window(),
        overlap=widened_overlap(overlap, run.late_by),
        lateness=run.late_by,
        rest=_rest(run),  # where another pull continues if this one reached max_records
        rest_page=run.rest_page,
    )
    upsert_metadata(conn, worker.store_id, entity, change)


def _rest(run: PullRun) -> dict[str, Any] | None:
    if run.rest is None or run.watermark is None:
        return None
    return run.rest | {
        "windows": run.windows,
        "inOrder": run.in_order,
        "watermark": run.watermark.isoformat(),
        "readTo": run.read_to.isoformat() if run.read_to else None,
    }


def _note_populated(conn: Connection, worker: Worker, entity: str, run: PullRun) -> None:
    metadata = get_metadata(conn, worker.store_id, entity)
    window = parse_window(run.windows[0])
    if metadata is None or run.watermark is None:
        return
    known_from, highest = metadata.populated_from, max(run.highest_id or 0, metadata.populated_to or 0) or None
    if window.after_id is not None:
        mark_populated(conn, worker.store_id, entity, highest, known_from, run.watermark)
        return
    looked_as_far_back = window.created_from is None or (known_from is not None and window.created_from <= known_from)
    if metadata.populated_to is None or looked_as_far_back:
        # A populate that looked less far back than an earlier one must not shorten what that one covered.
        mark_populated(conn, worker.store_id, entity, highest, window.created_from, run.watermark)
