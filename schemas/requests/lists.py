"""The queries of what is listed: page size, cursor and filters.

A cursor is opaque to clients and a position in an index to us: the number of a row, and of record errors the field, too.
"""

from __future__ import annotations

import re
from typing import Any

from schemas.platforms.registry import PLATFORMS
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import MODES
from schemas.requests.fields import Choice, QueryTruth, QueryUuid, QueryWhole, RequestField, RequestSchema

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
ROW = "[0-9]{1,18}"  # within bigint
ROW_AND_FIELD = ROW + r"\.[A-Za-z0-9_.*\[\]-]{1,200}"
STATUSES = ("running", "paused", "completed", "failed", "cancelled")
SOURCES = ("plugin", *sorted(PLATFORMS))
ALL_MODES = (*MODES, "update", "incremental", "full", "fill")


class Cursor(RequestField):
    """The parts of a position; refused where we never made it."""

    def __init__(self, pattern: str, **kwargs: Any) -> None:
        super().__init__("is not one of ours", **kwargs)
        self.pattern = pattern

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise self.wrong()
        return value.split(".", 1)


class PageQuery(RequestSchema):
    """A page of whatever is listed."""

    limit = QueryWhole(1, LARGEST_PAGE, load_default=DEFAULT_PAGE)


class PlaceQuery(RequestSchema):
    """A place in any list."""

    cursor = Cursor(f"{ROW}|{ROW_AND_FIELD}", load_default=None)


class RowsQuery(PageQuery):
    """A page of rows that are listed by their number."""

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


class ItemsQuery(PageQuery):
    """A page of what has a UUID; the cursor is the last one's."""

    cursor = QueryUuid(load_default=None)


class MappingsQuery(ItemsQuery):
    """A page of mappings, or of those that differ."""

    out_of_sync = QueryTruth(load_default=False)


class DryRunQuery(RequestSchema):
    """Whether the differences are wanted, and nothing else."""

    dry_run = QueryTruth(load_default=False)


class DryRunPageQuery(ItemsQuery, DryRunQuery):
    """Page and cursor belong to the dry run."""
