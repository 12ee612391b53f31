"""Encrypted credentials open only for their store, under their key, and unaltered."""

from __future__ import annotations

import pytest

from workers.core.credentials import CredentialsUnreadable, decrypt_credentials, encrypt_credentials
from workers.core.ids import new_id

KEY, OTHER_KEY = "k" * 32, "o" * 32
STORE = new_id()
SECRET = {"consumer_key": "ck_1", "consumer_secret": "cs_ü"}


def test_encrypted_credentials_can_be_read() -> None:
    assert decrypt_credentials(KEY, STORE, encrypt_credentials(KEY, STORE, SECRET)) == SECRET


def test_encrypted_value_shows_no_secret() -> None:
    assert b"ck_1" not in encrypt_credentials(KEY, STORE, SECRET)


def test_same_credentials_encrypt_differently() -> None:
    assert encrypt_credentials(KEY, STORE, SECRET) != encrypt_credentials(KEY, STORE, SECRET)


def test_another_store_cannot_read_credentials() -> None:
    with pytest.raises(CredentialsUnreadable):
        decrypt_credentials(KEY, new_id(), encrypt_credentials(KEY, STORE, SECRET))


def test_another_key_cannot_read_credentials() -> None:
    with pytest.raises(CredentialsUnreadable):
        decrypt_credentials(OTHER_KEY, STORE, encrypt_credentials(KEY, STORE, SECRET))


def test_altered_value_is_refused() -> None:
    sealed = encrypt_credentials(KEY, STORE, SECRET)
    for at in range(1, len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(CredentialsUnreadable):
            decrypt_credentials(KEY, STORE, altered)


@pytest.mark.parametrize("length", [0, 1, 5, 13, 20, 30])
def test_truncated_value_is_refused(length: int) -> None:
    with pytest.raises(CredentialsUnreadable):
        decrypt_credentials(KEY, STORE, encrypt_credentials(KEY, STORE, SECRET)[:length])
