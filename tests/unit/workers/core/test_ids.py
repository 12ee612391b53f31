"""Ids are UUIDs of version 7 that sort by time."""

from __future__ import annotations

import time
from uuid import RFC_4122

from tests.support.waiting import wait_until
from workers.core.ids import new_id, new_ids


def milliseconds_of(number: int) -> int:
    return number >> 80


def test_ids_have_version_7_and_are_unique() -> None:
    ids = new_ids(1000)
    assert {(found.version, found.variant) for found in ids} == {(7, RFC_4122)}
    assert len(set(ids)) == 1000


def test_ids_of_one_call_are_in_order() -> None:
    ids = new_ids(500)
    assert ids == sorted(ids)


def test_ids_contain_the_time() -> None:
    before = time.time_ns() // 1_000_000
    found = milliseconds_of(new_id().int)
    assert before <= found <= time.time_ns() // 1_000_000


def test_later_id_sorts_after_an_earlier_one() -> None:
    first = new_ids(10)
    later = wait_until(
        lambda: [later] if milliseconds_of((later := new_id()).int) > milliseconds_of(first[0].int) else []
    )
    assert max(first) < later[0]


def test_zero_ids_are_an_empty_list() -> None:
    assert new_ids(0) == []
