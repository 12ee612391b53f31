"""Builds the Flask application: routes, errors, a request id on every answer, one log line for each request."""

from __future__ import annotations

import random
import re
import time
from functools import partial
from uuid import UUID

import structlog
from flask import Flask, Response, g, request

from app.api import (
    audit,
    coverage,
    customers,
    erp,
    findings,
    health,
    ingest,
    jobs,
    metrics,
    pulls,
    schedules,
    security_txt,
    shopify,
    status,
    tiktok,
    woocommerce,
    woocommerce_intake,
    woocommerce_settings,
    woocommerce_views,
)
from app.api import openapi as contract
from app.audit.caps import RefusalCap
from app.audit.notes import begin_notes
from app.audit.requests import CAP, record_request
from app.console.blueprint import add_console, render_error
from app.http.body import throw_rest_away
from app.http.errors import register_errors
from app.http.forwarded import HSTS, trust_proxies
from app.http.full_stores import FullStores
from app.http.json_encoder import JsonAnswers
from app.http.limits import RateLimiter, waiting_room
from app.http.services import EXTENSION, Services
from app.http.token_cache import TokenCache
from app.http.token_throttle import TokenThrottle
from app.metrics.facts import FactsCollector
from app.metrics.pool import PoolWatch
from app.metrics.requests import note_request, route_of
from app.settings.environment import Settings
from app.settings.logs import get_logger
from db.core.pool import Pool, open_pool
from db.insight.storage import list_full_stores
from schemas.base.privacy import email_hasher
from workers.core.queues import WakeUp, connect

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
OUTBOUND = (erp, woocommerce, woocommerce_intake, woocommerce_settings, woocommerce_views)
ROUTES = (
    *(ingest, customers, jobs, status, pulls, shopify, tiktok, coverage, findings, schedules),
    *(*OUTBOUND, audit),
    *(health, metrics, contract, security_txt),
)
SHARE_FOR_SHOPS = 4  # at most one thread in four may wait for a shop's answer
QUIET = ("/healthz", "/readyz", "/metrics")  # asked every few seconds: not logged

log = get_logger(__name__)


def create_app(settings: Settings, database_url: str, redis_url: str) -> Flask:
    """The API over the given servers. It connects lazily, so it starts while they are away."""
    app = Flask("sluice", static_folder=None)
    app.json = JsonAnswers(app)
    wake_up = WakeUp(connect(redis_url))
    pool = open_pool(database_url, settings.db_pool_size, "api", prepare_threshold=settings.prepare_threshold)
    app.extensions[EXTENSION] = Services(
        settings=settings,
        pool=pool,
        wake_up=wake_up,
        limiter=RateLimiter(wake_up, settings.rate_limit_per_minute),
        token_cache=TokenCache(),
        token_throttle=TokenThrottle(),
        waiting_room=waiting_room(settings.max_waiters),
        shop_room=waiting_room(max(settings.web_threads // SHARE_FOR_SHOPS, 1)),
        hash_email=email_hasher(settings.email_hash_key),
        pool_watch=PoolWatch(pool),
        facts=FactsCollector(database_url, wake_up.redis),
        full_stores=FullStores(settings.max_store_bytes, partial(_full_stores, pool)),
    )
    for group in ROUTES:
        app.register_blueprint(group.blueprint)
    app.extensions[CAP] = RefusalCap()
    add_console(app)
    trust_proxies(app, settings)
    register_errors(app, pool, render_error)
    app.before_request(_begin_request)
    app.after_request(_end_request)
    return app


def _full_stores(pool: Pool, most_bytes: int) -> list[UUID]:
    with pool.connection() as conn:
        return list_full_stores(conn, most_bytes)


def _begin_request() -> None:
    # A caller's request id is used if it is harmless: it runs through logs and jobs.
    given = request.headers.get("X-Request-Id", "")
    # A new one is an id and no secret, so it need not cost a system call.
    g.request_id = given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
    g.began = time.monotonic()
    begin_notes()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end_request(response: Response) -> Response:
    response.headers.add("X-Request-Id", g.request_id)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    if request.is_secure:
        response.headers.add("Strict-Transport-Security", HSTS)
    # The rule and not the path: an unknown path may hold anything.
    rule, seconds = request.url_rule, time.monotonic() - g.began
    route = route_of(rule)
    method, status, code = request.method, response.status_code, g.get("error_code")
    note_request(method, route, status, seconds, code)
    if status == 413 and "store_id" in g:  # only for known callers: it may hold a thread for seconds
        response.call_on_close(partial(throw_rest_away, request.environ))
    if request.path not in QUIET:
        caller = g.get("caller")
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            code=code,
            seconds=round(seconds, 4),
            token_id=str(caller.token_id) if caller else None,
            address=request.remote_addr,
        )
    record_request(response, rule.endpoint if rule else None, method, code)
    return response
