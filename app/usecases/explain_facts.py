"""Reads the facts about one record, for `explain` to judge."""

from __future__ import annotations

from psycopg import Connection

from app.usecases.explain import Facts
from db.insight.explain import get_last_skip, get_log_of_seq, get_stored_record
from db.stores.stores import Store
from db.sync.coverage import list_covered
from db.sync.metadata import get_metadata
from db.sync.stale_arrivals import get_stale_arrival
from workers.pulls.watermark import holes


def read_facts(conn: Connection, store: Store, entity: str, external_id: int) -> Facts:
    stored = get_stored_record(conn, store.id, entity, external_id)
    covered = list_covered(conn, store.id, entity)
    return Facts(
        platform=store.platform,
        entity=entity,
        external_id=external_id,
        stored=stored,
        log_id=get_log_of_seq(conn, store.id, stored.accepted_seq) if stored else None,
        skip=get_last_skip(conn, store.id, entity, external_id),
        stale=get_stale_arrival(conn, store.id, entity, external_id),
        metadata=get_metadata(conn, store.id, entity),
        covered=covered,
        holes=holes(covered),
    )
