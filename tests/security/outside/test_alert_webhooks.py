"""Alerts are signed, and sent without TLS to this machine only."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from app.settings.environment import SettingsError, load_settings
from tests.fakes.common.webhook import Webhook, running_webhook
from workers.alerts import notices
from workers.core.ids import new_id

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with running_webhook() as receiver:
        yield receiver


def test_alerts_are_signed_as_standard_webhooks_has_it(hook: Webhook) -> None:
    alerts = [{"event": "raised", "alert_id": str(new_id())}]
    assert notices.post(hook.url, SECRET, alerts)
    [headers], [body] = hook.headers, hook.bodies
    assert Verifier(SECRET).verify(body, headers) == {"alerts": alerts}
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body.replace(b"raised", b"raiser"), headers)


def test_a_repeated_message_keeps_its_id(hook: Webhook) -> None:
    alerts = [{"event": "raised", "alert_id": str(new_id())}]
    for sent in (alerts, alerts, [{"event": "recovered"}]):
        notices.post(hook.url, SECRET, sent)
    ids = [headers["Webhook-Id"] for headers in hook.headers]
    assert ids[0] == ids[1] != ids[2]


def test_without_a_secret_nothing_is_signed(hook: Webhook) -> None:
    assert notices.post(hook.url, None, [{"event": "raised"}])
    assert not [name for name in hook.headers[0] if name.lower().startswith("webhook-")]
    assert json.loads(hook.bodies[0]) == {"alerts": [{"event": "raised"}]}


@pytest.mark.parametrize("url", ["http://hooks.example/x", "http://10.0.0.1/", "http://localhost.example/", "https://"])
def test_alerts_leave_this_machine_over_https_alone(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^ALERT_WEBHOOK_URL must be "):
        load_settings({"ALERT_WEBHOOK_URL": url})


@pytest.mark.parametrize(
    "url", ["https://hooks.example/x", "http://localhost:1/", "http://127.0.0.1/", "http://[::1]/"]
)
def test_alerts_may_go_in_clear_to_this_machine(url: str) -> None:
    assert load_settings({"ALERT_WEBHOOK_URL": url}).alert_webhook_url == url


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "whsec_?", "s" * 40])
def test_a_secret_must_be_one_that_receivers_can_read(secret: str) -> None:
    with pytest.raises(SettingsError, match=r"^ALERT_WEBHOOK_SECRET must be "):
        load_settings({"ALERT_WEBHOOK_SECRET": secret})
