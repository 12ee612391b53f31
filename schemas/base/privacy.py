"""No e-mail address in clear: hashes the field that is one, masks texts that hold one, and drops what no schema knows.

Everything here runs inside the request, before a byte of the batch leaves it (promise 8).

What counts as an address, here alone (API, pulls, ERP and logs share it): a local part, plain or in double quotes, then an at
sign, then a domain with a dot, or one in square brackets. The at sign and every other character may be written as

- the character: @, and the fullwidth ＠ and small ﹫; a dot also as ．, 。, ｡ or ﹒;
- an HTML reference: &#64; (also without its semicolon, with zeros in front), &#x40;, &commat;, also after &amp;;
- a percent escape: %40, also %2540;
- an escape of JSON or JavaScript in the text: \\u0040, \\x40.

Not recognised: words for the sign, "john (at) example.com"; blanks around it; a domain without a dot, john@localhost, or of
digits alone; comments, john(home)@example.com; and two kinds of escape inside one another.
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

HASH_LENGTHS = (64, 64 + 2 * KEY_ID_BYTES + 1)  # without and with the id of a key
Hasher = Callable[[str], str]

# Each pattern starts at a character that it can't meet again in what it repeats, and never gives back what it took
# (possessive): linear on hostile text.
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
_UNREADABLE = "\ufffd"  # stands for one byte of several: no delimiter, and no sign that matters here

# In the bytes of a JSON document any character may be an escape as well: of those that forms are made of, one is enough.
# A pattern with one first character finds it as fast as memchr does; `in` with more than one character is slower.
_BYTES_REFERENCE_TO_AT = re.compile(_REFERENCE_TO_AT.encode())
_BYTES_PERCENT = re.compile(rb"%(?:40|25)")
_BYTES_ESCAPE = re.compile(rb"\\(?:x40|u(?:00(?:2[356]|3[0-9bB]|[4-7])|[fF][fF]20|[fF][eE]6[bB]))")
_BYTES_WIDE = re.compile(rb"\xef(?:\xbc\xa0|\xb9\xab)")  # the fullwidth and the small sign

_DELIMITER = re.compile(r"[\s\"<>()\[\],;:]")
_PART_OF_URL = re.compile(r"[/?&=#|]")
_DOMAIN = re.compile(r"[^\s@\"<>()\[\],;:'{}/?&=#|]*+")
_LITERAL = re.compile(r"\[[^\s@\"\[\]]++\]")
_MORE_SIGNS = re.compile(r"(?:@[^\s@\"<>()\[\],;:'{}/?&=#|]*+)++")
_ORNAMENTS = "'{}`*_~"  # may stand around an address in a text
_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "avif", "svg"})  # icon@2x.png is a picture for dense screens


@dataclass(frozen=True, slots=True)
class _Found:
    """An address: where it begins, where its first letter ends, and where it ends itself.

    `quoted`: it begins with a double quote, and its first letter is the one behind that.
    """

    begin: int
    first: int
    end: int
    quoted: bool


def email_hasher(key: str | None) -> Hasher:
    """SHA-256 of the trimmed, lower-case address in hexadecimal. Where a key is set, `KEY_ID:` and HMAC-SHA-256: the id goes
    with the hash through batches and pages to the row, so that a hash made under a former key is known as one.
    """
    prefix = f"{key_id(key)}:" if key is not None else ""

    def hashed(address: str) -> str:
        plain = address.strip().lower().encode("utf-8", "surrogatepass")
        if key is None:
            return hashlib.sha256(plain).hexdigest()
        return prefix + hmac.digest(key.encode(), plain, "sha256").hex()

    return hashed


def may_hold_address(body: bytes) -> bool:
    """Whether a JSON document may hold an address. False is certain; True may be a mistake, and costs a slower look."""
    return (
        b"@" in body
        or (b"%" in body and _BYTES_PERCENT.search(body) is not None)
        or (b"\\" in body and _BYTES_ESCAPE.search(body) is not None)
        or (b"&" in body and _BYTES_REFERENCE_TO_AT.search(body) is not None)
        or (b"\xef" in body and _BYTES_WIDE.search(body) is not None)
    )


def mask_emails(text: str) -> str:
    """The text with each address in it cut to its first letter; a text without one comes back as it is."""
    return _replaced(text, None)


def redact_emails(text: str, instead: str) -> str:
    """The text with other words in the place of each address."""
    return _replaced(text, instead)


def _replaced(text: str, instead: str | None) -> str:
    if text.isascii() and "@" not in text and "&" not in text and "%" not in text and "\\" not in text:
        return text  # nearly all texts
    if _AT.search(text) is None:
        return text
    plain, place_of = _without_escapes(text)
    kept: list[str] = []
    end = 0
    for found in _addresses(plain):
        begin = place_of(found.begin)
        kept += [text[end:begin], instead if instead is not None else text[begin : place_of(found.first)]]
        if instead is None and found.quoted:
            kept.append(text[begin : place_of(found.begin + 1)])
        end = place_of(found.end)
    return "".join((*kept, text[end:]))


def _without_escapes(text: str) -> tuple[str, Callable[[int], int]]:
    """The text with the character in the place of each escape, and where a place in it stands in the text."""
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
    """What an escape stands for; None where that is nothing, or more than one character."""
    kind = escape.lastgroup or ""
    value = escape[kind]
    if kind == "name":
        named = html5.get(value, "")
        return named if len(named) == 1 else None
    number = int(value, 10 if kind == "decimal" else 16)
    if number > 0x10FFFF or (kind == "percent" and number > 0x7F):
        return _UNREADABLE
    return chr(number)


def _addresses(text: str) -> Iterator[_Found]:
    """Each address of a text without escapes. Every step looks at what no other step looked at."""
    low = 0
    while (sign := text.find("@", low)) >= 0:
        end = _domain_end(text, sign + 1)
        local = _local_part(text[low:sign]) if end is not None else None
        if end is None or local is None:
            low = sign + 1
            continue
        more = _MORE_SIGNS.match(text, end)
        low = more.end() if more else end
        begin, quoted = sign - len(local), local.startswith('"')
        yield _Found(begin, begin + min(2, len(local) - 1) if quoted else begin + min(1, len(local)), low, quoted)


def _domain_end(text: str, begin: int) -> int | None:
    """Where a domain ends that begins here."""
    literal = _LITERAL.match(text, begin)
    if literal:
        return literal.end()
    domain = _DOMAIN.match(text, begin)
    first, *others = (domain[0] if domain else "").split(".")
    is_domain = first and any(label and not label[0].isdigit() and label.lower() not in _IMAGES for label in others)
    return domain.end() if domain and is_domain else None


def _local_part(before: str) -> str | None:
    """What belongs to an address of the text before its sign; None where there is no address."""
    if before.endswith('"'):
        return before[_opening_quote(before) :]
    widest = _DELIMITER.split(before)[-1]
    if not widest or widest.endswith("/"):  # https://example.com/@name is a page
        return None
    local = _PART_OF_URL.split(widest)[-1] or widest
    return local.lstrip(_ORNAMENTS) or local


def _opening_quote(before: str) -> int:
    """Where the quoted text begins that ends here; its end where it does not begin."""
    quote = before.rfind('"', 0, len(before) - 1)
    while quote > 0 and before[quote - 1] == "\\":
        quote = before.rfind('"', 0, quote - 1)
    return quote if quote >= 0 else len(before)


def hidden(value: Any) -> Any:
    """A scalar that may be stored: text is masked, and a container, which no scalar field takes, is emptied."""
    if isinstance(value, str):
        return mask_emails(value)
    if isinstance(value, dict):
        return {}
    if isinstance(value, list):
        return []
    return value


def hidden_email(value: Any, hasher: Hasher) -> Any:
    """The hash of an address; no address stays none, and what is no text at all becomes `false`, refused later."""
    if value is None:
        return None
    if not isinstance(value, str):
        return False
    return hasher(value) if value.strip() else None
