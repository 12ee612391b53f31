"""Keeps e-mail addresses out of the database: hashes the field that is one, and masks texts that contain one.

Batches are cleaned inside their request, before anything is stored (promise 8). API, pulls, ERP and logs share this module.

An address is a local part, plain or in double quotes, then an at sign, then a domain with a dot, or one in square brackets.
The at sign and every other character may be written as

- the character: @, and the fullwidth ＠ and small ﹫; a dot also as ．, 。, ｡ or ﹒;
- an HTML reference: &#64; (also without its semicolon, with zeros in front), &#x40;, &commat;, also after &amp;;
- a percent escape: %40, also %2540;
- an escape of JSON or JavaScript in the text: \\u0040, \\x40.

Not recognised: words for the sign, "john (at) example.com"; blanks around it; a domain without a dot, john@localhost, or of
digits only; comments, john(home)@example.com; and nested escapes of two kinds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5
from typing import Any

from schemas.base.key_ids import KEY_ID_BYTES, key_id

HASH_LENGTHS = (64, 64 + 2 * KEY_ID_BYTES + 1)  # without and with a key's id
Hasher = Callable[[str], str]

# Linear on hostile text: each pattern starts at a character that its repetitions exclude, and the repetitions are
# possessive.
_AMPERSAND = r"&(?:amp;|#0*+38;|#[xX]0*+26;)*+"
_REFERENCE_TO_AT = (
    _AMPERSAND + r"(?:#0*+(?:64|65312|65131)(?![0-9])|#[xX]0*+(?:40|[fF][fF]20|[fF][eE]6[bB])(?![0-9A-Fa-f])|commat;)"
)
_HIDDEN_AT = _REFERENCE_TO_AT + r"|%(?:25)*+40|\\(?:u0040|u[fF][fF]20|u[fF][eE]6[bB]|x40)"
_AT = re.compile("[@＠﹫]|" + _HIDDEN_AT)
_ESCAPE = re.compile(
    _AMPERSAND
    + r"(?:#0*+(?P<decimal>[0-9]{1,7})(?![0-9]);?"
    + r"|#[xX]0*+(?P<hexadecimal>[0-9A-Fa-f]{1,6})(?![0-9A-Fa-f]);?"
    + r"|(?P<name>[A-Za-z][A-Za-z0-9]{1,30};))"
    + r"|%(?:25)*+(?P<percent>[0-9A-Fa-f]{2})"
    + r"|(?<!\\)\\++(?:u(?P<unicode>[0-9A-Fa-f]{4})|x(?P<byte>[0-9A-Fa-f]{2}))"
)
_SAME = str.maketrans("＠﹫．。｡﹒", "@@....")
_UNREADABLE = "\ufffd"  # for one byte of a longer character: neither a delimiter nor a sign that matters here

# In a JSON document's bytes, any character may be escaped: one escape of a character that addresses need is enough.
# A pattern with one first character is as fast as memchr; `in` with more than one character is slower.
_BYTES_REFERENCE_TO_AT = re.compile(_REFERENCE_TO_AT.encode())
_BYTES_PERCENT = re.compile(rb"%(?:40|25)")
_BYTES_ESCAPE = re.compile(rb"\\(?:x40|u(?:00(?:2[356]|3[0-9bB]|[4-7])|[fF][fF]20|[fF][eE]6[bB]))")
_BYTES_WIDE = re.compile(rb"\xef(?:\xbc\xa0|\xb9\xab)")  # the fullwidth and the small sign

_DELIMITER = re.compile(r"[\s\"<>()\[\],;:]")
_PART_OF_URL = re.compile(r"[/?&=#|]")
_DOMAIN = re.compile(r"[^\s@\"<>()\[\],;:'{}/?&=#|]*+")
_LITERAL = re.compile(r"\[[^\s@\"\[\]]++\]")
_MORE_SIGNS = re.compile(r"(?:@[^\s@\"<>()\[\],;:'{}/?&=#|]*+)++")
_ORNAMENTS = "'{}`*_~"  # may surround an address in a text
_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "avif", "svg"})  # icon@2x.png is a picture for dense screens


@dataclass(frozen=True, slots=True)
class _Found:
    """Positions of an address: its start, the end of its first letter, its end.

    If `quoted`, it starts with a double quote, and its first letter is the one after the quote.
    """

    start: int
    first: int
    end: int
    quoted: bool


def email_hasher(key: str | None) -> Hasher:
    """A function that hashes an address, trimmed and in lower case: SHA-256 in hexadecimal.

    With a key: `KEY_ID:` and HMAC-SHA-256. The id is stored with the hash, so hashes made with a former key are recognised.
    """
    prefix = f"{key_id(key)}:" if key is not None else ""

    def hashed(address: str) -> str:
        plain = address.strip().lower().encode("utf-8", "surrogatepass")
        if key is None:
            return hashlib.sha256(plain).hexdigest()
        return prefix + hmac.digest(key.encode(), plain, "sha256").hex()

    return hashed


def may_hold_address(body: bytes) -> bool:
    """Whether a JSON document may contain an address. False is certain; True may be wrong and only costs time."""
    return (
        b"@" in body
        or (b"%" in body and _BYTES_PERCENT.search(body) is not None)
        or (b"\\" in body and _BYTES_ESCAPE.search(body) is not None)
        or (b"&" in body and _BYTES_REFERENCE_TO_AT.search(body) is not None)
        or (b"\xef" in body and _BYTES_WIDE.search(body) is not None)
    )


def mask_emails(text: str) -> str:
    """The text with each address cut to its first letter."""
    return _replaced(text, None)


def redact_emails(text: str, instead: str) -> str:
    """The text with `instead` in the place of each address."""
    return _replaced(text, instead)


def _replaced(text: str, instead: str | None) -> str:
    if text.isascii() and "@" not in text and "&" not in text and "%" not in text and "\\" not in text:
        return text  # the fast way out for nearly all texts
    if _AT.search(text) is None:
        return text
    plain, place_of = _without_escapes(text)
    parts: list[str] = []
    end = 0
    for found in _addresses(plain):
        start = place_of(found.start)
        parts += [text[end:start], instead if instead is not None else text[start : place_of(found.first)]]
        if instead is None and found.quoted:
            parts.append(text[start : place_of(found.start + 1)])
        end = place_of(found.end)
    return "".join((*parts, text[end:]))


def _without_escapes(text: str) -> tuple[str, Callable[[int], int]]:
    """The text with escapes replaced by their characters, and a function from its positions to those of `text`."""
    parts: list[str] = []
    here, there, length, end = [0], [0], 0, 0
    for escape in _ESCAPE.finditer(text):
        character = _character(escape)
        if character is None:
            continue
        parts += [text[end : escape.start()], character]
        length += escape.start() - end
        end = escape.end()
        here += [length, length + 1]
        there += [escape.start(), end]
        length += 1
    plain = "".join((*parts, text[end:])).translate(_SAME)

    def place_of(place: int) -> int:
        nearest = bisect_right(here, place) - 1
        return there[nearest] + place - here[nearest]

    return plain, place_of


def _character(escape: re.Match[str]) -> str | None:
    kind = escape.lastgroup or ""
    value = escape[kind]
    if kind == "name":
        named = html5.get(value, "")
        return named if len(named) == 1 else None  # no entity of several characters contains a sign of an address
    number = int(value, 10 if kind == "decimal" else 16)
    if number > 0x10FFFF or (kind == "percent" and number > 0x7F):
        return _UNREADABLE
    return chr(number)


def _addresses(text: str) -> Iterator[_Found]:
    low = 0  # each step looks at new text only, so the whole is linear
    while (sign := text.find("@", low)) >= 0:
        end = _domain_end(text, sign + 1)
        local = _local_part(text[low:sign]) if end is not None else None
        if end is None or local is None:
            low = sign + 1
            continue
        more = _MORE_SIGNS.match(text, end)
        low = more.end() if more else end
        start, quoted = sign - len(local), local.startswith('"')
        yield _Found(start, start + min(2, len(local) - 1) if quoted else start + min(1, len(local)), low, quoted)


def _domain_end(text: str, start: int) -> int | None:
    literal = _LITERAL.match(text, start)
    if literal:
        return literal.end()
    domain = _DOMAIN.match(text, start)
    first, *others = (domain[0] if domain else "").split(".")
    is_domain = first and any(label and not label[0].isdigit() and label.lower() not in _IMAGES for label in others)
    return domain.end() if domain and is_domain else None


def _local_part(before: str) -> str | None:
    if before.endswith('"'):
        return before[_opening_quote(before) :]
    widest = _DELIMITER.split(before)[-1]
    if not widest or widest.endswith("/"):  # https://example.com/@name is a page
        return None
    local = _PART_OF_URL.split(widest)[-1] or widest
    return local.lstrip(_ORNAMENTS) or local


def _opening_quote(before: str) -> int:
    quote = before.rfind('"', 0, len(before) - 1)
    while quote > 0 and before[quote - 1] == "\\":
        quote = before.rfind('"', 0, quote - 1)
    return quote if quote >= 0 else len(before)  # without an opening quote the local part is empty


def mask_value(value: Any) -> Any:
    """A scalar that may be stored: text is masked, and a container is emptied, because no scalar field accepts one."""
    if isinstance(value, str):
        return mask_emails(value)
    if isinstance(value, dict):
        return {}
    if isinstance(value, list):
        return []
    return value


def hash_email(value: Any, hasher: Hasher) -> Any:
    """The hash of an address, or None for blank text. Anything but text becomes False, which validation refuses."""
    if value is None:
        return None
    if not isinstance(value, str):
        return False
    return hasher(value) if value.strip() else None
