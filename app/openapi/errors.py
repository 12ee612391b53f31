"""The error envelope in the document: one answer for each set of codes that a status can have."""

from __future__ import annotations

from typing import Any

from app.http.errors import STATUSES
from app.openapi.headers import ANSWER_HEADERS, DETAILS, ERROR_HEADERS, ERROR_MAY_HAVE, ERRORS

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "enum": list(STATUSES)},
                "message": {"type": "string", "description": "plain words, without anything of the inside"},
                "details": {"type": "object", "description": "facts that depend on the code"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


def error_answer(codes: list[str]) -> dict[str, Any]:
    """The answer of one status that has these codes. A header is required where each of them brings it."""
    narrowed = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, narrowed]}
    return {
        "description": " or ".join(codes),
        "headers": _headers(codes),
        "content": {"application/json": {"schema": schema, "examples": {code: _example(code) for code in codes}}},
    }


def _headers(codes: list[str]) -> dict[str, Any]:
    always = set.intersection(*(set(ERROR_HEADERS.get(code, ())) for code in codes))
    sometimes = {name for code in codes for name in (*ERROR_HEADERS.get(code, ()), *ERROR_MAY_HAVE.get(code, ()))}
    named = {name: {**ANSWER_HEADERS[name], "required": True} for name in ("X-Request-Id", *sorted(always))}
    return named | {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(sometimes - always)}


def _example(code: str) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": ERRORS[code]}
    if code in DETAILS:
        error["details"] = DETAILS[code]
    return {"value": {"success": False, "error": error}}
