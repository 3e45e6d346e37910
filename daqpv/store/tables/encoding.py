"""Checks that the encoding of a PostgreSQL database holds every text.

SQLite holds every text, and in MariaDB the tables and the connection use utf8mb4.
"""

from __future__ import annotations

from sqlalchemy import Connection

_GOOD = "UTF8"


def poor_encoding(connection: Connection) -> str:
    """The fault of the database's encoding, and the cure; "" without a fault."""
    if connection.dialect.name != "postgresql":
        return ""
    found = str(connection.exec_driver_sql("SHOW server_encoding").scalar())
    if found == _GOOD:
        return ""
    return (
        f"the database has the encoding {found}: it refuses texts with other "
        f"characters. Make another one (createdb --template template0 --encoding "
        f"{_GOOD} NAME) and name that as `store`; daqpv db export and import move what "
        "is in this one"
    )
