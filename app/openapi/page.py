"""Renders the contract as a page that loads nothing and can be read without its script.

The script, for search, copying and calls, is a part of the page, and the policy allows no other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.openapi.samples import SampleCall, sample_call, samples_of

FOLDER = Path(__file__).parent / "templates"
STYLE = (FOLDER / "docs.css").read_text(encoding="utf-8")
SCRIPT = (FOLDER / "docs.js").read_text(encoding="utf-8")


def _hash_of(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


POLICY = (
    f"default-src 'none'; style-src 'sha256-{_hash_of(STYLE)}'; script-src 'sha256-{_hash_of(SCRIPT)}'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CODE = re.compile(r"`([^`]+)`")

JsonSchema = dict[str, Any]


def render_page(document: dict[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "words": words,
        "json": pretty,
        "kind": kind,
        "anchor": anchor,
        "samples": lambda call: samples_of(call).items(),
    }
    environment.globals |= {"resolve": lambda node: resolve(document, node), "rows": lambda node: rows(document, node)}
    operations = [
        {**operation, "method": method, "path": path}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    groups = [
        (tag, [operation for operation in operations if tag["name"] in operation["tags"]]) for tag in document["tags"]
    ]
    calls = {operation["operationId"]: _call_of(document, operation) for operation in operations}
    return environment.get_template("docs.html").render(
        document=document,
        groups=groups,
        calls=calls,
        style=Markup(STYLE),  # noqa: S704 - our own file
        script=Markup(SCRIPT),  # noqa: S704 - our own file
    )


def _call_of(document: dict[str, Any], operation: dict[str, Any]) -> SampleCall:
    parameters = [resolve(document, given) for given in operation["parameters"]]
    content = operation.get("requestBody", {}).get("content", {})
    example = next((one.get("example", {}) for one in content.values()), None)
    return sample_call(
        operation["method"], operation["path"], parameters, example, has_token=bool(operation["security"])
    )


def words(text: str) -> Markup:
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def pretty(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def anchor(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def resolve(document: dict[str, Any], node: JsonSchema) -> JsonSchema:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def name_of(node: JsonSchema) -> str | None:
    return node["$ref"].rpartition("/")[2] if "$ref" in node else None


def kind(node: JsonSchema) -> Markup:
    """The type in a few words: `integer or null`, `array of Order`."""
    return Markup(" or ").join(dict.fromkeys(_kinds(node))) or Markup("anything")


def _kinds(node: JsonSchema) -> list[Markup]:
    name = name_of(node)
    if name:
        return [Markup('<a href="#schema-{}">{}</a>').format(anchor(name), name)]
    if "anyOf" in node:
        return [each for part in node["anyOf"] for each in _kinds(part)]
    if "const" in node:
        return [Markup("<code>{}</code>").format(json.dumps(node["const"]))]
    types = node.get("type", [])
    return [_typed(each, node) for each in ([types] if isinstance(types, str) else types)] or [Markup("anything")]


def _typed(name: str, node: JsonSchema) -> Markup:
    if name == "array":
        return Markup("array of {}").format(kind(node.get("items", {})))
    return escape(node["format"] if name == "string" and "format" in node else name)


def rows(document: dict[str, Any], node: JsonSchema) -> list[tuple[str, bool, JsonSchema, str]]:
    """The fields of an object: name, whether it is required, schema, and its limits."""
    schema = resolve(document, node)
    required = schema.get("required", [])
    return [(name, name in required, field, _limits(field)) for name, field in schema.get("properties", {}).items()]


def _limits(field: JsonSchema) -> str:
    node = next((part for part in field.get("anyOf", []) if part.get("type") != "null"), field)
    said = [field["description"]] if "description" in field else []
    if "enum" in node:
        said.append("one of " + ", ".join(f"`{choice}`" for choice in node["enum"] if choice is not None))
    if "minimum" in node and "maximum" in node:
        said.append(f"{node['minimum']} to {node['maximum']}")
    if "maxLength" in node:
        said.append(f"at most {node['maxLength']} characters")
    if "maxItems" in node:
        said.append(f"at most {node['maxItems']} entries")
    return "; ".join(said)
