"""Recorded traffic of a real shop: its steps, and how an answer of the fake differs from the recorded one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.paths import FIXTURES

FOLDER = FIXTURES / "woocommerce"
HEADERS_COMPARED = ("X-WP-Total", "X-WP-TotalPages", "WWW-Authenticate", "Retry-After")
RECORDINGS = ("recorded", "recorded_later")  # two shops, each replayed from its first call to its last
VALUES_COMPARED = frozenset(
    "id code name sku slug status type price regular_price sale_price on_sale purchasable manage_stock stock_quantity "
    "stock_status backordered date_created_gmt date_modified_gmt date_created date_modified date_on_sale_from "
    "date_on_sale_from_gmt date_on_sale_to date_on_sale_to_gmt description parent menu_order display resource_id unique_sku "
    "message param shipping_taxable has_options global_unique_id permalink parent_id tax_class weight option variations "
    "grouped_products short_description total amount backorders".split()
)
NOT_RECORDED = ": not in the recording"

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Got:
    """An answer of the fake."""

    status: int
    headers: dict[str, str]
    document: Any


def recording(name: str) -> tuple[Step, list[Step]]:
    """What the recording says of itself, and its steps: exchanges, and the objects that others than the API put in between."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    about, *steps = map(json.loads, lines)
    return about, steps


def altered_writes() -> dict[str, Step]:
    """Writes of products that the shop answered with other values, by name: `sent` and `answer`."""
    _about, *steps = map(json.loads, (FOLDER / "altered.jsonl").read_text(encoding="utf-8").splitlines())
    return {step["name"]: step for step in steps}


def known_differences() -> list[dict[str, str]]:
    """The differences that remain, each with its reason: `step` is a name or *, `difference` a line of `differences`."""
    found: list[dict[str, str]] = json.loads((FOLDER / "differences.json").read_text(encoding="utf-8"))
    return found


def is_listed(step: str, difference: str, entry: dict[str, str]) -> bool:
    return entry["step"] in ("*", step) and entry["difference"] == difference


def differences(step: Step, got: Got) -> Iterator[str]:
    """In which the fake's answer is not the recorded one: status, headers, ids of a list, shape, and values that tell."""
    if got.status != step["status"]:
        yield f"status {step['status']} is {got.status}"
    for name in HEADERS_COMPARED:
        recorded, ours = step["answered_headers"].get(name), got.headers.get(name.lower())
        if recorded != ours and not (name == "WWW-Authenticate" and recorded and ours):
            yield f"header {name} {recorded} is {ours}"
    if "ids" in step and isinstance(got.document, list):
        ids = [entry.get("id") for entry in got.document]
        if ids != step["ids"]:
            yield f"ids {step['ids']} are {ids}"
    if "count" in step and isinstance(got.document, list) and len(got.document) != step["count"]:
        yield f"count {step['count']} is {len(got.document)}"
    unlike = _unlike(step["answer"], got.document, "body")
    is_trimmed = step.get("trimmed", False)
    yield from dict.fromkeys(line for line in unlike if not (is_trimmed and line.endswith(NOT_RECORDED)))


def kind(value: Any) -> str:
    """JSON's own word for a type: 25.1 and 0 are both numbers."""
    names = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names.get(type(value), "null")


def _unlike(recorded: Any, ours: Any, path: str) -> Iterator[str]:
    if kind(recorded) != kind(ours):
        yield f"{path}: {kind(recorded)} is {kind(ours)}"
    elif isinstance(recorded, dict):
        yield from _unlike_objects(recorded, ours, path)
    elif isinstance(recorded, list):
        for one, other in zip(recorded, ours, strict=False):
            yield from _unlike(one, other, f"{path}[]")
    elif _tells(path) and recorded != ours:
        yield f"{path}: {recorded!r} is {ours!r}"


def _tells(path: str) -> bool:
    """Whether the value at a path is compared; ids of meta data count rows of the database."""
    return path.rpartition(".")[2].removesuffix("[]") in VALUES_COMPARED and not path.endswith("meta_data[].id")


def _unlike_objects(recorded: Step, ours: Step, path: str) -> Iterator[str]:
    for name in recorded.keys() | ours.keys():
        if name not in ours:
            yield f"{path}.{name}: absent"
        elif name not in recorded:
            yield f"{path}.{name}{NOT_RECORDED}"
        else:
            yield from _unlike(recorded[name], ours[name], f"{path}.{name}")
