"""Prepares a database server: the roles, and the database of the owner's role. Safe to run again."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

from psycopg import Connection
from psycopg.sql import SQL as Text
from psycopg.sql import Identifier

from db.core.sql import queries

SQL = queries(__file__)
ROLES: LiteralString = (Path(__file__).parents[1] / "bootstrap.sql").read_text(encoding="utf-8")
OWNER = "sluice_owner"
APP = "sluice_app"
SYSTEM = "sluice_system"


def create_roles(conn: Connection, owner_password: str, app_password: str) -> None:
    """Create the roles, or only set the passwords if they exist. Needs a superuser."""
    conn.execute(SQL["set_passwords"], {"owner_password": owner_password, "app_password": app_password})
    conn.execute(ROLES)  # reads the passwords from the settings of this session


def create_database(conn: Connection, name: str) -> None:
    """Create an empty UTF-8 database of the owner's role unless it exists. Needs autocommit and a superuser."""
    if not database_exists(conn, name):
        statement = Text("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'")
        conn.execute(statement.format(Identifier(name), Identifier(OWNER)))


def own_schema(conn: Connection) -> None:
    conn.execute(SQL["own_schema"])


def database_exists(conn: Connection, name: str) -> bool:
    row = conn.execute(SQL["database_exists"], {"name": name}).fetchone()
    return row is not None and bool(row[0])


def ping(conn: Connection) -> None:
    conn.execute(SQL["ping"])
