"""The queries of lists: page size, cursor and filters.

A cursor is opaque to clients. It holds a position in an index: a row's number, and for record errors also a field's name.
"""

from __future__ import annotations

import re
from typing import Any

from schemas.base.contract_field import JsonSchema
from schemas.platforms.registry import PLATFORMS
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import MODES
from schemas.requests.fields import Choice, QueryTruth, QueryUuid, QueryWhole, RequestField, RequestSchema

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
ROW = "[0-9]{1,18}"  # within bigint
ROW_AND_FIELD = ROW + r"\.[A-Za-z0-9_.*\[\]-]{1,200}"
ORDER_AND_PLACE = r"[0-9]{1,19}\.[0-9]{1,9}"  # TikTok's ids have 19 digits
STATUSES = ("running", "paused", "completed", "failed", "cancelled")
SOURCES = ("plugin", *sorted(PLATFORMS))
ALL_MODES = (*MODES, "update", "incremental", "full", "fill")


class Cursor(RequestField):
    """A cursor that matches `pattern`, split at its first dot."""

    def __init__(self, pattern: str, **kwargs: Any) -> None:
        super().__init__("is not one of ours", **kwargs)
        self.pattern = pattern

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise self.wrong()
        return value.split(".", 1)

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^{self.pattern}$", "description": "`nextCursor` of the page before"}


class PageQuery(RequestSchema):
    """A page of a list."""

    limit = QueryWhole(1, LARGEST_PAGE, load_default=DEFAULT_PAGE)


class PlaceQuery(RequestSchema):
    """A position in any list."""

    cursor = Cursor(f"{ROW}|{ROW_AND_FIELD}", load_default=None)


class RowsQuery(PageQuery):
    """A page of rows, listed by number."""

    cursor = Cursor(ROW, load_default=None)


class JobsQuery(RowsQuery):
    """A page of jobs, filtered."""

    entity = Choice(tuple(ENTITIES), load_default=None)
    status = Choice(STATUSES, load_default=None)
    source = Choice(SOURCES, load_default=None)
    mode = Choice(ALL_MODES, load_default=None)


class RecordErrorsQuery(PageQuery):
    """A page of record errors."""

    cursor = Cursor(ROW_AND_FIELD, load_default=None)


class FindingsQuery(PageQuery):
    """A page of findings, listed by order and place."""

    cursor = Cursor(ORDER_AND_PLACE, load_default=None)


class ItemsQuery(PageQuery):
    """A page of items with UUIDs. The cursor is the last item's UUID."""

    cursor = QueryUuid(load_default=None)


class MappingsQuery(ItemsQuery):
    """A page of mappings, all or only those out of sync."""

    out_of_sync = QueryTruth(load_default=False)


class DriftCheckQuery(RequestSchema):
    """`whole=true` compares all products."""

    whole = QueryTruth(load_default=False)


class DryRunQuery(RequestSchema):
    """Whether to compute the differences without sending them."""

    dry_run = QueryTruth(load_default=False)


class SendOneQuery(DryRunQuery):
    """`force=true` also sends what does not differ in the shop: all that the ERP states."""

    force = QueryTruth(load_default=False)


class CatalogueQuery(RequestSchema):
    """`adopt=true` says yes to the takeover beforehand, for products that the shop has already. Needs the scope `admin`."""

    adopt = QueryTruth(load_default=False)


class DryRunPageQuery(ItemsQuery, DryRunQuery):
    """A dry run and the page of its result."""
