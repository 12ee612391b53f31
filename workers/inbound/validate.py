"""Each record of a claimed batch, validated on its own: versioned records on one side, reasons on the other."""

from __future__ import annotations

from typing import Any

from db.catalogue.staged_upsert import Versioned
from db.sync.logs import ClaimedLog
from db.sync.record_errors import RecordError
from schemas.base.error_codes import REASONS, Problem
from schemas.base.strict_json import loads
from schemas.plugin.entities import ENTITIES, Entity, external_id, load_record
from workers.inbound.payload import unpack
from workers.inbound.plan import versioned

# In the place of a record that was taken out of a batch; no client can send it, for unknown fields are dropped at the edge.
ERASED = {"erased": True}


def validate_batch(claimed: ClaimedLog) -> tuple[list[Versioned[Any]], list[RecordError]]:
    """One bad record never fails the others (promise 5)."""
    entity = ENTITIES[claimed.entity]
    valid: list[Versioned[Any]] = []
    errors: list[RecordError] = []
    for index, payload in enumerate(loads(unpack(claimed.body))):
        record = load_record(entity, payload)
        result = [*record] if isinstance(record, list) else versioned(index, record, claimed.accepted_at)
        if isinstance(result, Versioned):
            valid.append(result)
        else:
            found = result if isinstance(result, list) else [result]
            errors += record_errors(entity, index, payload, found)
    return valid, errors


def record_errors(entity: Entity, index: int, payload: Any, found: list[Problem]) -> list[RecordError]:
    """The rows that tell a tenant what was wrong with one record."""
    if payload == ERASED:
        return [erased_error(index)]
    known_id = external_id(entity, payload)
    return [RecordError(index, known_id, problem.field, problem.code, problem.reason) for problem in found]


def erased_error(index: int) -> RecordError:
    """Says that a record was erased, and not whose it was."""
    return RecordError(index, None, "*", "erased", REASONS["erased"])
