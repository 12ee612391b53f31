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


def misfit(mode: str, options: Mapping[str, Any], field: str = "syncMode") -> str | None:
    """A message about the first option that `mode` requires or does not take; None if all fit.

    `field` is the request's name for the mode.
    """
    pull_mode = PULL_MODES[mode]
    needs = pull_mode.needs
    if needs is not None and needs in options and options[needs] is None:
        return f"{needs} is required for {field} {mode}"
    for name, value in options.items():
        if value not in (None, False) and name not in pull_mode.takes:
            allowed = [other.name for other in PULL_MODES.values() if name in other.takes]
            return f"{name} is allowed only with {field} {' or '.join(allowed)}"
    return None


def option_rules(
    modes: Collection[str], options: Collection[str], *, default: str | None = None, field: str = "syncMode"
) -> list[JsonSchema]:
    """The rules of `misfit` as JSON Schema, one for each mode. `default` is the mode of a request that names none."""

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
