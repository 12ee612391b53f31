"""A batch that adds records excludes, until it commits, the batches that refer to them, so that no reference stays open."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

from db.core.pool import open_pool
from tests.conftest import Database
from tests.support.factories import MAKERS
from tests.support.pipeline import accept_batch
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

LOCK = "SELECT pg_advisory_xact_lock{}(hashtextextended('customers' || %s, 0))"


@pytest.mark.parametrize(
    ("entity", "held", "outcome"),
    [
        ("customers", "_shared", Outcome.RETRYING),
        ("orders", "_shared", Outcome.COMPLETED),
        ("orders", "", Outcome.RETRYING),
        ("categories", "", Outcome.COMPLETED),
    ],
)
def test_batch_waits_for_those_that_refer_to_its_records(
    runtime: Runtime, database: Database, store_id: UUID, entity: str, held: str, outcome: Outcome
) -> None:
    log_id = accept_batch(runtime, store_id, entity, [MAKERS[entity]()])
    impatient = f"{database.url}{'&' if '?' in database.url else '?'}options=-c%20lock_timeout%3D300ms"
    with open_pool(impatient, 1, "test") as pool, psycopg.connect(database.superuser_url) as other:
        other.execute(LOCK.format(held).encode(), (str(store_id),))
        assert process(replace(runtime, pool=pool), store_id, log_id) is outcome
