"""Compares two OpenAPI documents: `python -m tests.tools.openapi_diff OLD.json NEW.json`, each change once.

Exits with 1 if there are any. Two ways to write the same schema are no difference: `type: [x, null]` and `anyOf` with null,
the order of `required` and `enum`, and a schema in place or behind a reference.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UNORDERED = ("required", "enum", "type", "tags", "security", "allOf", "oneOf")
NULL = {"type": "null"}
REFERENCED = ("headers", "responses", "parameters")  # compared where they are used


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line each, by their place in the document."""
    return list(_compare(_without_used(_plain(old, old)), _without_used(_plain(new, new)), ""))


def _without_used(document: dict[str, Any]) -> dict[str, Any]:
    components = {kind: named for kind, named in document["components"].items() if kind not in REFERENCED}
    return document | {"components": components}


def _plain(node: Any, document: dict[str, Any]) -> Any:
    """The same document in one way of writing it."""
    if isinstance(node, list):
        return [_plain(entry, document) for entry in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        kind, name = reference.removeprefix("#/components/").split("/")
        return _plain(document["components"][kind][name], document) if kind in REFERENCED else {"$ref": name}
    plain = {key: _sorted(_plain(value, document), key) for key, value in node.items()}
    if "operationId" in plain and "responses" in plain:
        plain["parameters"] = {f"{one['in']} {one['name']}": one for one in plain["parameters"]}
    return _nullable(plain)


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    if isinstance(node.get("type"), list) and "null" in node["type"]:
        types = [each for each in node["type"] if each != "null"]
        rest = {key: value for key, value in node.items() if key not in ("type", "description")}
        if None in rest.get("enum", []):
            rest["enum"] = [each for each in rest["enum"] if each is not None]
        said = {"description": node["description"]} if "description" in node else {}
        return said | {"anyOf": [{"type": types[0] if len(types) == 1 else types, **rest}, NULL]}
    return node


def _compare(old: Any, new: Any, where: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            place = f"{where}/{key}"
            if key not in new:
                yield f"- {place}: {_short(old[key])}"
            elif key not in old:
                yield f"+ {place}: {_short(new[key])}"
            else:
                yield from _compare(old[key], new[key], place)
    elif old != new:
        yield f"~ {where}: {_short(old)} -> {_short(new)}"


def _sorted(value: Any, key: str) -> Any:
    return sorted(value, key=_short) if key in UNORDERED and isinstance(value, list) else value


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


def main(paths: list[str]) -> int:
    old, new = (json.loads(Path(path).read_text(encoding="utf-8")) for path in paths)
    places: dict[str, list[str]] = {}
    for line in differences(old, new):
        sign, place, change = line.split(" ", 2)
        places.setdefault(f"{sign} …/{place.rpartition('/')[2]} {change}", []).append(place.removesuffix(":"))
    for change, found in places.items():
        print(f"{change}\n    at {len(found)}: {found[0]}")  # noqa: T201 - its output is what it is for
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
