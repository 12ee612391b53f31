"""Signatures for shops over plain http: worked examples, and agreement with the fake shop's own check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.woocommerce import ApiKey, Settings
from tests.fakes.woocommerce.auth import authenticate, php_query
from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.state import ShopState
from workers.platforms.woocommerce.auth import Param, ShopKey, encoded, query_pairs, signed_pairs

KEY = ShopKey("ck_0123456789abcdef0123456789abcdef01234567", "cs_89abcdef0123456789abcdef0123456789abcdef")
NONCE = "6f1ed002ab5595859014ebf0951522d9"
NOW = 1718000000
HOME = "http://shop.example.test"
ORDERS = f"{HOME}/wp-json/wc/v3/orders"

EXAMPLES: list[tuple[str, str, dict[str, Param], str]] = [
    (
        "GET",
        ORDERS,
        {
            "page": 2,
            "per_page": 100,
            "orderby": "id",
            "order": "asc",
            "modified_after": "2024-03-01T00:00:00",
            "dates_are_gmt": True,
        },
        "aA7gf9KQB/YVYbE8LFvDARHqc8hD8jqDCH8Y/M+rcUA=",
    ),
    (
        "GET",
        ORDERS,
        {"status": ["processing", "completed"], "search": "café & co/50% ~ok+x"},
        "96YFx0Ex9RN3yCVAUv7BAg3mPwNgsBj6nOTUctwpBGw=",
    ),
    ("POST", f"{HOME}/wp-json/wc/v3/products/batch", {}, "ZVxy57fOAOi9Sv1HGs11FItOrTA+qSAvfJUhHzy3Fdg="),
]


@pytest.mark.parametrize(("method", "url", "params", "signature"), EXAMPLES)
def test_signatures_match_known_examples(method: str, url: str, params: dict[str, Param], signature: str) -> None:
    pairs = signed_pairs(KEY, method, url, query_pairs(params), timestamp=NOW, nonce=NONCE)
    assert dict(pairs)["oauth_signature"] == signature


def check(params: dict[str, Param], *, tampered: bool = False) -> ApiKey | None:
    shop = ShopState(Settings(home=HOME), {KEY.consumer_key: ApiKey(KEY.consumer_secret)}, lambda: NOW)
    raw = encoded(signed_pairs(KEY, "GET", ORDERS, query_pairs(params), timestamp=NOW, nonce=NONCE))
    raw += "&status=draft" if tampered else ""
    return authenticate(shop, "GET", "/wp-json/wc/v3/orders", php_query(raw), None)


NAMES = st.sampled_from(["search", "sku", "include", "per_page", "status", "after", "_fields"])
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.integers() | st.booleans()


@given(st.dictionaries(NAMES, VALUES | st.lists(st.text("aé &+/%~=[]", max_size=5), max_size=14)))
def test_signed_query_is_what_the_shop_reads(params: dict[str, Param]) -> None:
    assert check(params) is not None


def test_long_list_is_sent_in_the_order_of_the_signature() -> None:
    assert check({"include": list(range(25))}) is not None


def test_added_parameter_breaks_the_signature() -> None:
    with pytest.raises(ApiError, match="woocommerce_rest_authentication_error"):
        check({"search": "x"}, tampered=True)


def test_lists_have_indices_and_booleans_are_words() -> None:
    assert query_pairs({"include": [7, 8], "dates_are_gmt": True, "page": 2}) == [
        ("include[0]", "7"),
        ("include[1]", "8"),
        ("dates_are_gmt", "true"),
        ("page", "2"),
    ]


def test_repr_of_a_key_hides_the_secret() -> None:
    assert KEY.consumer_secret not in f"{KEY!r} {KEY}"
