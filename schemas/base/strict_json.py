"""JSON in and out, strict and bounded: what one platform's parser would read otherwise than ours is refused.

Numbers keep their digits (Decimal). Duplicate names: the last one counts, as in PHP and JavaScript. A lone surrogate is
kept for the validation of its record, so that it costs one record and not the batch.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

TOO_LARGE = Decimal("9E+9999")


def _decimal(digits: str) -> Decimal:
    """The number by its digits. An exponent beyond Decimal's own stands for a number that no field takes."""
    try:
        return Decimal(digits)
    except InvalidOperation:
        return TOO_LARGE


_decoder = msgspec.json.Decoder(float_hook=_decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class NotJson(ValueError):
    """The text is not JSON as we accept it. The message is safe to show: it never quotes the text."""


def loads(body: bytes) -> Any:
    """Parse a whole document. Raises NotJson for broken UTF-8 or JSON, NaN, Infinity, huge integers and deep nesting."""
    try:
        return _decoder.decode(body)
    except RecursionError:
        raise NotJson("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _loads_slowly(body)


def _loads_slowly(body: bytes) -> Any:
    """The standard library reads lone surrogates, which msgspec refuses; it is kept from reading what nobody should."""
    try:
        return json.loads(body.decode("utf-8"), parse_float=_decimal, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None
    except RecursionError:
        raise NotJson("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"the JSON is broken at line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise NotJson("the JSON holds a number that is too long, or NaN or Infinity") from None


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError


def dumps(value: Any) -> bytes:
    """Encode what `loads` returned, or a struct; a lone surrogate goes out as its escape."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_escaped(msgspec.to_builtins(value, builtin_types=(Decimal,))))


def _escaped(value: Any) -> Any:
    """The same with each text in ASCII; names are ours, and numbers must stay numbers."""
    if isinstance(value, str):
        return msgspec.Raw(json.dumps(value).encode("ascii"))
    if isinstance(value, list):
        return [_escaped(entry) for entry in value]
    return {name: _escaped(entry) for name, entry in value.items()} if isinstance(value, dict) else value
