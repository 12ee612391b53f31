"""Pure decisions of a pull: where to read, how much of a page to use, and what a failure means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest

from db.pulls.turns import Worker
from db.sync.metadata import Metadata
from db.sync.record_errors import RecordError
from schemas.records.shop import Customer
from workers.inbound.attempts import INTERNAL, UNAVAILABLE
from workers.platforms.common.interface import Page, PlatformError, Window
from workers.pulls.apply_page import ActivePull, NextFetch, limit_page, next_fetch
from workers.pulls.page_codec import FetchedPage, decode_page, encode_page
from workers.pulls.start import Wanted, resume_from, window_for
from workers.pulls.turn import plan_retry

NOON = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
WHOLE = NOON.replace(microsecond=0)
DAY = timedelta(days=1)


def active(windows: int = 1, window_no: int = 0) -> ActivePull:
    return ActivePull(
        runtime=cast(Any, None), worker=Worker(uuid4(), uuid4(), 1), entity="orders", platform="shopify", mode="upsert",
        windows=[{}] * windows, max_records=None, base_watermark=None, window_no=window_no, cursor=None, is_fetched=False,
        pages=0, fetched=0, received=0, in_order=True, read_to=None, pending=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("windows", "window_no", "cursor", "following"),
    [
        (1, 0, "next", NextFetch(0, "next", False)),
        (1, 0, None, NextFetch(0, None, True)),
        (2, 0, None, NextFetch(1, None, False)),
        (2, 1, None, NextFetch(1, None, True)),
        (3, 1, None, NextFetch(2, None, False)),
    ],
)
def test_next_fetch_goes_on_to_the_last_page_of_the_last_window(
    windows: int, window_no: int, cursor: str | None, following: NextFetch
) -> None:
    assert next_fetch(active(windows, window_no), Page([], cursor, None, None)) == following


def page_of(count: int) -> FetchedPage[Customer]:
    people = [(n, Customer(n, "0" * 64, None, None, None, None, None, None)) for n in range(count - 1)]
    return FetchedPage(1, WHOLE, count, people, [RecordError(count - 1, None, "x", "x", "x")])


MORE, DONE = NextFetch(0, "next", False), NextFetch(0, None, True)


@pytest.mark.parametrize(("allowed", "following"), [(None, MORE), (None, DONE), (4, MORE), (4, DONE), (3, DONE)])
def test_page_within_the_limit_is_used_whole(allowed: int | None, following: NextFetch) -> None:
    assert limit_page(page_of(3), following, allowed) == (page_of(3), following, None, None)


def test_page_that_reaches_the_limit_ends_the_pull_and_leaves_the_cursor() -> None:
    kept = {"windowNo": 0, "cursor": "next", "isFetched": False}
    assert limit_page(page_of(3), MORE, 3) == (page_of(3), NextFetch(0, "next", True), kept, None)


def test_page_beyond_the_limit_leaves_its_rest() -> None:
    used, following, rest, unused = limit_page(page_of(3), DONE, 1)
    assert (used.received, [index for index, _ in used.records], used.errors) == (1, [0], [])
    assert following == DONE and rest == {"windowNo": 0, "cursor": None, "isFetched": True}
    assert unused is not None
    assert (unused.received, [(index, one.external_id) for index, one in unused.records]) == (2, [(0, 1)])
    assert [error.record_index for error in unused.errors] == [1]


def kept_rest(**more: Any) -> dict[str, Any]:
    return {
        "windows": [{}],
        "windowNo": 2,
        "cursor": "next",
        "isFetched": False,
        "inOrder": True,
        "watermark": WHOLE.isoformat(),
        "readTo": None,
    } | more


REST = {"windowNo": 2, "cursor": "next", "isFetched": False}


def test_pull_resumes_at_the_cursor_that_another_left() -> None:
    start = resume_from(Wanted("customers", "incremental"), kept_rest(), None)
    assert (start.window_no, start.cursor, start.is_fetched, start.in_order) == (2, "next", False, True)
    assert (start.watermark, start.read_to) == (WHOLE, None)
    assert (start.page, start.page_records, start.rest, start.rest_page) == (None, 0, None, None)


@pytest.mark.parametrize(
    ("most", "is_fetched", "used", "unused", "has_rest"),
    [
        (None, False, 3, None, False),
        (4, False, 3, None, False),
        (3, False, 3, None, True),
        (3, True, 3, None, False),
        (2, False, 2, 1, True),
        (2, True, 2, 1, True),
    ],
)
def test_pull_resumes_with_the_part_of_a_page_that_fits(
    most: int | None, is_fetched: bool, used: int, unused: int | None, has_rest: bool
) -> None:
    wanted = Wanted("customers", "incremental", max_records=most)
    start = resume_from(wanted, kept_rest(isFetched=is_fetched), encode_page(page_of(3)))
    assert start.page is not None and decode_page("customers", start.page).received == start.page_records == used
    left = None if start.rest_page is None else decode_page("customers", start.rest_page).received
    assert left == unused
    assert start.rest == (REST | {"isFetched": is_fetched} if has_rest else None)
    assert start.is_fetched == (has_rest or is_fetched)


KNOWN = Metadata("orders", WHOLE, WHOLE, 1, False, timedelta(minutes=5), None, None, 7, None, WHOLE, None)


@pytest.mark.parametrize(
    ("wanted", "window"),
    [
        (Wanted("orders", "incremental", days=3), Window(updated_from=WHOLE - timedelta(minutes=5))),
        (Wanted("orders", "update", stale_after_mins=90), Window(updated_from=WHOLE - timedelta(minutes=90))),
        (Wanted("orders", "update"), Window(updated_from=WHOLE)),
        (Wanted("orders", "populate", days=0), Window(after_id=7)),
        (Wanted("orders", "populate", days=3, full_scan=True), Window(created_from=WHOLE - 3 * DAY)),
        (Wanted("orders", "upsert", days=3), Window(created_from=WHOLE - 3 * DAY)),
        (Wanted("orders", "upsert", days=0), Window(created_from=WHOLE)),
        (Wanted("orders", "full"), Window()),
    ],
)
def test_window_follows_from_the_mode(wanted: Wanted, window: Window) -> None:
    assert window_for(wanted, KNOWN, NOON) == window


def test_options_are_those_that_were_given() -> None:
    assert Wanted("orders", "update").options == {}
    assert Wanted("orders", "update", 0, 0, True, 1).options == {
        "days": 0,
        "staleAfterMins": 0,
        "fullScan": True,
        "maxRecords": 1,
    }


def busy(retry_after: float | None = None, *, retryable: bool = True) -> PlatformError:
    return PlatformError("PLATFORM_BUSY", "Wait.", retryable=retryable, retry_after=retry_after)


def test_delay_grows_with_the_attempts_up_to_a_minute() -> None:
    assert [plan_retry(busy(), attempts, 9)[1] for attempts in range(1, 7)] == [2, 6, 20, 60, 60, 60]
    assert [plan_retry(busy(30.0), attempts, 9)[1] for attempts in (1, 4)] == [30, 60]
    assert [plan_retry(psycopg.OperationalError(), attempts, 9)[1] for attempts in (1, 2)] == [2, 6]


def test_platform_is_asked_again_until_attempts_are_spent() -> None:
    assert [plan_retry(busy(), attempts, 3)[0].retry for attempts in (1, 2, 3, 4)] == [True, True, False, False]
    verdict, _ = plan_retry(busy(retryable=False), 1, 3)
    assert (verdict.retry, verdict.code, verdict.message) == (False, "PLATFORM_BUSY", "Wait.")


def test_failure_of_our_own_is_judged_like_that_of_a_batch() -> None:
    assert plan_retry(psycopg.OperationalError(), 9, 3)[0] == UNAVAILABLE
    assert plan_retry(RuntimeError(), 1, 3)[0] == INTERNAL
