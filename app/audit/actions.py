"""The names under which changes are recorded, and which pages and commands of ours make them.

A test walks all routes and commands and fails for one without a name; at run time its endpoint is recorded.
None: it changes nothing, or the comment says where its changes are found.
"""

from __future__ import annotations

API_SIGN_IN = "api.sign_in"  # a refused token, on any route
STARTED_PULL = "pull.start"
CREATED_STORE = "store.create"

# Each view of the API declares its action (`audit` of `@operation`). These are the actions that no page of the console has.
API_ALONE = (
    "customer.erase",
    "discontinued.set",
    "trashed.set",
    "drift.check",
    "erp.discontinue",
    "erp.events",
    "erp.write",
    "outbound.sync",
)

CONSOLE: dict[str, str | None] = {
    "console.confirm_start": None,  # shows what a start would do
    "console.act_on_log": "job.{action}",
    "console.put_schedule": "schedule.set",
    "console.remove_schedule": "schedule.remove",
    "console.start_now": STARTED_PULL,
    "console.retry_group": "outbound.retry",
    "console.approve_hold": "hold.approve",
    "console.reject_hold": "hold.reject",
    "console.confirm_failures": None,  # shows what a retry would do
    "console.retry_failures": None,  # each of its syncs has an event job.retry of its own
    "console.acknowledge": "alert.acknowledge",
    "console.create_token": "token.create",
    "console.rotate_token": "token.rotate",
    "console.revoke_token": "token.revoke",
    "console.put_credentials": "credentials.set",
    "console.create_store": CREATED_STORE,
    "console.try_login": "console.sign_in",
    "console.try_link": "console.sign_in",
    "console.logout": "console.sign_out",
}

# Commands declare their action where they are defined. These are the actions that no request has, so that a list of all
# actions does not import the commands.
COMMAND_ACTIONS = (
    *(
        "backup.create",
        "backup.restore",
        "brakes.set",
        "drift.set",
        "event_secret.show",
        "key.rotate",
        "operator.create",
        "pace.set",
    ),
    *("operator.revoke", "operator.rotate", "schema.migrate", "store.delete", "store.scrub", "timezone.set"),
)
JOB_ACTIONS = ("job.retry", "job.cancel", "job.pause", "job.resume")


def all_actions() -> tuple[str, ...]:
    """Every action that an event can have, sorted."""
    pages = {name for name in CONSOLE.values() if name and "{" not in name}
    return tuple(sorted({*pages, *API_ALONE, *COMMAND_ACTIONS, *JOB_ACTIONS, API_SIGN_IN}))
