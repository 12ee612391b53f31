"""Encodes a fetched page, to store it until it is applied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from db.sync.record_errors import RecordError
from schemas.records.shop import Customer, Order, OrderRefund, Product, Variation

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class FetchedPage(Generic[R]):
    """A page's plain records by their index, and the errors of the others.

    `seq` is its place in the order of acceptance, taken before the fetch; `asked_at` the platform's clock at that moment.
    `in_order` as in `common.interface.Page`.
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
    "variations": msgspec.json.Decoder(FetchedPage[Variation]),
    "refunds": msgspec.json.Decoder(FetchedPage[OrderRefund]),
}


def encode_page(page: FetchedPage[Any]) -> bytes:
    return _encode(page)


def decode_page(entity: str, body: bytes) -> FetchedPage[Any]:
    page: FetchedPage[Any] = _DECODERS[entity].decode(body)
    return page


def split_page(page: FetchedPage[Any], count: int) -> tuple[FetchedPage[Any], FetchedPage[Any] | None]:
    if page.received <= count:
        return page, None
    return _part(page, 0, count), _part(page, count, page.received)


def _part(page: FetchedPage[Any], begin: int, end: int) -> FetchedPage[Any]:
    records = [(index - begin, record) for index, record in page.records if begin <= index < end]
    errors = [shifted(error, -begin) for error in page.errors if begin <= error.record_index < end]
    return replace(page, received=end - begin, records=records, errors=errors)


def shifted(error: RecordError, by: int) -> RecordError:
    return RecordError(error.record_index + by, error.external_id, error.field, error.code, error.reason)
