"""Proof of who asks: HTTP Basic over https, OAuth 1.0a with HMAC-SHA256 over plain http, where WooCommerce ignores Basic.

WooCommerce never signs the body, and rebuilds the signature from the query as it received it: what is signed here is therefore
exactly what is sent, in the order in which it is signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from oauthlib.oauth1 import Client
from oauthlib.oauth1.rfc5849.signature import (
    base_string_uri,
    normalize_parameters,
    sign_hmac_sha256_with_client,
    signature_base_string,
)
from oauthlib.oauth1.rfc5849.utils import escape

METHOD = "HMAC-SHA256"

Param = str | int | bool | tuple[str | int, ...] | list[str] | list[int]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ShopKey:
    """A consumer key of a shop. The secret stays out of every text made of it."""

    consumer_key: str
    consumer_secret: str = field(repr=False)


def query_pairs(params: Mapping[str, Param]) -> list[Pair]:
    """Parameters as they go into a query: booleans as words, a list under indices (`status[0]`), as signing needs it."""
    pairs: list[Pair] = []
    for name, value in params.items():
        if isinstance(value, tuple | list):
            pairs += [(f"{name}[{index}]", _text(entry)) for index, entry in enumerate(value)]
        else:
            pairs.append((name, _text(value)))
    return pairs


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def encoded(pairs: Iterable[Pair]) -> str:
    """The query as RFC 3986 writes it: the same characters in the URL as in the signature."""
    return "&".join(f"{escape(name)}={escape(value)}" for name, value in pairs)


def signed_pairs(
    key: ShopKey, method: str, url: str, pairs: Sequence[Pair], *, timestamp: int, nonce: str
) -> list[Pair]:
    """The query of a signed call: what was asked for, in the order of the signature, and the five OAuth parameters.

    `url` has no query. `timestamp` in unix seconds; the nonce must be new.
    """
    unsigned = [
        *pairs,
        ("oauth_consumer_key", key.consumer_key),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", METHOD),
        ("oauth_timestamp", str(timestamp)),
    ]
    # With more than ten entries status[10] is signed before status[2]; the server keeps the order in which it got them.
    unsigned.sort(key=lambda pair: (escape(pair[0]), escape(pair[1])))
    base = signature_base_string(method, base_string_uri(url), normalize_parameters(unsigned))
    signer = Client(key.consumer_key, client_secret=key.consumer_secret)
    return [*unsigned, ("oauth_signature", sign_hmac_sha256_with_client(base, signer))]
