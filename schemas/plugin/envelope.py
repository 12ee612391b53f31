"""The envelope of a posted batch: checked, stripped of what may not be stored, and ready to be kept.

Three paths, one meaning: the two fast ones of `envelope_fast.py`, and the slow one here, which looks at each value and is the
measure of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.base.privacy import Hasher, hidden, hidden_email
from schemas.base.strict_json import NotJson, dumps, loads
from schemas.plugin.entities import Entity
from schemas.plugin.fast_envelope import read_as_it_came, read_dropping

MODES = ("upsert", "populate")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EnvelopeError(ValueError):
    """The batch is refused as a whole. `code` is one of the API's codes; the message is safe to show."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Batch:
    """An accepted envelope. `body` is a JSON array of the records, sanitised: known fields only, no e-mail address."""

    received: int
    mode: str
    body: bytes | memoryview


def read_batch(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch:
    """Check and sanitise the inflated body of `POST /api/sync/<entity>`.

    Raises EnvelopeError with INVALID_JSON, VALIDATION_ERROR or PAYLOAD_TOO_LARGE.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    return _read_unread(entity, body, most_records, hasher) or _read_each(entity, body, most_records, hasher)


def _read_unread(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch | None:
    """The batch by a fast path, or None where none vouches for it."""
    unread = read_as_it_came(entity, body) or read_dropping(entity, body, hasher)
    if unread is None:
        return None
    mode = _mode(unread.mode)
    _check_size(unread.received, most_records, entity)
    return Batch(unread.received, mode, unread.kept)


def _read_each(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch:
    """The slow path: parse everything, judge the envelope, look at each value."""
    try:
        document = loads(body)
    except NotJson as error:
        raise EnvelopeError("INVALID_JSON", f"{error}") from None
    records = document.get(entity.name) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(records, list):
        raise EnvelopeError("VALIDATION_ERROR", f"{entity.name} must be an array")
    mode = _mode(document.get("syncMode"))
    _check_size(len(records), most_records, entity)
    return Batch(len(records), mode, dumps([_sanitised(entity, record, hasher) for record in records]))


def _mode(value: Any) -> str:
    if value is None:
        return "upsert"
    if value not in MODES:
        raise EnvelopeError("VALIDATION_ERROR", "syncMode must be one of " + ", ".join(MODES))
    return str(value)


def _check_size(received: int, most_records: int, entity: Entity) -> None:
    if received > most_records:
        raise EnvelopeError("PAYLOAD_TOO_LARGE", f"{entity.name} may hold {most_records} records, not {received}")


def _sanitised(entity: Entity, record: Any, hasher: Hasher) -> dict[str, Any] | None:
    """The known fields of a record, each fit to be stored; None for what is no object."""
    if not isinstance(record, dict):
        return None
    kept: dict[str, Any] = {}
    for name in entity.known_fields & record.keys():
        if name in entity.lists:
            kept[name] = _sanitised_list(record[name], entity.lists[name])
        elif name == "email":
            kept[name] = hidden_email(record[name], hasher)
        else:
            kept[name] = hidden(record[name])
    return kept


def _sanitised_list(value: Any, known: frozenset[str]) -> Any:
    if not isinstance(value, list):
        return hidden(value)
    return [_sanitised_entry(entry, known) for entry in value]


def _sanitised_entry(entry: Any, known: frozenset[str]) -> dict[str, Any] | None:
    if not isinstance(entry, dict):
        return None
    return {name: hidden(entry[name]) for name in known & entry.keys()}
