"""What the service says of itself; these answers have no envelope."""

from __future__ import annotations

from typing import Annotated

from schemas.answers.fields import AnswerData, about, one_of

Checked = Annotated[str, one_of("ok", "unavailable")]


class Health(AnswerData):
    """The process serves."""

    status: Annotated[str, one_of("ok")]


class Checks(AnswerData):
    """What the service depends on."""

    postgres: Checked
    redis: Checked
    workers: Annotated[
        str,
        one_of("ok", "silent", "missing", "unknown"),
        about(
            "`silent`: one gave no sign of life for ten seconds; `missing`: none of batches is alive; `unknown`: no Redis"
        ),
    ]


class Readiness(AnswerData):
    """`degraded`: without Redis or workers, batches are still accepted."""

    status: Annotated[str, one_of("ok", "degraded", "unavailable")]
    checks: Checks
