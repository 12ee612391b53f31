"""Requests are read by their schemas; the first error is returned as one message."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.requests.fields import RequestSchema, WrongRequest, read_object, read_request
from schemas.requests.lists import JobsQuery
from schemas.requests.outbound import EventsSchema, PullOrdersSchema, RunSchema
from schemas.requests.pulls import RecordQuery, ShopifyStartSchema, TiktokQuery


@pytest.mark.parametrize("days", [30, Decimal("30.0"), Decimal("3E+1")])
def test_a_whole_number_may_have_a_decimal_point(days: Any) -> None:
    """JSON Schema calls 30.0 an integer, and PHP writes a float so."""
    asked = read_request(ShopifyStartSchema(), {"jobType": "orders", "days": days})
    assert (asked["days"], type(asked["days"])) == (30, int)


WRONG: list[tuple[RequestSchema, dict[str, Any], str]] = [
    (
        ShopifyStartSchema(),
        {"jobType": "orders", "days": Decimal("1.5")},
        "days must be a whole number from 1 to 36500",
    ),
    (
        ShopifyStartSchema(),
        {"jobType": "orders", "days": Decimal("9E+9999")},
        "days must be a whole number from 1 to 36500",
    ),
    (ShopifyStartSchema(), {"jobType": "orders", "days": True}, "days must be a whole number from 1 to 36500"),
    (ShopifyStartSchema(), {}, "jobType must be one of orders, products, customers, variations"),
    (ShopifyStartSchema(), {"jobType": ["orders"]}, "jobType must be one of orders, products, customers, variations"),
    (
        ShopifyStartSchema(),
        {"jobType": "orders", "syncMode": "update"},
        "staleAfterMins is required for syncMode update",
    ),
    (TiktokQuery(), {"force_full": "maybe"}, "force_full must be true or false"),
    (TiktokQuery(), {"max_records": "0"}, "max_records must be a whole number from 1 to 10000000"),
    (RecordQuery(), {"entity": "orders", "id": "9" * 19}, "id must be a whole number from 1 to 9223372036854775807"),
    (JobsQuery(), {"status": "lost"}, "status must be one of running, paused, completed, failed, cancelled"),
    (RunSchema(), {"force": "yes"}, "force must be true or false"),
    (EventsSchema(), {"events": {}}, "events must be an array"),
    (EventsSchema(), {}, "events must be an array"),
    (PullOrdersSchema(), {"since": "yesterday"}, "since must be a date and time in ISO 8601 that has passed"),
]


@pytest.mark.parametrize(("schema", "sent", "words"), WRONG)
def test_a_wrong_request_gives_one_message(schema: RequestSchema, sent: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongRequest) as caught:
        read_request(schema, sent)
    assert (caught.value.code, caught.value.message) == ("VALIDATION_ERROR", words)


def test_a_body_must_be_an_object() -> None:
    for body, code in ((b"[]", "VALIDATION_ERROR"), (b"{", "INVALID_JSON"), (b'{"a": NaN}', "INVALID_JSON")):
        with pytest.raises(WrongRequest) as caught:
            read_object(body)
        assert caught.value.code == code
