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


def test_page_has_every_operation_and_schema() -> None:
    assert {operation.name for operation in OPERATIONS} <= set(IDS)
    assert {f"schema-{name.lower()}" for name in DOCUMENT["components"]["schemas"]} <= set(IDS)
    assert len(set(IDS)) == len(IDS)


def test_every_link_leads_somewhere_on_the_page() -> None:
    assert {link for link in LINKS if not link.startswith("#")} == {"openapi.json"}
    assert {link.removeprefix("#") for link in LINKS} - {"openapi.json"} <= set(IDS)


def test_page_fetches_nothing_and_keeps_nothing() -> None:
    assert not re.search(r"<(link|img|iframe|object)\b|<script\s|\son\w+=|\sstyle=|@import|url\(", PAGE)
    assert not re.search(r"localStorage|sessionStorage|indexedDB|cookie\s*=", PAGE)


def test_policy_allows_the_pages_style_and_script_only() -> None:
    sources = dict(part.strip().split(" ", 1) for part in POLICY.split(";"))
    assert sources["default-src"] == "'none'"
    assert sources["connect-src"] == "'self'"  # a token typed here can be sent to this installation only
    for kind in ("style", "script"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", PAGE, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert sources[f"{kind}-src"] == f"'sha256-{digest}'"


def test_every_operation_has_samples_and_a_form() -> None:
    for operation in OPERATIONS:
        article = PAGE.split(f'<article id="{operation.name}"')[1].split("</article>")[0]
        assert all(f"<summary>{language}</summary>" in article for language in ("curl", "PHP", "Python"))
        assert '<form class="try"' in article


def test_texts_of_the_document_are_escaped_on_the_page() -> None:
    spoiled = DOCUMENT | {"info": {**DOCUMENT["info"], "description": "<script>alert(1)</script> `<b>`"}}
    page = render_page(spoiled)
    assert "<script>alert" not in page
    assert "<code>&lt;b&gt;</code>" in page
