"""What a store chooses for products that are off sale: those that the ERP discontinued, and those in the shop's trash."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from db.core.sql import queries
from schemas.records.erp import DISCONTINUED_POLICIES, TRASHED_POLICIES

SQL = queries(__file__)

# The possible answers by name; the first is the default.
POLICIES = {"discontinued": DISCONTINUED_POLICIES, "trashed": TRASHED_POLICIES}


def get_policy(conn: Connection, store_id: UUID, name: str) -> str:
    """One of POLICIES[name]."""
    row = conn.execute(SQL["get_policy"], {"store_id": store_id, "name": name}).fetchone()
    return (row and row[0]) or POLICIES[name][0]


def set_policy(conn: Connection, store_id: UUID, name: str, policy: str) -> bool:
    """False if there is no such store."""
    parameters = {"store_id": store_id, "name": name, "policy": policy}
    return conn.execute(SQL["set_policy"], parameters).rowcount == 1
