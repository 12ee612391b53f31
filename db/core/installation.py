"""Prepares a database server for Sluice: the roles, and the database that the owner's role owns. Safe to run again."""

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


def create_roles(conn: Connection, owner_password: str, app_password: str) -> None:
    """Create the three roles, or only set the passwords where they exist. Needs a superuser."""
    conn.execute(SQL["set_passwords"], {"owner_password": owner_password, "app_password": app_password})
    conn.execute(ROLES)


def create_database(conn: Connection, name: str) -> None:
    """Create an empty UTF-8 database for the owner's role unless it exists. Needs autocommit and a superuser."""
    if not database_exists(conn, name):
        statement = Text("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'")
        conn.execute(statement.format(Identifier(name), Identifier(OWNER)))


def own_schema(conn: Connection) -> None:
    """Give the connection's database to the owner's role down to its schema. Needs a superuser."""
    conn.execute(SQL["own_schema"])


def database_exists(conn: Connection, name: str) -> bool:
    row = conn.execute(SQL["database_exists"], {"name": name}).fetchone()
    return row is not None and bool(row[0])


def ping(conn: Connection) -> None:
    """Raise psycopg.Error unless the server answers."""
    conn.execute(SQL["ping"])
