"""The contract against the running API: three shops with fakes of their platforms, and schemathesis as their callers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from flask import Flask

from app.http.operation import operations_of
from app.openapi.document import build_document
from app.server.factory import ROUTES
from app.settings.environment import load_settings
from app.usecases.stores import create_store, set_credentials
from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.tiktok.shop import FakeTiktok
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.paths import ROOT


def make_app() -> Flask:
    """The routes alone: no server is needed to know them."""
    app = Flask("contract", static_folder=None)
    for group in ROUTES:
        app.register_blueprint(group.blueprint)
    return app


APP = make_app()
OPERATIONS = operations_of(APP)
DOCUMENT = build_document(load_settings({}), OPERATIONS)

CONFIG = ROOT / "tests" / "schemathesis.toml"
SECONDS = 1500


@contextmanager
def shops(app_url: str, secret_key: str) -> Iterator[dict[str, str]]:
    """A store of each platform, connected to a fake of it; the variables that the configuration reads their tokens from."""
    with FakeWooCommerce() as woocommerce, FakeShopify(orders=3) as shopify, FakeTiktok(orders=3) as tiktok:
        with psycopg.connect(app_url, autocommit=True) as conn:

            def connect(platform: str, url: str, credentials: dict[str, str]) -> str:
                made = create_store(conn, f"A shop on {platform}", platform, url, "admin")
                set_credentials(conn, secret_key, made.store_id, credentials)
                return made.token

            tokens = {
                "PLUGIN_TOKEN": connect("woocommerce", woocommerce.url, woocommerce.credentials),
                "SHOPIFY_TOKEN": connect("shopify", shopify.url, shopify.credentials),
                "TIKTOK_TOKEN": connect("tiktok", tiktok.url, tiktok.credentials),
            }
        yield tokens


def play(url: str, tokens: Mapping[str, str], folder: Path, *options: str) -> None:
    """Run schemathesis with all checks; whatever it finds fails the test, with its report."""
    program = Path(sys.executable).with_name("st")
    command = [
        str(program),
        "--config-file",
        str(CONFIG),
        "run",
        f"{url}/openapi.json",
        "--no-color",
        "--checks",
        "all",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | dict(tokens)
    done = subprocess.run(
        [*command, *options], cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    (folder / "schemathesis.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, (done.stdout + done.stderr)[-20_000:]
