"""Cursors come back as they went out; one that we never made is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ApiError
from app.paging import read_cursor, read_page_size, write_cursor


@given(st.integers(0, 2**63 - 1), st.text(st.characters(exclude_characters="\n\x00", exclude_categories=["Cs"])))
def test_a_cursor_comes_back_as_it_went_out(number: int, field: str) -> None:
    assert read_cursor({"cursor": write_cursor(str(number), field)}) == [str(number), field]
    assert read_cursor({"cursor": write_cursor(str(number))}) == [str(number)]


def test_no_cursor_is_the_beginning() -> None:
    assert read_cursor({}) is None


def coded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


NEVER_MADE = ["", "é", "%", "a", coded(b"x"), coded(b"-1"), coded("٤".encode()), coded(b"9" * 19), coded(b"1" * 20)]


@pytest.mark.parametrize("cursor", [*NEVER_MADE, coded(b"\xff"), coded(b"1\na\nb"), coded(b"1\na\x00b")])
def test_a_cursor_that_we_never_made_is_refused(cursor: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_cursor({"cursor": cursor})
    assert caught.value.code == "VALIDATION_ERROR"


@given(st.text(max_size=30))
def test_any_text_is_a_cursor_or_is_refused(cursor: str) -> None:
    try:
        position = read_cursor({"cursor": cursor})
    except ApiError as error:
        assert error.code == "VALIDATION_ERROR"
    else:
        assert position is not None and 0 <= int(position[0]) < 2**63


@pytest.mark.parametrize(("limit", "size"), [(None, 50), ("1", 1), ("200", 200)])
def test_the_page_size_is_read(limit: str | None, size: int) -> None:
    assert read_page_size({} if limit is None else {"limit": limit}) == size


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "1.0", "٤", "9" * 5000])
def test_a_wrong_page_size_is_refused(limit: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_page_size({"limit": limit})
    assert caught.value.code == "VALIDATION_ERROR"
