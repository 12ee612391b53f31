"""Reads the envelope of a posted batch: checks it and removes what must not be stored.

Two fast paths (`fast_envelope.py`) and a slow one give the same result. The slow path here looks at each value and defines
what is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.base.json_bounds import TooMuch
from schemas.base.json_records import NoRecords, read_records
from schemas.base.privacy import Hasher, hash_email, mask_value
from schemas.base.strict_json import NotJson, dumps
from schemas.plugin.entities import Entity, KnownFields
from schemas.plugin.fast_envelope import read_known_fields, read_unchanged

MODES = ("upsert", "populate")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EnvelopeError(ValueError):
    """The whole batch is refused. `code` is one of the API's error codes; the message is safe to show."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Batch:
    """A valid envelope. `body` is a JSON array of the records with known fields only and without e-mail addresses."""

    received: int
    mode: str
    body: bytes | memoryview


def read_batch(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch:
    """Check and sanitise the inflated body of `POST /api/sync/<entity>`.

    Raises EnvelopeError with INVALID_JSON, VALIDATION_ERROR or PAYLOAD_TOO_LARGE.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    return read_fast(entity, body, most_records, hasher) or read_each_value(entity, body, most_records, hasher)


def read_fast(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch | None:
    """The batch by a fast path, or None to leave it to the slow one. Raises EnvelopeError."""
    batch = read_unchanged(entity, body) or read_known_fields(entity, body, hasher)
    if batch is None:
        return None
    if batch.received > most_records:
        raise EnvelopeError("PAYLOAD_TOO_LARGE", f"{entity.name} may hold {most_records} records, not {batch.received}")
    return Batch(batch.received, _mode(batch.mode), batch.records)


def read_each_value(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch:
    """The slow path, which looks at each value. Raises EnvelopeError."""
    try:
        records = read_records(body, entity.name, most_records)
        mode = _mode(records.mode)
        body = b",".join(dumps(_sanitised(entity, record, hasher)) for record in records)
    except NotJson as error:
        raise EnvelopeError("INVALID_JSON", f"{error}") from None
    except NoRecords:
        raise EnvelopeError("VALIDATION_ERROR", f"{entity.name} must be an array") from None
    except TooMuch as error:
        raise EnvelopeError("PAYLOAD_TOO_LARGE", f"{error}") from None
    return Batch(len(records), mode, b"[" + body + b"]")


def _mode(value: Any) -> str:
    if value is None:
        return "upsert"
    if value not in MODES:
        raise EnvelopeError("VALIDATION_ERROR", "syncMode must be one of " + ", ".join(MODES))
    return str(value)


def _sanitised(entity: Entity, record: Any, hasher: Hasher) -> dict[str, Any] | None:
    clean = _known_only(entity.fields, record)
    if clean is not None and "email" in clean:
        clean["email"] = hash_email(record["email"], hasher)
    return clean


def _known_only(known: KnownFields, record: Any) -> dict[str, Any] | None:
    if not isinstance(record, dict):
        return None  # the worker counts it as a skipped record
    clean: dict[str, Any] = {}
    for name in known.names & record.keys():
        value = record[name]
        if name in known.lists and isinstance(value, list):
            clean[name] = [_known_only(known.lists[name], entry) for entry in value]
        else:
            clean[name] = mask_value(value)
    return clean
