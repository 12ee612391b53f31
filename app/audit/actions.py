"""The names under which changes are recorded, and which pages and commands of ours make them.

A test walks all routes and commands and fails for one without a name; at run time its endpoint is recorded.
None: it changes nothing, or the comment says where its changes are found.
"""

from __future__ import annotations

API_SIGN_IN = "api.sign_in"  # a refused token, on any route
STARTED_PULL = "pull.start"
CREATED_STORE = "store.create"

# Of the API's routes each view declares its own (`audit` of `@operation`); these are the names that nothing below has.
API_ALONE = ("customer.erase", "erp.events")

CONSOLE: dict[str, str | None] = {
    "console.confirm_start": None,  # shows what a start would do
    "console.act_on_log": "job.{action}",
    "console.put_schedule": "schedule.set",
    "console.remove_schedule": "schedule.remove",
    "console.start_now": STARTED_PULL,
    "console.retry_group": "outbound.retry",
    "console.approve_hold": "hold.approve",
    "console.reject_hold": "hold.reject",
    "console.create_token": "token.create",
    "console.rotate_token": "token.rotate",
    "console.revoke_token": "token.revoke",
    "console.put_credentials": "credentials.set",
    "console.create_store": CREATED_STORE,
    "console.try_login": "console.sign_in",
    "console.logout": "console.sign_out",
}

COMMANDS: dict[str, str | None] = {
    "stores create": CREATED_STORE,
    "stores list": None,
    "stores set-credentials": "credentials.set",
    "stores rotate-token": "token.rotate",
    "stores revoke-tokens": "token.revoke",
    "stores delete": "store.delete",
    "stores scrub": "store.scrub",
    "tokens create": "token.create",
    "tokens list": None,
    "tokens revoke": "token.revoke",
    "tokens rotate": "token.rotate",
    "operators create": "operator.create",
    "operators list": None,
    "operators revoke": "operator.revoke",
    "operators rotate": "operator.rotate",
    "jobs list": None,
    "jobs show": None,
    "jobs watch": None,
    "jobs errors": None,
    "jobs retry": "job.retry",
    "schedules set": "schedule.set",
    "schedules list": None,
    "schedules remove": "schedule.remove",
    "erp import": "erp.write",
    "erp event-secret": "event_secret.show",
    "woo status": None,
    "woo mappings": None,
    "woo sync": "outbound.sync",
    "woo retry": "outbound.retry",
    "woo approve": "hold.approve",
    "woo reject": "hold.reject",
    "woo brakes": "brakes.set",
    "backup": "backup.create",
    "restore": "backup.restore",
    "keys status": None,
    "keys rotate": "key.rotate",
    "migrate": "schema.migrate",
    "audit": None,
    "demo": None,  # records the store that it creates while its servers still run
    "up": None,  # processes change nothing by themselves; what reaches them is recorded there
    "worker": None,
    "dispatcher": None,
    "listener": None,
    "health": None,
    "embedded url": None,
    "dashboard": None,
}
JOB_ACTIONS = ("job.retry", "job.cancel", "job.pause", "job.resume")


def all_actions() -> tuple[str, ...]:
    """Every name that an event can have, sorted."""
    named = {name for name in (*CONSOLE.values(), *COMMANDS.values()) if name and "{" not in name}
    return tuple(sorted({*named, *API_ALONE, *JOB_ACTIONS, API_SIGN_IN}))
