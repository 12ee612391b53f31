"""The entities of each platform's stores."""

from __future__ import annotations

import pytest

from schemas.platforms.descriptor import Platform
from schemas.platforms.registry import PLATFORMS


@pytest.mark.parametrize("entity", ["orders", "products", "customers"])
@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
def test_a_store_has_its_pulled_and_posted_entities(platform: str, entity: str) -> None:
    assert entity in PLATFORMS[platform].entities


def test_a_platform_has_no_other_entities() -> None:
    assert PLATFORMS["tiktok"].entities == ("orders", "products", "refunds", "variations")
    assert PLATFORMS["woocommerce"].pulled == ("orders",)


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=list(PLATFORMS))
def test_every_pulled_entity_can_be_explained(platform: Platform) -> None:
    assert set(platform.pulled) <= set(platform.entities)
