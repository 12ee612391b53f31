"""Access to the fake TikTok Shop: signatures over raw bytes, the clock, expiring tokens, and a rate limit."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.fakes.common.server import Call, Reply

COMMON = ("app_key", "timestamp", "sign", "shop_cipher")
ANSWER_TIMES = (-300, 30)  # how far in the past and in the future a timestamp may lie


class Refusal(Exception):
    """An answer with a code other than 0. Its HTTP status is not documented."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(code)
        body = {"code": code, "message": message, "request_id": "2024061007490001018908102"}
        self.reply = Reply(status, json.dumps(body).encode())


def raw_query(query: str) -> dict[str, str]:
    """The parameters, percent-decoded once. A plus sign stays one: this is not a form."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def expected_signature(secret: str, path: str, query: dict[str, str], body: bytes) -> str:
    message = secret.encode() + path.encode()
    for name, value in sorted(query.items()):
        if name not in ("sign", "access_token"):
            message += name.encode() + value.encode()
    message += body + secret.encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


class Gate:
    """One app's access to one shop. Tests may read and expire its tokens."""

    def __init__(
        self, app_key: str, app_secret: str, clock: Callable[[], float], calls_per_second: int, token_life: int
    ) -> None:
        self.app_key, self.app_secret, self.cipher = app_key, app_secret, "GCP_fakeCipher+/="
        self.clock = clock
        self.calls_per_second = calls_per_second
        self.token_life = token_life
        self.scopes = {"orders", "products", "return_orders", "cancellations"}
        self.expired_status = 401
        self.refreshes = 0
        self.lose_answers = 0  # of so many renewals from now on: the pair is replaced, and nobody hears of it
        self.takes_spent = False  # whether the refresh token before the newest is taken again
        self.access_token, self.access_ends = "TTP_access_0", int(clock()) + token_life
        self.refresh_token, self.refresh_ends = "TTP_refresh_0", int(clock()) + 365 * 86400
        self.keeps_access = False  # whether the access token before the newest goes on to its end
        self._access_before = ("", 0)
        self._before = ""  # the refresh token that was spent last
        self._lock = threading.Lock()
        self._second, self._in_second = 0, 0

    def expire(self) -> None:
        """Expire the access token now."""
        self.access_ends = 0

    def check(self, call: Call, *, in_shop: bool) -> dict[str, str]:
        """The query of an allowed call. Raises Refusal."""
        query = raw_query(call.query)
        self._check_rate()
        self._check_sign(call, query)
        self._check_token(call.headers.get("x-tts-access-token", ""))
        if not in_shop and "shop_cipher" in query:
            raise Refusal(36009004, "Unexpected identifier. The `shop_cipher` query parameter is not required.")
        if in_shop and "shop_cipher" not in query:
            raise Refusal(106013, "Missing identifier. The `shop_cipher` query parameter is required.")
        if in_shop and query["shop_cipher"] != self.cipher:
            raise Refusal(101000, "Invalid query or header. The `shop_cipher` query parameter is invalid.")
        return query

    def _check_rate(self) -> None:
        with self._lock:
            second = int(self.clock())
            self._in_second = self._in_second + 1 if second == self._second else 1
            self._second = second
            if self._in_second > self.calls_per_second:
                raise Refusal(
                    36009002, "Too many requests. You've made too many requests in a short period of time.", 429
                )

    def _check_sign(self, call: Call, query: dict[str, str]) -> None:
        if "sign" not in query:
            raise Refusal(
                36009004, "Missing credentials. The request does not include a required signature in the query."
            )
        if query.get("app_key") != self.app_key:
            raise Refusal(36009004, "Invalid credentials. The `app_key` query parameter is invalid.")
        off = int(query.get("timestamp") or 0) - self.clock()
        if not ANSWER_TIMES[0] <= off <= ANSWER_TIMES[1]:
            raise Refusal(36009004, "Invalid timestamp. The value of the `timestamp` query parameter is out of range.")
        if call.headers.get("content-type") != "application/json":
            raise Refusal(105005, "Access denied. The content type is missing.")
        expected = expected_signature(self.app_secret, call.path, query, call.body)
        if not hmac.compare_digest(expected.encode(), query["sign"].encode()):
            raise Refusal(106001, "Invalid credentials. The `sign` query parameter is invalid.", 401)

    def _check_token(self, token: str) -> None:
        if self.keeps_access and token == self._access_before[0] and self.clock() < self._access_before[1]:
            return
        if token != self.access_token:
            raise Refusal(
                36009004, "Invalid credentials. The `x-tts-access-token` header is invalid.", self.expired_status
            )
        if self.clock() >= self.access_ends:
            text = "Expired credentials. The `access_token` or `x-tts-access-token` header has expired."
            raise Refusal(105002, text, self.expired_status)

    def refresh(self, call: Call) -> dict[str, Any]:
        """A new pair for the refresh token, which is spent. Raises Refusal."""
        query = raw_query(call.query)
        with self._lock:
            if query.get("app_key") != self.app_key or query.get("app_secret") != self.app_secret:
                raise Refusal(36009004, "Invalid credentials. The `app_key` query parameter is invalid.")
            taken = (self.refresh_token, self._before) if self.takes_spent else (self.refresh_token,)
            if query.get("grant_type") != "refresh_token" or query.get("refresh_token") not in taken:
                raise Refusal(36004005, "can not find related auth record")
            if self.clock() >= self.refresh_ends:
                raise Refusal(36004001, "rt has expired")
            self.refreshes, self._before = self.refreshes + 1, str(query["refresh_token"])
            self._access_before = self.access_token, self.access_ends
            now = int(self.clock())
            self.access_token, self.access_ends = f"TTP_access_{self.refreshes}", now + self.token_life
            self.refresh_token, self.refresh_ends = f"TTP_refresh_{self.refreshes}", now + 365 * 86400
            return self.tokens()

    def loses(self) -> bool:
        with self._lock:
            lost = self.lose_answers > 0
            self.lose_answers -= lost
            return lost

    def tokens(self) -> dict[str, Any]:
        """The pair in the platform's form: the ends are moments, despite their names."""
        return {
            "access_token": self.access_token,
            "access_token_expire_in": self.access_ends,
            "refresh_token": self.refresh_token,
            "refresh_token_expire_in": self.refresh_ends,
        }
