"""Describes a platform: names, credentials, entities and pull modes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.platforms.payload import PlatformPayload


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One credential of a shop. `label` is shown in forms."""

    name: str
    label: str
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Platform:
    """`name` is used in the API and the database, `title` is shown to people.

    `payloads` has a reader for each entity that is pulled; `posted` names those that a plugin posts. `modes` are pull modes.
    With `takes_outbound`, shops can be synced from an ERP.
    """

    name: str
    title: str
    payloads: Mapping[str, PlatformPayload]
    modes: tuple[str, ...]
    credentials: tuple[CredentialField, ...]
    posted: tuple[str, ...] = ()
    takes_outbound: bool = False

    @property
    def pulled(self) -> tuple[str, ...]:
        return tuple(self.payloads)

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities of its stores, pulled or posted."""
        return (*self.pulled, *(entity for entity in self.posted if entity not in self.payloads))
