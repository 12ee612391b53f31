"""Reads the payloads of a fetched page into plain records, and gives the records their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from db.catalogue.staged_upsert import Versioned
from db.sync.record_errors import RecordError
from schemas.base.error_codes import Problem
from schemas.base.privacy import Hasher
from schemas.platforms.payload import platform_id
from schemas.platforms.registry import PLATFORMS
from schemas.records.shop import Record
from workers.inbound.plan import versioned
from workers.pulls.page_codec import FetchedPage, shifted


def read_page(
    platform: str, entity: str, payloads: list[dict[str, Any]], seq: int, asked_at: datetime, hasher: Hasher
) -> FetchedPage[Any]:
    """Validate each record on its own. Drops unknown fields and hashes e-mail addresses."""
    payload_type = PLATFORMS[platform].payloads[entity]
    records: list[tuple[int, Record]] = []
    errors: list[RecordError] = []
    for index, found in enumerate(payload_type.read_all(payloads, hasher)):
        if isinstance(found, list):
            errors += [_error(index, platform_id(payloads[index]), problem) for problem in found]
        else:
            records.append((index, found))
    return FetchedPage(seq, asked_at, len(payloads), records, errors)


def _error(index: int, known_id: str | None, problem: Problem) -> RecordError:
    return RecordError(index, known_id, problem.field, problem.code, problem.reason)


def versions_of(page: FetchedPage[Any], offset: int) -> tuple[list[Versioned[Any]], list[RecordError]]:
    """The page's records with their versions, and all errors. Indexes count from the start of the pull (`offset`)."""
    valid: list[Versioned[Any]] = []
    errors = [shifted(error, offset) for error in page.errors]
    for index, record in page.records:
        result = versioned(offset + index, record, page.asked_at)
        if isinstance(result, Versioned):
            valid.append(result)
        else:
            errors.append(_error(offset + index, str(record.external_id), result))
    return valid, errors
