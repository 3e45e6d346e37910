"""Makes the faults in the runs of the soak."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from benchmarks.run_lab import PATIENCE, RunLab
from daqpv.ecc import ConfigId, Operation
from daqpv.errors import DaqError
from daqpv.links.soap.ecc import EccSoapLink

AWAY = 0.5  # [s] for which a killed simulator or sshd is
STANDS = 6.5  # [s] for which the process of daqpv is stopped
LOCKED = 3.0  # [s] for which the store is locked, or its file is moved away

NOTHING = "nothing"
ENDS = frozenset({"daqpv", "daqpv, and others stop", "hang-up"})
"""After these faults daqpv must be started again."""

WEIGHTS = {
    NOTHING: 5,
    "simulator": 3,
    "sshd": 2,
    "daqpv": 4,
    "daqpv, and others stop": 1,
    "hang-up": 1,
    "stop of the process": 1,
    "disabled server": 2,
    "disabled router": 1,
    "foreign stop": 2,
    "foreign pause": 2,
    "store locked": 1,
    "store moved": 1,
}
MOMENTS = ("start", "run", "stop", "sort")
IN_THE_RUN = frozenset(
    {
        "daqpv, and others stop",
        "stop of the process",
        "disabled server",
        "disabled router",
        "foreign stop",
        "foreign pause",
    }
)
"""Faults whose effect on a run is known if they come while it is Running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The random plan of a run; drawn at once, so the same with a seed.

    Attributes:
        fault: one of WEIGHTS.
        moment: when the fault comes, one of MOMENTS.
        delay: from that moment to the fault [s].
        victim: the server that has the fault.
        router: the router that has the fault.
        length: of the run, in units of the requested length.
        pauses: whether the operator pauses the run for a while.
        resets: whether the operator leaves Failed by Reset.
    """

    fault: str
    moment: str
    delay: float
    victim: str
    router: str
    length: float
    pauses: bool
    resets: bool


def draw(
    chance: random.Random,
    servers: Sequence[str],
    routers: Sequence[str],
    *,
    longest_delay: float,
) -> Plan:
    """Draw the plan of a run with these servers and routers."""
    (fault,) = chance.choices([*WEIGHTS], [*WEIGHTS.values()])
    moment = chance.choice(MOMENTS)
    return Plan(
        fault=fault,
        moment="run" if fault in IN_THE_RUN else moment,
        delay=chance.uniform(0, longest_delay),
        victim=chance.choice(servers),
        router=chance.choice(routers),
        length=chance.uniform(0.5, 1.5),
        pauses=chance.random() < 1 / 4,
        resets=chance.random() < 1 / 2,
    )


class Strike:
    """Calls `act` `delay` [s] after it was entered, and waits for its end."""

    def __init__(self, act: Callable[[], None] | None, delay: float) -> None:
        self._timer = threading.Timer(delay, act) if act else None

    def __enter__(self) -> None:
        if self._timer:
            self._timer.start()

    def __exit__(self, *error: object) -> None:
        if self._timer:
            self._timer.join()


class Faults:
    """Makes the faults of the plan.

    Attributes:
        counts: number of faults of each sort.
        is_ended: whether daqpv has ended since its last start.
    """

    def __init__(self, lab: RunLab) -> None:
        self._lab = lab
        self._ended = threading.Event()
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []

    @property
    def is_ended(self) -> bool:
        """Whether daqpv must be started again."""
        return self._ended.is_set()

    def serve_again(self) -> None:
        """Start daqpv."""
        self._lab.serve()
        self._ended.clear()

    def striking(self, plan: Plan, moment: str) -> Strike:
        """Make the fault while this is entered, if `moment` is its moment."""
        if plan.moment != moment or plan.fault == NOTHING:
            return Strike(None, 0.0)
        self.counts[plan.fault] += 1
        acts: dict[str, Callable[[Plan], None]] = {
            "simulator": self._crash,
            "sshd": self._end_sshd,
            "daqpv": self._kill,
            "daqpv, and others stop": self._kill_and_stop,
            "hang-up": self._hang_up,
            "stop of the process": self._stop_process,
            "disabled server": self._disable_server,
            "disabled router": self._disable_router,
            "foreign stop": self._foreign_stop,
            "foreign pause": self._foreign_pause,
            "store locked": self._lock,
            "store moved": self._move,
        }
        act = acts[plan.fault]
        if plan.fault.startswith("disabled"):  # libca belongs to this thread
            act(plan)
            return Strike(None, 0.0)
        return Strike(lambda: act(plan), plan.delay)

    # Servers and routers

    def _crash(self, plan: Plan) -> None:
        self._lab.ask(plan.victim, f"/crash?seconds={AWAY}", "POST")

    def _end_sshd(self, plan: Plan) -> None:
        self._lab.sshd.stop()
        time.sleep(AWAY)
        self._lab.sshd.start()

    def _disable_server(self, plan: Plan) -> None:
        self._lab.puts(f"ECC:{plan.victim}:Enable", "0")

    def _disable_router(self, plan: Plan) -> None:
        self._lab.puts(f"Router:{plan.router}:Enable", "0")

    def mend(self, plan: Plan) -> None:
        """Enable disabled devices."""
        if plan.fault == "disabled server":
            self._lab.puts(f"ECC:{plan.victim}:Enable", "1")
        elif plan.fault == "disabled router":
            self._lab.puts(f"Router:{plan.router}:Enable", "1")

    def _foreign_stop(self, plan: Plan) -> None:
        self._operate(plan.victim, Operation.STOP)

    def _foreign_pause(self, plan: Plan) -> None:
        for name in self._lab.urls:
            self._operate(name, Operation.PAUSE)

    def _operate(self, name: str, operation: Operation) -> None:
        """Send an operation to the server directly, as another client would."""
        link = EccSoapLink("foreign", self._lab.urls[name])
        config = ConfigId(name.lower(), "exp", "exp")
        with suppress(DaqError):
            asyncio.run(link.operate(operation, config, (), timeout=PATIENCE))

    # daqpv

    def _kill(self, plan: Plan) -> None:
        self._ended.set()
        self._lab.server.kill()

    def _kill_and_stop(self, plan: Plan) -> None:
        self._kill(plan)
        for name in self._lab.urls:
            self._operate(name, Operation.STOP)

    def _hang_up(self, plan: Plan) -> None:
        self._ended.set()
        process = self._lab.server.process
        process.send_signal(signal.SIGHUP)
        if code := process.wait(PATIENCE):
            self.problems.append(f"SIGHUP ended daqpv with code {code}")

    def _stop_process(self, plan: Plan) -> None:
        process = self._lab.server.process
        process.send_signal(signal.SIGSTOP)
        time.sleep(STANDS)
        process.send_signal(signal.SIGCONT)

    # The store

    def _lock(self, plan: Plan) -> None:
        with closing(sqlite3.connect(self._lab.store, timeout=PATIENCE)) as store:
            store.isolation_level = None
            store.execute("BEGIN EXCLUSIVE")
            time.sleep(LOCKED)
            store.execute("ROLLBACK")

    def _move(self, plan: Plan) -> None:
        away = self._lab.store.with_name("away.db")
        self._lab.store.rename(away)
        time.sleep(LOCKED)
        away.rename(self._lab.store)
