"""What a token may do: its scopes, and the presets that most tokens are created with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["ingest", "read", "erp", "pull", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

PRESETS: Mapping[str, tuple[Scope, ...]] = {
    "store": ("ingest", "read", "pull"),  # a shop's plugin: not `erp`, which writes to the shop's product pages
    "erp": ("read", "erp"),
    "admin": SCOPES,
}
CUSTOM = "custom"
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Grant:
    """The scopes of a new token. `role` is the preset they come from, or CUSTOM."""

    role: str
    scopes: tuple[str, ...]


def grant_of(role: str, chosen: Sequence[str] = ()) -> Grant:
    """The preset `role`, or the scopes `chosen` instead. Raises ValueError, in plain words, for unknown ones."""
    if not chosen:
        if role not in PRESETS:
            raise ValueError("choose one of: " + ", ".join(PRESETS))
        return Grant(role, PRESETS[role])
    if not set(chosen) <= set(SCOPES):
        raise ValueError("choose one or more of: " + ", ".join(SCOPES))
    return Grant(CUSTOM, tuple(scope for scope in SCOPES if scope in chosen))
