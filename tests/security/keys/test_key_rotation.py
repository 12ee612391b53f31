"""Keys can be rotated: values under a former key stay readable, are re-encrypted in steps, and name their key."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import Connection

from app.__main__ import main
from app.commands import keys as command
from app.settings.environment import Settings, load_settings
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.redis import EmbeddedRedis
from app.stack.embedded.secrets import make_secrets, read_secrets, replace_email_hash_key, replace_secret_key
from app.stack.endpoints import Endpoints, of_embedded
from app.stack.up import child_environment
from app.usecases import keys as rotation
from app.usecases.keys import count_credentials, renew_credentials
from app.usecases.stores import create_store, set_credentials
from db.core.tenancy import tenant
from db.stores.stores import get_credentials
from db.stores.stores import set_credentials as store_bytes
from schemas.base.key_ids import key_id
from schemas.base.privacy import email_hasher
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import read_batch
from tests.conftest import Database, Servers
from tests.support.factories import make_customer
from tests.support.pipeline import LIMITS, read_log
from workers.core.credentials import (
    WITHOUT_ID,
    CredentialsUnreadable,
    decrypt_credentials,
    encrypt_credentials,
    is_under,
)
from workers.core.runtime import Runtime
from workers.inbound.accept import Acceptance, accept, fingerprint_of
from workers.inbound.process import Outcome, process
from workers.platforms.common.interface import PlatformError
from workers.privacy.erasure import erase_customer
from workers.shops.opener import open_store_woocommerce

OLD, NEW, LOST = "o" * 32, "n" * 32, "l" * 32
SECRET = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}
ADDRESS = "john.doe@example.com"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def shell(
    database: Database, servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """`python -m app …` with these keys."""

    def run(*words: object, **more: str) -> tuple[int, str]:
        for name, value in ({"DATABASE_URL": database.url, "REDIS_URL": servers.redis.url} | more).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = main([str(word) for word in words])
        shown = capsys.readouterr()
        return code, shown.out if "--json" in words else shown.out + shown.err

    return run


@pytest.fixture(autouse=True)
def alone(root_conn: Connection) -> None:
    """No store of another test is counted."""
    root_conn.execute("TRUNCATE stores CASCADE")


def store_under(conn: Connection, key: str) -> UUID:
    made = create_store(conn, "Shop", "woocommerce", "https://shop.example")
    set_credentials(conn, key, made.store_id, SECRET)
    return made.store_id


def kept(conn: Connection, store_id: UUID) -> bytes:
    with tenant(conn, store_id):
        found = get_credentials(conn, store_id)
    assert found is not None
    return found


def in_the_first_format(key: str, store_id: UUID) -> bytes:
    """What versions before the keyring wrote."""
    derived = command_key(key)
    sealed = AESGCM(derived).encrypt(
        b"n" * 12, json.dumps(SECRET).encode(), store_id.bytes + b"|stores.credentials|\x01"
    )
    return WITHOUT_ID + b"n" * 12 + sealed


def command_key(key: str) -> bytes:
    """HKDF-SHA256 without a salt, by hand: the derivation must not change under stored values."""
    extracted = hmac.digest(b"\0" * 32, key.encode(), "sha256")
    return hmac.digest(extracted, b"sluice credentials v1\x01", "sha256")


def test_former_key_still_reads_what_it_encrypted(conn: Connection) -> None:
    store_id = store_under(conn, OLD)
    sealed = kept(conn, store_id)
    assert decrypt_credentials(NEW, store_id, sealed, (LOST, OLD)) == SECRET
    with pytest.raises(CredentialsUnreadable):
        decrypt_credentials(NEW, store_id, sealed, (LOST,))


def test_values_of_the_first_format_are_read_by_any_key(conn: Connection) -> None:
    store_id = store_under(conn, OLD)
    sealed = in_the_first_format(OLD, store_id)
    assert decrypt_credentials(OLD, store_id, sealed) == SECRET
    assert decrypt_credentials(NEW, store_id, sealed, (OLD,)) == SECRET


def test_worker_reads_credentials_under_the_former_key(runtime: Runtime, conn: Connection) -> None:
    store_id = store_under(conn, OLD)
    swapped = replace(runtime, settings=replace(runtime.settings, secret_key=NEW, secret_key_old=(OLD,)))
    open_store_woocommerce(swapped.settings, swapped.pool, store_id).close()
    forgotten = replace(runtime, settings=replace(runtime.settings, secret_key=NEW))
    with pytest.raises(PlatformError):
        open_store_woocommerce(forgotten.settings, forgotten.pool, store_id)


def test_rotation_moves_every_value_to_the_newest_key(shell: Run, conn: Connection) -> None:
    stores = [store_under(conn, key) for key in (OLD, NEW, OLD)]
    with tenant(conn, stores[2]):
        store_bytes(conn, stores[2], in_the_first_format(OLD, stores[2]))
    ring = {"SECRET_KEY": NEW, "SECRET_KEY_OLD": f"{LOST},{OLD}"}
    code, said = shell("keys", "status", "--json", **ring)
    before = json.loads(said)["credentials"]
    assert code == 0 and before["stores"] == {key_id(OLD): 2, key_id(NEW): 1} and before["waiting"] == 2
    code, said = shell("keys", "rotate", "--json", **ring)
    assert code == 0 and json.loads(said)["renewed"] == 2
    assert [decrypt_credentials(NEW, store_id, kept(conn, store_id)) for store_id in stores] == [SECRET] * 3
    code, said = shell("keys", "status", **ring)
    assert code == 0 and "wait" not in said and f"{key_id(NEW)}" in said
    code, said = shell("keys", "rotate", **ring)
    assert code == 0 and "nothing to do" in said


def test_killed_rotation_goes_on_where_it_stopped(conn: Connection) -> None:
    stores = [store_under(conn, OLD) for _ in range(3)]

    def kill(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        renew_credentials(conn, (NEW, OLD), kill)
    assert sorted(is_under(NEW, kept(conn, store_id)) for store_id in stores) == [False, True, True]
    assert all(decrypt_credentials(NEW, store_id, kept(conn, store_id), (OLD,)) == SECRET for store_id in stores)
    assert renew_credentials(conn, (NEW, OLD)) == 1
    assert count_credentials(conn, (NEW, OLD)).waiting(NEW) == 0


def test_tokens_renewed_during_rotation_are_not_undone(
    conn: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_id, fresh = store_under(conn, OLD), {"consumer_key": "ck_2", "consumer_secret": "cs_2"}
    raced: list[bool] = []

    def encrypt(key: str, of_store: UUID, credentials: dict[str, str]) -> bytes:
        if not raced:
            raced.append(True)
            with psycopg.connect(database.url, autocommit=True) as worker:
                set_credentials(worker, OLD, of_store, fresh)
        return encrypt_credentials(key, of_store, credentials)

    monkeypatch.setattr(rotation, "encrypt_credentials", encrypt)
    assert renew_credentials(conn, (NEW, OLD)) == 1
    assert decrypt_credentials(NEW, store_id, kept(conn, store_id)) == fresh


def test_credentials_under_a_lost_key_are_named(shell: Run, conn: Connection) -> None:
    store_id = store_under(conn, LOST)
    code, said = shell("keys", "rotate", SECRET_KEY=NEW, SECRET_KEY_OLD=OLD)
    assert code == 1 and str(store_id) in said and "set them again" in said
    code, said = shell("keys", "status", SECRET_KEY=NEW, SECRET_KEY_OLD=OLD)
    assert code == 0 and "can't be read" in said


def test_no_key_is_shown(shell: Run, conn: Connection) -> None:
    store_under(conn, OLD)
    for words in (("keys", "status"), ("keys", "rotate"), ("keys", "rotate", "--email")):
        _, said = shell(*words, SECRET_KEY=NEW, SECRET_KEY_OLD=OLD, EMAIL_HASH_KEY=LOST)
        assert not any(key in said for key in (OLD, NEW, LOST))


def post_customers(runtime: Runtime, store_id: UUID, key: str | None, *ids: int) -> Any:
    """What API and worker do with a batch of customers, the API having this EMAIL_HASH_KEY."""
    body = json.dumps({"customers": [make_customer(wc_customer_id=number, email=ADDRESS) for number in ids]}).encode()
    batch = read_batch(ENTITIES["customers"], body, 100, email_hasher(key))
    wanted = Acceptance(store_id, "customers", batch, None, fingerprint_of("customers", body), "test")
    log_id = accept(runtime.pool, runtime.wake_up, wanted, LIMITS).log_id
    assert process(runtime, store_id, log_id) is Outcome.COMPLETED
    return read_log(runtime, store_id, log_id)


def hashes(root_conn: Connection, store_id: UUID) -> list[Any]:
    query = "SELECT email_hash, email_key FROM customers WHERE store_id = %s ORDER BY external_id"
    return root_conn.execute(query, (store_id,)).fetchall()


def hmac_of(key: str) -> str:
    return hmac.new(key.encode(), ADDRESS.encode(), "sha256").hexdigest()


def test_customer_posted_under_a_new_key_is_rewritten(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    assert post_customers(runtime, store_id, None, 1, 2).inserted == 2
    assert hashes(root_conn, store_id) == [(hashlib.sha256(ADDRESS.encode()).hexdigest(), None)] * 2
    assert post_customers(runtime, store_id, OLD, 1).updated == 1
    assert post_customers(runtime, store_id, OLD, 1).unchanged == 1
    assert post_customers(runtime, store_id, NEW, 1).updated == 1
    assert hashes(root_conn, store_id)[0] == (hmac_of(NEW), key_id(NEW))
    assert hashes(root_conn, store_id)[1][1] is None


def test_waiting_batch_keeps_the_key_of_its_hashes(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    """The worker has another key than the API had: the id goes with the hash."""
    other = replace(runtime, settings=replace(runtime.settings, email_hash_key=NEW))
    post_customers(other, store_id, OLD, 1)
    assert hashes(root_conn, store_id) == [(hmac_of(OLD), key_id(OLD))]


def test_email_rotation_counts_customers_that_wait(shell: Run, runtime: Runtime, conn: Connection) -> None:
    store_id = store_under(conn, NEW)
    post_customers(runtime, store_id, None, 1, 2)
    post_customers(runtime, store_id, OLD, 3)
    ring = {"SECRET_KEY": NEW, "EMAIL_HASH_KEY": OLD}
    code, said = shell("keys", "rotate", "--email", "--json", **ring)
    assert code == 0 and json.loads(said) == {"newest": key_id(OLD), "waiting": {str(store_id): 2}}
    emails = json.loads(shell("keys", "status", "--json", **ring)[1])["emails"]
    assert emails == {"newest": key_id(OLD), "customers": {"plain SHA-256": 2, key_id(OLD): 1}, "waiting": 2}
    post_customers(runtime, store_id, OLD, 1, 2)
    code, said = shell("keys", "rotate", "--email", **ring)
    assert code == 0 and "no customer waits" in said


def test_person_is_erased_under_any_hash_key(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    for number, key in enumerate((None, OLD, NEW), 1):
        post_customers(runtime, store_id, key, number)
    for number in (1, 2, 3):
        assert erase_customer(runtime.pool, store_id, number)
    assert hashes(root_conn, store_id) == []


def test_embedded_secrets_keep_former_keys(tmp_path: Path) -> None:
    first = make_secrets(tmp_path)
    second = replace_email_hash_key(tmp_path, replace_secret_key(tmp_path, first))
    assert read_secrets(tmp_path) == second
    assert second.secret_keys_old == (first.secret_key,) and second.secret_key != first.secret_key
    assert second.app_password == first.app_password
    endpoints = of_embedded(
        replace(load_settings({}), data_dir=tmp_path), EmbeddedPostgres(tmp_path), EmbeddedRedis(tmp_path)
    )
    env = child_environment(endpoints, {})
    assert env["SECRET_KEY"] == second.secret_key and env["SECRET_KEY_OLD"] == first.secret_key
    assert env["EMAIL_HASH_KEY"] == second.email_hash_key


def test_secrets_of_an_older_version_are_read(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    path = tmp_path / "secrets.json"
    older = {
        name: value for name, value in json.loads(path.read_text()).items() if "old" not in name and "email" not in name
    }
    path.write_text(json.dumps(older))
    assert read_secrets(tmp_path) == made


@pytest.fixture
def embedded(
    servers: Servers, database: Database, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> Path:
    """A DATA_DIR with secrets, whose servers are this module's."""
    make_secrets(tmp_path)

    def of_test(read: Settings, *_servers: object) -> Endpoints:
        secrets = read_secrets(tmp_path)
        assert secrets is not None
        mail = secrets.email_hash_key
        return Endpoints(database.url, None, None, "", secrets.secret_key, secrets.secret_keys_old, mail)

    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(command, "of_embedded", of_test)
    monkeypatch.setattr(command, "embedded_postgres", lambda _root: servers_of(servers))
    return tmp_path


class servers_of:
    def __init__(self, servers: Servers) -> None:
        self._postgres = servers.postgres

    def __enter__(self) -> EmbeddedPostgres:
        return self._postgres

    def __exit__(self, *_raised: object) -> None:
        return None


def test_embedded_secret_is_rotated(embedded: Path, shell: Run, conn: Connection) -> None:
    first = read_secrets(embedded)
    assert first is not None
    store_id = store_under(conn, first.secret_key)
    nothing = {"DATABASE_URL": "", "REDIS_URL": "", "SECRET_KEY": "", "SECRET_KEY_OLD": "", "EMAIL_HASH_KEY": ""}
    code, said = shell("keys", "rotate", **nothing)
    second = read_secrets(embedded)
    assert code == 0 and second is not None and second.secret_key != first.secret_key, said
    assert decrypt_credentials(second.secret_key, store_id, kept(conn, store_id)) == SECRET
    with tenant(conn, store_id):  # as if it had been killed half way: it goes on, and makes no third key
        store_bytes(conn, store_id, encrypt_credentials(first.secret_key, store_id, SECRET))
    assert shell("keys", "rotate", **nothing)[0] == 0
    assert read_secrets(embedded) == second
    assert is_under(second.secret_key, kept(conn, store_id))
    assert shell("keys", "rotate", "--email", **nothing)[0] == 0
    third = read_secrets(embedded)
    assert third is not None and third.email_hash_key is not None


def test_embedded_secret_is_not_rotated_while_running(
    embedded: Path, shell: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "is_held", lambda _root: True)
    before = read_secrets(embedded)
    for words in (("keys", "rotate"), ("keys", "rotate", "--email")):
        code, said = shell(*words, DATABASE_URL="", REDIS_URL="", SECRET_KEY="", EMAIL_HASH_KEY="", SECRET_KEY_OLD="")
        assert code == 1 and "stop Sluice first" in said
    assert read_secrets(embedded) == before
