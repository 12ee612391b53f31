"""Reads an object with an array of records, one record at a time, so that only one record's parsed values are in memory.

The values of a 16 MB batch may take two hundred megabytes once parsed.
"""

from __future__ import annotations

import codecs
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.base.json_bounds import TooMuch
from schemas.base.strict_json import NotJson, loads

MOST_VALUES_A_RECORD = 64 * 1024  # commas; the largest record has 6,000 values, and texts contain commas, too
MOST_VALUES_AT_ONCE = 256 * 1024  # commas of a body that must be parsed as a whole
CHECKED_BYTES = 1024 * 1024


class NoRecords(ValueError):
    """The document is not an object, or has no array of that name."""


@dataclass(frozen=True, slots=True)
class Records(Sequence[Any]):
    """The records of a body. Each is parsed when it is accessed, which may raise NotJson or TooMuch."""

    raw: list[Any]
    mode: Any  # the value of syncMode, or None
    is_parsed: bool = False

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, index: Any) -> Any:
        return self.raw[index] if self.is_parsed else _parsed(self.raw[index])


class _Object(msgspec.Struct, gc=False):
    """Any object. Its fields are skipped."""


_objects = msgspec.json.Decoder(list[_Object])
_raws = msgspec.json.Decoder(list[msgspec.Raw])


@functools.cache
def _envelopes(name: str) -> msgspec.json.Decoder[Any]:
    unset: Any = msgspec.Raw | msgspec.UnsetType
    fields = [
        ("records", unset, msgspec.field(name=name, default=msgspec.UNSET)),
        ("mode", unset, msgspec.field(name="syncMode", default=msgspec.UNSET)),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Envelope", fields))


def read_records(body: bytes, name: str, most: int) -> Records:
    """The records under `name`. Raises NotJson, NoRecords, or TooMuch if there are more than `most`."""
    try:
        envelope = _envelopes(name).decode(body)
        array = b"" if envelope.records is msgspec.UNSET else envelope.records
        if bytes(memoryview(array)[:1]) != b"[":
            raise NoRecords
        _check_most(_count(memoryview(array)), name, most)  # before each record takes its place in a list
        raw = _raws.decode(array)
    except msgspec.ValidationError:
        raise NoRecords from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_whole(body, name, most)  # not JSON, or with a lone surrogate, which msgspec refuses
    _check_utf8(body)
    mode = None if envelope.mode is msgspec.UNSET else _parsed(envelope.mode)
    return Records(raw, mode)


def _count(array: memoryview) -> int:
    try:
        return len(_objects.decode(array))
    except msgspec.ValidationError:  # one of them is not an object
        _check_values(bytes(array), MOST_VALUES_AT_ONCE)
        return len(_raws.decode(array))


def _check_most(count: int, name: str, most: int) -> None:
    if count > most:
        raise TooMuch(f"{name} may hold {most} records, not {count}")


def _check_values(text: bytes, most: int) -> None:
    if text.count(b",") > most:
        raise TooMuch(f"a record, or a body with an error in it, may hold {most} values")


def _parsed(raw: Any) -> Any:
    text = bytes(raw)
    if len(text) > MOST_VALUES_A_RECORD:
        _check_values(text, MOST_VALUES_A_RECORD)
    return loads(text)


def _check_utf8(body: bytes) -> None:
    # msgspec does not check the encoding of what it skips. In pieces: decoded, a body takes up to four times its bytes.
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(body), CHECKED_BYTES):
            decoder.decode(body[start : start + CHECKED_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None


def _read_whole(body: bytes, name: str, most: int) -> Records:
    _check_values(body, MOST_VALUES_AT_ONCE)
    document = loads(body)
    records = document.get(name) if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise NoRecords
    _check_most(len(records), name, most)
    return Records(records, document.get("syncMode"), is_parsed=True)
