"""Stored batches are small and come back unchanged."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.factories import make_order
from workers.inbound.payload import pack, unpack


@given(st.binary(max_size=400))
def test_unpack_returns_what_was_packed(body: bytes) -> None:
    assert unpack(pack(body)) == body


def test_batch_is_stored_in_a_fraction_of_its_bytes() -> None:
    body = json.dumps([make_order(wc_order_id=number) for number in range(1, 101)]).encode()
    assert len(pack(body)) < len(body) / 5


@pytest.mark.parametrize("body", [b"[]", b'[{"wc_order_id":1}]'])
def test_batch_stored_as_plain_json_is_read(body: bytes) -> None:
    assert unpack(body) == body
