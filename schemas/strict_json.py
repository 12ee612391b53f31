"""JSON in and out, strict and bounded: what one platform's parser would read otherwise than ours is refused.

Numbers keep their digits (Decimal). Duplicate names: the last one counts, as in PHP and JavaScript. A lone surrogate is
kept for the validation of its record, so that it costs one record and not the batch.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
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
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant)
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
    """Encode what `loads` returned; a lone surrogate goes out as its escape."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, default=_plain_decimal).encode("ascii")


def _plain_decimal(value: Any) -> Any:
    """The standard library has no numbers of our kind; their text means the same to every field that takes a number."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError
