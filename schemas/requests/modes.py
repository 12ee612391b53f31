"""The modes of a pull, with the options that each takes. Requests, forms and the contract are built from here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

JsonSchema = dict[str, Any]

NULL: JsonSchema = {"type": "null"}
# For an option that may be left out in other ways than by null.
ABSENT: dict[str, JsonSchema] = {"fullScan": {"enum": [False, None]}}


@dataclass(frozen=True, slots=True)
class PullMode:
    """`takes` lists its options, `needs` is the required one."""

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


def misfit(mode: str, options: Mapping[str, Any]) -> str | None:
    """A message about the first option that `mode` requires or does not take; None if all fit."""
    pull_mode = PULL_MODES[mode]
    needs = pull_mode.needs
    if needs is not None and needs in options and options[needs] is None:
        return f"{needs} is required for syncMode {mode}"
    for name, value in options.items():
        if value not in (None, False) and name not in pull_mode.takes:
            allowed = [other.name for other in PULL_MODES.values() if name in other.takes]
            return f"{name} is allowed only with syncMode {' or '.join(allowed)}"
    return None


def option_rules(modes: Collection[str], default: str, options: Collection[str]) -> list[JsonSchema]:
    """The rules of `misfit` as JSON Schema, one for each mode. `default` is the mode of a request without `syncMode`."""
    named = [mode for mode in modes if mode != default]
    is_named: JsonSchema = {"required": ["syncMode"], "properties": {"syncMode": {"enum": named}}}
    rules = [{"if": _is(mode), "then": _fits(PULL_MODES[mode], options)} for mode in named]
    return [*rules, {"if": is_named, "then": {}, "else": _fits(PULL_MODES[default], options)}]


def _is(mode: str) -> JsonSchema:
    return {"required": ["syncMode"], "properties": {"syncMode": {"const": mode}}}


def _fits(mode: PullMode, options: Collection[str]) -> JsonSchema:
    left_out = {name: ABSENT.get(name, NULL) for name in options if name not in mode.takes}
    schema: JsonSchema = {"properties": left_out}
    if mode.needs in options:
        schema["required"] = [mode.needs]
        schema["properties"] = {**left_out, mode.needs: {"type": "integer"}}
    return schema
