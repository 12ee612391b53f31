"""What stores of a platform have, and how it is said of what they don't."""

from __future__ import annotations

import pytest

from app.usecases.pulled import EXPLAINED, PULLED, refusal


@pytest.mark.parametrize("entity", ["orders", "products", "customers"])
@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
def test_any_kind_of_record_may_be_asked_about_where_it_is_pulled_or_posted(platform: str, entity: str) -> None:
    assert refusal(platform, entity, EXPLAINED) is None


def test_what_the_platform_lacks_is_named_by_what_it_has() -> None:
    assert refusal("tiktok", "customers", EXPLAINED) == "tiktok stores have orders, products"
    assert refusal("woocommerce", "products", PULLED) == "woocommerce stores have orders"


@pytest.mark.parametrize("platform", PULLED)
def test_whatever_is_pulled_can_be_explained(platform: str) -> None:
    assert [refusal(platform, entity, EXPLAINED) for entity in PULLED[platform]] == [None] * len(PULLED[platform])
