"""An experiment that is brought into each state of a run, struck, and mended."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from daqpv.errors import OperationError
from tests.support.experiment import Client, Lab
from tests.support.ports import free_port
from tests.support.set_clock import PROGRAM, SetClock
from tests.support.waiting import until

SETTINGS = """\
run: {checks: {disk_free: 0}, no_data: 1 h}
server: {search_duplicates: 1 s}
"""
TWIN_PORT = free_port()  # where daqpv finds another process, and these tests none
ON_ITS_WAY = ("Starting", "Stopping")
SLOW = 12.0  # [s] for a Start or Stop in the middle of which something happens


class Seen(NamedTuple):
    """What an operator sees of the run: State, its severity, Message."""

    state: str
    severity: str
    message: str


class Written(NamedTuple):
    """What the store has of a run: how it ended, and the note."""

    entry: str
    note: str


class Grower:
    """A file that grows until it is let go: data that still come after a stop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._grow, daemon=True)
        self._thread.start()

    def _grow(self) -> None:
        while not self._is_over.wait(0.02):
            with suppress(OSError), self._path.open("ab") as file:
                file.write(b"data")

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()


@dataclass
class Scene:
    """Two simulated CoBos, each with a router that writes to a directory.

    What happens to the run happens to CoBo1 and data1; CoBo0 and data0 take part.

    Attributes:
        lab: the experiment.
        number: of the run that was brought about last.
        growers: files that grow now.
        is_spent: the next cell needs another scene.
    """

    lab: Lab
    number: int = 0
    growers: tuple[Grower, ...] = ()
    is_spent: bool = False

    def open(self) -> None:
        """Start simulators and daqpv."""
        lab = self.lab
        for name in ("data0", "data1"):
            self.staging(name).mkdir(parents=True, exist_ok=True)
        self._write_file()
        lab.simulate()
        self.serve()

    def _write_file(self) -> None:
        self.lab.file.write_text(_watched(self.lab) + SETTINGS)

    def serve_again(self) -> None:
        """Start daqpv after its end, under a prefix that libca has not missed yet."""
        self.lab.renew(forget=False)
        self._write_file()
        self.serve()

    def serve(self) -> None:
        """Start daqpv, and wait until it has seen all."""
        self.set_clock(0.0)
        self.lab.program = PROGRAM
        twin = f"{os.environ['EPICS_CA_ADDR_LIST']} 127.0.0.1:{TWIN_PORT}"
        self.lab.serve(EPICS_CA_ADDR_LIST=twin, **self._clock.environ)
        self.run = self.lab.client("", "Run")
        self.system = self.lab.client("", "Sys")
        self.log = self.lab.client("", "Log")
        self.system.until("Online", "Online")
        for name in ("data0", "data1"):
            self.router(name).until("Online", "Online")

    @property
    def _clock(self) -> SetClock:
        return SetClock(self.lab.folder)

    def set_clock(self, offset: float) -> None:
        """Set the clock of daqpv, off by so much from ours [s]."""
        self._clock.set(offset)

    def staging(self, router: str) -> Path:
        return self.lab.folder / "staging" / router

    def server(self, name: str = "CoBo1") -> Client:
        return self.lab.client(name)

    def router(self, name: str = "data1") -> Client:
        return self.lab.client(name, "Router")

    # Into a state of the run

    def bring(self, state: str) -> None:
        """Bring the run into `state`, with a data file at each router."""
        self.system.put("Target", "Ready")
        self.number = int(self.run.get("NextNumber"))
        getattr(self, f"_{state.lower()}")()

    def _write(self) -> None:
        for name in ("data0", "data1"):
            self.staging(name).joinpath(f"run{self.number}.graw").write_bytes(b"data")

    def _starting(self) -> None:
        self._takes("Start")
        self.run.put_only("Start", "1")
        self.run.until("State", "Starting")
        self.server("CoBo0").until("Transition", "Starting")
        self.server("CoBo1").until("State", "Running")
        self.server("CoBo1").until("Result", "Done")
        self._write()

    def _running(self) -> None:
        self.run.put("Start", "1")
        self._write()

    def _paused(self) -> None:
        self._running()
        self.run.put("Pause", "1")

    def _stopping(self) -> None:
        self._running()
        self._takes("Stop")
        self.run.put_only("Stop", "1")
        self.run.until("State", "Stopping")
        self.server("CoBo0").until("Transition", "Stopping")
        self.server("CoBo1").until("State", "Ready")
        self.server("CoBo1").until("Result", "Done")

    def _sorting(self) -> None:
        self._running()
        grower = Grower(self.staging("data0") / f"run{self.number}.graw")
        self.growers = (grower,)
        self.run.put("Stop", "1")
        self.run.until("Sorting", "Yes")

    def _failed(self) -> None:
        self._running()
        self.lab.sim("CoBo0").fault("Stop", "refuse", message="no", times=1)
        with pytest.raises(OperationError):
            self.run.put("Stop", "1")

    def _takes(self, operation: str) -> None:
        self.lab.sim("CoBo0").takes(operation, SLOW)

    def hurry(self) -> None:
        """Let the Start or Stop of CoBo0 be at its end."""
        self.lab.sim("CoBo0")("/hurry", "POST")

    # What is seen

    def seen(self) -> Seen:
        return Seen(*(self.run.get(one) for one in ("State", "State.SEVR", "Message")))

    def written(self) -> Written | None:
        """What the store has of the run; None: nothing."""
        query = "SELECT entry, note FROM run WHERE number = ?"
        with closing(sqlite3.connect(self.lab.folder / "exp.db")) as store:
            row = store.execute(query, (self.number,)).fetchone()
        return None if row is None else Written(*row)

    def place(self, router: str = "data1") -> str:
        """Where the data file of a router lies: in "staging", "run" or "aside"."""
        staging = self.staging(router)
        file = f"run{self.number}.graw"
        if (staging / "exp" / f"run_{self.number:04d}" / file).exists():
            return "run"
        if (staging / file).exists():
            return "staging"
        return "aside" if list(staging.glob(f"unassigned/*/{file}")) else "lost"

    def events(self) -> set[str]:
        """Names of the events of daqpv since the scene was cleared last."""
        query = "SELECT name FROM event WHERE id > ?"
        with closing(sqlite3.connect(self.lab.folder / "exp.db")) as store:
            return {name for (name,) in store.execute(query, (self._known,))}

    _known = 0

    # Out of it

    def rest(self) -> None:
        """Wait until nothing is on its way."""
        until(
            lambda: self.run.get("State") not in ON_ITS_WAY,
            lambda: f"an end: {self.seen()}",
        )

    def stop(self) -> None:
        """Stop the run as an operator does, whatever comes of it."""
        self.rest()
        with suppress(OperationError):
            self.run.put("Stop", "1")

    def end_growth(self) -> None:
        """No file grows any more."""
        for grower in self.growers:
            grower.end()
        self.growers = ()

    def let_go(self) -> None:
        """No file grows, and no operation goes wrong or takes long any more."""
        self.end_growth()
        for name in self.lab.urls:
            sim = self.lab.sim(name)
            sim("/faults", "DELETE")
            for operation in ("Start", "Stop"):
                sim.takes(operation, 0.02)

    def clear(self) -> None:
        """Make all as it was in the beginning."""
        self.let_go()
        self.rest()
        for name in ("CoBo0", "CoBo1"):
            self.server(name).put("Enable", "1")
            self.server(name).until("Online", "Online")
        for name in ("data0", "data1"):
            self.router(name).put("Enable", "1")
            self.router(name).until("Online", "Online")
        self.stop()
        self.run.until("Sorting", "No")
        self.run.put("Sweep", "1")
        self.run.put("Reset", "1")
        for name in ("data0", "data1"):
            for folder in ("exp", "unassigned"):
                shutil.rmtree(self.staging(name) / folder, ignore_errors=True)
        with closing(sqlite3.connect(self.lab.folder / "exp.db")) as store:
            (self._known,) = store.execute("SELECT max(id) FROM event").fetchone()


def _watched(lab: Lab) -> str:
    """The experiment file, its routers watched as directories."""
    text = lab.file.read_text().replace(
        "{get_state: 1 s}", "{get_state: 0.5 s}, period: 0.2 s"
    )
    for name in ("data0", "data1"):
        watch = f"period: 0.2 s, watch: {{directory: {lab.folder}/staging/{name}}}"
        text = text.replace(
            f"{name}: {{address: 127.0.0.1}}",
            f"{name}: {{address: 127.0.0.1, {watch}}}",
        )
    return text


class Stage:
    """Gives the scene that all cells share, or a new one after one that is spent."""

    def __init__(self, make: Callable[..., Lab]) -> None:
        self._make = make
        self._scene: Scene | None = None

    def scene(self) -> Scene:
        """The scene, as it was in the beginning."""
        if self._scene is None:
            self._scene = Scene(self._make(cobos=2))
            self._scene.lab.stays = True
            self._scene.open()
        self._scene.clear()
        return self._scene

    def clear_away(self) -> None:
        """End what the scene has started."""
        if self._scene is not None:
            self._scene.end_growth()
            self._scene.lab.close()
        self._scene = None
