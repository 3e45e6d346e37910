"""What can happen to a run: each cause strikes, and is mended.

To add one: a class with `name` (the row of the table in docs/runs.md), `strike` and
`mend`, in CAUSES; its cells in cells.py; then
``python -m tests.e2e.truth.table`` prints the table for docs/runs.md.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import sqlite3
import threading
from contextlib import closing
from typing import Protocol

from click.testing import CliRunner

from daqpv.cli import main
from daqpv.core import STALL
from daqpv.ecc import Operation
from daqpv.links.soap.ecc import EccSoapLink
from tests.e2e.truth.scene import TWIN_PORT, Scene
from tests.support.experiment import Running
from tests.support.waiting import DEADLINE, until


class Cause(Protocol):
    """Something that happens to CoBo1, data1, daqpv or the store.

    Attributes:
        name: the row of the table.
        is_spending: what it leaves behind is of no use for the next cell.
    """

    name: str
    is_spending: bool

    def strike(self, scene: Scene) -> None:
        """Let it happen; return when it is over, or lasts."""

    def mend(self, scene: Scene) -> None:
        """Undo what lasts, as an operator would."""


class ServerRestarts:
    """An ECC server ends and begins anew, quicker than three polls: it is Idle."""

    name = "a server restarts"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        scene.lab.sim("CoBo1")("/restart", "POST")
        scene.server().until("State", "Idle")

    def mend(self, scene: Scene) -> None:
        pass


class ServerLost:
    """An ECC server does not answer any more, and comes back as it was."""

    name = "a server is lost"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        scene.lab.sim("CoBo1").fault("*", "cut")
        scene.server().until("Online", "Offline")

    def mend(self, scene: Scene) -> None:
        scene.lab.sim("CoBo1")("/faults", "DELETE")
        scene.server().until("Online", "Online")


class NetworkCut:
    """Nothing comes back from an ECC server, and nothing says so; then it is there."""

    name = "the network to a server is cut"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        scene.lab.sim("CoBo1").fault("*", "hang")
        scene.server().until("Online", "Offline")

    def mend(self, scene: Scene) -> None:
        scene.lab.sim("CoBo1")("/faults", "DELETE")
        scene.server().until("Online", "Online")


class ServerDisabled:
    """An operator disables a server."""

    name = "a server is disabled"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        scene.server().put("Enable", "0")

    def mend(self, scene: Scene) -> None:
        scene.server().put("Enable", "1")
        scene.server().until("Online", "Online")


class ServerCommanded:
    """Another client stops a server, past daqpv."""

    name = "another client stops a server"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        url = scene.lab.urls["CoBo1"]
        asyncio.run(_stop(url))
        scene.server().until("State", "Ready")

    def mend(self, scene: Scene) -> None:
        pass


async def _stop(url: str) -> None:
    link = EccSoapLink("foreign", f"{url}foreign")
    await link.operate(Operation.STOP, None, (), timeout=DEADLINE)


class RouterLost:
    """The directory of a router goes away, and comes back."""

    name = "a router is lost"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        staging = scene.staging("data1")
        staging.rename(staging.with_name("gone"))
        router = scene.router()
        until(lambda: router.get("Condition") != "OK", "a router that is lost")

    def mend(self, scene: Scene) -> None:
        staging = scene.staging("data1")
        staging.with_name("gone").rename(staging)
        scene.router().until("Condition", "OK")


class RouterRestarts:
    """A router is lost and back again."""

    name = "a router restarts"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        RouterLost().strike(scene)
        RouterLost().mend(scene)

    def mend(self, scene: Scene) -> None:
        pass


class RouterDisabled:
    """An operator disables a router."""

    name = "a router is disabled"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        scene.router().put("Enable", "0")

    def mend(self, scene: Scene) -> None:
        scene.router().put("Enable", "1")
        scene.router().until("Online", "Online")


class Ended:
    """daqpv ends by a signal, and is served again.

    Args:
        name: the row of the table.
        number: of the signal.
    """

    is_spending = False

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self._number = number

    def strike(self, scene: Scene) -> None:
        scene.lab.serve_no_more(self._number)
        scene.hurry()
        scene.serve_again()
        until(lambda: scene.run.get("State.SEVR") != "INVALID", "a run that is known")

    def mend(self, scene: Scene) -> None:
        pass


class StandsStill:
    """daqpv is stopped for a while: by SIGSTOP, or with its virtual machine."""

    name = "daqpv stands still"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        served = scene.lab.served.process
        served.send_signal(signal.SIGSTOP)
        threading.Event().wait(STALL + 1.5)
        served.send_signal(signal.SIGCONT)
        until(lambda: "stood still" in scene.events(), "the event of it")

    def mend(self, scene: Scene) -> None:
        pass


class ClockSet:
    """The clock of the computer on which daqpv runs is set forward."""

    name = "the clock is set"
    is_spending = True

    def strike(self, scene: Scene) -> None:
        scene.set_clock(3600.0)
        until(lambda: "clock set" in scene.events(), "the event of it")

    def mend(self, scene: Scene) -> None:
        pass


class Twin:
    """Another computer serves the same file; the two do not find each other at first.

    Its folder is another one, so nothing on the disk says that there are two.
    """

    name = "a second daqpv serves the same PVs"
    is_spending = False

    def strike(self, scene: Scene) -> None:
        folder = scene.lab.folder / "twin"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        text = scene.lab.file.read_text()
        (folder / scene.lab.file.name).write_text(text)
        port = str(TWIN_PORT)
        self._twin = Running(
            "serve",
            scene.lab.file.name,
            cwd=folder,
            EPICS_CAS_SERVER_PORT=port,
            EPICS_CA_ADDR_LIST=f"127.0.0.1:{port}",
        )
        self._twin.ready("ready:")
        scene.lab.client("main", "IOC").until("Duplicate", "Yes")

    def mend(self, scene: Scene) -> None:
        self._twin.end()
        scene.lab.client("main", "IOC").until("Duplicate", "No")


class _StoreTakesNothing:
    """The store of daqpv takes no records for a while."""

    is_spending = False

    def _until_missed(self, scene: Scene, reason: str) -> None:
        arch = scene.lab.client("", "Arch")
        scene.log.put("Note", "a record that must not be lost")
        until(lambda: reason in arch.get("Message"), lambda: arch.get("Message"))

    def _until_taken(self, scene: Scene) -> None:
        arch = scene.lab.client("", "Arch")
        arch.until("StoreOnline", "Online")
        until(lambda: not arch.get("Message"), lambda: arch.get("Message"))
        until(lambda: "note" in scene.events(), "the note")


class StoreLocked(_StoreTakesNothing):
    """Another program holds the database, as a server is away that was ended."""

    name = "the store is away"

    def strike(self, scene: Scene) -> None:
        path = scene.lab.folder / "exp.db"
        self._other = sqlite3.connect(path, timeout=DEADLINE, isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")
        self._until_missed(scene, "locked")

    def mend(self, scene: Scene) -> None:
        self._other.close()
        self._until_taken(scene)


class StoreMoved(_StoreTakesNothing):
    """The SQLite file is moved, and put back."""

    name = "the store's file is moved"

    def strike(self, scene: Scene) -> None:
        (scene.lab.folder / "exp.db").rename(scene.lab.folder / "moved.db")
        self._until_missed(scene, "put it back")

    def mend(self, scene: Scene) -> None:
        (scene.lab.folder / "moved.db").rename(scene.lab.folder / "exp.db")
        self._until_taken(scene)


class StoreFull(_StoreTakesNothing):
    """The disk of store, spool and log is full."""

    name = "the disk of store and spool is full"

    def strike(self, scene: Scene) -> None:
        _limit_files(scene, 1)
        self._until_missed(scene, "too large")

    def mend(self, scene: Scene) -> None:
        _limit_files(scene, resource.RLIM_INFINITY)
        self._until_taken(scene)


def _limit_files(scene: Scene, size: int) -> None:
    pid = scene.lab.served.process.pid
    limits = (size, resource.RLIM_INFINITY)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


class StoreRefuses(_StoreTakesNothing):
    """The store does not take what is written of runs; it is mended, and offered it."""

    name = "the store refuses a record"

    def strike(self, scene: Scene) -> None:
        for what in ("INSERT", "UPDATE"):
            _change_store(
                scene,
                f"CREATE TRIGGER no_{what} BEFORE {what} ON run "
                "BEGIN SELECT RAISE(ABORT, 'a trigger'); END",
            )
        scene.log.put("Note", "a record that is taken")
        until(lambda: "note" in scene.events(), "the note")

    def mend(self, scene: Scene) -> None:
        for what in ("INSERT", "UPDATE"):
            _change_store(scene, f"DROP TRIGGER no_{what}")
        done = CliRunner().invoke(main, ["db", "retry", str(scene.lab.file)])
        assert done.exit_code == 0, done.output
        self._until_taken(scene)


def _change_store(scene: Scene, statement: str) -> None:
    path = scene.lab.folder / "exp.db"
    with closing(sqlite3.connect(path, timeout=DEADLINE)) as store, store:
        store.execute(statement)


CAUSES: tuple[Cause, ...] = (
    ServerRestarts(),
    ServerLost(),
    NetworkCut(),
    ServerDisabled(),
    ServerCommanded(),
    RouterLost(),
    RouterRestarts(),
    RouterDisabled(),
    Ended("daqpv is killed, and served again", signal.SIGKILL),
    Ended("daqpv is ended (SIGTERM), and served again", signal.SIGTERM),
    Ended("its terminal is closed (SIGHUP), and it is served again", signal.SIGHUP),
    StandsStill(),
    ClockSet(),
    Twin(),
    StoreLocked(),
    StoreMoved(),
    StoreFull(),
    StoreRefuses(),
)
