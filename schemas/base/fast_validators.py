"""Each schema compiled once into a plain function that accepts the usual record fast.

The function answers with the record that marshmallow would make, or with None: then marshmallow decides, and says why. It is
never more lenient; a field whose kind it does not know makes it decline every record. Equivalence is proved by tests.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from marshmallow import Schema, fields

from schemas.base.fields import (
    BIGINT_MAX,
    MICRO,
    MONEY_BOUND,
    TEXT_MAX,
    UNSTORABLE,
    Count,
    EmailHash,
    ExternalId,
    Money,
    Records,
    Reference,
    Text,
    Timestamp,
)
from schemas.base.platform_fields import LAST_SECOND, LONGEST_LIST, MaskedText, MaskedTexts, Part, UnixSeconds

FastLoad = Callable[[Any], Any]

USUAL_NUMBER = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,6})?").fullmatch
LONGEST_AMOUNT = 21  # a sign, thirteen digits, a point, six decimals
USUAL_ID = re.compile(r"[1-9][0-9]{0,18}").fullmatch
USUAL_MOMENT = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?"
).fullmatch
SAFE_MONEY = MONEY_BOUND - 1  # rounding can't carry an amount below it over the bound


@functools.lru_cache(maxsize=8192)
def usual_amount(text: str) -> Decimal | None:
    """An amount written as text. A shop has few prices: most of a page's amounts were seen before."""
    return Decimal(text).quantize(MICRO) if USUAL_NUMBER(text) else None


def usual_money(value: Any) -> Decimal | None:
    """The amount as the Money field makes it, or None where that field should look."""
    kind = type(value)
    if kind is str:
        # What is longer is unusual, and not worth a place in memory.
        return usual_amount(value) if len(value) <= LONGEST_AMOUNT else None
    if (kind is Decimal or kind is int) and -SAFE_MONEY < value < SAFE_MONEY:
        return Decimal(value).quantize(MICRO, ROUND_HALF_UP)
    return None


def usual_moment(value: Any) -> datetime | None:
    """The moment as the Timestamp field makes it, or None where that field should look."""
    if type(value) is not str or not USUAL_MOMENT(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= 1000 else None


def usual_id(value: str) -> int | None:
    """The number that an id's text is, or None where its field should look."""
    return int(value) if USUAL_ID(value) else None


def usual_texts(value: Any) -> tuple[str, ...] | None:
    """A few short texts as the MaskedTexts field makes them, or None where that field should look."""
    if type(value) is not list or len(value) > LONGEST_LIST:
        return None
    plain = all(
        type(text) is str and len(text) <= TEXT_MAX and text.isprintable() and "@" not in text for text in value
    )
    return tuple(value) if plain else None


def usual_entries(value: Any, most: int, load: FastLoad) -> tuple[Any, ...] | None:
    """The records of a list field, or None where one of them is not usual."""
    if type(value) is not list or len(value) > most:
        return None
    entries = tuple(map(load, value))
    return None if None in entries else entries


def compile_schema(schema: Schema, record: type[Any]) -> FastLoad:
    """A function from payload to `record`, or to None where the schema itself must decide."""
    names: dict[str, Any] = {
        "Record": record,
        "unstorable": UNSTORABLE.search,
        "money": usual_money,
        "moment": usual_moment,
        "entries": usual_entries,
        "id_of": usual_id,
        "texts": usual_texts,
        "from_unix": datetime.fromtimestamp,
        "UTC": UTC,
        "BIGINT_MAX": BIGINT_MAX,
        "LAST_SECOND": LAST_SECOND,
    }
    lines = ["def fast_load(payload):", "    if type(payload) is not dict: return None", "    get = payload.get"]
    for name, field in schema.fields.items():
        lines.append(
            f"    v_{name} = get({field.data_key or name!r})"
        )  # the prefix keeps a field `type` off the builtin
        lines += ["    " + line for line in _check(f"v_{name}", field, names)]
    lines.append(f"    return Record({', '.join(f'{part.name}=v_{part.name}' for part in dataclass_fields(record))})")
    exec("\n".join(lines), names)  # noqa: S102 - the source is made of our own schemas' names, never of input
    compiled: FastLoad = names["fast_load"]
    return compiled


def _check(name: str, field: fields.Field[Any], names: dict[str, Any]) -> list[str]:
    """The lines that accept the usual value of one field, or decline the record."""
    accept = _accept(name, field, names)
    if field.required:
        return accept
    if isinstance(field, Records):
        return [f"if {name} is None: {name} = ()", "else:", *("    " + line for line in accept)]
    return [f"if {name} is not None:", *("    " + line for line in accept)]


def _accept(name: str, field: fields.Field[Any], names: dict[str, Any]) -> list[str]:
    decline = "return None"
    if isinstance(field, Text):
        blank = "" if field.blank else f" or not {name}.strip()"
        address = f" or '@' in {name}" if isinstance(field, MaskedText) else ""
        return [
            f"if type({name}) is not str or len({name}) > {field.longest}{blank}{address}: {decline}",
            f"if not {name}.isprintable() and unstorable({name}): {decline}",
        ]
    if isinstance(field, ExternalId | Reference):
        return [
            f"if type({name}) is str: {name} = id_of({name})",
            *_accept_number(name, "0 <" if isinstance(field, ExternalId) else "0 <="),
            *([f"{name} = {name} or None"] if isinstance(field, Reference) else []),
        ]
    if isinstance(field, Count):
        return _accept_number(name, "0 <=")
    if isinstance(field, EmailHash):
        return [f"if type({name}) is not str or len({name}) != 64: {decline}"]
    if isinstance(field, Money | Timestamp):
        kind = "money" if isinstance(field, Money) else "moment"
        return [f"{name} = {kind}({name})", f"if {name} is None: {decline}"]
    if isinstance(field, UnixSeconds):
        return [
            f"if type({name}) is not int or not 0 < {name} <= LAST_SECOND: {decline}",
            f"{name} = from_unix({name}, UTC)",
        ]
    if isinstance(field, MaskedTexts):
        return [f"{name} = texts({name})", f"if {name} is None: {decline}"]
    if isinstance(field, Part):
        names[f"load_{name}"] = compile_schema(field.part_schema, field.part_record)
        return [f"{name} = load_{name}({name})", f"if {name} is None: {decline}"]
    if isinstance(field, Records):
        names[f"load_{name}"] = compile_schema(field.entry_schema, field.entry_record)
        return [f"{name} = entries({name}, {field.most}, load_{name})", f"if {name} is None: {decline}"]
    return [decline]


def _accept_number(name: str, low: str) -> list[str]:
    return [f"if type({name}) is not int or not {low} {name} <= BIGINT_MAX: return None"]
