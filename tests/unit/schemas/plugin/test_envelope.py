"""The envelope: refusals, removed fields, and the agreement of its fast paths with the slow one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.base.privacy import email_hasher
from schemas.base.strict_json import loads
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import BYTE_ORDER_MARK, Batch, EnvelopeError, read_batch, read_each_value, read_fast
from tests.support.examples import examples
from tests.support.factories import MAKERS, make_item, make_order

HASHER = email_hasher(None)


def read(entity: str, body: bytes, most: int = 5000) -> Batch:
    return read_batch(ENTITIES[entity], body, most, HASHER)


def refusal(entity: str, body: bytes, most: int = 5000) -> tuple[str, str]:
    with pytest.raises(EnvelopeError) as caught:
        read(entity, body, most)
    return caught.value.code, caught.value.message


def meaning(batch: Batch) -> tuple[int, str, Any]:
    """What the workers read of a batch."""
    return batch.received, batch.mode, loads(bytes(batch.body))


def assert_paths_agree(entity: str, body: bytes) -> Batch | None:
    """The fast paths give the slow path's result, or None. They never refuse what the slow path accepts."""
    try:
        fast: Batch | EnvelopeError | None = read_fast(ENTITIES[entity], body, 5, HASHER)
    except EnvelopeError as error:
        fast = error
    if fast is None:
        return None
    try:
        slow = read_each_value(ENTITIES[entity], body, 5, HASHER)
    except EnvelopeError as error:
        assert isinstance(fast, EnvelopeError) and (fast.code, fast.message) == (error.code, error.message)
        return None
    assert isinstance(fast, Batch)
    assert meaning(fast) == meaning(slow)
    return fast


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_valid_batch_takes_the_fast_path(entity: str) -> None:
    record = MAKERS[entity](**({"email": "john@example.com"} if entity == "customers" else {}), extra={"a": [1]})
    assert assert_paths_agree(entity, json.dumps({entity: [record] * 3}).encode()) is not None


@pytest.mark.parametrize("entity", ["orders", "products", "categories"])
@pytest.mark.parametrize(
    "envelope", ['{{"{}":{}}}', ' {{ "{}" : {} ,"syncMode":"populate"}} ', '{{"{}":{},"syncMode":null}}\n']
)
def test_a_batch_of_known_fields_is_stored_unchanged(entity: str, envelope: str) -> None:
    records = json.dumps([MAKERS[entity](), MAKERS[entity](name="Caf\u00e9 /")], ensure_ascii=True)
    records = records.replace('"name"', '"name" ') if entity != "orders" else json.dumps([make_order()] * 2)
    batch = assert_paths_agree(entity, envelope.format(entity, records).encode())
    assert batch is not None and batch.body == records.encode()


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("value", [None, 5, "x", {}, True])
def test_records_must_be_an_array(entity: str, value: Any) -> None:
    wanted = ("VALIDATION_ERROR", f"{entity} must be an array")
    assert refusal(entity, json.dumps({entity: value}).encode()) == wanted


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"5", b'"orders"', b'{"products":[]}'])
def test_records_are_required(body: bytes) -> None:
    assert refusal("orders", body) == ("VALIDATION_ERROR", "orders must be an array")


@pytest.mark.parametrize("body", [b"", b"{", b'{"orders":[NaN]}', b'{"orders":[]} x', "{'é'}".encode("latin-1")])
def test_invalid_json_is_refused(body: bytes) -> None:
    assert refusal("orders", body)[0] == "INVALID_JSON"


@pytest.mark.parametrize("field", ["zz", "status"])
def test_nesting_100000_deep_is_refused(field: str) -> None:
    body = b'{"orders":[{"' + field.encode() + b'":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}"
    assert refusal("orders", body) == ("INVALID_JSON", "the JSON is nested too deeply")


@pytest.mark.parametrize(
    ("entity", "field"), [("orders", "status"), ("customers", "email"), ("customers", "total_spent")]
)
def test_a_huge_integer_in_a_known_field_is_refused(entity: str, field: str) -> None:
    body = f'{{"{entity}":[{{"{field}":{"9" * 5000}}}]}}'.encode()
    assert refusal(entity, body)[0] == "INVALID_JSON"


def test_a_huge_integer_in_an_unknown_field_is_dropped() -> None:
    assert read("orders", b'{"orders":[{"zz":' + b"9" * 5000 + b"}]}").body == b"[{}]"


def test_one_record_too_many_is_refused() -> None:
    body = json.dumps({"orders": [{}] * 4}).encode()
    assert read("orders", body, 4).received == 4
    assert refusal("orders", body, 3) == ("PAYLOAD_TOO_LARGE", "orders may hold 3 records, not 4")


@pytest.mark.parametrize(("value", "mode"), [(None, "upsert"), ("upsert", "upsert"), ("populate", "populate")])
def test_the_mode_is_read(value: Any, mode: str) -> None:
    assert read("orders", json.dumps({"orders": [], "syncMode": value}).encode()).mode == mode


@pytest.mark.parametrize("value", ["", "POPULATE", 5, True, [], {}, 1.5])
@pytest.mark.parametrize("records", [[], [{"status": "{"}]])
def test_an_unknown_mode_is_refused(value: Any, records: list[Any]) -> None:
    body = json.dumps({"orders": records, "syncMode": value}).encode()
    assert refusal("orders", body) == ("VALIDATION_ERROR", "syncMode must be one of upsert, populate")


def test_a_byte_order_mark_is_ignored() -> None:
    assert read("orders", BYTE_ORDER_MARK + b'{"orders":[{}]}').received == 1


@pytest.mark.parametrize("records", [b'[{"status":"a"}]', b'[{"status":"{"}]'])
def test_the_last_of_two_arrays_counts(records: bytes) -> None:
    assert read("orders", b'{"orders":[],"orders":' + records + b"}").received == 1


def test_a_container_in_a_scalars_place_is_emptied() -> None:
    record = {"status": {"a": "b"}, "total": [1], "items": {"a": "b"}}
    assert json.loads(bytes(read("orders", json.dumps({"orders": [record]}).encode()).body)) == [
        {"status": {}, "total": [], "items": {}}
    ]


@pytest.mark.parametrize("record", [None, 5, "x", [], True])
def test_an_entry_that_is_no_record_becomes_null(record: Any) -> None:
    body = json.dumps({"orders": [{"status": "a"}, record, {"status": "b"}]}).encode()
    assert json.loads(bytes(read("orders", body).body)) == [{"status": "a"}, None, {"status": "b"}]


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.text(st.sampled_from('a@.{}[]:,"\\ud800é'), max_size=12),
    st.sampled_from(["j@x.co", "\ud800", "items", '"items":[', "}", "a" * 4100, "\x00"]),
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=2), v, max_size=2), max_leaves=4
)


@st.composite
def mutated(draw: st.DrawFn, entity: str) -> Any:
    """A record of the contract with some wrong values and some unknown fields."""
    record = MAKERS[entity]()
    known = st.sampled_from(sorted(record))
    record |= draw(st.dictionaries(known, VALUES, max_size=3))
    record |= draw(st.dictionaries(st.text(max_size=3), VALUES, max_size=2))
    if entity == "orders" and draw(st.booleans()):
        item = make_item() | draw(
            st.dictionaries(st.sampled_from(sorted(make_item())) | st.text(max_size=3), VALUES, max_size=3)
        )
        record["items"] = draw(st.lists(st.just(item) | VALUES, max_size=3))
    return record


@pytest.mark.parametrize("entity", ENTITIES)
@settings(max_examples=examples(60))
@given(data=st.data())
def test_both_paths_agree_on_any_batch(entity: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(mutated(entity) | VALUES, max_size=6) | VALUES)
    envelope: dict[str, Any] = {entity: records} | data.draw(
        st.dictionaries(st.just("syncMode") | st.text(max_size=3), VALUES, max_size=2)
    )
    assert_paths_agree(
        entity, json.dumps(envelope, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    )


HOSTILE_BYTES = b'{}[]:,"\\ \n\x00\x01\xff\xc3@0-1.eE'
HOSTILE_WORDS = (b'"orders"', b'"items":[', b'"status":', b'"syncMode":', b'"populate"', b"NaN", b"true", b"null")
HOSTILE_VALUES = (b'"\\u0040"', b'"\\ud800"', b'"\\q"', b"1e99999999999999999999", b"9" * 4301, b"01", b"-", b"1.")
HOSTILE_TOKENS = st.sampled_from([*(bytes([byte]) for byte in HOSTILE_BYTES), *HOSTILE_WORDS, *HOSTILE_VALUES])


@settings(max_examples=examples(150))
@given(st.data())
@example(None)
def test_both_paths_agree_on_broken_envelopes(data: st.DataObject | None) -> None:
    body = json.dumps({"orders": [make_order(), make_order(items=[])], "syncMode": "upsert"}).encode()
    for _ in range(0 if data is None else data.draw(st.integers(1, 3))):
        assert data is not None
        at, cut = data.draw(st.integers(0, len(body))), data.draw(st.integers(0, 8))
        body = body[:at] + data.draw(HOSTILE_TOKENS) + body[at + cut :]
    assert_paths_agree("orders", body)


VALUE_TEXTS = [
    b"1e9999999999999999999",
    b"9" * 4200,
    b"9" * 5000,
    b"1e400",
    b"-0",
    b'"\\ud800"',
    b'"\\q"',
    b"NaN",
    b"01",
    b'"\xff"',
]


@pytest.mark.parametrize("value", VALUE_TEXTS, ids=lambda value: repr(value[:20]))
@pytest.mark.parametrize("field", ["status", "total", "zz"])
def test_both_paths_agree_on_odd_values(field: str, value: bytes) -> None:
    body = b'{"orders":[{"' + field.encode() + b'":' + value + b"}]}"
    if field == "zz" and value in (b"9" * 5000,):
        return  # the fast path drops it unread
    assert_paths_agree("orders", body)


@pytest.mark.parametrize("value", VALUE_TEXTS, ids=lambda value: repr(value[:20]))
def test_an_odd_email_is_refused_or_becomes_false(value: bytes) -> None:
    try:
        kept = json.loads(bytes(read("customers", b'{"customers":[{"email":' + value + b"}]}").body))
    except EnvelopeError as error:
        assert error.code == "INVALID_JSON"
    else:
        assert kept[0]["email"] is False or len(kept[0]["email"]) == 64


@settings(max_examples=examples(100))
@given(st.data())
def test_an_envelope_raises_only_envelope_errors(data: st.DataObject) -> None:
    entity = data.draw(st.sampled_from(sorted(ENTITIES)))
    body = (
        json.dumps({entity: data.draw(VALUES)}).encode()
        if data.draw(st.booleans())
        else data.draw(st.binary(max_size=40))
    )
    try:
        batch = read(entity, body)
    except EnvelopeError as error:
        assert error.code in ("INVALID_JSON", "VALIDATION_ERROR", "PAYLOAD_TOO_LARGE")
    else:
        assert len(loads(bytes(batch.body))) == batch.received
