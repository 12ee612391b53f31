"""Authentication: HTTP Basic over https; OAuth 1.0a with HMAC-SHA256 over plain http, where WooCommerce ignores Basic.

WooCommerce never signs the body, and rebuilds the signature from the query as it received it. So the query is sent exactly as
it was signed, in the same order.
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
    """A shop's consumer key. `repr` leaves the secret out."""

    consumer_key: str
    consumer_secret: str = field(repr=False)


def query_pairs(params: Mapping[str, Param]) -> list[Pair]:
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
    return "&".join(f"{escape(name)}={escape(value)}" for name, value in pairs)


def signed_pairs(
    key: ShopKey, method: str, url: str, pairs: Sequence[Pair], *, timestamp: int, nonce: str
) -> list[Pair]:
    """The query of a signed call: the parameters and the five OAuth ones, in the order of the signature.

    `url` has no query. `timestamp` is in unix seconds; the nonce must be new.
    """
    unsigned = [
        *pairs,
        ("oauth_consumer_key", key.consumer_key),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", METHOD),
        ("oauth_timestamp", str(timestamp)),
    ]
    # The server signs in the order of the query; with more than ten entries status[10] sorts before status[2].
    unsigned.sort(key=lambda pair: (escape(pair[0]), escape(pair[1])))
    base = signature_base_string(method, base_string_uri(url), normalize_parameters(unsigned))
    signer = Client(key.consumer_key, client_secret=key.consumer_secret)
    return [*unsigned, ("oauth_signature", sign_hmac_sha256_with_client(base, signer))]
