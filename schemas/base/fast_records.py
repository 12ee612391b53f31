"""Reads records with msgspec, many times faster than marshmallow, in structs made from the fields of their schema.

A reader returns the records that marshmallow would make, or None if it is unsure: then marshmallow decides, and names the
problems. It never accepts more than marshmallow does, which tests prove. Each field contributes the type of a value and the
check of a column (`ContractField`). Columns of a whole batch are checked at once, because a loop over each value of each
record would take longer than decoding them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import msgspec
from marshmallow import Schema, fields, missing

from schemas.base.contract_field import NOTHING, ContractField

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Column:
    values: Callable[[Any], Any]
    check: Callable[[Sequence[Any]], Iterable[Any]]


class FastReader:
    """`shape` is the struct of a payload. `record` makes a record of the values of `names`.

    `core` reads the same records if none has a field that the core lacks. It is asked first: most plugins send no other, and
    to look at twenty more columns of defaults would take as long as half of the core's.
    """

    def __init__(
        self,
        schema: Schema,
        record: Callable[..., Any],
        names: Sequence[str],
        *,
        known_only: bool = False,
        core: FastReader | None = None,
    ) -> None:
        self._core = core
        self.shape = shape_of(schema, type_of, known_only=known_only)
        self._record = record
        shapes: Any = list[self.shape]  # type: ignore[name-defined]  # made at run time
        self._decode = msgspec.json.Decoder(shapes).decode
        self._convert = partial(msgspec.convert, type=shapes)
        self._columns = [_column(name, schema.fields[name]) for name in names]

    def read_all(self, body: bytes) -> list[Any] | None:
        """The records of a JSON array, or None if one of them needs marshmallow."""
        if _is_odd(body):
            return None
        found = self._core._read(self._core._decode, body) if self._core else None
        return found if found is not None else self._read(self._decode, body)

    def read_each(self, payloads: Sequence[Any]) -> list[Any | None]:
        """The records that `strict_json` has parsed; None for each that needs marshmallow."""
        try:
            is_odd = _is_odd(_encode(payloads))
        except (UnicodeEncodeError, RecursionError):
            is_odd = True
        if not is_odd:
            return self._halved(payloads)
        return [None] if len(payloads) == 1 else [*map(self.read_one, payloads)]

    def read_one(self, payload: Any) -> Any | None:
        return self.read_each((payload,))[0]

    def _halved(self, payloads: Sequence[Any]) -> list[Any | None]:
        # Not decoded from the bytes that were encoded: 1e3 has become 1000 there, which is an id.
        found = self._read(self._convert, payloads)
        if found is not None:
            return found
        middle = len(payloads) // 2
        return [*self._halved(payloads[:middle]), *self._halved(payloads[middle:])] if middle else [None]

    def _read(self, decode: Callable[[Any], Any], source: Any) -> list[Any] | None:
        try:
            return self.finish(decode(source))
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
            return None

    def finish(self, shapes: Sequence[Any]) -> list[Any]:
        """The records of decoded payloads. Raises Unsure or OverflowError if one of them needs marshmallow."""
        columns = [column.check([*map(column.values, shapes)]) for column in self._columns]
        return [*map(self._record, *columns)]


def shape_of(
    schema: Schema, of_field: Callable[[fields.Field[Any]], tuple[Any, Any]], *, known_only: bool = False
) -> type[msgspec.Struct]:
    """A struct with the names of the contract. `of_field` gives each field's type and its value if it is left out.

    With `known_only`, it refuses unknown fields; they are dropped otherwise.
    """
    # In the contract's order: msgspec looks for the next name first.
    members = []
    for name, field in schema.fields.items():
        kind, default = of_field(field)
        members.append((name, kind, msgspec.field(name=field.data_key or name, default=default)))
    return msgspec.defstruct(type(schema).__name__, members, kw_only=True, gc=False, forbid_unknown_fields=known_only)


def type_of(field: fields.Field[Any]) -> tuple[Any, Any]:
    kind = field.fast_type() if isinstance(field, ContractField) else NOTHING
    default = msgspec.NODEFAULT if field.required or field.load_default is missing else field.load_default
    return (kind | None if field.allow_none else kind), default


def _column(name: str, field: fields.Field[Any]) -> _Column:
    # A field without a fast form has no value but its default.
    return _Column(attrgetter(name), field.fast_column if isinstance(field, ContractField) else lambda column: column)


def _is_odd(body: bytes) -> bool:
    # NUL can't be stored; msgspec refuses lone surrogates itself. It rounds a fraction of a second to microseconds, where
    # marshmallow cuts: of a second that is nearly over, the result would not show that.
    return (b"\\" in body and b"\\u0000" in body) or b".999999" in body
