"""Cursors come back as they went out; one that we never made is refused, and so is a page of a size we never make."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.errors import ApiError
from app.http.paging import last_before_more, read_cursor, read_query, write_cursor
from schemas.requests.fields import RequestSchema
from schemas.requests.lists import ItemsQuery, PageQuery, RecordErrorsQuery, RowsQuery

FIELDS = st.from_regex(r"[a-z_]{1,20}(\[[0-9]{1,3}\])?(\.[a-z_]{1,20})?|\*", fullmatch=True)


def refusal(schema: RequestSchema, **query: str) -> str:
    with pytest.raises(ApiError) as caught:
        read_query(schema, query)
    assert caught.value.code == "VALIDATION_ERROR"
    return caught.value.message


@given(st.integers(0, 10**18 - 1), FIELDS)
def test_cursor_is_read_as_it_was_written(number: int, field: str) -> None:
    behind = {"cursor": write_cursor(str(number), field)}
    assert read_query(RecordErrorsQuery(), behind)["cursor"] == [str(number), field]
    assert read_query(RowsQuery(), {"cursor": write_cursor(str(number))})["cursor"] == [str(number)]


def test_absent_cursor_means_the_beginning() -> None:
    assert read_query(RowsQuery(), {})["cursor"] is None


NEVER_MADE = ["", "é", "%", "a", "-1", "٤", "9" * 19, "1\n", " 1"]


@pytest.mark.parametrize("cursor", [*NEVER_MADE, "1.a"])
def test_forged_cursor_of_rows_is_refused(cursor: str) -> None:
    assert refusal(RowsQuery(), cursor=cursor) == "cursor is not one of ours"


@pytest.mark.parametrize("cursor", [*NEVER_MADE, "1", "1.", "1.a b", "1.a\x00b", "1.é"])
def test_forged_cursor_of_record_errors_is_refused(cursor: str) -> None:
    assert refusal(RecordErrorsQuery(), cursor=cursor) == "cursor is not one of ours"


@pytest.mark.parametrize(("cursor", "parts"), [("7", ["7"]), ("7.items[0].sku", ["7", "items[0].sku"])])
def test_cursor_of_any_list_is_read_in_parts(cursor: str, parts: list[str]) -> None:
    assert read_cursor({"cursor": cursor}) == parts
    assert read_cursor({}) is None


def test_cursor_of_items_is_a_uuid() -> None:
    assert refusal(ItemsQuery(), cursor="") == "cursor must be a UUID"


@given(st.text(max_size=30))
def test_any_other_text_is_refused_as_a_cursor(cursor: str) -> None:
    try:
        position: Any = read_query(RowsQuery(), {"cursor": cursor})["cursor"]
    except ApiError as error:
        assert error.code == "VALIDATION_ERROR"
    else:
        assert 0 <= int(position[0]) < 2**63


@pytest.mark.parametrize(("limit", "size"), [(None, 50), ("1", 1), ("200", 200)])
def test_page_size_is_read_from_the_query(limit: str | None, size: int) -> None:
    assert read_query(PageQuery(), {} if limit is None else {"limit": limit})["limit"] == size


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "1.0", "٤", "9" * 5000])
def test_wrong_page_size_is_refused(limit: str) -> None:
    assert refusal(PageQuery(), limit=limit) == "limit must be a whole number from 1 to 200"


@given(st.integers(0, 30), st.integers(1, 7))
def test_consecutive_pages_show_each_record_once(records: int, size: int) -> None:
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        found = list(range(after + 1, records + 1))[: size + 1]
        seen += found[:size]
        after = last_before_more(found, size)
    assert seen == list(range(1, records + 1))
