"""Turns a platform's own payload into a plain record without e-mail addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from schemas.base.error_codes import Problem, problems
from schemas.base.fast_validators import FastLoad, compile_schema
from schemas.base.platform_fields import NativeSchema
from schemas.base.privacy import Hasher, hash_email
from schemas.plugin.entities import plain_id
from schemas.records.shop import Record


@dataclass(frozen=True, slots=True)
class PlatformPayload:
    """One entity in one platform's own form. `fields` are the names to fetch: no others are read."""

    schema: NativeSchema
    fast_load: FastLoad
    convert: Callable[[Any], Record]
    fields: tuple[str, ...]

    def read(self, payload: Any, hasher: Hasher) -> Record | list[Problem]:
        """The plain record without e-mail addresses, or its problems. Never raises for bad input."""
        if isinstance(payload, dict) and "email" in payload:
            payload = payload | {
                "email": hash_email(payload["email"], hasher)
            }  # other texts are masked by their fields
        try:
            return self.convert(self.fast_load(payload) or self.schema.load(payload))
        except ValidationError as error:
            return problems({"_schema": error.messages} if isinstance(error.messages, list) else error.messages)


def platform_id(payload: Any) -> str | None:
    """The external id of a refused record, if it may be shown."""
    return plain_id(payload.get("id")) if isinstance(payload, dict) else None


def payload_of(schema: NativeSchema, convert: Callable[[Any], Record]) -> PlatformPayload:
    return PlatformPayload(schema, compile_schema(schema, schema.record), convert, tuple(schema.fields))
