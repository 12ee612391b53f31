"""Validates records of the ERP: each becomes a plain record or a list of problems."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from schemas.base.error_codes import Problem, problems_of
from schemas.base.fields import RecordSchema
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema
from schemas.records.erp import ErpCategory, ErpProduct

_PRODUCT, _CATEGORY = ErpProductSchema(), ErpCategorySchema()


def load_erp_product(payload: Any) -> ErpProduct | list[Problem]:
    """Never raises for bad input."""
    record: ErpProduct | list[Problem] = _load(_PRODUCT, payload)
    return record


def load_erp_category(payload: Any) -> ErpCategory | list[Problem]:
    """Never raises for bad input."""
    record: ErpCategory | list[Problem] = _load(_CATEGORY, payload)
    return record


def _load(schema: RecordSchema, payload: Any) -> Any:
    try:
        return schema.load(payload)
    except ValidationError as error:
        return problems_of(error)
