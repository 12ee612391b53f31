"""The modes of a pull: which options each takes, and which it needs. Requests, forms and the contract follow from here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

JsonSchema = dict[str, Any]

NULL: JsonSchema = {"type": "null"}
# Where null is not the only way to leave an option out.
ABSENT: dict[str, JsonSchema] = {"fullScan": {"enum": [False, None]}}


@dataclass(frozen=True, slots=True)
class PullMode:
    """`takes` names the options that mean something in it, `needs` the one that it can't do without."""

    name: str
    takes: tuple[str, ...] = ()
    needs: str | None = None


PULL_MODES = {
    mode.name: mode
    for mode in (
        PullMode("incremental", takes=("maxRecords",)),
        PullMode("update", takes=("staleAfterMins",), needs="staleAfterMins"),
        PullMode("populate", takes=("days", "fullScan")),
        PullMode("upsert", takes=("days",)),
        PullMode("full", takes=("maxRecords",)),
        PullMode("fill"),
    )
}
SCHEDULED_MODES = ("incremental", "update", "populate", "full")


def misfit(mode: str, options: Mapping[str, Any], field: str = "syncMode") -> str | None:
    """Says which option `mode` needs or does not take; None if all fit. `field` is the request's name for the mode."""
    known = PULL_MODES[mode]
    if known.needs is not None and options.get(known.needs, known) is None:
        return f"{known.needs} is required for {field} {mode}"
    for name, value in options.items():
        if value not in (None, False) and name not in known.takes:
            return f"{name} goes with {field} {' or '.join(_modes_with(name))} alone"
    return None


def _modes_with(option: str) -> list[str]:
    return [mode.name for mode in PULL_MODES.values() if option in mode.takes]


def option_rules(
    modes: Collection[str], options: Collection[str], *, default: str | None = None, field: str = "syncMode"
) -> list[JsonSchema]:
    """What `misfit` says, as JSON Schema: one rule for each mode. `default` is the mode of a request that names none."""

    def is_one(*named: str) -> JsonSchema:
        wanted = {"const": named[0]} if len(named) == 1 else {"enum": list(named)}
        return {"required": [field], "properties": {field: wanted}}

    named = [mode for mode in modes if mode != default]
    rules: list[JsonSchema] = [{"if": is_one(mode), "then": _fits(PULL_MODES[mode], options)} for mode in named]
    if default is not None:
        rules.append({"if": is_one(*named), "then": {}, "else": _fits(PULL_MODES[default], options)})
    return rules


def _fits(mode: PullMode, options: Collection[str]) -> JsonSchema:
    left_out = {name: ABSENT.get(name, NULL) for name in options if name not in mode.takes}
    schema: JsonSchema = {"properties": left_out}
    if mode.needs in options:
        schema["required"] = [mode.needs]
        schema["properties"] = {**left_out, mode.needs: {"type": "integer"}}
    return schema
