"""POST /api/<platform>/sync/pulls: starts a pull of any registered platform, in each of its modes.

`started` is also what the routes answer whose paths the specifications fixed.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from msgspec import UNSET

from app.http.operation import Answer, Body, Link, Operation
from app.http.serve import Reply, operations
from app.usecases.pulls import start_run
from schemas.answers.pulls import Started
from schemas.platforms.descriptor import Platform
from schemas.platforms.registry import PLATFORMS
from schemas.requests.pulls import pull_start_schema
from workers.pulls.start import Wanted

blueprint = Blueprint("pulls", __name__)

POLL_AFTER_SECONDS = 2
TO_JOB = {"jobId": "$response.body#/data/jobId"}
STEERING = ("getJob", "pauseJob", "resumeJob", "cancelJob")
CHOICES = ",".join(PLATFORMS)


def started_answer(*links: str, **example: str) -> Answer:
    """How a route that starts a pull declares its answer."""
    return Answer(
        202,
        "The run has its place. Poll `statusUrl`.",
        Started,
        example=example,
        headers=("Location", "Retry-After"),
        links=tuple(Link(name, TO_JOB) for name in links or ("getJob",)),
    )


def started(log_id: UUID, mode: str, *, job_type: str | None = None, sync_type: str | None = None) -> Reply:
    """202 for a run that was started."""
    status_url = url_for("jobs.get_job", log_id=log_id)
    data = Started(
        sync_log_id=log_id,
        job_id=log_id,
        status="running",
        sync_mode=mode,
        status_url=status_url,
        poll_after_seconds=POLL_AFTER_SECONDS,
        job_type=job_type or UNSET,
        sync_type=sync_type or UNSET,
    )
    return Reply(data, 202, {"Location": status_url, "Retry-After": str(POLL_AFTER_SECONDS)})


def _start(platform: Platform) -> Operation:
    named = platform.name.capitalize()
    return Operation(
        name=f"start{named}Pull",
        method="post",
        path=f"/api/{platform.name}/sync/pulls",
        tag="Pulls",
        summary=f"Start a pull of a {platform.title} store",
        about="One run of an entity at a time: 409 names the one in progress. 409 also where the shop is not connected or"
        " `fill` finds no hole in the coverage, 403 for a store of another platform.",
        access=("pull",),
        audit="pull.start",
        body=Body(pull_start_schema(platform), {"entity": "orders", "mode": "incremental"}),
        answers=(started_answer(*STEERING, jobType="orders"),),
        errors=("STORAGE_FULL", "CONFLICT"),
    )


@operations(blueprint, f"/api/<any({CHOICES}):platform>/sync/pulls", *map(_start, PLATFORMS.values()))
def start_pull(platform: str, body: dict[str, Any]) -> Reply:
    wanted = Wanted(
        entity=body["entity"],
        mode=body["mode"],
        days=body["days"],
        stale_after_mins=body["staleAfterMins"],
        full_scan=bool(body["fullScan"]),
        max_records=body["maxRecords"],
    )
    return started(start_run(wanted, platform), wanted.mode, job_type=wanted.entity)
