"""The error envelope in the document: one answer for each set of codes that a status can have."""

from __future__ import annotations

from typing import Any

from app.http.errors import ERROR_CODES
from app.openapi.headers import ANSWER_HEADERS

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "enum": list(ERROR_CODES)},
                "message": {"type": "string", "description": "plain words that say what to do"},
                "details": {"type": "object", "description": "facts that depend on the code"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


def error_answer(codes: list[str]) -> dict[str, Any]:
    """The answer of a status with these codes. A header is required if each of them brings it."""
    narrowed = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, narrowed]}
    return {
        "description": " or ".join(codes),
        "headers": _headers(codes),
        "content": {"application/json": {"schema": schema, "examples": {code: _example(code) for code in codes}}},
    }


def _headers(codes: list[str]) -> dict[str, Any]:
    always = set.intersection(*(set(ERROR_CODES[code].headers) for code in codes))
    sometimes = {name for code in codes for name in (*ERROR_CODES[code].headers, *ERROR_CODES[code].may_have)}
    named = {name: {**ANSWER_HEADERS[name], "required": True} for name in ("X-Request-Id", *sorted(always))}
    return named | {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(sometimes - always)}


def _example(code: str) -> dict[str, Any]:
    declared = ERROR_CODES[code]
    error: dict[str, Any] = {"code": code, "message": declared.message}
    if declared.details:
        error["details"] = declared.details
    return {"value": {"success": False, "error": error}}


def by_status(codes: tuple[str, ...]) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = {}
    for code in sorted(codes, key=lambda code: (ERROR_CODES[code].status, code)):
        grouped.setdefault(ERROR_CODES[code].status, []).append(code)
    return grouped
