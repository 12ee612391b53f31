"""Cleans the ERP's markup on its way to the shop, where it would run in every visitor's browser.

At the way out and not at the intake, so that products taken in by earlier releases are cleaned too. What was cleaned is what is
hashed (`parts`) and compared with the shop (`mapper`), and cleaning it again changes nothing.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass

import nh3

# What describes a product. No forms, frames, scripts or styles; no `style`, `id` or `name`, with which a text could cover or
# take the place of a part of the shop's page.
TAGS = {
    *(
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "dfn",
        "div",
        "dl",
    ),
    *(
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
    ),
    *(
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
    ),
    *("thead", "tr", "u", "ul", "var"),
}
ATTRIBUTES = {
    "*": {"class", "dir", "lang", "title"},
    "a": {"href"},
    "col": {"span"},
    "colgroup": {"span"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
# A browser's parser, ours too, looks back over all open tags at each <div>: 10,000 take 0.1 s, ten times as many 10 s.
MOST_TAGS = 10_000
URL_SCHEMES = {"http", "https", "mailto", "tel"}
CONTENT_GONE = {"script", "style"}  # of other tags that go, the text stays

_DESCRIPTION = nh3.Cleaner(
    tags=TAGS, attributes=ATTRIBUTES, url_schemes=URL_SCHEMES, clean_content_tags=CONTENT_GONE, link_rel=None
)
_PLAIN = nh3.Cleaner(tags=set(), clean_content_tags=CONTENT_GONE)

_OPENS_TAG = re.compile(r"<[A-Za-z/!?]")  # what else follows a < makes it text

# For telling what went, not for deciding what goes.
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*+)([^<>]*+)")
_ATTRIBUTE = re.compile(r"(?<![^\s\"'/])([A-Za-z_:@][^\s\"'<>=/]*+)\s*+=")


@dataclass(frozen=True, slots=True)
class Removed:
    """What cleaning took out of a field: tags, attributes and comments, by their names."""

    field: str
    parts: list[str]


def clean_description(text: str) -> str:
    """HTML with the tags and attributes that describe a product, and no others.

    With more than MOST_TAGS it becomes text that shows its tags.
    """
    if "<" not in text:
        return text
    return _DESCRIPTION.clean(text) if text.count("<") <= MOST_TAGS else html.escape(text, quote=False)


def clean_name(text: str) -> str:
    """Text without any tag. An entity stays one where it would become a tag otherwise."""
    if "<" not in text:
        return text
    escaped = _PLAIN.clean(text)
    plain = html.unescape(escaped)
    return escaped if _OPENS_TAG.search(plain) else plain


def removed_parts(field: str, before: str, after: str) -> list[Removed]:
    gone = set(_markup(before) - _markup(after))
    return [Removed(field, sorted(gone))] if gone else []


def _markup(text: str) -> Counter[str]:
    found: Counter[str] = Counter({"comments": text.count("<!--")})
    for tag in _TAG.finditer(text):
        name = tag[1].lower()
        found[f"<{name}>"] += 1
        found.update(f"{attribute[1].lower()} of <{name}>" for attribute in _ATTRIBUTE.finditer(tag[2]))
    return found
