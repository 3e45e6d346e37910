"""SQLite keeps JSON as text: a column of type JSON turns 3.0 into 3.

Stores whose tables are made by the first versions of 0001 and 0002 have such columns;
others of version 0002 have text already, and are left as they are.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

COLUMNS = {
    "setting": ("value", "file"),
    "run_value": ("value", "start", "stop"),
    "run_pv": ("value",),
}


def upgrade() -> None:
    """Turn the columns into text, and the numbers in them into JSON."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for name, columns in COLUMNS.items():
        table = sa.Table(name, sa.MetaData(), autoload_with=connection)
        if isinstance(table.c[columns[0]].type, sa.JSON):
            _convert(connection, table, columns)


def _convert(
    connection: sa.Connection, table: sa.Table, columns: tuple[str, ...]
) -> None:
    """Convert a table; a cast alone would cut a number to 15 digits."""
    keys = [column.name for column in table.primary_key]
    plain = sa.table(table.name, *map(sa.column, [*keys, *columns]))
    numbers = [(name, _numbers(connection, plain, keys, name)) for name in columns]
    with op.batch_alter_table(table.name) as batch:
        for name in columns:
            batch.alter_column(
                name, type_=sa.Text(), existing_type=sa.JSON(), existing_nullable=False
            )
    for name, rows in numbers:
        for *key, number in rows:
            here = [plain.c[k] == value for k, value in zip(keys, key, strict=True)]
            text = json.dumps(number)
            connection.execute(sa.update(plain).where(*here).values({name: text}))


def _numbers(
    connection: sa.Connection, table: Any, keys: list[str], name: str
) -> list[Any]:
    """Keys and values of the rows where SQLite has made a number of the JSON."""
    column = table.c[name]
    wanted = [*(table.c[key] for key in keys), column]
    is_real = sa.func.typeof(column) == "real"
    return [*connection.execute(sa.select(*wanted).where(is_real))]
