"""The fake Shopify's tokens that expire: for an app of the shop's organisation, or for a refresh token."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs

from tests.fakes.common.server import Call, Reply
from tests.fakes.shopify.bucket import Refusal

CLIENT_ID, CLIENT_SECRET = "fake-client-id", "fake-client-secret"
TOKEN_PATH = "/admin/oauth/access_token"
DAY, HOUR, MONTH = 86_399, 3_600, 30 * 86_400


class TokenOffice:
    """`is_public`: an app whose tokens live an hour and come with a refresh token. The previous refresh token works until the
    newest is used."""

    def __init__(self, token: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.token, self.ends = token, float("inf")
        self.is_public = False
        self.refresh_tokens = ["shprt_0"]  # the newest is the last
        self.given = 0
        self.loses = False  # whether the answer is lost on its way

    @property
    def credentials(self) -> dict[str, str]:
        app = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return {**app, "refresh_token": self.refresh_tokens[-1]} if self.is_public else app

    def answer(self, call: Call) -> Reply:
        """A token as JSON. Raises Refusal."""
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        if call.method != "POST" or call.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise Refusal(404, "Not Found")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return refused(400, "invalid_client")
        if form.get("grant_type") != ("refresh_token" if self.is_public else "client_credentials"):
            return refused(400, "unsupported_grant_type")
        if self.is_public and not self._takes(form.get("refresh_token", "")):
            return refused(400, "invalid_grant")
        return Reply(200, json.dumps(self._give()).encode(), is_lost=self.loses)

    def _takes(self, refresh_token: str) -> bool:
        if refresh_token == self.refresh_tokens[-1]:
            self.refresh_tokens = self.refresh_tokens[-1:]
        return refresh_token in self.refresh_tokens

    def _give(self) -> dict[str, object]:
        self.given += 1
        life = HOUR if self.is_public else DAY
        self.token, self.ends = f"shpat_{self.given}", self.clock() + life
        told: dict[str, object] = {"access_token": self.token, "scope": "read_orders", "expires_in": life}
        if self.is_public:
            self.refresh_tokens = [self.refresh_tokens[0], f"shprt_{self.given}"]
            told |= {"refresh_token": self.refresh_tokens[-1], "refresh_token_expires_in": MONTH}
        return told


def refused(status: int, error: str) -> Reply:
    return Reply(status, json.dumps({"error": error}).encode())
