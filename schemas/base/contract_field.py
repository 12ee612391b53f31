"""What each of our fields declares in addition to its marshmallow check: a fast form of the check, and a JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec

JsonSchema = dict[str, Any]
NOTHING: Any = Annotated[int, msgspec.Meta(ge=1, le=0)]  # a type that accepts no value


class Unsure(ValueError):
    """A value needs marshmallow's judgement."""


class ContractField:
    """Mixin for marshmallow fields. All methods have a safe default, so a new kind of field may leave them out."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A subclass with a stricter check must not inherit the fast form of the looser one.
        if "_deserialize" in vars(cls) and "fast_type" not in vars(cls):
            cls.fast_type = ContractField.fast_type  # type: ignore[method-assign]

    def fast_type(self) -> Any:
        """The type that msgspec decodes a value with. With `fast_column`, it must never accept more than marshmallow does."""
        return NOTHING

    def fast_column(self, column: Sequence[Any]) -> Iterable[Any]:
        """The values of many records, as marshmallow loads them; None stays None. Raises Unsure to leave them to it."""
        return column

    def json_schema(self) -> JsonSchema:
        """What the field accepts, as narrow as JSON Schema can say it; null and defaults are added elsewhere."""
        return {}
