"""Answers about orders that do not add up."""

from __future__ import annotations

from typing import Annotated

from schemas.answers.fields import AnswerData, Moment, about, one_of
from schemas.records.balance import ORDER_IMBALANCE, REFUND_IMBALANCE

Figure = Annotated[str, about("in the order's currency", example="14.75")]


class OrderFinding(AnswerData):
    """Two figures of one order that should be equal."""

    order_id: Annotated[str, about("the order's id on the platform", example="1001")]
    number: Annotated[str | None, about("what people call the order", example="#1001")]
    kind: Annotated[str, one_of(ORDER_IMBALANCE, REFUND_IMBALANCE), about("which law the order breaks")]
    currency: Annotated[str | None, about(example="EUR")]
    stated: Figure
    computed: Annotated[str, about("from the lines, or from the refunds", example="13.50")]
    difference: Annotated[str, about("`stated` less `computed`", example="1.25")]
    found_at: Moment


class OrderFindings(AnswerData):
    """A page of findings."""

    findings: list[OrderFinding]
    next_cursor: Annotated[str | None, about(example="1001.0")]
