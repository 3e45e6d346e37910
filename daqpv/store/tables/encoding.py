"""Whether a database takes every text: PostgreSQL's may be of an encoding that cannot.

SQLite always does, and in MariaDB the tables and the connection say utf8mb4 themselves.
"""

from __future__ import annotations

from sqlalchemy import Connection

_GOOD = "UTF8"


def poor_encoding(connection: Connection) -> str:
    """What is wrong with the encoding of the database, and the cure; "" if nothing."""
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
