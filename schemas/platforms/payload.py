"""How a platform's own payload becomes a plain record, in which no e-mail address is left in clear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from schemas.base.error_codes import Problem, problems
from schemas.base.fast_validators import FastLoad, compile_schema
from schemas.base.platform_fields import NativeSchema
from schemas.base.privacy import Hasher, hidden_email
from schemas.plugin.entities import plain_id
from schemas.records.shop import Record


@dataclass(frozen=True, slots=True)
class PlatformPayload:
    """One entity as one platform writes it. `fields` are the names that are read of a payload: no others need be fetched.

    A record's key is the platform's own id.
    """

    schema: NativeSchema
    fast_load: FastLoad
    convert: Callable[[Any], Record]
    fields: tuple[str, ...]

    def read(self, payload: Any, hasher: Hasher) -> Record | list[Problem]:
        """The plain record, in which no e-mail address stands in clear, or what is wrong. Never raises for bad input."""
        plain = _without_address(payload, hasher)
        try:
            return self.convert(self.fast_load(plain) or self.schema.load(plain))
        except ValidationError as error:
            return problems({"_schema": error.messages} if isinstance(error.messages, list) else error.messages)


def _without_address(payload: Any, hasher: Hasher) -> Any:
    """The payload with the hash in the place of its `email`; other texts are masked by their fields."""
    if not isinstance(payload, dict) or "email" not in payload:
        return payload
    return payload | {"email": hidden_email(payload["email"], hasher)}


def platform_id(payload: Any) -> str | None:
    """The platform's id of a refused record where it is a plain number."""
    return plain_id(payload.get("id")) if isinstance(payload, dict) else None


def payload_of(schema: NativeSchema, convert: Callable[[Any], Record]) -> PlatformPayload:
    return PlatformPayload(schema, compile_schema(schema, schema.record), convert, tuple(schema.fields))
