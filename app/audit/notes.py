"""What a view or a command adds to the event of its own change: the store that it made, the job that it started."""

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
    """Of one request or command."""

    store_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


_NOTES: ContextVar[Notes | None] = ContextVar("audit_notes", default=None)


def begin_notes() -> Notes:
    """Forget what was noted before: threads serve one request after the other."""
    notes = Notes()
    _NOTES.set(notes)
    return notes


def taken_notes() -> Notes:
    return _NOTES.get() or Notes()


def note(*, store_id: UUID | None = None, **details: UUID | str | int | bool | None) -> None:
    """Add to the event of the request or command that runs. Facts of our own, never a secret or a text that was sent."""
    notes = _NOTES.get()
    if notes is not None:
        notes.store_id = store_id or notes.store_id
        notes.details |= named(details)


def named(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that may be kept, named as in the API: ids, numbers, and names of ours."""
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
