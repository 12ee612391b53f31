"""Stores and jobs as people name them: by id, by name or the beginning of one, by the short id of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click

from app.commands.terminal.declaration import Reference
from app.settings.environment import Settings
from app.stack.command_errors import CommandError, NotFound
from app.stack.endpoints import resolve
from app.usecases.stores import connected, list_stores
from db.core.tenancy import tenant
from db.stores.stores import Store, list_store_ids
from db.sync.logs import LogFilter, list_logs

SHORT_ID = 8  # the last characters: ids begin with their time, so those of one minute begin alike
NEWEST_JOBS = 1000  # of each store, in which a short id is looked up
PART_OF_ID = re.compile(r"[0-9a-f-]{6,35}")


class StoreReference(Reference):
    """A store's id, its short id, its name, or the beginning of its name; case does not matter."""

    name = "store"

    def __init__(self, *, prefix: bool = True, only: bool = True) -> None:
        """`prefix`: the beginning of a name is enough. `only`: where none is given, the only store is meant."""
        self.prefix, self.only = prefix, only

    def find(self, settings: Settings, given: Any) -> UUID | None:
        if isinstance(given, UUID) or (given is None and not self.only):
            return given
        with connected(resolve(settings).database_url) as conn:
            if given is None:
                return only_store(list_store_ids(conn))
            return match_store(given, list_stores(conn), prefix=self.prefix)


class JobReference(Reference):
    """A job's id, or its short id."""

    name = "job"

    def find(self, settings: Settings, given: Any) -> UUID:
        if isinstance(given, UUID):
            return given
        given = given.lstrip("…")  # as tables show it
        if not PART_OF_ID.fullmatch(given):
            raise click.BadParameter(f"{given!r} is no id of a job.")
        found: list[UUID] = []
        with connected(resolve(settings).database_url) as conn:
            for store_id in list_store_ids(conn):
                with tenant(conn, store_id):
                    logs = list_logs(conn, store_id, LogFilter(), NEWEST_JOBS)
                found += [log.id for log in logs if str(log.id).endswith(given)]
        if not found:
            raise NotFound(
                f"none of the newest jobs ends in {given}: give the whole id, or see `python -m app jobs list`"
            )
        if len(found) > 1:
            raise CommandError(f"{len(found)} jobs end in {given}: give more of the id")
        return found[0]


def only_store(ids: Sequence[UUID]) -> UUID:
    if not ids:
        raise NotFound("there is no store yet: create one with `python -m app stores create`")
    if len(ids) > 1:
        raise CommandError(f"there are {len(ids)} stores: add --store with a name of `python -m app stores list`")
    return ids[0]


def match_store(given: str, stores: Sequence[Store], *, prefix: bool) -> UUID:
    """The one store that `given` names; a whole name or id wins over the beginning of others."""
    text = given.strip().lstrip("…").casefold()
    found = [store for store in stores if store.name.casefold() == text or str(store.id).endswith(f"-{text}")]
    if PART_OF_ID.fullmatch(text):
        found = found or [store for store in stores if str(store.id).endswith(text)]
    if prefix and text:
        found = found or [store for store in stores if store.name.casefold().startswith(text)]
    if not found:
        raise NotFound(f"no store is called {given}: `python -m app stores list` shows them")
    if len(found) > 1:
        names = ", ".join(f"{store.name} ({str(store.id)[-SHORT_ID:]})" for store in found[:3])
        raise CommandError(f"{given} may be {names}{' …' if len(found) > 3 else ''}: give more of the name, or the id")
    return found[0].id
