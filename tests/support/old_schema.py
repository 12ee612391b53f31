"""Databases from before the baseline: the fixture's migrations, with one row or more in each table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from db.core.migrate import read_schema
from tests.conftest import Database, Servers
from tests.support.paths import ROOT

FIXTURE = ROOT / "tests" / "fixtures" / "migrations"
SCHEMA_MIGRATIONS = """CREATE TABLE schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
GRANT SELECT ON schema_migrations TO PUBLIC"""
COLUMNS = """SELECT a.attname, format_type(a.atttypid, NULL)
               FROM pg_attribute a
              WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
              ORDER BY a.attnum"""
TABLES = """SELECT c.relname FROM pg_class c
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname"""

Row = dict[str, Any]
MOMENT = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def number(value: int) -> UUID:
    return UUID(int=value)


@contextmanager
def empty_database(servers: Servers) -> Iterator[Database]:
    """An empty database of the owner's, dropped at the end."""
    name, postgres = f"o_{uuid4().hex[:12]}", servers.postgres
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as root:
        make = "CREATE DATABASE {} TEMPLATE template0 OWNER sluice_owner"
        root.execute(sql.SQL(make).format(sql.Identifier(name)))
        with psycopg.connect(postgres.superuser_url(name), autocommit=True) as conn:
            conn.execute("ALTER SCHEMA public OWNER TO sluice_owner")
        yield Database(postgres.app_url(name), postgres.owner_url(name), postgres.superuser_url(name))
        root.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def old_database(servers: Servers, newest: str = "0015") -> Iterator[Database]:
    """An empty database as the old migrations up to the number `newest` left it."""
    old = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(FIXTURE.glob("*.sql"))]
    later = [(step.name, step.text) for step in read_schema().takeover if step.name[:4] <= newest]
    with empty_database(servers) as made:
        with psycopg.connect(made.owner_url, autocommit=True) as owner:
            owner.execute(SCHEMA_MIGRATIONS)
            for name, text in old + later:
                with owner.transaction():
                    owner.execute(text.encode())
                checksum = hashlib.sha256(text.encode()).hexdigest()
                owner.execute("INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)", (name, checksum))
        yield made


# Each column that is not named gets a value of its type, so that no column is empty.
WOO, SHOPIFY, TIKTOK = number(1), number(2), number(3)
BALANCED = {"received": 9, "inserted": 1, "updated": 2, "unchanged": 1, "stale": 2, "invalid": 2, "existing": 1}
PULL = {"store_id": SHOPIFY, "queue": "pull", "idempotency_key": None, "fingerprint": None}
ORDER_PAGE = b"""{"seq":7,"asked_at":"2026-03-04T05:06:07Z","received":1,"records":[[0,{"wc_order_id":41,"date_created":\
"2026-03-04T05:06:07Z","date_modified":null,"status":"\\"wc_order_id\\":","total":"9.50","subtotal":null,"tax_total":null,\
"shipping_total":null,"discount_total":null,"currency":"EUR","wc_customer_id":42,"payment_method":null,"coupon_used":null,\
"items":[{"product_name":"Tea","sku":null,"quantity":"1","subtotal":null,"total":null,"wc_product_id":43}]}]],"errors":[],\
"in_order":true}"""
PRODUCT_PAGE = b"""{"seq":7,"asked_at":"2026-03-04T05:06:07Z","received":1,"records":[[0,{"wc_product_id":51,"name":"Tea",\
"sku":null,"price":"1.5","regular_price":null,"sale_price":null,"wc_category_id":52,"category_name":null,"stock_quantity":null,\
"stock_status":null,"status":null,"type":null,"created_at":null,"updated_at":null}]],"errors":[],"in_order":true}"""
CUSTOMER_PAGE = b"""{"seq":7,"asked_at":"2026-03-04T05:06:07Z","received":1,"records":[[0,{"wc_customer_id":61,\
"email_hash":null,"display_name":"A","total_spent":null,"order_count":2,"first_order_date":null,"last_order_date":null,"created_at":null}]],\
"errors":[],"in_order":true}"""


def _of_platforms(entity: str, **others: Any) -> list[Row]:
    """A record of each store, under the column that its platform's id had."""
    columns = {WOO: f"wc_{entity}_id", SHOPIFY: f"shopify_{entity}_id", TIKTOK: f"tiktok_{entity}_id"}
    empty = dict.fromkeys(columns.values())
    return [
        {"store_id": store, "id": number(100 + place), **empty, column: 7_000_000_000 + place, **others}
        for place, (store, column) in enumerate(columns.items())
    ]


ROWS: Mapping[str, Sequence[Row]] = {
    "stores": [
        {"id": WOO, "platform": "woocommerce"},
        {"id": SHOPIFY, "platform": "shopify"},
        {"id": TIKTOK, "platform": "tiktok"},
    ],
    "api_tokens": [
        {"id": number(11), "store_id": WOO, "token_sha256": b"a" * 32, "role": "store"},
        {"id": number(12), "store_id": SHOPIFY, "token_sha256": b"b" * 32, "role": "admin", "revoked_at": None},
        {"id": number(13), "store_id": None, "token_sha256": b"c" * 32, "role": "operator"},
    ],
    "console_sessions": [{"session_sha256": b"s" * 32, "token_id": number(12)}],
    "categories": [
        {"store_id": WOO, "id": number(21), "parent_id": None, "wc_parent_id": None},
        {"store_id": WOO, "id": number(22), "wc_category_id": 9, "parent_id": number(21)},
    ],
    "products": _of_platforms("product", category_id=None),
    "customers": _of_platforms("customer", email_hash="e" * 64),
    "orders": [row | {"customer_id": row["id"]} for row in _of_platforms("order")],
    "order_items": [
        {"store_id": store, "order_id": number(100 + place), "product_id": number(100 + place)}
        for place, store in enumerate((WOO, SHOPIFY, TIKTOK))
    ],
    "entity_stats": [{"store_id": WOO, "entity": "orders"}],
    "sync_logs": [
        {"store_id": WOO, "id": number(31), "accepted_seq": 1, "status": "completed", "phase": None, **BALANCED},
        {"store_id": WOO, "id": number(32), "accepted_seq": 2, "status": "running", "idempotency_key": "cl€f 2"},
        {
            "store_id": WOO,
            "id": number(33),
            "accepted_seq": 3,
            "status": "failed",
            "phase": None,
            "idempotency_key": "3",
        },
        {
            **PULL,
            "id": number(34),
            "accepted_seq": 4,
            "status": "paused",
            "phase": None,
            "source": "shopify",
            "mode": "full",
        },
        {**PULL, "id": number(35), "accepted_seq": 5, "source": "shopify", "entity": "products", "mode": "incremental"},
        {**PULL, "id": number(36), "accepted_seq": 6, "source": "shopify", "entity": "customers", "mode": "update"},
    ],
    "sync_payloads": [{"store_id": WOO, "log_id": number(32)}],
    "sync_record_errors": [
        {"store_id": WOO, "log_id": number(31), "external_id": "007"},
        {"store_id": WOO, "log_id": number(31), "external_id": "0", "record_index": 1},
        {"store_id": WOO, "log_id": number(31), "external_id": None, "record_index": 2},
    ],
    "pull_runs": [
        {"store_id": SHOPIFY, "log_id": number(34), "page": ORDER_PAGE, "rest_page": ORDER_PAGE},
        {"store_id": SHOPIFY, "log_id": number(35), "page": PRODUCT_PAGE, "rest_page": None},
        {"store_id": SHOPIFY, "log_id": number(36), "page": None, "rest_page": CUSTOMER_PAGE},
    ],
    "pull_pages": [{"store_id": SHOPIFY, "log_id": number(34)}],
    "stale_arrivals": [{"store_id": TIKTOK, "entity": "orders"}],
    "sync_metadata": [
        {"store_id": SHOPIFY, "sync_type": "orders", "rest_page": ORDER_PAGE},
        {"store_id": SHOPIFY, "sync_type": "products", "rest_page": PRODUCT_PAGE},
        {"store_id": SHOPIFY, "sync_type": "customers", "rest_page": CUSTOMER_PAGE},
        {"store_id": WOO, "sync_type": "categories", "rest_page": None},
    ],
    "sync_coverage": [{"store_id": SHOPIFY, "entity": "orders"}],
    "schedules": [
        {"store_id": SHOPIFY, "entity": "orders", "mode": "update", "every_seconds": None},
        {"store_id": TIKTOK, "entity": "orders", "mode": "incremental", "stale_after_mins": None, "cron": None},
    ],
    "refresh_leases": [{"store_id": TIKTOK}],
    "erp_categories": [{"store_id": WOO}],
    "erp_products": [{"store_id": WOO}],
    "wc_sync_batches": [
        {"store_id": WOO, "id": number(41), "kind": "full", "status": "rejected"},
        {"store_id": WOO, "id": number(42), "kind": "hold", "status": "needs_approval"},
    ],
    "wc_sync_items": [
        {"store_id": WOO, "id": number(51), "status": "syncing", "category_id": None, "weighed": True},
        {"store_id": WOO, "id": number(52), "status": "failed", "product_id": None, "weighed": False, "claim_id": None},
    ],
    "wc_product_sync_mappings": [{"store_id": WOO, "sync_status": "adopted"}],
    "wc_push_leases": [{"store_id": WOO}],
    "wc_schedules": [{"store_id": WOO, "task": "retry"}],
    "wc_order_events": [{"store_id": WOO, "order_id": number(100)}],
    "sync_totals": [{"shard": 99}],
    "dispatcher_marks": [{"name": "tick"}, {"name": "watch"}],
    "alerts": [{"store_id": WOO}, {"store_id": SHOPIFY, "recovered_at": None, "recovery_told_at": None}],
}
# Columns that take only some values, where a row above does not say which.
COMMON: Row = {
    "entity": "orders",
    "status": "running",
    "source": "plugin",
    "mode": "upsert",
    "phase": "queued",
    "queue": "ingest",
    "sync_type": "price",
    "breach": "queue",
    "batch_id": number(41),
    "hold_id": number(42),
    "tries": 2,
}


def fill(conn: Connection) -> None:
    """COPY the rows into every table, as a superuser; references between them hold."""
    tables = {row[0] for row in conn.execute(TABLES).fetchall()} - {"schema_migrations"}
    assert set(ROWS) == tables
    conn.execute("DELETE FROM dispatcher_marks")
    for table, rows in ROWS.items():
        columns = conn.execute(COLUMNS, (table,)).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with conn.cursor().copy(copy) as copying:
            for row in rows:
                assert set(row) <= {name for name, _ in columns}
                given = COMMON | row
                copying.write_row(
                    [given[name] if name in given else _value(table, name, kind) for name, kind in columns]
                )
    conn.execute("SELECT setval(pg_get_serial_sequence('sync_logs', 'accepted_seq'), 6)")


def _value(table: str, name: str, kind: str) -> Any:
    seed = int.from_bytes(hashlib.sha256(f"{table}.{name}".encode()).digest()[:3], "big") + 1
    values: dict[str, Any] = {
        "uuid": number(seed),
        "text": f"{name} {seed}",
        "bigint": seed + 5_000_000_000,
        "integer": seed,
        "smallint": seed % 90,
        "numeric": Decimal(seed) / 1000,
        "real": 0.5,
        "double precision": 2.5,
        "boolean": seed % 2 == 0,
        "bytea": name.encode(),
        "jsonb": Jsonb({name: seed}),
        "interval": timedelta(seconds=seed),
        "timestamp with time zone": MOMENT + timedelta(seconds=seed),
        "text[]": [name, str(seed)],
        "uuid[]": [number(seed)],
    }
    return values[kind]


def read_all(conn: Connection) -> dict[str, list[Row]]:
    """The rows of every table, each as its columns by name."""
    found = {}
    for (table,) in conn.execute(TABLES).fetchall():
        cursor = conn.execute(sql.SQL("SELECT to_jsonb(t) FROM {} t ORDER BY t::text").format(sql.Identifier(table)))
        found[table] = [row[0] for row in cursor.fetchall()]
    return found
