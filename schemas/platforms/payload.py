"""Turns a platform's own payload into a plain record without e-mail addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from schemas.base.error_codes import Problem, problems_of
from schemas.base.fast_records import FastReader
from schemas.base.fields import RecordSchema, reader_of
from schemas.base.platform_fields import Payload, schema_of
from schemas.base.privacy import Hasher, hash_email
from schemas.plugin.entities import plain_id
from schemas.records.shop import Record


@dataclass(frozen=True, slots=True)
class PlatformPayload:
    """One entity in one platform's own form. `fields` are the names to fetch: no others are read."""

    schema: RecordSchema
    reader: FastReader
    convert: Callable[[Any], Record]
    fields: tuple[str, ...]

    def read(self, payload: Any, hasher: Hasher) -> Record | list[Problem]:
        return self.read_all([payload], hasher)[0]

    def read_all(self, payloads: Sequence[Any], hasher: Hasher) -> list[Record | list[Problem]]:
        """For each payload, the plain record without e-mail addresses, or its problems. Never raises for bad input."""
        hashed = [_hashed(payload, hasher) for payload in payloads]
        return [*map(self._record, self.reader.read_each(hashed), hashed)]

    def _record(self, native: Any | None, payload: Any) -> Record | list[Problem]:
        try:
            return self.convert(self.schema.load(payload) if native is None else native)
        except ValidationError as error:
            return problems_of(error)


def _hashed(payload: Any, hasher: Hasher) -> Any:
    # Other texts are masked by their fields.
    if isinstance(payload, dict) and "email" in payload:
        return payload | {"email": hash_email(payload["email"], hasher)}
    return payload


def platform_id(payload: Any) -> str | None:
    """The external id of a refused record, if it may be shown."""
    return plain_id(payload.get("id")) if isinstance(payload, dict) else None


def payload_of(payload: type[Payload], convert: Callable[[Any], Record]) -> PlatformPayload:
    schema = schema_of(payload)()
    return PlatformPayload(schema, reader_of(schema), convert, tuple(schema.fields))
