"""JSON Schema and example of an answer, both read from its `msgspec.Struct`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import inspect

from schemas.answers.fields import AnswerData

JsonSchema = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
EXAMPLES: dict[type[inspect.Type], Any] = {
    inspect.BoolType: False,
    inspect.IntType: 1,
    inspect.FloatType: 1.5,
    inspect.NoneType: None,
    inspect.DictType: {},
    inspect.DateTimeType: "2026-01-15T12:00:00Z",
    inspect.UUIDType: "0199a6f2-7e1c-7c3b-9a6e-0d4f1c2b3a49",
}


def schemas_of(answers: Collection[type[AnswerData]]) -> dict[str, JsonSchema]:
    """The component of each answer and of what it contains, by name."""
    _, components = msgspec.json.schema_components(answers, ref_template=REFERENCE)
    # The title repeats the name of the component.
    return {name: {key: said for key, said in one.items() if key != "title"} for name, one in components.items()}


def example_of(answer: type[AnswerData], *, whole: bool = False) -> dict[str, Any]:
    """An answer with the fields that are always there or, if `whole`, with all.

    Raises ValueError for a text that has neither example nor choices.
    """
    example: dict[str, Any] = _example(inspect.type_info(answer), answer.__name__, whole)
    return example


def _example(node: inspect.Type, where: str, whole: bool) -> Any:
    match node:
        case inspect.Metadata(extra={"example": example}):
            return example
        case inspect.Metadata(extra_json_schema={"enum": [first, *_]}):
            return first
        case inspect.Metadata():
            return _example(node.type, where, whole)
        case inspect.UnionType():
            return _example(next(one for one in node.types if not isinstance(one, inspect.NoneType)), where, whole)
        case inspect.StructType():
            return {
                field.encode_name: _example(field.type, f"{where}.{field.encode_name}", whole)
                for field in node.fields
                if field.required or whole
            }
        case inspect.ListType():
            return [_example(node.item_type, where, whole)]
    if type(node) not in EXAMPLES:
        raise ValueError(f"{where} needs an example: Annotated[…, about(example=…)]")
    return EXAMPLES[type(node)]
