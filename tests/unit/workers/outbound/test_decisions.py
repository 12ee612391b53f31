"""Pure decisions of outbound: delays, deadlines, brakes, changed field groups, the meaning of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.outbound.brakes import Catalogue, OpenChange
from workers.outbound.intake.events import CHANNELS, Event, read_event
from workers.outbound.planning.brakes import Limits, apply_brakes, price_factor, read_limits
from workers.outbound.planning.field_groups import FIELD_GROUPS, changed_groups, requested_groups
from workers.outbound.planning.priorities import CAUSES, PRIORITIES, SLA_SECONDS, Life, breach_of, delay_after

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def test_priorities_and_deadlines_match_the_specification() -> None:
    assert PRIORITIES == {"price": 1, "stock": 2, "product": 3, "category": 4, "image": 5}
    assert {kind: seconds / 60 for kind, seconds in SLA_SECONDS.items()} == {
        "price": 2,
        "stock": 5,
        "product": 15,
        "category": 30,
        "image": 60,
    }


def test_retry_delays_grow_and_respect_the_shop() -> None:
    assert [delay_after(attempt) for attempt in (1, 2, 3, 4)] == [2, 4, 8, 8]
    assert delay_after(1, 30) == 30 and delay_after(3, 1) == 8


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0, 500), st.floats(0.001, 2000))
def test_a_breach_names_the_longest_cause(platform: float, backoff: float, validation: float, late: float) -> None:
    life = Life(BEGAN, BEGAN + timedelta(seconds=120), platform, backoff, validation)
    ended = life.due_at + timedelta(seconds=late)
    cause = breach_of(life, ended)
    seconds = {"platform": platform, "backoff": backoff, "validation": validation}
    seconds["queue"] = (ended - BEGAN).total_seconds() - sum(seconds.values())
    assert cause in CAUSES and seconds[cause] == max(seconds.values())
    assert breach_of(life, life.due_at) is None


def change(before: str | None, after: str | None, **more: object) -> OpenChange:
    amounts = [None if value is None else Decimal(value) for value in (before, after)]
    facts: dict[str, object] = {"is_held": False, "changes_price": True, "empties_stock": False} | more
    return OpenChange(
        id=uuid4(),
        product_id=uuid4(),
        sku="S",
        seen_regular_price=amounts[0],
        seen_sale_price=None,
        regular_price=amounts[1],
        sale_price=None,
        **facts,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("before", "after", "factor"),
    [
        ("10", "20", 2),
        ("20", "10", 2),
        (None, "5", 1),
        ("0", "5", 1),
        ("0.5", "1", 2),
        ("10", "0", 10**9),
        ("1", None, 10**9),
    ],
)
def test_price_factor_of_a_change(before: str | None, after: str | None, factor: int) -> None:
    assert price_factor(change(before, after)) == factor


def test_brakes_hold_only_suspicious_changes() -> None:
    far, near = change("10", "100"), change("10", "11")
    decision = apply_brakes(Limits(), Catalogue(1000, 1000), [far, near])
    assert (decision.held, decision.reasons) == (frozenset({far.id}), ("price_factor",))
    many = [change("10", "11") for _ in range(31)]
    assert apply_brakes(Limits(), Catalogue(100, 0), many).reasons == ("price_share",)
    assert apply_brakes(Limits(), Catalogue(100, 0), many[:30]).reasons == ()
    empty = [change("1", "1", changes_price=False, empties_stock=True) for _ in range(10)]
    assert apply_brakes(Limits(), Catalogue(100, 20), empty).reasons == ("zero_share",)
    assert apply_brakes(Limits(), Catalogue(100, 20), empty[:9]).reasons == ()
    texts = [change("1", "1", changes_price=False, changes_adopted=True, changes_texts=True) for _ in range(31)]
    assert apply_brakes(Limits(), Catalogue(100, 20), texts).reasons == ("text_share",)
    assert apply_brakes(Limits(), Catalogue(100, 20), texts[:30]).reasons == ()


def test_a_takeover_holds_all_that_is_adopted() -> None:
    adopted, other = change("10", "10", changes_price=False, changes_adopted=True), change("10", "11")
    decision = apply_brakes(Limits(), Catalogue(1000, 1000), [adopted, other], is_takeover=True)
    assert (decision.held, decision.reasons) == (frozenset({adopted.id}), ("takeover",))
    assert not apply_brakes(Limits(), Catalogue(1000, 1000), [adopted, other]).held


def test_a_price_may_move_up_to_the_limit() -> None:
    within, beyond = change("10", "50"), change("10", "50.01")
    assert apply_brakes(Limits(), Catalogue(1000, 1000), [within, beyond]).held == {beyond.id}


def test_brakes_look_at_the_price_that_customers_pay() -> None:
    offer = replace(change("10", "10"), sale_price=Decimal(1))
    assert price_factor(offer) == 10
    ended = replace(change("10", "10"), seen_sale_price=Decimal(5))
    assert price_factor(ended) == 2
    hidden = replace(change("10", "20"), seen_sale_price=Decimal(1), sale_price=Decimal(1))
    assert price_factor(hidden) == 2


def test_shares_count_products_and_not_changes() -> None:
    items = [change("10", "11") for _ in range(30)]
    twice = [replace(one, id=uuid4()) for one in items]
    assert apply_brakes(Limits(), Catalogue(100, 0), items + twice).held == frozenset()


def test_products_discontinued_within_an_hour_are_counted_together() -> None:
    ended = [change("1", "1", changes_price=False, takes_off_sale=True) for _ in range(11)]
    assert apply_brakes(Limits(), Catalogue(100, 0), ended).reasons == ("discontinued_share",)
    assert not apply_brakes(Limits(), Catalogue(110, 0), ended).held
    assert apply_brakes(Limits(), Catalogue(110, 0, discontinued=12), ended[:1]).held == {ended[0].id}
    assert not apply_brakes(Limits(discontinued_share=Decimal("0.2")), Catalogue(100, 0), ended).held


def test_small_catalogue_is_not_held_by_its_shares() -> None:
    empty = [change("1", "1", changes_price=False, empties_stock=True) for _ in range(9)]
    assert apply_brakes(Limits(), Catalogue(9, 9), empty).held == frozenset()


def test_preview_shows_the_biggest_changes_first() -> None:
    small, big = replace(change("10", "60"), sku="A"), replace(change("10", "100"), sku="B")
    empty = replace(change("10", "100", changes_price=False, empties_stock=True), sku="C")
    many = [replace(change("10", "60"), sku=f"D{number:02}") for number in range(60)]
    preview = apply_brakes(Limits(), Catalogue(1000, 1), [small, big, *many]).preview
    assert [one["sku"] for one in preview["changes"]] == ["B", "A", *(f"D{number:02}" for number in range(48))]
    assert preview["changes"][0] == {
        "productId": str(big.product_id),
        "sku": "B",
        "regularPrice": ["10", "100"],
        "salePrice": [None, None],
        "outOfStock": False,
        "discontinued": False,
    }
    facts = {name: preview[name] for name in ("reasons", "products", "mappedProducts", "priceChanges", "emptiedStock")}
    assert facts == {
        "reasons": ["price_factor"],
        "products": 62,
        "mappedProducts": 1000,
        "priceChanges": 62,
        "emptiedStock": 0,
    }
    only_empty = apply_brakes(Limits(least=1), Catalogue(1000, 1), [empty]).preview
    assert only_empty["changes"] == [
        {"productId": str(empty.product_id), "sku": "C", "outOfStock": True, "discontinued": False}
    ]


def test_a_store_can_set_or_disable_its_brakes() -> None:
    assert read_limits(None) == Limits()
    assert read_limits({"enabled": False}) is None
    assert read_limits({"price_share": 0.5}) == Limits(price_share=Decimal("0.5"))
    assert read_limits({"price_factor": 2, "zero_share": 0.1, "least": 3, "enabled": True}) == Limits(
        price_factor=Decimal(2), zero_share=Decimal("0.1"), least=3
    )


@given(st.sets(st.sampled_from(FIELD_GROUPS)))
def test_exactly_the_differing_groups_have_changed(different: set[str]) -> None:
    ours = dict.fromkeys(FIELD_GROUPS, "a")
    sent = {group: "b" if group in different else "a" for group in FIELD_GROUPS}
    assert set(changed_groups(ours, sent)) == different
    assert requested_groups(["product", *different]) == FIELD_GROUPS


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_unknown_event_is_refused_with_a_reason(name: str, data: dict[str, str]) -> None:
    assert isinstance(read_event(name, data), str)


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_requests_a_change(channel: str) -> None:
    target = str(uuid4())
    event = read_event(channel, {"storeId": str(uuid4()), "productId": target, "categoryId": target})
    assert isinstance(event, Event) and event.target_id == UUID(target)
    assert (event.sync_type is None) == channel.startswith("category.")
