"""Lists of logs: with any filter and any size of page, they are what all logs filtered by hand are."""

from __future__ import annotations

from itertools import product
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from db.sync.logs import LogFilter, list_logs

INSERT = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at, enqueued_at,
                                   error_code)
            VALUES (%(store_id)s, %(id)s, %(entity)s, %(source)s, %(mode)s, %(status)s,
                    CASE WHEN %(status)s = 'running' THEN 'queued' END, 0, now(),
                    CASE WHEN %(admitted)s THEN now() END, 'INTERNAL')
         RETURNING accepted_seq"""
ENTITIES = ("orders", "products")
SOURCES = ("plugin", "shopify")
MODES = ("upsert", "populate")
STATUSES = ("running", "completed", "failed")
KINDS = [*product(ENTITIES, SOURCES, MODES, STATUSES)]
Log = tuple[int, str, str, str, str]


@pytest.fixture(scope="module")
def logs(root_conn: Connection) -> dict[UUID, list[Log]]:
    """The logs of two stores, newest first, each kind three times: two admitted, and one that waits for it."""
    stores: dict[UUID, list[Log]] = {uuid4(): [], uuid4(): []}
    for store_id in stores:
        root_conn.execute("INSERT INTO stores (id, name, platform) VALUES (%s, 'A shop', 'woocommerce')", (store_id,))
    for (number, kind), store_id in product(enumerate([*KINDS, *reversed(KINDS), *KINDS]), stores):
        entity, source, mode, status = kind
        row = root_conn.execute(
            INSERT,
            {
                "store_id": store_id,
                "id": uuid4(),
                "entity": entity,
                "source": source,
                "mode": mode,
                "status": status,
                "admitted": number < 2 * len(KINDS),
            },
        ).fetchone()
        assert row is not None
        stores[store_id].insert(0, (row[0], *kind))
    return stores


FILTERS = [*product((None, *ENTITIES), (None, *SOURCES), (None, *MODES), (None, *STATUSES))]


@pytest.mark.parametrize("most", [1, 7, 100])
def test_pages_of_a_list_are_all_logs_that_match(root_conn: Connection, logs: dict[UUID, list[Log]], most: int) -> None:
    store_id, of_store = next(iter(logs.items()))
    for wanted in FILTERS if most > 1 else FILTERS[:: len(STATUSES) + 2]:
        entity, source, mode, status = wanted
        expected = [log for log in of_store if all(w in (None, is_) for w, is_ in zip(wanted, log[1:], strict=True))]
        listed: list[Log] = []
        while len(listed) <= len(expected):
            before = listed[-1][0] if listed else None
            page = list_logs(root_conn, store_id, LogFilter(before, entity, status, source, mode), most)
            assert len(page) <= most
            if not page:
                break
            listed += [(log.accepted_seq, log.entity, log.source, log.mode, log.status) for log in page]
        assert listed == expected
