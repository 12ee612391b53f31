"""Every form of the console against every kind of session: what it takes follows from the operation that does the same."""

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
from app.http.auth import token_sha256
from app.http.scopes import CUSTOM, PRESETS, SCOPES, Grant
from app.usecases.stores import Origin, add_token
from tests.support.console import Visitor, World, visitor, words_of
from tests.support.contract import OPERATIONS
from workers.core.ids import new_id

# What each form takes: the operation of the contract that does the same, or the scopes themselves.
ANYBODY, ANY_SESSION, OPERATORS = "anybody", "any session", "operators"
FORMS: dict[str, str | tuple[str, ...]] = {
    "try_login": ANYBODY,
    "try_link": ANYBODY,
    "logout": ANY_SESSION,
    "create_store": OPERATORS,
    "acknowledge": OPERATORS,
    "confirm_failures": OPERATORS,
    "retry_failures": OPERATORS,
    "act_on_log": "<action>Job",
    "confirm_start": "startShopifyJob",
    "start_now": "startShopifyJob",
    "put_schedule": "putSchedule",
    "remove_schedule": "deleteSchedule",
    "retry_group": "retryFailedItems",
    "approve_hold": "approveSyncBatch",
    "reject_hold": "rejectSyncBatch",
    # No operation does these: tokens and credentials are what administers a store.
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
ACCESS = {operation.name: operation.access for operation in OPERATIONS}
PLACE = re.compile(r"<(?:any\((?P<choices>[^)]*)\):|(?P<kind>\w+):)?(?P<name>\w+)>")
SOME_ID = str(UUID(int=7))
STATES = """SELECT (SELECT status FROM sync_logs WHERE id = %s), (SELECT status FROM wc_sync_batches WHERE id = %s),
                   (SELECT revoked_at FROM api_tokens WHERE id = %s)"""
ENDED = ("expires_at", "revoked_at")  # the columns of a token's end


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


def values_of(place: re.Match[str]) -> list[str]:
    """What may stand in a place of a rule."""
    if place["name"] == "store_id":
        return [place[0]]
    if place["choices"]:
        return place["choices"].split(",")
    return [SOME_ID] if place["kind"] == "uuid" else ["orders"]


def forms() -> Iterator[Form]:
    """Every address of the console that takes a POST."""
    app = Flask("forms")
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
            found = ACCESS.get(needs, needs) if isinstance(needs, str) else needs
            assert isinstance(found, tuple) or found in (ANYBODY, ANY_SESSION, OPERATORS), rule.endpoint
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
    guests = sessions | {"operator": visitor(world.app, world.operator)}
    answers = {name: send(guest, form.of(world.empty.store_id)) for name, guest in guests.items()}
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


@pytest.mark.parametrize("form", [form for form in OF_STORES if SOME_ID in form.path], ids=str)
def test_another_stores_id_is_answered_like_unknown(
    world: World, sessions: dict[str, Visitor], root_conn: Connection, form: Form
) -> None:
    """Below one's own address. Nothing that belongs to the other store changes."""
    find = "SELECT id FROM api_tokens WHERE store_id = %s AND revoked_at IS NULL"
    ((token_id,),) = root_conn.execute(find, (world.full.store_id,)).fetchall()
    theirs = (world.failed, world.hold, token_id)
    before = root_conn.execute(STATES, theirs).fetchone()
    own = form.of(world.empty.store_id)
    for some_id in theirs:
        asked, unknown = (
            send(sessions["admin"], own.replace(SOME_ID, str(given)), {"items": "1"}) for given in (some_id, new_id())
        )
        assert asked.status_code in (404, 409)
        assert (asked.status_code, without_id(asked)) == (unknown.status_code, without_id(unknown))
    assert root_conn.execute(STATES, theirs).fetchone() == before


def without_id(answer: TestResponse) -> str:
    return re.sub(r"Request \w+", "", words_of(answer))


@pytest.mark.parametrize("form", [form for form in ALL_FORMS if form.needs == OPERATORS], ids=str)
def test_operators_form_is_not_there_for_a_store(world: World, sessions: dict[str, Visitor], form: Form) -> None:
    assert {send(guest, form.path).status_code for guest in sessions.values()} == {404}
    assert send(visitor(world.app, world.operator), form.path).status_code in (400, 409)


@pytest.fixture(scope="module")
def signed_out(world: World, conn: Connection, root_conn: Connection) -> list[Visitor]:
    """A visitor who never signed in, and visitors whose tokens have ended since."""
    guests = [visitor(world.app)]
    for column in ENDED:
        token = add_token(conn, world.empty.store_id, Grant(CUSTOM, SCOPES), Origin("test")) or ""
        guests.append(visitor(world.app, token))
        # Cookies of ended sessions are counted by address.
        guests[-1].client.environ_base["REMOTE_ADDR"] = f"203.0.113.{len(guests)}"
        query = f"UPDATE api_tokens SET {column} = now() - interval '1 second' WHERE token_sha256 = %s"
        root_conn.execute(query.encode(), (token_sha256(token),))
    return guests


@pytest.mark.parametrize("form", [form for form in ALL_FORMS if form.needs != ANYBODY], ids=str)
def test_form_without_a_session_leads_to_the_sign_in(world: World, signed_out: list[Visitor], form: Form) -> None:
    for guest in signed_out:
        answer = send(guest, form.of(world.empty.store_id))
        assert (answer.status_code, answer.location.split("?")[0]) == (302, f"{PATH}/login")


@pytest.mark.parametrize("form", [form for form in ALL_FORMS if form.needs != ANYBODY], ids=str)
def test_form_without_its_csrf_token_is_refused(world: World, root_conn: Connection, form: Form) -> None:
    guest, count = visitor(world.app, world.operator), "SELECT count(*) FROM api_tokens"
    before = root_conn.execute(count).fetchone()
    for sent in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": csrf_of("")}, {"csrf": csrf_of("another session")}):
        answer = guest.client.post(form.of(world.full.store_id), data={"role": "admin"} | sent)
        assert (answer.status_code, "out of date" in words_of(answer)) == (403, True)
    assert root_conn.execute(count).fetchone() == before


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
