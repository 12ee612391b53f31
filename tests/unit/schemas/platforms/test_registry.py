"""What stores of a platform have."""

from __future__ import annotations

import pytest

from schemas.platforms.descriptor import Platform
from schemas.platforms.registry import PLATFORMS


@pytest.mark.parametrize("entity", ["orders", "products", "customers"])
@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
def test_a_store_has_what_is_pulled_or_posted(platform: str, entity: str) -> None:
    assert entity in PLATFORMS[platform].entities


def test_a_platform_lacks_what_it_neither_pulls_nor_takes() -> None:
    assert PLATFORMS["tiktok"].entities == ("orders", "products")
    assert PLATFORMS["woocommerce"].pulled == ("orders",)


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=list(PLATFORMS))
def test_whatever_is_pulled_can_be_explained(platform: Platform) -> None:
    assert set(platform.pulled) <= set(platform.entities)
