"""Strict JSON: documents that parsers may read in different ways are refused.

Numbers keep their digits (Decimal). Of duplicate names the last one counts, as in PHP and JavaScript. A lone surrogate is
accepted here and refused by its record's validation, so that it costs one record and not the batch.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

TOO_LARGE = Decimal("9E+9999")


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond Decimal's own
        return TOO_LARGE  # which no field accepts


_decoder = msgspec.json.Decoder(float_hook=_decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class NotJson(ValueError):
    """The text is not JSON, or not JSON that is accepted here. The message never quotes the text."""


def loads(body: bytes) -> Any:
    """Parse a document. Raises NotJson for invalid UTF-8 or JSON, NaN, Infinity, huge integers and deep nesting."""
    try:
        return _decoder.decode(body)
    except RecursionError:
        raise NotJson("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _loads_slowly(body)


def _loads_slowly(body: bytes) -> Any:
    # The standard library accepts lone surrogates, which msgspec refuses.
    try:
        return json.loads(body.decode("utf-8"), parse_float=_decimal, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None
    except RecursionError:
        raise NotJson("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"the JSON is invalid at line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise NotJson("the JSON contains a number that is too long, or NaN or Infinity") from None


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError


def dumps(value: Any) -> bytes:
    """Encode what `loads` returned, or a struct. Lone surrogates are written as escapes."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_escaped(msgspec.to_builtins(value, builtin_types=(Decimal,))))


def _escaped(value: Any) -> Any:
    # Names are ours, so only values can hold a surrogate.
    if isinstance(value, str):
        return msgspec.Raw(json.dumps(value).encode("ascii"))
    if isinstance(value, list):
        return [_escaped(entry) for entry in value]
    return {name: _escaped(entry) for name, entry in value.items()} if isinstance(value, dict) else value
