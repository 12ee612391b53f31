"""The fake shop's own check of keys and signatures, independent of the client's code.

It follows what the real shop accepts and refuses: the query is read as PHP reads it (later values win, `a[0]` makes a list),
the signature is computed from that, and one nonce is remembered per timestamp.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from urllib.parse import quote, unquote_plus

from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.state import ApiKey, ShopState

OAUTH_NAMES = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
WINDOW = 15 * 60
DIGESTS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
READING = ("GET", "HEAD")

PhpQuery = dict[str, str | dict[str, str]]


def php_query(raw: str) -> PhpQuery:
    """A query as in PHP's $_GET: one level of brackets, empty ones numbered."""
    found: PhpQuery = {}
    for part in filter(None, raw.split("&")):
        name, _, value = part.partition("=")
        name, value = unquote_plus(name), unquote_plus(value)
        bracket = re.fullmatch(r"([^\[\]]+)\[([^\[\]]*)\]", name)
        if bracket is None:
            found[name] = value
            continue
        entries = found.setdefault(bracket[1], {})
        if isinstance(entries, dict):
            entries[bracket[2] or str(len(entries))] = value
    return found


def authenticate(shop: ShopState, method: str, path: str, query: PhpQuery, header: str | None) -> ApiKey | None:
    """The key of a request; None for an unknown caller. Raises ApiError for a wrong proof.

    Under `?rest_route=` no signature is checked: WooCommerce recognizes its own requests by their path.
    """
    is_own = path.startswith("/wp-json/wc/")
    key = None
    if shop.settings.https and (is_own or shop.settings.authenticates_by_query):
        key = _by_key_and_secret(shop, query, header)
    if key is None and is_own:
        key = _by_signature(shop, method, path, query | _header_params(header))
    if key is not None:
        _check_scope(key, method)
    return key


def _refused(message: str, code: str = "woocommerce_rest_authentication_error") -> ApiError:
    return ApiError(401, code, message)


def _by_key_and_secret(shop: ShopState, query: PhpQuery, header: str | None) -> ApiKey | None:
    name, secret = query.get("consumer_key"), query.get("consumer_secret")
    if shop.settings.refuses_keys_in_query:
        name = None
    if not (name and secret):
        name, secret = _basic(header)
    if not isinstance(name, str) or not isinstance(secret, str) or not name or not secret or name not in shop.keys:
        return None
    if not hmac.compare_digest(shop.keys[name].secret.encode(), secret.encode()):
        raise _refused("Consumer secret is invalid.")
    return shop.keys[name]


def _basic(header: str | None) -> tuple[str, str]:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    name, _, secret = base64.b64decode(encoded + "==").decode(errors="replace").partition(":")
    return name.strip(), secret


def _header_params(header: str | None) -> PhpQuery:
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() != "oauth":
        return {}
    pairs = re.findall(r'(oauth_\w+)="([^"]*)"', rest)
    return {name: unquote_plus(value.replace("+", "%2B")) for name, value in pairs}


def _by_signature(shop: ShopState, method: str, path: str, query: PhpQuery) -> ApiKey | None:
    given = {name: value for name in OAUTH_NAMES if isinstance(value := query.get(name), str) and value}
    if not given:
        return None
    absent = [name for name in OAUTH_NAMES if name not in given]
    if absent:
        message = f"Missing OAuth parameter{'s' if len(absent) > 1 else ''} {', '.join(absent)}"
        raise _refused(message, "woocommerce_rest_authentication_missing_parameter")
    key = shop.keys.get(given["oauth_consumer_key"])
    if key is None:
        raise _refused("Consumer key is invalid.")
    _check_signature(shop, key, method, path, query, given)
    _check_freshness(shop, given)
    return key


def _check_signature(
    shop: ShopState, key: ApiKey, method: str, path: str, query: PhpQuery, given: dict[str, str]
) -> None:
    digest = DIGESTS.get(given["oauth_signature_method"])
    if digest is None:
        raise _refused("Invalid signature - signature method is invalid.")
    pairs: list[str] = []
    for name, value in sorted(query.items()):
        if name == "oauth_signature":
            continue
        entries = [(name, value)] if isinstance(value, str) else [(f"{name}[{at}]", one) for at, one in value.items()]
        pairs += [_enc(f"{_enc(entry)}={_enc(text)}") for entry, text in entries]
    base = f"{method}&{_enc(shop.settings.home + path)}&" + "%26".join(pairs)
    wanted = base64.b64encode(hmac.new(f"{key.secret}&".encode(), base.encode(), digest).digest()).decode()
    if not hmac.compare_digest(wanted.encode(), given["oauth_signature"].encode()):
        raise _refused("Invalid signature - provided signature does not match.")


def _enc(text: str) -> str:
    return quote(text, safe="~")


def _check_freshness(shop: ShopState, given: dict[str, str]) -> None:
    timestamp, nonce = int(given["oauth_timestamp"]), given["oauth_nonce"]
    now = int(shop.clock())
    if abs(now - timestamp) > WINDOW:
        raise _refused("Invalid timestamp.")
    remembered = shop.nonces.setdefault(given["oauth_consumer_key"], {})
    if nonce in remembered.values():
        raise _refused("Invalid nonce - nonce has already been used.")
    remembered[timestamp] = nonce
    for old in [second for second in remembered if second < now - WINDOW]:
        del remembered[old]


def _check_scope(key: ApiKey, method: str) -> None:
    needed = "read" if method in READING else "write"
    if key.permissions not in (needed, "read_write"):
        raise _refused(f"The API key provided does not have {needed} permissions.")
