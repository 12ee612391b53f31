"""The console's forms: what they accept, and which fields they call wrong."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from schemas.platforms.registry import PLATFORMS
from schemas.requests.forms import WrongForm
from schemas.requests.start_form import NUMBERS, StartForm, read_start_form
from schemas.requests.store_forms import (
    TokenForm,
    read_credentials_form,
    read_schedule_form,
    read_store_form,
    read_token_form,
)
from tests.support.examples import examples


@settings(max_examples=examples(40))
@given(st.dictionaries(st.sampled_from(["entity", "mode", *NUMBERS]), st.text(max_size=12)))
def test_a_start_form_is_read_or_names_its_wrong_fields(fields: dict[str, str]) -> None:
    try:
        form = read_start_form(fields, PLATFORMS["shopify"].pulled, PLATFORMS["shopify"].modes)
    except WrongForm as error:
        assert set(error.problems) <= {"entity", "mode", *NUMBERS} and all(error.problems.values())
    else:
        assert form.mode != "update" or form.stale_after_mins is not None


def test_numbers_of_other_modes_are_ignored() -> None:
    asked = {"entity": "orders", "mode": "incremental", "days": "nonsense", "max_records": "5"}
    assert read_start_form(asked, ["orders"], PLATFORMS["tiktok"].modes) == StartForm(
        "orders", "incremental", None, None, 5
    )


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_each_required_credential_is_asked_for(platform: str) -> None:
    asked = {field.name: f" {field.name} " for field in PLATFORMS[platform].credentials if field.is_required}
    assert read_credentials_form(asked, platform) == {name: name for name in asked}
    with pytest.raises(WrongForm) as caught:
        read_credentials_form({}, platform)
    assert set(caught.value.problems) == set(asked)


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "javascript:alert(1)", "https://a b", "https://u:p@x", "https://[", "x"]
)
def test_a_store_url_that_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(WrongForm) as caught:
        read_store_form({"name": "A", "platform": "shopify", "url": url})
    assert set(caught.value.problems) == {"url"}


@pytest.mark.parametrize("name", [" ", "a" * 201, "a\0", "a\x1b[31m", "a\nb"])
def test_a_store_name_that_cannot_be_printed_is_refused(name: str) -> None:
    with pytest.raises(WrongForm) as caught:
        read_store_form({"name": name, "platform": "shopify"})
    assert set(caught.value.problems) == {"name"}


def test_a_schedule_takes_either_minutes_or_cron() -> None:
    asked = {"entity": "orders", "mode": "incremental"}
    assert read_schedule_form(asked | {"every_minutes": "15"}, ["orders"], ["incremental"]).every_seconds == 900
    assert read_schedule_form(asked | {"cron": "0 * * * *"}, ["orders"], ["incremental"]).cron == "0 * * * *"
    for wrong in ({}, {"every_minutes": "0"}, {"every_minutes": "5", "cron": "* * * * *"}):
        with pytest.raises(WrongForm):
            read_schedule_form(asked | wrong, ["orders"], ["incremental"])


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_a_refused_credential_is_never_repeated(platform: str) -> None:
    secret = "shpat_" + "s" * 4000
    with pytest.raises(WrongForm) as caught:
        read_credentials_form({field.name: secret for field in PLATFORMS[platform].credentials}, platform)
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.problems)
    assert "shpat_" not in shown
    assert caught.value.__suppress_context__


def token_form(**sent: str | list[str]) -> TokenForm:
    form = MultiDict(sent)
    return read_token_form(form, form.getlist("scopes"), ("store", "admin"), "custom", ("read", "ingest", "admin"))


def test_a_token_of_a_preset_ignores_ticked_scopes() -> None:
    assert token_form(role="store", scopes=["admin"], days="30", label=" till ") == TokenForm("store", (), "till", 30)


def test_a_custom_token_has_the_ticked_scopes() -> None:
    assert token_form(role="custom", scopes=["read", "ingest"]) == TokenForm("custom", ("read", "ingest"), None, None)


@pytest.mark.parametrize("scopes", [[], ["read", "operator"]])
def test_a_custom_token_without_valid_scopes_is_refused(scopes: list[str]) -> None:
    with pytest.raises(WrongForm) as caught:
        token_form(role="custom", scopes=scopes, days="soon")
    assert set(caught.value.problems) == {"scopes", "days"}
