"""Skipped records of a job: a page of them, or all as a download that is sent while it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec
from flask import Response, stream_with_context

from app.http.services import services
from app.usecases.job_answers import record_error_answer, unlisted_answer
from db.core.tenancy import tenant
from db.sync.record_errors import FROM_THE_START, RecordError, get_unlisted_errors, list_record_errors
from schemas.answers import jobs as answers

Line = answers.RecordError | answers.UnlistedErrors

DOWNLOAD_PAGE = 1000
COLUMNS = ("index", "id", "field", "code", "reason")


def read_record_errors(store_id: UUID, log_id: UUID, after: tuple[int, str], most: int) -> list[RecordError]:
    """A page, in a transaction of its own: none is open while a client reads."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        return list_record_errors(conn, store_id, log_id, after, most)


def read_unlisted_errors(store_id: UUID, log_id: UUID) -> int:
    with services().pool.connection() as conn, tenant(conn, store_id):
        return get_unlisted_errors(conn, store_id, log_id)


def download_csv(store_id: UUID, log_id: UUID) -> Response:
    return _download(store_id, log_id, "text/csv; charset=utf-8", "csv", _csv_lines)


def download_ndjson(store_id: UUID, log_id: UUID) -> Response:
    return _download(store_id, log_id, "application/x-ndjson", "ndjson", _ndjson_lines)


def _download(
    store_id: UUID,
    log_id: UUID,
    mimetype: str,
    ending: str,
    lines: Callable[[Iterable[Line]], Iterator[str]],
) -> Response:
    response = Response(stream_with_context(lines(_all_errors(store_id, log_id))), content_type=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="errors-{log_id}.{ending}"'
    return response


def _all_errors(store_id: UUID, log_id: UUID) -> Iterator[Line]:
    after = FROM_THE_START
    while page := read_record_errors(store_id, log_id, after, DOWNLOAD_PAGE):
        yield from map(record_error_answer, page)
        after = (page[-1].record_index, page[-1].field)
    if unlisted := read_unlisted_errors(store_id, log_id):
        yield unlisted_answer(unlisted)


def _csv_lines(errors: Iterable[Line]) -> Iterator[str]:
    yield _csv_line(COLUMNS)
    for error in errors:
        yield _csv_line(msgspec.structs.astuple(error))


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


def _ndjson_lines(errors: Iterable[Line]) -> Iterator[str]:
    for error in errors:
        yield msgspec.json.encode(error).decode() + "\n"
