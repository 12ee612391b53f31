"""Credentials at rest open for their own store, under their own key, unaltered, and never otherwise."""

from __future__ import annotations

import pytest

from workers.core.credentials import CredentialsUnreadable, decrypt_credentials, encrypt_credentials
from workers.core.ids import new_id

KEY, OTHER_KEY = "k" * 32, "o" * 32
STORE = new_id()
SECRET = {"consumer_key": "ck_1", "consumer_secret": "cs_ü"}


def test_what_was_encrypted_is_read_again() -> None:
    assert decrypt_credentials(KEY, STORE, encrypt_credentials(KEY, STORE, SECRET)) == SECRET


def test_nothing_of_it_shows() -> None:
    assert b"ck_1" not in encrypt_credentials(KEY, STORE, SECRET)


def test_twice_the_same_looks_different() -> None:
    assert encrypt_credentials(KEY, STORE, SECRET) != encrypt_credentials(KEY, STORE, SECRET)


def test_another_store_can_not_read_it() -> None:
    with pytest.raises(CredentialsUnreadable):
        decrypt_credentials(KEY, new_id(), encrypt_credentials(KEY, STORE, SECRET))


def test_another_key_can_not_read_it() -> None:
    with pytest.raises(CredentialsUnreadable):
        decrypt_credentials(OTHER_KEY, STORE, encrypt_credentials(KEY, STORE, SECRET))


def test_altered_at_any_byte_but_the_keys_number_it_is_refused() -> None:
    sealed = encrypt_credentials(KEY, STORE, SECRET)
    for at in range(1, len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(CredentialsUnreadable):
            decrypt_credentials(KEY, STORE, altered)


@pytest.mark.parametrize("length", [0, 1, 5, 13, 20, 30])
def test_cut_off_it_is_refused(length: int) -> None:
    with pytest.raises(CredentialsUnreadable):
        decrypt_credentials(KEY, STORE, encrypt_credentials(KEY, STORE, SECRET)[:length])
