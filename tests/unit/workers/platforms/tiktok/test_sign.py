"""TikTok Shop's signature against worked examples, by the client and by the fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.fakes.tiktok.gate import expected_signature
from workers.platforms.tiktok.sign import sign

Signer = Callable[[str, str, Mapping[str, str], bytes], str]
SECRET = "tiktok-app-secret-for-tests"
APP = {"app_key": "68aabbccdd123", "timestamp": "1718000000"}
CIPHER = {"shop_cipher": "GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3"}
SEARCH = {**APP, **CIPHER, "page_size": "50", "sort_field": "update_time", "sort_order": "ASC"}
BODY = b'{"update_time_ge":1717990000,"update_time_lt":1718000000}'
PAGE_TOKEN = "6AsPQsUMvH3RkchNUPPh22NROHkE0D8pmq/N5M1kHYcZmtRyv9aVrNv65W7Q6tFA+7D1ud64MPNz5OaT"

WORKED = {
    "official": (
        ("e59af819cc", "/authorization/202309/shops", {"app_key": "29a39d", "timestamp": "1623812664"}, b""),
        "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8",
    ),
    "one parameter": (
        ("app_secret", "/test-api", {"foo": "bar"}, b""),
        "d3cb7fe11ecae942802ceeca67e7cf10120cc12f1517d45fbc1c8cfe5413c80f",
    ),
    "no shop": (
        (SECRET, "/authorization/202309/shops", APP, b""),
        "9d140f4ed3ea3da1b50e8ec69f55919aae177519bbf5e31e49311511a9e20122",
    ),
    "with a body": (
        (SECRET, "/order/202309/orders/search", SEARCH, BODY),
        "71de4fe23accc63d1393313abad2ba77a3b000a8b6abbc2d0835f7d1e98f4425",
    ),
    "a page token goes in raw": (
        (SECRET, "/order/202309/orders/search", {**SEARCH, "page_token": PAGE_TOKEN}, BODY),
        "867a302b3c22ecdd2e302aa28ad27c8823f871231f17e1c261f9e3df9a56d819",
    ),
    "a comma goes in raw": (
        (SECRET, "/order/202309/orders", {**APP, **CIPHER, "ids": "576461413038785752,576461413038785753"}, b""),
        "4a8419f2fc3b515ab735915d5cde2503264e03ced0baecdda8f2305fe4f23dc9",
    ),
}


@pytest.mark.parametrize("signer", [sign, expected_signature])
@pytest.mark.parametrize("name", WORKED)
def test_signature_matches_the_documented_example(name: str, signer: Signer) -> None:
    call, expected = WORKED[name]
    assert signer(*call) == expected


@pytest.mark.parametrize("signer", [sign, expected_signature])
def test_signature_excludes_itself_and_the_token(signer: Signer) -> None:
    call, expected = WORKED["one parameter"]
    assert signer(call[0], call[1], {**call[2], "sign": "x", "access_token": "y"}, call[3]) == expected
