"""Texts as WordPress stores and shows them: it alters what it takes, and answers with success."""

from __future__ import annotations

import html
import re

# Elements that posts may have; of others the tags go and the text between them stays.
ALLOWED = frozenset(
    "a abbr article b blockquote br caption center cite code col dd del div dl dt em figure figcaption h1 h2 h3 h4 h5 h6 hr i "
    "img ins kbd li mark ol p pre q s section small span strike strong sub sup table tbody td tfoot th thead tr tt u ul "
    "var video".split()
)
TOKEN = re.compile(r"<!--.*?(?:-->|$)|<[^>]*(?:>|$)|>", re.DOTALL)
ELEMENT = re.compile(r"<\s*(/\s*)?([a-zA-Z0-9-]+)([^>]*?)(\s*/)?>?", re.DOTALL)
ATTRIBUTE = re.compile(r"""([a-zA-Z_:][-\w:.]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
UNCLOSED = re.compile(r"<[^>]*?((?=<)|>|$)", re.DOTALL)
BARE_AMPERSAND = re.compile(r"&(?!(?:#\d+|#x[0-9a-fA-F]+|\w+);)")
TAG = re.compile(r"<(?=[a-zA-Z/!?])[^>]*>")
OCTETS = re.compile(r"%[a-fA-F0-9]{2}")
SHORTCODE = re.compile(r"\[gallery[^\]]*\]")


def rich(text: str) -> str:
    """A name or a description as it is stored: without backslashes and scripts, special characters escaped."""
    return TOKEN.sub(_token, BARE_AMPERSAND.sub("&amp;", _without_unclosed(text.replace("\\", ""))))


def plain(text: str) -> str:
    """A field of one line, such as a SKU: no tags, no percent escapes, each run of blanks one blank."""
    if "<" in text:
        text = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", _without_unclosed(text), flags=re.DOTALL | re.IGNORECASE)
        text = TAG.sub("", text)
    text = re.sub(r"[\r\n\t ]+", " ", text).strip()
    without = text
    while OCTETS.search(without):
        without = OCTETS.sub("", without)
    return text if without == text else re.sub(r" +", " ", without).strip()


def term_name(text: str) -> str:
    """The name of a category: one line, and every special character escaped."""
    stored = rich(plain(text.replace("\\", "")))
    return BARE_AMPERSAND.sub("&amp;", stored.replace("<", "&lt;").replace(">", "&gt;"))


def paragraphs(text: str) -> str:
    """A description as visitors see it: shortcodes run, and paragraphs added."""
    text = SHORTCODE.sub("", text)
    text = re.sub(r"\s*(<p\b)", r"\n\n\1", re.sub(r"(</p>)\s*", r"\1\n\n", text))
    chunks = [chunk.strip() for chunk in re.split(r"\n\s*\n", text) if chunk.strip()]
    shown = [chunk if chunk.startswith("<p") else f"<p>{chunk}</p>" for chunk in chunks]
    return "".join(re.sub(r"(?<!<br />)\n", "<br />\n", chunk) + "\n" for chunk in shown)


def _without_unclosed(text: str) -> str:
    return UNCLOSED.sub(lambda match: match[0] if ">" in match[0] else html.escape(match[0]), text)


def _token(match: re.Match[str]) -> str:
    token = match[0]
    if token.startswith("<!--"):
        return token
    if token == ">":
        return "&gt;"
    element = ELEMENT.fullmatch(token)
    if element is None or element[2].lower() not in ALLOWED:
        return ""
    if element[1]:
        return f"</{element[2]}>"
    attributes = [_attribute(one) for one in ATTRIBUTE.finditer(element[3]) if not one[1].lower().startswith("on")]
    return f"<{element[2]}{''.join(attributes)}{' /' if element[4] else ''}>"


def _attribute(match: re.Match[str]) -> str:
    value = match[2]
    if value is None:
        return f" {match[1]}"
    return f" {match[1]}={value}" if value[0] in "\"'" else f' {match[1]}="{value}"'
