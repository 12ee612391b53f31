"""Every form of the console against every kind of session: what it takes follows from the API's table of scopes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from uuid import UUID

import pytest
from flask import Flask
from psycopg import Connection
from werkzeug.test import TestResponse

from app.console.blueprint import make_blueprint
from app.console.sessions import COOKIE, LOGIN_COOKIE, PATH, csrf_of
from app.http.scopes import CUSTOM, PRESETS, SCOPES, Grant
from app.usecases.stores import Origin, add_token
from tests.support.console import Visitor, World, visitor, words_of
from tests.support.paths import ROOT

# What each form takes: a call of the API that does the same, whose scopes are in docs/api.md, or the scopes themselves.
ANYBODY, ANY_SESSION, OPERATORS = "anybody", "any session", "operators"
FORMS: dict[str, str | tuple[str, ...]] = {
    "try_login": ANYBODY,
    "logout": ANY_SESSION,
    "create_store": OPERATORS,
    "act_on_log": "POST /api/sync/jobs/{jobId}/<action>",
    "confirm_start": "POST /api/shopify/sync/jobs/start",
    "start_now": "POST /api/shopify/sync/jobs/start",
    "put_schedule": "PUT /api/sync/schedules/{entity}",
    "remove_schedule": "DELETE /api/sync/schedules/{entity}",
    "retry_group": "POST /api/v1/woocommerce/sync/retry",
    "approve_hold": "POST /api/v1/woocommerce/sync/batches/{batchId}/approve",
    "reject_hold": "POST /api/v1/woocommerce/sync/batches/{batchId}/reject",
    # No call of the API does these: tokens and credentials are what administers a store.
    "create_token": ("admin",),
    "rotate_token": ("admin",),
    "revoke_token": ("admin",),
    "put_credentials": ("admin",),
}
SESSIONS: dict[str, tuple[str, ...]] = {
    **PRESETS,
    **{f"{scope} alone": (scope,) for scope in SCOPES},
    **{f"all but {scope}": tuple(other for other in SCOPES if other != scope) for scope in SCOPES},
}
CALL = re.compile(r"^\| `([A-Z]+ /api/\S+)` \| ([^|]+) \|", re.MULTILINE)
PLACE = re.compile(r"<(?:any\((?P<choices>[^)]*)\):|(?P<kind>\w+):)?(?P<name>\w+)>")
SOME_ID = str(UUID(int=7))


@dataclass(frozen=True)
class Form:
    """One address to which a form is sent; `path` still has the place of the store in it."""

    endpoint: str
    path: str
    needs: str | tuple[str, ...]
    declared: object

    def __str__(self) -> str:
        return self.path.replace(SOME_ID, "id")

    def of(self, store_id: UUID) -> str:
        return self.path.replace("<uuid:store_id>", str(store_id))


def api_scopes() -> dict[str, tuple[str, ...]]:
    """What each call takes, by the guide: another test holds it to what the routes declare."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return {call: tuple(re.findall(r"`(\w+)`", scopes)) for call, scopes in CALL.findall(text)}


def values_of(place: re.Match[str]) -> list[str]:
    """What may stand in a place of a rule."""
    if place["name"] == "store_id":
        return [place[0]]
    if place["choices"]:
        return place["choices"].split(",")
    return [SOME_ID] if place["kind"] == "uuid" else ["orders"]


def forms() -> Iterator[Form]:
    """Every address of the console that takes a POST."""
    app, scopes = Flask("forms"), api_scopes()
    app.register_blueprint(make_blueprint())
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()):
            continue
        places = list(PLACE.finditer(rule.rule))
        for values in product(*map(values_of, places)):
            path, needs = rule.rule, FORMS[rule.endpoint.removeprefix("console.")]
            for place, value in zip(places, values, strict=True):
                path = path.replace(place[0], value)
                needs = needs.replace(f"<{place['name']}>", value) if isinstance(needs, str) else needs
            found = scopes[needs] if isinstance(needs, str) and " /" in needs else needs
            yield Form(rule.endpoint, path, found, getattr(app.view_functions[rule.endpoint], "requires", None))


ALL_FORMS = list(forms())
OF_STORES = [form for form in ALL_FORMS if isinstance(form.needs, tuple)]


@pytest.fixture(scope="module")
def sessions(world: World, conn: Connection) -> dict[str, Visitor]:
    """A browser that is signed in with a token of each kind, of one store."""
    found: dict[str, Visitor] = {}
    for name, scopes in SESSIONS.items():
        token = add_token(conn, world.empty.store_id, Grant(CUSTOM, scopes), Origin("test"))
        found[name] = visitor(world.app, token)
    return found


def send(guest: Visitor, path: str, fields: Mapping[str, str] | None = None) -> TestResponse:
    """Send a form with the CSRF token of the guest's own session."""
    cookie = guest.client.get_cookie(COOKIE, path=PATH)
    token = csrf_of(cookie.value if cookie else "")
    return guest.client.post(path, data={"csrf": token, **(fields or {})})


def test_table_holds_every_form() -> None:
    assert {form.endpoint.removeprefix("console.") for form in ALL_FORMS} == set(FORMS)
    assert all(form.path.startswith(f"{PATH}/<uuid:store_id>/") for form in OF_STORES)


@pytest.mark.parametrize("form", OF_STORES, ids=str)
def test_form_takes_the_scopes_of_its_call(world: World, sessions: dict[str, Visitor], form: Form) -> None:
    answers = {name: send(guest, form.of(world.empty.store_id)) for name, guest in sessions.items()}
    refused = {name for name, answer in answers.items() if answer.status_code == 403}
    assert refused == {name for name, scopes in SESSIONS.items() if not set(scopes) & set(form.needs)}
    assert all("needs a token with the scope" in words_of(answers[name]) for name in refused)
    assert all(
        answer.status_code in (200, 302, 400, 404, 409) for name, answer in answers.items() if name not in refused
    )
    assert not any("/login" in (answer.location or "") for answer in answers.values())


@pytest.mark.parametrize("endpoint", sorted({form.endpoint for form in OF_STORES}))
def test_view_declares_the_scopes_of_its_forms(endpoint: str) -> None:
    """What other tests and people read off a view is what it asks for."""
    own = [form for form in OF_STORES if form.endpoint == endpoint]
    needed = {scope for form in own for scope in form.needs}
    assert {form.declared for form in own} == {("session of the store", *(s for s in SCOPES if s in needed))}


@pytest.mark.parametrize("form", OF_STORES, ids=str)
def test_form_of_another_store_is_not_there(world: World, sessions: dict[str, Visitor], form: Form) -> None:
    answers = [send(guest, form.of(world.full.store_id)) for guest in sessions.values()]
    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("form", [form for form in ALL_FORMS if form.needs == OPERATORS], ids=str)
def test_operators_form_is_not_there_for_a_store(world: World, sessions: dict[str, Visitor], form: Form) -> None:
    assert {send(guest, form.path).status_code for guest in sessions.values()} == {404}
    assert send(visitor(world.app, world.operator), form.path).status_code == 400


@pytest.mark.parametrize("form", [form for form in ALL_FORMS if form.needs != ANYBODY], ids=str)
def test_form_without_a_session_leads_to_the_sign_in(world: World, form: Form) -> None:
    answer = send(visitor(world.app), form.of(world.full.store_id))
    assert (answer.status_code, answer.location.split("?")[0]) == (302, f"{PATH}/login")


@pytest.mark.parametrize("form", [form for form in ALL_FORMS if form.needs != ANYBODY], ids=str)
def test_form_without_its_csrf_token_is_refused(world: World, form: Form) -> None:
    guest = visitor(world.app, world.operator)
    for sent in ({}, {"csrf": csrf_of("")}, {"csrf": csrf_of("another session")}):
        answer = guest.client.post(form.of(world.full.store_id), data=sent)
        assert (answer.status_code, "out of date" in words_of(answer)) == (403, True)


@pytest.mark.parametrize("cookie", [None, ""], ids=["no cookie", "empty cookie"])
def test_sign_in_without_a_cookie_is_refused(world: World, cookie: str | None) -> None:
    """The CSRF token of no session is known to everybody: another site could sign a visitor in under its own account."""
    guest = visitor(world.app)
    if cookie is not None:
        guest.client.set_cookie(LOGIN_COOKIE, cookie, path=PATH)
    sent = {"csrf": csrf_of(""), "token": world.full.token}
    answer = guest.client.post(f"{PATH}/login", data=sent)
    assert answer.status_code == 403
    assert guest.client.get_cookie(COOKIE, path=PATH) is None
