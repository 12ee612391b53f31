"""The comparison of two contracts finds what changed, and takes two ways of writing the same for the same."""

from __future__ import annotations

import copy
from typing import Any

from tests.tools.openapi_diff import differences

ANSWER: dict[str, Any] = {"schema": {"type": ["string", "null"], "enum": ["a", "b", None]}}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things": {
            "get": {
                "operationId": "listThings",
                "parameters": [{"name": "limit", "in": "query"}, {"name": "cursor", "in": "query"}],
                "responses": {"200": {"content": {"application/json": ANSWER}}},
            }
        }
    },
    "components": {"schemas": {"Thing": {"type": "object", "required": ["a", "b"]}}},
}


def test_same_contract_written_another_way_is_equal() -> None:
    other = copy.deepcopy(DOCUMENT)
    operation = other["paths"]["/things"]["get"]
    operation["parameters"].reverse()
    other["components"]["schemas"]["Thing"]["required"].reverse()
    schema = {"anyOf": [{"type": "string", "enum": ["b", "a"]}, {"type": "null"}]}
    operation["responses"]["200"]["content"]["application/json"]["schema"] = schema
    assert differences(DOCUMENT, other) == []


def test_removed_added_and_changed_parts_are_listed() -> None:
    other = copy.deepcopy(DOCUMENT)
    other["components"]["schemas"]["Thing"] = {"type": "array", "maxItems": 3}
    assert differences(DOCUMENT, other) == [
        "+ /components/schemas/Thing/maxItems: 3",
        '- /components/schemas/Thing/required: ["a", "b"]',
        '~ /components/schemas/Thing/type: "object" -> "array"',
    ]
