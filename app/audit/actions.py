"""The actions of the audit trail, and which request is recorded as which.

A test walks all routes and commands and fails for one without an action; at run time a route that is missing here is recorded
under its own name. None: it changes nothing, or the comment says where its changes are recorded.
"""

from __future__ import annotations

API_SIGN_IN = "api.sign_in"  # a refused token, on any route
STARTED_PULL = "pull.start"
CREATED_STORE = "store.create"

REQUESTS: dict[str, str | None] = {
    "ingest.post_batch": None,  # the hot path: each batch is a sync log, with its request id
    "console.confirm_start": None,  # shows what a start would do
    "customers.delete_customer": "customer.erase",
    "erp.put_catalogue": "erp.write",
    "woocommerce_intake.post_events": "erp.events",
    "jobs.retry_job": "job.retry",
    "jobs.cancel_job": "job.cancel",
    "jobs.pause_job": "job.pause",
    "jobs.resume_job": "job.resume",
    "console.act_on_log": "job.{action}",
    "schedules.put": "schedule.set",
    "schedules.delete": "schedule.remove",
    "console.put_schedule": "schedule.set",
    "console.remove_schedule": "schedule.remove",
    "coverage.fill": STARTED_PULL,
    "shopify.start_job": STARTED_PULL,
    "tiktok.sync": STARTED_PULL,
    "tiktok.sync_full": STARTED_PULL,
    "woocommerce_intake.pull_orders": STARTED_PULL,
    "console.start_now": STARTED_PULL,
    "woocommerce.sync_product": "outbound.sync",
    "woocommerce.sync_all": "outbound.sync",
    "woocommerce.sync_categories": "outbound.sync",
    "woocommerce.sync_retry": "outbound.retry",
    "console.retry_group": "outbound.retry",
    "woocommerce.approve_batch": "hold.approve",
    "woocommerce.reject_batch": "hold.reject",
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

# Commands declare their action where they are defined. These are the actions that no request has: whoever lists all actions
# need not import the commands.
COMMAND_ACTIONS = (
    *("backup.create", "backup.restore", "brakes.set", "event_secret.show", "key.rotate", "operator.create"),
    *("operator.revoke", "operator.rotate", "schema.migrate", "store.delete", "store.scrub"),
)
JOB_ACTIONS = ("job.retry", "job.cancel", "job.pause", "job.resume")


def all_actions() -> tuple[str, ...]:
    """Every action that an event can have, sorted."""
    requests = {name for name in REQUESTS.values() if name and "{" not in name}
    return tuple(sorted({*requests, *JOB_ACTIONS, *COMMAND_ACTIONS, API_SIGN_IN}))
