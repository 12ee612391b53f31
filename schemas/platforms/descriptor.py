"""What Sluice knows of a platform in one place: names, credentials, what is pulled from it, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.platforms.payload import PlatformPayload


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One of the credentials that connect a shop. `label` is what a form says."""

    name: str
    label: str
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Platform:
    """`name` is the platform's word in the API and the database, `title` what people read.

    `payloads` holds a reader for each entity that is pulled; `posted` names those that a plugin posts beside. `modes` are the
    modes of a pull. With `takes_outbound` its shops can be kept in step with an ERP.
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
        """The entities that are pulled."""
        return tuple(self.payloads)

    @property
    def entities(self) -> tuple[str, ...]:
        """All entities that its stores have."""
        return (*self.pulled, *(entity for entity in self.posted if entity not in self.payloads))
