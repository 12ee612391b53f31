"""Stub."""

from typing import Any

POLICY = "default-src 'none'"


def render_page(document: dict[str, Any]) -> str:
    return "<!doctype html><title>x</title>"
