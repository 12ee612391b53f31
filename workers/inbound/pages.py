"""A fetched page on its way to the tables: read into plain records, kept as text until it is applied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from db.rows import Versioned
from db.sync_record_errors import RecordError
from schemas.natives import NATIVES, native_id
from schemas.privacy import Hasher
from schemas.reasons import Problem
from schemas.records import Customer, Order, Product, Record
from workers.inbound.plan import versioned

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class FetchedPage(Generic[R]):
    """A page's plain records by their place in it, and what is wrong with the others.

    `seq` is its place in the order of acceptance, given before it was fetched; `asked_at` the platform's clock then. `in_order`
    is what `platforms.base.Page` says of it.
    """

    seq: int
    asked_at: datetime
    received: int
    records: list[tuple[int, R]]
    errors: list[RecordError]
    in_order: bool = False


_encode = msgspec.json.Encoder().encode
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "orders": msgspec.json.Decoder(FetchedPage[Order]),
    "products": msgspec.json.Decoder(FetchedPage[Product]),
    "customers": msgspec.json.Decoder(FetchedPage[Customer]),
}


def read_page(
    platform: str, entity: str, payloads: list[dict[str, Any]], seq: int, asked_at: datetime, hasher: Hasher
) -> FetchedPage[Any]:
    """Validate each record on its own; no e-mail address and no unknown field is left."""
    native = NATIVES[platform][entity]
    records: list[tuple[int, Record]] = []
    errors: list[RecordError] = []
    for index, payload in enumerate(payloads):
        found = native.read(payload, hasher)
        if isinstance(found, list):
            errors += [_error(index, native_id(payload), problem) for problem in found]
        else:
            records.append((index, found))
    return FetchedPage(seq, asked_at, len(payloads), records, errors)


def _error(index: int, known_id: str | None, problem: Problem) -> RecordError:
    return RecordError(index, known_id, problem.field, problem.code, problem.reason)


def encode_page(page: FetchedPage[Any]) -> bytes:
    return _encode(page)


def decode_page(entity: str, body: bytes) -> FetchedPage[Any]:
    """What `encode_page` was given, the same to the last digit."""
    page: FetchedPage[Any] = _DECODERS[entity].decode(body)
    return page


def split_page(page: FetchedPage[Any], count: int) -> tuple[FetchedPage[Any], FetchedPage[Any] | None]:
    """The first `count` records of a page, and the rest, if any, as a page of its own."""
    if page.received <= count:
        return page, None
    return _part(page, 0, count), _part(page, count, page.received)


def _part(page: FetchedPage[Any], begin: int, end: int) -> FetchedPage[Any]:
    records = [(index - begin, record) for index, record in page.records if begin <= index < end]
    errors = [_moved(error, -begin) for error in page.errors if begin <= error.record_index < end]
    return replace(page, received=end - begin, records=records, errors=errors)


def _moved(error: RecordError, by: int) -> RecordError:
    return RecordError(error.record_index + by, error.external_id, error.field, error.code, error.reason)


def versions_of(page: FetchedPage[Any], offset: int) -> tuple[list[Versioned[Any]], list[RecordError]]:
    """The page's records with their versions, and all that is wrong; places count from the run's begin (`offset`)."""
    valid: list[Versioned[Any]] = []
    errors = [_moved(error, offset) for error in page.errors]
    for index, record in page.records:
        result = versioned(offset + index, record, page.asked_at)
        if isinstance(result, Versioned):
            valid.append(result)
        else:
            errors.append(_error(offset + index, str(record.key), result))
    return valid, errors
