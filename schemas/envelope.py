"""The envelope of a posted batch: checked, stripped of what may not be stored, and ready to be kept.

Two paths, one meaning. The fast one lets msgspec drop unknown fields and copy the others unread; it is taken only where the
result is sure to hold no address, no container in a scalar's place and no oversized number. All else goes through the slow
one, which looks at each value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.entities import CUSTOMERS, ENTITIES, Entity
from schemas.privacy import Hasher, hidden, hidden_email
from schemas.strict_json import NotJson, dumps, loads

MODES = ("upsert", "populate")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ENDLESS = b"0" * 4000  # digits in a row; more of them may be a number that nobody should parse
DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)


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
    body: bytes


def _decoder(entity: Entity) -> msgspec.json.Decoder[Any]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("records", list[entity.shape], msgspec.field(name=entity.name)),  # type: ignore[name-defined]
        ("mode", Any, msgspec.field(name="syncMode", default=None)),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Envelope", fields))


_DECODERS = {entity.name: _decoder(entity) for entity in ENTITIES.values()}
_encode = msgspec.json.Encoder().encode


def read_batch(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch:
    """Check and sanitise the inflated body of `POST /api/sync/<entity>`.

    Raises EnvelopeError with INVALID_JSON, VALIDATION_ERROR or PAYLOAD_TOO_LARGE.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    return _read_unread(entity, body, most_records, hasher) or _read_each(entity, body, most_records, hasher)


def _read_unread(entity: Entity, body: bytes, most_records: int, hasher: Hasher) -> Batch | None:
    """The fast path, or None where it can't vouch for the result."""
    try:
        if not body.isascii():
            body.decode("utf-8")  # msgspec does not look inside what it skips
        envelope = _DECODERS[entity.name].decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return None
    records = envelope.records
    mode = _mode(envelope.mode)
    _check_size(len(records), most_records, entity)
    if entity is CUSTOMERS and not _hash_unread(records, hasher):
        return None
    kept = _encode(records)
    if not _is_plain(entity, kept, len(records) + _list_entries(entity, records)):
        return None
    return Batch(len(records), mode, kept)


def _hash_unread(records: list[Any], hasher: Hasher) -> bool:
    """Put the hash in each address's place. `email` holds the raw JSON value; False where one can't be read."""
    try:
        for record in records:
            if record.email is not msgspec.UNSET:
                record.email = msgspec.Raw(_encode(hidden_email(loads(bytes(record.email)), hasher)))
    except NotJson:
        return False
    return True


def _list_entries(entity: Entity, records: list[Any]) -> int:
    """How many objects stand inside the records' lists."""
    return sum(len(getattr(record, name) or ()) for name in entity.lists for record in records)


def _is_plain(entity: Entity, kept: bytes, objects: int) -> bool:
    """Whether the kept bytes can be stored as they are: no address, nothing nested but the known, no endless number.

    A brace or bracket inside a text makes the count differ too; such a batch takes the slow path, to the same end.
    """
    return (
        b"@" not in kept
        and b"\\u0040" not in kept
        and kept.count(b"{") == objects
        and ENDLESS not in kept.translate(DIGITS_ALIKE)
        and not _holds_stray_list(entity, kept)
    )


def _holds_stray_list(entity: Entity, kept: bytes) -> bool:
    """Whether a list stands elsewhere than at the top or after a known list's name: `:[` not preceded by one."""
    known = sum(kept.count(b'"' + name.encode() + b'":[') for name in entity.lists)
    return kept.count(b"[") != 1 + known


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
