"""What a view or a command adds to the event of its own change, such as the store that it created."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

# Names of ours, as entities and roles have them. Anything else that a caller wrote may hold a token or an address.
NAME = re.compile(r"[A-Za-z_]{1,32}")


@dataclass(slots=True)
class Notes:
    """The notes of one request or command."""

    store_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


_NOTES: ContextVar[Notes | None] = ContextVar("audit_notes", default=None)


def begin_notes() -> Notes:
    """Start with empty notes: a thread serves one request after the other."""
    notes = Notes()
    _NOTES.set(notes)
    return notes


def taken_notes() -> Notes:
    return _NOTES.get() or Notes()


def note(*, store_id: UUID | None = None, **details: UUID | str | int | bool | None) -> None:
    """Add facts to the event of the current request or command. Never pass a secret or a text that a caller sent."""
    notes = _NOTES.get()
    if notes is not None:
        notes.store_id = store_id or notes.store_id
        notes.details |= named(details)


def named(facts: Mapping[str, Any]) -> dict[str, Any]:
    # Names as the API has them. Only ids, numbers, and names of ours: another text may hold a secret.
    return {_camel(name): kept for name, value in facts.items() if (kept := _kept(value)) is not None}


def _kept(value: Any) -> str | int | float | None:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and NAME.fullmatch(value) else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
