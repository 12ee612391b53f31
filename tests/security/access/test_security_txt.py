"""/.well-known/security.txt (RFC 9116), from two settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from flask.testing import FlaskClient

from app.settings.environment import Settings, SettingsError, load_settings
from tests.conftest import Database, Servers
from tests.support.application import application

PATH = "/.well-known/security.txt"
CONTACT, EXPIRES = "mailto:security@example.com", "2027-06-30T00:00:00Z"


def test_security_txt_is_missing_without_a_contact(client: FlaskClient) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 404
    assert (answer.json or {})["error"]["code"] == "NOT_FOUND"


def test_security_txt_names_contact_and_expiry(settings: Settings, database: Database, servers: Servers) -> None:
    told = replace(settings, security_contact=CONTACT, security_expires=EXPIRES)
    with application(told, database.url, servers.redis.url) as app, app.test_client() as client:
        answer = client.get(PATH)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == CONTACT
    assert datetime.fromisoformat(fields["Expires"]).tzinfo is not None


def test_contact_needs_an_expiry() -> None:
    assert load_settings({"SECURITY_CONTACT": CONTACT, "SECURITY_EXPIRES": EXPIRES}).security_contact == CONTACT
    with pytest.raises(SettingsError, match="SECURITY_EXPIRES must be set"):
        load_settings({"SECURITY_CONTACT": CONTACT})


@pytest.mark.parametrize(
    "contact", ["security@example.com", "http://x.example", f"{CONTACT}\nContact: mailto:evil@x.example"]
)
def test_contact_must_be_one_url(contact: str) -> None:
    with pytest.raises(SettingsError, match="SECURITY_CONTACT must be"):
        load_settings({"SECURITY_CONTACT": contact, "SECURITY_EXPIRES": EXPIRES})
