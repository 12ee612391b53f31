"""No address is stored: the e-mail field is hashed, texts are masked, unknown fields dropped."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base.key_ids import key_id
from schemas.base.privacy import email_hasher, hash_email, mask_emails, mask_value
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import read_batch
from tests.support.factories import MAKERS, make_customer, make_item, make_order

ADDRESS = "John.Doe@Example.com"
PLAIN = hashlib.sha256(b"john.doe@example.com").hexdigest()
KEY = "k" * 32


def stored(entity: str, record: dict[str, Any], key: str | None = None) -> bytes:
    """What is stored of a batch of one record."""
    body = json.dumps({entity: [record]}).encode()
    return bytes(read_batch(ENTITIES[entity], body, 10, email_hasher(key)).body)


@pytest.mark.parametrize("address", ["john.doe@example.com", ADDRESS, f"  {ADDRESS}\n"])
def test_the_hash_is_sha256_of_the_normalised_address(address: str) -> None:
    assert email_hasher(None)(address) == PLAIN


def test_with_a_key_the_hash_is_an_hmac() -> None:
    digits = hmac.new(KEY.encode(), b"john.doe@example.com", "sha256").hexdigest()
    assert email_hasher(KEY)(ADDRESS) == f"{key_id(KEY)}:{digits}"


def test_the_email_of_a_customer_is_stored_as_its_hash() -> None:
    kept = stored("customers", make_customer(email=ADDRESS))
    assert json.loads(bytes(kept))[0]["email"] == PLAIN
    assert b"@" not in kept


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_a_blank_address_has_no_hash(nothing: str | None) -> None:
    assert json.loads(stored("customers", make_customer(email=nothing)))[0]["email"] is None


@pytest.mark.parametrize("value", [5, True, [ADDRESS], {"value": ADDRESS}])
def test_an_email_that_is_not_text_becomes_false(value: Any) -> None:
    assert hash_email(value, email_hasher(None)) is False
    assert json.loads(stored("customers", make_customer(email=value)))[0]["email"] is False


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_address_in_any_known_field_is_not_stored(entity: str) -> None:
    for name in MAKERS[entity]():
        for value in (ADDRESS, f"call {ADDRESS} now", [ADDRESS], {ADDRESS: ADDRESS}, {"a": [ADDRESS]}):
            kept = stored(entity, MAKERS[entity](**{name: value})).lower()
            assert b"example.com" not in kept, (name, value)


def test_an_address_in_an_item_is_not_stored() -> None:
    for name in make_item():
        kept = stored("orders", make_order(items=[make_item(**{name: ADDRESS}), ADDRESS, [ADDRESS]]))
        assert b"example.com" not in kept.lower(), name


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_unknown_field_is_not_stored(entity: str) -> None:
    kept = stored(entity, MAKERS[entity](billing={"email": ADDRESS}, **{ADDRESS: 1}, note="secret"))
    assert b"secret" not in kept and b"example" not in kept.lower() and b"billing" not in kept


@pytest.mark.parametrize("spelling", [r"john\u0040example.com", "john@example.com", r"\u006aohn\u0040ex\u0061mple.com"])
def test_an_escaped_address_is_masked(spelling: str) -> None:
    body = f'{{"customers":[{{"wc_customer_id":1,"display_name":"{spelling}"}}]}}'.encode()
    kept = read_batch(ENTITIES["customers"], body, 10, email_hasher(None)).body
    assert json.loads(bytes(kept))[0]["display_name"] == "j"


def test_an_escaped_field_name_is_recognised() -> None:
    body = rb'{"customers":[{"wc_customer_id":1,"\u0065mail":"john.doe@example.com"}]}'
    kept = read_batch(ENTITIES["customers"], body, 10, email_hasher(None)).body
    assert json.loads(bytes(kept))[0]["email"] == PLAIN


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("john@example.com", "j"),
        ("from john@example.com, to jane+tag@mail.example.co.uk!", "from j, to j"),
        ("<john@example.com>", "<j>"),
        ("mailto:john@example.com", "mailto:j"),
        ("müller@exämple.de", "m"),
        ("4 @ 5", "4 @ 5"),
        ("@home", "@home"),
        ("a@b", "a@b"),
        ("nothing here", "nothing here"),
    ],
)
def test_addresses_in_a_text_are_masked(text: str, masked: str) -> None:
    assert mask_emails(text) == masked


@pytest.mark.parametrize("value", [5, None, True, 1.5])
def test_values_other_than_text_are_not_masked(value: Any) -> None:
    assert mask_value(value) == value


@given(st.text('ab.@ <"é', max_size=40))
def test_masking_is_idempotent(text: str) -> None:
    assert mask_emails(mask_emails(text)) == mask_emails(text)


@given(
    st.from_regex(r"[a-z0-9.+_-]{1,20}@[a-z0-9-]{1,10}\.[a-z]{2,5}", fullmatch=True), st.text(" ,;\n<>()", min_size=1)
)
def test_an_address_between_any_delimiters_is_masked(address: str, around: str) -> None:
    assert "@" not in mask_emails(f"x{around}{address}{around}y")


@pytest.mark.parametrize(
    "hostile", ["a" * 10**6 + "@", "a@" * 500_000, "a@" + "b" * 10**6, "a@b" * 333_333, "a@b." * 250_000, "@" * 10**6]
)
def test_hostile_text_is_masked_in_linear_time(hostile: str) -> None:
    assert len(mask_emails(hostile)) <= len(hostile)
