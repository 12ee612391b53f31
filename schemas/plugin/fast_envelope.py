"""The fast paths of the envelope: they decide about a whole batch from its bytes, without looking at each value.

A batch of known fields without an address is stored as it came. From one with unknown fields or customers' addresses, the
fields are dropped, the addresses hashed, and all other values copied unread. Both return None if they are unsure (a
container in a scalar's place, an escape that may hide an address, a huge number); then the slow path looks at each value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.base.privacy import Hasher, hash_email, may_hold_address
from schemas.base.strict_json import NotJson, loads
from schemas.plugin.entities import CUSTOMERS, ENTITIES, Entity, KnownFields

HUGE_NUMBER = b"0" * 4000  # this many digits in a row may be a number that is too long to parse
DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
SPACE = rb"[ \t\n\r]*"
END = re.compile(SPACE.join((rb"\]", rb"(?:,", rb'"syncMode"', rb":", rb'(null|"\w{1,20}")', rb")?\}", rb"\Z")))
END_BYTES = 80  # what follows the last record, with blanks and mode; a longer end takes the slow path

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class UncheckedBatch:
    """A batch whose size and mode are still to be checked. `records` is a JSON array that may be stored as it is."""

    received: int
    mode: Any
    records: bytes | memoryview


@dataclass(frozen=True, slots=True)
class _Readers:
    start: re.Pattern[bytes]
    known_only: msgspec.json.Decoder[Any]
    dropping: msgspec.json.Decoder[Any]


def _readers(entity: Entity) -> _Readers:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("records", list[entity.unread], msgspec.field(name=entity.name)),  # type: ignore[name-defined]
        ("mode", Any, msgspec.field(name="syncMode", default=None)),
    ]
    return _Readers(
        start=re.compile(SPACE.join((rb"", rb"\{", b'"' + entity.name.encode() + b'"', rb":", rb"(?=\[)"))),
        known_only=msgspec.json.Decoder(list[entity.reader.shape]),  # type: ignore[name-defined]  # made at run time
        dropping=msgspec.json.Decoder(msgspec.defstruct("Envelope", fields)),
    )


_READERS = {entity.name: _readers(entity) for entity in ENTITIES.values()}


def read_unchanged(entity: Entity, body: bytes) -> UncheckedBatch | None:
    """The array as it stands in the body, if all its fields are known scalars and none can hold an address."""
    if entity is CUSTOMERS or may_hold_address(body):  # customers have an address to hash
        return None
    readers = _READERS[entity.name]
    start = readers.start.match(body)
    last = body.rfind(b"]", -END_BYTES)
    end = END.match(body, last) if last >= 0 else None
    if start is None or end is None:
        return None
    records = memoryview(body)[start.end() : last + 1]  # not a copy
    try:
        # msgspec refuses longer numbers than we do, so none needs to be looked for.
        received = len(readers.known_only.decode(records))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return UncheckedBatch(received, msgspec.json.decode(end[1]) if end[1] else None, records)


def read_known_fields(entity: Entity, body: bytes, hasher: Hasher) -> UncheckedBatch | None:
    """The records without unknown fields, customers' addresses hashed, all other values copied unread."""
    readers = _READERS[entity.name]
    try:
        if not body.isascii():
            body.decode("utf-8")  # msgspec does not check the encoding of what it skips
        envelope = readers.dropping.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    records = envelope.records
    if entity is CUSTOMERS and not _hash_addresses(records, hasher):
        return None
    encoded = _encode(records)
    if not _is_plain(encoded, *_counted(entity.fields, records)):
        return None
    return UncheckedBatch(len(records), envelope.mode, encoded)


def _hash_addresses(records: list[Any], hasher: Hasher) -> bool:
    try:
        for record in records:
            if record.email_hash is not msgspec.UNSET:
                record.email_hash = msgspec.Raw(_encode(hash_email(loads(bytes(record.email_hash)), hasher)))
    except NotJson:
        return False
    return True


def _counted(known: KnownFields, records: list[Any]) -> tuple[int, int]:
    """How many objects and how many lists the records are, with those in their lists."""
    objects, lists = len(records), 1
    for name, entries in known.lists.items():
        attribute = known.attributes[name]
        found = [each for record in records if (each := getattr(record, attribute))]
        lists += sum(1 for record in records if type(getattr(record, attribute)) is list)
        if entries.lists:
            inner = [_counted(entries, each) for each in found]
            objects += sum(count for count, _ in inner)
            lists += sum(count - 1 for _, count in inner)
        else:
            objects += sum(map(len, found))
    return objects, lists


def _is_plain(encoded: bytes, objects: int, lists: int) -> bool:
    # A brace or bracket inside a text makes a count differ, too. Such a batch takes the slow path, with the same result.
    return (
        not may_hold_address(encoded)
        and encoded.count(b"{") == objects
        and HUGE_NUMBER not in encoded.translate(DIGITS_ALIKE)
        and encoded.count(b"[") == lists
    )
