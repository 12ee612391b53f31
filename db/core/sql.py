"""Loads the named queries that stand beside a module, once, when the module is imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, LiteralString, cast, get_args

Platform = Literal["woocommerce", "shopify", "tiktok"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
KEY_PREFIX: dict[Platform, LiteralString] = {"woocommerce": "wc", "shopify": "shopify", "tiktok": "tiktok"}
HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def queries(module: str) -> dict[str, LiteralString]:
    """The queries of the `.sql` file beside `module` (its `__file__`), by name.

    Each begins with `-- name: verb_object` and a comment that states its guarantee.

    The texts count as literals for psycopg: they come from files of this repository, never from input.
    """
    path = Path(module).with_suffix(".sql")
    parts = HEADER.split(path.read_text(encoding="utf-8"))[1:]
    names, texts = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a query name stands twice in {path.name}")
    return {name: cast(LiteralString, text.strip()) for name, text in zip(names, texts, strict=True)}


def by_platform(texts: dict[str, LiteralString], record: LiteralString) -> dict[Platform, dict[str, LiteralString]]:
    """The queries for each platform, `{key}` being the column of its ids of a `record`: wc_order_id, shopify_order_id …"""
    return {
        platform: {name: text.replace("{key}", f"{prefix}_{record}_id") for name, text in texts.items()}
        for platform, prefix in KEY_PREFIX.items()
    }
