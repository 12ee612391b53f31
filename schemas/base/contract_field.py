"""What each of our fields declares in addition to its marshmallow check: a fast form of the check, and a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

JsonSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FastCheck:
    """Lines of Python that load the value of one variable, or `return None` to leave the record to marshmallow.

    `names` are the functions and constants that the lines use.
    """

    lines: list[str]
    names: Mapping[str, Any] = field(default_factory=dict)


class ContractField:
    """Mixin for marshmallow fields. Both methods have a safe default, so a new kind of field may leave them out."""

    fast_absent: ClassVar[str] = "None"  # the expression for a value that is left out

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A subclass with a stricter check must not inherit the fast form of the looser one.
        if "_deserialize" in vars(cls) and "fast_check" not in vars(cls):
            cls.fast_check = ContractField.fast_check  # type: ignore[method-assign]

    def fast_check(self, variable: str) -> FastCheck:
        """The fast form of the field's check. It must never accept more than marshmallow does, nor load another value."""
        return FastCheck(["return None"])

    def json_schema(self) -> JsonSchema:
        """What the field accepts, as narrow as JSON Schema can say it; null and defaults are added elsewhere."""
        return {}
