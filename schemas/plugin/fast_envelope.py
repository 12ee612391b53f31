"""The fast paths of the envelope: they vouch for the bytes to be stored without looking at each value, or say nothing.

A batch of known fields and no address is stored as it came. One with unknown fields, or with customers' addresses, has the
former dropped and the latter hashed, and the other values copied unread. Where neither is sure of its result (a nested
container in a scalar's place, an escape that may hide an address, an endless number) the slow path looks at each value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.base.privacy import Hasher, hidden_email
from schemas.base.strict_json import NotJson, loads
from schemas.plugin.entities import CUSTOMERS, ENTITIES, Entity

ENDLESS = b"0" * 4000  # digits in a row; more of them may be a number that nobody should parse
DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
SPACE = rb"[ \t\n\r]*"
END = re.compile(SPACE.join((rb"\]", rb"(?:,", rb'"syncMode"', rb":", rb'(null|"\w{1,20}")', rb")?\}", rb"\Z")))
END_BYTES = 80  # the end of an envelope, spaces and mode included; a longer one is none of the usual

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Unread:
    """What a fast path vouches for. `mode` is as the client sent it, unjudged; `kept` is a JSON array, fit to be stored."""

    received: int
    mode: Any
    kept: bytes | memoryview


@dataclass(frozen=True, slots=True)
class _Readers:
    """One entity's ways of reading without looking."""

    begin: re.Pattern[bytes]
    known_only: msgspec.json.Decoder[Any]
    dropping: msgspec.json.Decoder[Any]


def _readers(entity: Entity) -> _Readers:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("records", list[entity.shape], msgspec.field(name=entity.name)),  # type: ignore[name-defined]
        ("mode", Any, msgspec.field(name="syncMode", default=None)),
    ]
    return _Readers(
        begin=re.compile(SPACE.join((rb"", rb"\{", b'"' + entity.name.encode() + b'"', rb":", rb"(?=\[)"))),
        known_only=msgspec.json.Decoder(list[entity.known_shape]),  # type: ignore[name-defined]  # made at run time
        dropping=msgspec.json.Decoder(msgspec.defstruct("Envelope", fields)),
    )


_READERS = {entity.name: _readers(entity) for entity in ENTITIES.values()}


def read_as_it_came(entity: Entity, body: bytes) -> Unread | None:
    """The array as it stands in the body, where all its fields are known scalars and nothing in it can hold an address.

    Customers have an `email` to hash. Numbers within msgspec's bounds are no longer than ours.
    """
    if entity is CUSTOMERS or _may_hold_an_address(body):
        return None
    readers = _READERS[entity.name]
    begin = readers.begin.match(body)
    last = body.rfind(b"]", -END_BYTES)
    end = END.match(body, last) if last >= 0 else None
    if begin is None or end is None:
        return None
    kept = memoryview(body)[begin.end() : last + 1]  # nothing is copied
    try:
        received = len(readers.known_only.decode(kept))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return Unread(received, msgspec.json.decode(end[1]) if end[1] else None, kept)


def _may_hold_an_address(text: bytes) -> bool:
    return b"@" in text or (b"\\" in text and b"\\u0040" in text)


def read_dropping(entity: Entity, body: bytes, hasher: Hasher) -> Unread | None:
    """Unknown fields dropped, customers' addresses hashed, everything else copied unread."""
    try:
        if not body.isascii():
            body.decode("utf-8")  # msgspec does not look inside what it skips
        envelope = _READERS[entity.name].dropping.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    records = envelope.records
    if entity is CUSTOMERS and not _hash_unread(records, hasher):
        return None
    kept = _encode(records)
    if not _is_plain(entity, kept, len(records) + _list_entries(entity, records)):
        return None
    return Unread(len(records), envelope.mode, kept)


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
        not _may_hold_an_address(kept)
        and kept.count(b"{") == objects
        and ENDLESS not in kept.translate(DIGITS_ALIKE)
        and not _holds_stray_list(entity, kept)
    )


def _holds_stray_list(entity: Entity, kept: bytes) -> bool:
    """Whether a list stands elsewhere than at the top or after a known list's name: `:[` not preceded by one."""
    known = sum(kept.count(b'"' + name.encode() + b'":[') for name in entity.lists)
    return kept.count(b"[") != 1 + known
