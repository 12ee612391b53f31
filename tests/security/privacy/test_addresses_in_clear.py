"""Attack: put an e-mail address into every text, in every form that a shop or a mail program reads as one."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator
from re import _parser  # the standard library's own reader of patterns
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields
from psycopg import Connection

from app.settings.logs import redact
from app.usecases.stores import create_store
from db.core.migrate import read_schema
from schemas.base import privacy
from schemas.base.fields import MaskedText, Records, Text
from schemas.base.platform_fields import NestedRecord
from schemas.base.privacy import email_hasher, mask_emails
from schemas.erp.load import load_erp_category, load_erp_product
from schemas.erp.payloads import ErpCategorySchema, ErpProductSchema, ImageUrl
from schemas.platforms.registry import PLATFORMS
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import read_batch
from schemas.records.erp import ErpCategory, ErpProduct
from schemas.records.shop import Order
from tests.conftest import Database
from tests.support.factories import MAKERS, make_item, make_order
from tests.support.outbound import make_erp_product
from tests.support.pipeline import bearer, post

# Written out here and not taken from the code: what the promise names.
FORMS = {
    "plain": "john.doe@example.com",
    "quoted local part": '"john.doe"@example.com',
    "quoted with a blank": r'"john \"j\" doe"@example.com',
    "fullwidth": "john.doe＠example.com",
    "fullwidth dot": "john.doe＠example．com",
    "small form": "john.doe﹫example.com",
    "decimal": "john.doe&#64;example.com",
    "decimal, padded": "john.doe&#0064;example.com",
    "decimal, open": "john.doe&#64example.com",
    "hexadecimal": "john.doe&#x40;example.com",
    "hexadecimal, padded": "john.doe&#X0040;example.com",
    "named": "john.doe&commat;example.com",
    "named dot": "john&period;doe&commat;example&period;com",
    "escaped twice": "john.doe&amp;#64;example.com",
    "every letter": "".join(f"&#{ord(letter)};" for letter in "john.doe@example.com"),
    "per cent": "john.doe%40example.com",
    "per cent, twice": "john.doe%2540example.com",
    "per cent, every letter": "".join(f"%{ord(letter):02X}" for letter in "john.doe@example.com"),
    "JSON in text": r"john.doe\u0040example.com",
    "JavaScript in text": r"john.doe\x40example.com",
    "domain literal": "john.doe@[192.0.2.1]",
    "apostrophe": "o'john.doe@example.com",
    "braces": "{john.doe}@example.com",
}
AROUND = [
    "{}",
    "call {} now",
    '<a href="mailto:{}">',
    "({})",
    "https://shop.example/?email={}&page=2",
    "<{}>",
    "x={};y",
]
FORM_PARTS = "@ ＠ &#64; &#x40; &commat; %40 \\u0040 & amp; #64 # ; % 25 40 \\ u0040".split()
OTHER_PARTS = "john doe . com ． \" ' é / = < [ ] 1 png".split()
FRAGMENTS = st.lists(st.sampled_from([*FORM_PARTS, *FORM_PARTS, *OTHER_PARTS, " "]), max_size=12).map("".join)


def holds_it(text: str) -> bool:
    """Whether enough of the address is left to read it: its domain, or more than the first letter of its local part."""
    plain = text.lower()
    for form in ("&#101;&#120;&#97;", "%65%78%61", "example.com", "example．com", "example&period", "192.0.2.1"):
        if form in plain:
            return True
    return "ohn.doe" in plain or "ohn&period" in plain


def stored(entity: str, record: Any, body: bytes | None = None) -> str:
    """What is kept of a batch of one record, as JSON without escapes."""
    sent = json.dumps({entity: [record]}).encode() if body is None else body
    kept = read_batch(ENTITIES[entity], sent, 10, email_hasher(None)).body
    return json.dumps(json.loads(bytes(kept)), ensure_ascii=False).replace("\\\\", "\\")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", AROUND)
def test_a_text_keeps_no_form_of_an_address(form: str, around: str) -> None:
    masked = mask_emails(around.format(FORMS[form]))
    assert not holds_it(masked)
    assert mask_emails(masked) == masked


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("entity", ENTITIES)
def test_a_batch_keeps_no_form_of_an_address(entity: str, form: str) -> None:
    for name in MAKERS[entity]():
        if name != "items":
            assert not holds_it(stored(entity, MAKERS[entity](**{name: FORMS[form]}))), name
    for name in make_item():
        assert not holds_it(stored("orders", make_order(items=[make_item(**{name: FORMS[form]})]))), name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("escaped", ["none", "ascii", "every character", "some characters"])
def test_no_json_escape_hides_an_address(form: str, escaped: str) -> None:
    assert not holds_it(stored("products", None, product_named(FORMS[form], escaped, random.Random(form))))


def product_named(name: str, escaped: str, chance: random.Random) -> bytes:
    """A batch whose text is written with as many `\\uXXXX` as asked for."""
    written = json.dumps(name, ensure_ascii=escaped != "none")[1:-1]
    if escaped in ("every character", "some characters"):
        written = "".join(
            rf"\u{ord(letter):04x}"
            if escaped == "every character" or chance.random() < 0.3
            else json.dumps(letter)[1:-1]
            for letter in name
        )
    return f'{{"products":[{{"wc_product_id":1,"name":"{written}"}}]}}'.encode()


@given(FRAGMENTS, st.sampled_from(["none", "ascii", "every character", "some characters"]), st.randoms())
def test_fast_and_slow_paths_store_the_same(text: str, escaped: str, chance: random.Random) -> None:
    kept = read_batch(ENTITIES["products"], product_named(text, escaped, chance), 10, email_hasher(None)).body
    assert json.loads(bytes(kept))[0]["name"] == mask_emails(text)


@given(FRAGMENTS)
def test_a_masked_text_holds_no_address(text: str) -> None:
    assert mask_emails(mask_emails(text)) == mask_emails(text)


@given(st.sampled_from(sorted(FORMS)), st.text(max_size=20), st.text(max_size=20))
def test_no_surroundings_save_an_address(form: str, before: str, after: str) -> None:
    """A blank on each side, for what touches an address may be part of another one."""
    assert not holds_it(mask_emails(f"{before} {FORMS[form]} {after}"))


@pytest.mark.parametrize(
    "text",
    [
        "3 @ 2.50 each",
        "12V@2.5A",
        "icon@2x.png",
        "https://cdn.example/npm/lamp@1.2.3/lamp.js",
        "https://www.example.com/@lamps/video",
        "@lamps",
        "AT&T &amp; co",
        "50%40",
        "100&#37; cotton, 64&#215;40",
        "C:\\x40",
        "&#640;",
        "a@b",
    ],
)
def test_a_text_without_an_address_stays(text: str) -> None:
    assert mask_emails(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('<a href="mailto:jane@example.com">jane@example.com</a>', '<a href="mailto:j">j</a>'),
        ("https://shop.example/?email=jane%40example.com&page=2", "https://shop.example/?email=j&page=2"),
        ("write to jane&#64;example.com, please", "write to j, please"),
        ('"jane doe"@example.com', '"j"'),
    ],
)
def test_only_the_address_itself_is_masked(text: str, masked: str) -> None:
    assert mask_emails(text) == masked


def texts_of(schema: Schema, path: str = "") -> Iterator[tuple[str, fields.Field[Any]]]:
    """Each text field of a schema, nested ones included."""
    for name, field in schema.fields.items():
        if isinstance(field, Records):
            yield from texts_of(field.entry_schema, f"{path}{name}.")
        elif isinstance(field, NestedRecord):
            yield from texts_of(field.nested_schema, f"{path}{name}.")
        elif isinstance(field, Text):
            yield f"{path}{name}", field


@pytest.mark.parametrize(
    "schema",
    [payload.schema for platform in PLATFORMS.values() for payload in platform.payloads.values()]
    + [ErpProductSchema(), ErpCategorySchema()],
    ids=lambda schema: type(schema).__name__,
)
def test_every_text_of_platforms_and_erp_is_masked(schema: Schema) -> None:
    texts = dict(texts_of(schema))
    assert texts
    assert [name for name, field in texts.items() if not isinstance(field, MaskedText | ImageUrl)] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["number", "status", "currency", "payment_method"])
def test_an_order_pulled_from_woocommerce_is_masked(name: str, form: str) -> None:
    found = PLATFORMS["woocommerce"].payloads["orders"].read(WOO_ORDER | {name: FORMS[form]}, email_hasher(None))
    assert not holds_it(repr(found))


@pytest.mark.parametrize("currency", ["jo@x.io", '"jo"@x.io', "jo＠x.io", "jo&#64;x.io", "jo&#x40;x.io", "jo%40x.io"])
def test_a_pulled_currency_is_masked(currency: str) -> None:
    found = PLATFORMS["woocommerce"].payloads["orders"].read(WOO_ORDER | {"currency": currency}, email_hasher(None))
    assert isinstance(found, Order)
    assert found.currency in ("j", '"j"')


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["name", "description", "sku"])
def test_a_product_of_the_erp_is_masked(name: str, form: str) -> None:
    found = load_erp_product(make_erp_product(**{name: FORMS[form]}))
    # A SKU, letter by letter, is too long or full of escapes, which the shop would remove.
    assert isinstance(found, ErpProduct) or [problem.code for problem in found] in (["too_long"], ["not_a_sku"])
    assert not holds_it(repr(found))


def test_the_answer_counts_masked_products(client: FlaskClient, conn: Connection) -> None:
    shop = create_store(conn, "A shop", "woocommerce", role="erp")
    products = [
        make_erp_product(),
        make_erp_product(description="ask jane&#64;example.com"),
        make_erp_product(name="jane@example.com"),
    ]
    answer = client.put("/api/v1/erp/products", json={"products": products}, headers=bearer(shop.token))
    assert (answer.json or {})["data"]["maskedCount"] == 2
    lamps = {"category_id": str(uuid4()), "name": "Lamps", "description": "not a field of ours"}
    answer = client.put("/api/v1/erp/categories", json={"categories": [lamps]}, headers=bearer(shop.token))
    assert (answer.json or {})["data"]["maskedCount"] == 0


@pytest.mark.parametrize("form", FORMS)
def test_a_category_of_the_erp_is_masked(form: str) -> None:
    category = load_erp_category({"category_id": str(uuid4()), "name": FORMS[form]})
    assert isinstance(category, ErpCategory)
    assert not holds_it(repr(category))


@pytest.mark.parametrize("url", ["https://img.example/?for=john%40example.com", "https://img.example/john@example.com"])
def test_a_picture_whose_url_names_an_address_is_refused(url: str) -> None:
    """Cut short, the URL would lead nowhere."""
    found = load_erp_product(make_erp_product(image_urls=[url]))
    assert isinstance(found, list)
    assert [(problem.field, problem.code) for problem in found] == [("image_urls[0]", "holds_an_address")]


@pytest.mark.parametrize("url", ["https://img.example/icon@2x.png", "https://img.example/lamp@1.2.3/a.jpg?w=40"])
def test_a_usual_picture_is_taken(url: str) -> None:
    assert isinstance(load_erp_product(make_erp_product(image_urls=[url])), ErpProduct)


@pytest.mark.parametrize("form", FORMS)
def test_a_log_line_holds_no_form_of_an_address(form: str) -> None:
    event = redact(None, "info", {"event": f"for {FORMS[form]}!", "deep": [{"x": FORMS[form]}]})
    assert not holds_it(repr(event).replace("\\\\", "\\"))
    assert "[email]" in event["event"]


class Counted:
    """A pattern that counts the characters it takes, and those it splits."""

    def __init__(self, pattern: re.Pattern[str], looked: list[int]) -> None:
        self.pattern, self.looked = pattern, looked

    def match(self, text: str, begin: int) -> re.Match[str] | None:
        found = self.pattern.match(text, begin)
        self.looked[0] += found.end() - begin + 1 if found else 1
        return found

    def split(self, text: str) -> list[str]:
        self.looked[0] += len(text)
        return self.pattern.split(text)


HOSTILE = [
    "a",
    "@",
    "a@",
    "a@b",
    "a@b.",
    '"@',
    '\\"@',
    '"\\',
    "&",
    "&amp;",
    "&#0",
    "%25",
    "\\",
    "a@b.c",
    "[@",
    "a@[",
    "@[",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_redaction_looks_at_a_character_few_times(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts work, not time: of twice the text no more than twice as much, and a few looks at each character."""
    looked = [0]
    for name in ("_DELIMITER", "_PART_OF_URL", "_DOMAIN", "_LITERAL", "_MORE_SIGNS"):
        monkeypatch.setattr(privacy, name, Counted(getattr(privacy, name), looked))
    work = []
    for length in (3000, 6000):
        looked[0] = 0
        redact(None, "info", {"event": (unit * length)[:length] + "@b.c"})
        work.append(looked[0])
    assert 0 < work[1] <= 2 * work[0] + 10
    assert work[1] <= 5 * 6004


def repeats_of(parsed: Any) -> Iterator[tuple[str, int]]:
    """Each repeat of a parsed pattern: its kind and its upper bound."""
    for kind, value in parsed:
        if "REPEAT" in str(kind):
            yield str(kind), int(value[1])
            yield from repeats_of(value[2])
        elif str(kind) == "SUBPATTERN":
            yield from repeats_of(value[3])
        elif str(kind) == "BRANCH":
            for branch in value[1]:
                yield from repeats_of(branch)


def test_no_pattern_gives_back_what_it_took() -> None:
    """Backtracking is what makes a pattern's time grow faster than its text."""
    patterns = [value for value in vars(privacy).values() if isinstance(value, re.Pattern)]
    assert len(patterns) > 5
    for pattern in patterns:
        text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
        for kind, most in repeats_of(_parser.parse(text)):
            assert kind == "POSSESSIVE_REPEAT" or most <= 32, text


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_hostile_text_is_redacted(unit: str) -> None:
    """In time that grows with the square of the length this would take minutes."""
    event = redact(None, "info", {"event": unit * (200_000 // len(unit)) + "@b.c"})
    assert len(event["event"]) <= 7 * 200_000


WOO_ORDER = {"id": 1, "date_created_gmt": "2026-01-15T10:30:00", "status": "completed", "total": "1"}
KEY = "order-4711-john.doe@example.com"
KEYS = "SELECT idempotency_key FROM sync_logs WHERE store_id = %s AND idempotency_key IS NOT NULL"


def test_an_idempotency_key_is_stored_as_its_hash(client: FlaskClient, conn: Connection, root_conn: Connection) -> None:
    shop = create_store(conn, "A shop", "woocommerce")
    first = post(client, shop.token, "orders", [make_order()], {"Idempotency-Key": KEY})
    again = post(client, shop.token, "orders", [make_order()], {"Idempotency-Key": f'"{KEY}"'})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert root_conn.execute(KEYS, (shop.store_id,)).fetchall() == [(hashlib.sha256(KEY.encode()).hexdigest(),)]
    other = post(client, shop.token, "orders", [make_order(total=7)], {"Idempotency-Key": KEY})
    assert other.status_code == 422


def test_a_key_from_before_the_hashes_is_replayed(
    client: FlaskClient, conn: Connection, root_conn: Connection, database: Database
) -> None:
    """As an earlier release stored it; then the migration runs."""
    shop = create_store(conn, "A shop", "woocommerce")
    post(client, shop.token, "orders", [make_order()], {"Idempotency-Key": KEY})
    root_conn.execute("UPDATE sync_logs SET idempotency_key = %s WHERE store_id = %s", (KEY, shop.store_id))
    (migration,) = (one for one in read_schema().takeover if one.name == "0017_hashed_keys")
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(migration.text.encode())
    assert root_conn.execute(KEYS, (shop.store_id,)).fetchall() == [(hashlib.sha256(KEY.encode()).hexdigest(),)]
    again = post(client, shop.token, "orders", [make_order()], {"Idempotency-Key": KEY})
    assert again.headers.get("Idempotent-Replayed") == "true"
    forced = "SELECT relforcerowsecurity FROM pg_class WHERE relname IN ('sync_logs', 'sync_record_errors')"
    assert root_conn.execute(forced).fetchall() == [(True,), (True,)]
