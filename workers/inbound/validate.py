"""Validates the records of a claimed batch one by one."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from db.catalogue.staged_upsert import Versioned
from db.sync.logs import ClaimedLog
from db.sync.record_errors import MOST_LISTED, RecordError
from schemas.base.error_codes import REASONS, Problem, further_entries
from schemas.base.strict_json import loads
from schemas.plugin.entities import ENTITIES, external_id, load_strictly
from workers.inbound.payload import unpack
from workers.inbound.plan import versioned

# Replaces an erased record in a batch. No client can send it, as unknown fields are dropped on acceptance.
ERASED = {"erased": True}


@dataclass(slots=True)
class Validated:
    """The valid records with their versions, and `refused`, the number of invalid ones.

    `errors` lists their problems; `unlisted` more are only counted.
    """

    valid: list[Versioned[Any]] = field(default_factory=list)
    errors: list[RecordError] = field(default_factory=list)
    refused: int = 0
    unlisted: int = 0

    def refuse(self, found: list[RecordError]) -> None:
        room = max(MOST_LISTED - len(self.errors), 0)
        self.errors += found[:room]
        self.unlisted += len(found[room:])
        self.refused += 1


def validate_batch(claimed: ClaimedLog) -> Validated:
    """One bad record never fails the others (promise 5)."""
    # A context of its own, because `further_entries` changes.
    return copy_context().run(_validate_batch, claimed)


def _validate_batch(claimed: ClaimedLog) -> Validated:
    entity, validated, body = ENTITIES[claimed.entity], Validated(), unpack(claimed.body)
    records = entity.reader.read_all(body)
    payloads = loads(body) if records is None else []  # at least one of them needs marshmallow
    for index, fast in enumerate(entity.reader.read_each(payloads) if records is None else records):
        record: Any = load_strictly(entity, payloads[index]) if fast is None else fast
        result = record if isinstance(record, list) else versioned(index, record, claimed.accepted_at)
        if isinstance(result, Versioned):
            validated.valid.append(result)
        elif isinstance(result, Problem):
            validated.refuse([_error(index, str(record.external_id), result)])
        elif payloads[index] == ERASED:
            validated.refuse([erased_error(index)])
        else:
            known_id = external_id(entity, payloads[index])
            validated.refuse([_error(index, known_id, problem) for problem in result])
        if len(validated.errors) == MOST_LISTED:
            further_entries.set(0)  # the list is full: the first bad entry of a record is enough to refuse it
    return validated


def _error(index: int, known_id: str | None, problem: Problem) -> RecordError:
    return RecordError(index, known_id, problem.field, problem.code, problem.reason)


def erased_error(index: int) -> RecordError:
    # It must not say whose record it was.
    return RecordError(index, None, "*", "erased", REASONS["erased"])
