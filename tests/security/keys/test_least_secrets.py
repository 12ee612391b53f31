"""Processes that read no credentials run without SECRET_KEY."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings.environment import SettingsError, load_settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import Endpoints, resolve
from app.stack.up import child_specs
from tests.support.commands import all_commands

SERVERS = {"DATABASE_URL": "postgresql://h/db", "REDIS_URL": "redis://h"}


def test_listener_and_dispatcher_of_up_get_no_key(tmp_path: Path) -> None:
    endpoints = Endpoints("postgresql://x/y", None, None, "redis://x", "k" * 32)
    given = {"MIGRATION_DATABASE_URL": "postgresql://owner/y", "SECRET_KEY_FILE": str(tmp_path), "LOG_LEVEL": "INFO"}
    specs = {spec.name: spec.env for spec in child_specs(load_settings({}), endpoints, given)}
    knowing = {name for name, env in specs.items() if "SECRET_KEY" in env}
    assert set(specs) - knowing == {"listener", "dispatcher"}
    given_on = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "LOG_LEVEL"}
    assert {name for env in specs.values() for name in env} == given_on | {"HOST", "PORT", "PROCESS_NAME"}


def test_own_servers_need_no_key_where_none_is_read() -> None:
    keyless = {words for words, command in all_commands().items() if not command.needs_key}
    erp = {"erp import", "erp discontinue", "erp template", "erp event-secret"}
    assert keyless == {"dispatcher", "listener", "health", "backup", "restore"} | erp
    endpoints = resolve(load_settings(SERVERS, needs_key=False))
    assert endpoints.secret_key is None
    with pytest.raises(CommandError, match="SECRET_KEY"):
        endpoints.require_secret_key()
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        load_settings(SERVERS)
