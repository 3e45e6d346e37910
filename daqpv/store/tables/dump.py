"""Makes a backup of the whole store before its tables are upgraded."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from daqpv.errors import StoreError

TIMEOUT = 3600.0  # [s]


def backup(url: str, folder: Path) -> Path:
    """Copy the store to a new file; return it.

    SQLite's is a database; those of servers are written by their own programs (pg_dump,
    mariadb-dump, mysqldump), for their own programs to restore.

    Args:
        url: of the store.
        folder: where a server's goes; SQLite's goes beside the database.

    Raises:
        StoreError: the program is not installed, or has failed; with the reason.
    """
    parsed = make_url(url)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    if parsed.get_backend_name() == "sqlite":
        file = Path(parsed.database or "")
        return _copy(file, file.with_name(f"{file.name}.{stamp}.backup"))
    return _dump(parsed, folder / f"{parsed.database}.{stamp}.sql")


def _copy(file: Path, copy: Path) -> Path:
    try:
        with (
            closing(sqlite3.connect(file)) as old,
            closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StoreError(f"{copy}: the backup failed: {error}") from error
    return copy


def _dump(url: URL, out: Path) -> Path:
    postgres = url.get_backend_name() == "postgresql"
    programs = ["pg_dump"] if postgres else ["mariadb-dump", "mysqldump"]
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        raise StoreError(
            f"a backup wants {' or '.join(programs)}, which is not installed here. "
            "Make one by yourself, and then: daqpv db upgrade --no-backup FILE"
        )
    user = "username" if postgres else "user"
    where = {"host": url.host, "port": url.port, user: url.username}
    options = [f"--{key}={value}" for key, value in where.items() if value]
    options += [] if postgres else ["--single-transaction"]
    secret = str(url.password or "")
    environ = os.environ | (
        {"PGPASSWORD": secret, "MYSQL_PWD": secret} if secret else {}
    )
    with out.open("xb") as file:
        done = subprocess.run(
            [program, *options, str(url.database)],
            check=False,
            stdout=file,
            stderr=subprocess.PIPE,
            env=environ,
            timeout=TIMEOUT,
        )
    if done.returncode:
        out.unlink()
        raise StoreError(
            f"{out}: the backup failed: {done.stderr.decode(errors='replace').strip()}"
        )
    return out
