"""Validates records of the ERP: each becomes a plain record or a list of problems."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from schemas.base.error_codes import Problem, problems_of
from schemas.base.fast_records import FastReader
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema
from schemas.records.erp import ErpCategory, ErpProduct


class _Loader:
    def __init__(self, schema: ErpProductSchema | ErpCategorySchema) -> None:
        self.schema = schema
        self.reader = FastReader(schema, self._fields, tuple(schema.fields))

    def load(self, payload: Any) -> Any:
        try:
            values = self.reader.read_one(payload)
            return self.schema.load(payload) if values is None else self.schema.make(values, payload)
        except ValidationError as error:
            return problems_of(error)

    def _fields(self, *values: Any) -> dict[str, Any]:
        return dict(zip(self.schema.fields, values, strict=True))


_PRODUCT, _CATEGORY = _Loader(ErpProductSchema()), _Loader(ErpCategorySchema())


def load_erp_product(payload: Any) -> ErpProduct | list[Problem]:
    """Never raises for bad input."""
    record: ErpProduct | list[Problem] = _PRODUCT.load(payload)
    return record


def load_erp_category(payload: Any) -> ErpCategory | list[Problem]:
    """Never raises for bad input."""
    record: ErpCategory | list[Problem] = _CATEGORY.load(payload)
    return record
