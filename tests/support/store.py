"""Stores to test with: SQLite files, and real servers of PostgreSQL and MariaDB.

A server is started when a test first wants it, once per test process, on a free port,
in a directory of its own, without waiting for the disk. Each test gets a database.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from daqpv.store.tables.engine import make_engine
from tests.support.leftovers import STAYING
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE, until

ENGINES = ("sqlite", "postgresql", "mariadb")


class StoreServer:
    """A database server; its process can be stopped, killed and started again."""

    user = ""  # of the system, for whom it works if we are root
    scheme = ""
    admin = ""  # user and database for those who make databases

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="daqpv-store-"))
        self.port = free_port()
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user, self.user)
            ids = (f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups")
            self._as_user = ["setpriv", *ids]
        self._run(*self._initialise())
        self.start()

    @classmethod
    def find(cls) -> str | None:
        """The server's program, if it is installed."""
        raise NotImplementedError

    def _initialise(self) -> list[str]:
        raise NotImplementedError

    def _serve(self) -> list[str]:
        raise NotImplementedError

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [*self._as_user, *command],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode == 0, f"{command[0]}:\n{done.stdout}{done.stderr}"

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, *self._serve()], stdout=log, stderr=log, cwd="/"
            )
        STAYING.add(self._process.pid)
        until(self._answers, f"{self.scheme} to answer")

    def _answers(self) -> bool:
        try:
            self._admin("SELECT 1")
        except DBAPIError:
            return False
        return True

    def _admin(self, *statements: str) -> None:
        made = make_engine(self.url(self.admin))
        engine = made.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            engine.dispose()

    def url(self, database: str) -> str:
        """The URL of a database."""
        return f"{self.scheme}://{self.login}@127.0.0.1:{self.port}/{database}"

    login = "daqpv"

    def database(self, options: str = "") -> str:
        """Make a database; return its URL."""
        self.start()
        name = f"test{next(self._numbers)}"
        self._admin(f"CREATE DATABASE {name} {options}")
        return self.url(name)

    @contextmanager
    def set_up(self, *statements: str, after: str) -> Iterator[None]:
        """Change the server's set-up for a while; `after` changes it back."""
        self._admin(*statements)
        try:
            yield
        finally:
            self._admin(after)

    def send(self, number: int) -> None:
        """Send a signal to the server, not to its launcher."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it by a signal, and wait."""
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(number)
            self._process.wait(DEADLINE)

    def remove(self) -> None:
        """End it, and take away what it wrote."""
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSql(StoreServer):
    """Of Debian's package postgresql."""

    user, scheme, admin = "postgres", "postgresql", "postgres"

    @classmethod
    def find(cls) -> str | None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        return str(found[-1]) if found else shutil.which("postgres")

    def _initialise(self) -> list[str]:
        initdb = str(Path(str(self.find())).with_name("initdb"))
        options = ("-A", "trust", "-U", self.login, "-E", "UTF8", "--locale=C")
        return [initdb, "-D", str(self.folder / "data"), "--no-sync", *options]

    def _serve(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": 40,
        }
        options = [o for k, v in settings.items() for o in ("-c", f"{k}={v}")]
        return [str(self.find()), "-D", str(self.folder / "data"), *options]


class MariaDb(StoreServer):
    """Of Debian's package mariadb-server."""

    user, scheme, admin, login = "mysql", "mariadb", "mysql", "root"

    @classmethod
    def find(cls) -> str | None:
        return shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")

    def _initialise(self) -> list[str]:
        return [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *self._quick(),
        ]

    def _serve(self) -> list[str]:
        return [
            str(self.find()),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--performance-schema=off",
            *self._quick(),
        ]

    def _quick(self) -> tuple[str, ...]:
        return (
            f"--tmpdir={self.folder}",  # servers that start at once disturb each other
            "--innodb-flush-log-at-trx-commit=2",  # a kill loses nothing
            "--innodb-flush-method=nosync",
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
            "--skip-innodb-doublewrite",
            "--sync-binlog=0",
        )


SERVERS: dict[str, type[StoreServer]] = {"postgresql": PostgreSql, "mariadb": MariaDb}
