"""The page of the contract: whole, linked, and with nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re

from app.openapi.page import POLICY, render_page
from tests.support.contract import DOCUMENT, OPERATIONS

PAGE = render_page(DOCUMENT)
IDS = re.findall(r'\bid="([^"]+)"', PAGE)
LINKS = re.findall(r'\b(?:href|src)="([^"]*)"', PAGE)


def test_every_operation_and_schema_has_its_place() -> None:
    assert {operation.name for operation in OPERATIONS} <= set(IDS)
    assert {f"schema-{name.lower()}" for name in DOCUMENT["components"]["schemas"]} <= set(IDS)
    assert len(set(IDS)) == len(IDS)


def test_every_link_leads_to_a_place_on_the_page_or_to_the_document() -> None:
    assert {link for link in LINKS if not link.startswith("#")} == {"openapi.json"}
    assert {link.removeprefix("#") for link in LINKS} - {"openapi.json"} <= set(IDS)


def test_nothing_runs_and_nothing_is_fetched() -> None:
    assert not re.search(r"<(script|link|img|iframe|object)\b|\son\w+=|\sstyle=|@import|url\(", PAGE)


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", PAGE, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    sources = dict(part.strip().split(" ", 1) for part in POLICY.split(";"))
    assert sources["default-src"] == "'none'"
    assert sources["style-src"] == f"'sha256-{digest}'"


def test_words_of_the_document_are_text_on_the_page() -> None:
    spoiled = DOCUMENT | {"info": {**DOCUMENT["info"], "description": "<script>alert(1)</script> `<b>`"}}
    page = render_page(spoiled)
    assert "<script" not in page
    assert "<code>&lt;b&gt;</code>" in page
