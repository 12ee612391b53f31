"""An object with an array of records, read a record at a time: the parsed values of one record are in memory, not of all.

A batch of 16 MB may hold a million numbers or names, which take two hundred megabytes once parsed.
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

MOST_VALUES_A_RECORD = 64 * 1024  # commas; the largest record has 6,000 values, and prose holds commas
MOST_VALUES_AT_ONCE = 256 * 1024  # of a body that must be parsed as a whole
CHECKED_BYTES = 1024 * 1024


class NoRecords(ValueError):
    """The document is no object, or has no array under the name."""


@dataclass(frozen=True, slots=True)
class Records(Sequence[Any]):
    """The records of a body, each parsed when it is asked for: that raises NotJson and TooMuch."""

    raw: list[Any]
    mode: Any  # the value of syncMode, None where there is none
    is_parsed: bool = False

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, index: Any) -> Any:
        return self.raw[index] if self.is_parsed else _parsed(self.raw[index])


class _Object(msgspec.Struct, gc=False):
    """Any object; nothing of it is kept."""


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
    """The records under `name`. Raises NotJson, NoRecords, and TooMuch where they are more than `most`."""
    try:
        envelope = _envelopes(name).decode(body)
        array = b"" if envelope.records is msgspec.UNSET else envelope.records
        if bytes(memoryview(array)[:1]) != b"[":
            raise NoRecords
        _check_count(memoryview(array), name, most)
        raw = _raws.decode(array)
    except msgspec.ValidationError:
        raise NoRecords from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_whole(body, name, most)  # broken, or with half a surrogate pair, which msgspec refuses
    _check_utf8(body)
    mode = None if envelope.mode is msgspec.UNSET else _parsed(envelope.mode)
    return Records(raw, mode)


def _check_count(array: memoryview, name: str, most: int) -> None:
    """Count the records before each takes its place in a list."""
    try:
        count = len(_objects.decode(array))
    except msgspec.ValidationError:  # one of them is no object
        _check_values(bytes(array), MOST_VALUES_AT_ONCE)
        count = len(_raws.decode(array))
    _check_most(count, name, most)


def _check_most(count: int, name: str, most: int) -> None:
    if count > most:
        raise TooMuch(f"{name} may hold {most} records, not {count}")


def _check_values(text: bytes, most: int) -> None:
    if text.count(b",") > most:
        raise TooMuch(f"a record, or a body with a fault in it, may hold {most} values")


def _parsed(raw: Any) -> Any:
    text = bytes(raw)
    if len(text) > MOST_VALUES_A_RECORD:
        _check_values(text, MOST_VALUES_A_RECORD)
    return loads(text)


def _check_utf8(body: bytes) -> None:
    """msgspec does not look inside what it skips. A piece at a time: decoded, a body takes up to four times its bytes."""
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for begin in range(0, len(body), CHECKED_BYTES):
            decoder.decode(body[begin : begin + CHECKED_BYTES])
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
