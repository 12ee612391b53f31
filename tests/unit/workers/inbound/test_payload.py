"""A waiting batch: smaller, and the same again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.factories import make_order
from workers.inbound.payload import pack, unpack


@given(st.binary(max_size=400))
def test_what_was_packed_comes_out_again(body: bytes) -> None:
    assert unpack(pack(body)) == body


def test_a_batch_is_kept_in_a_fraction_of_its_bytes() -> None:
    body = json.dumps([make_order(wc_order_id=number) for number in range(1, 101)]).encode()
    assert len(pack(body)) < len(body) / 5


@pytest.mark.parametrize("body", [b"[]", b'[{"wc_order_id":1}]'])
def test_a_batch_kept_as_plain_json_is_read_too(body: bytes) -> None:
    assert unpack(body) == body
