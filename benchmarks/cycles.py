"""Cycles all servers Idle-Running-Idle a thousand times, with random failures.

    python -m benchmarks.cycles [--cycles 1000] [--seed 1]

A MuTAnT and 11 CoBos go from Idle to Running and back to Idle. In a third of the cycles
one operation of one server fails. After each command, once all are at rest, each State
PV must have the state of its simulator; all must come back to Idle each time, and the
memory of `daqpv serve` must not grow. Else the exit code is 1.

A server whose LastError asks for it is restarted, as an operator would: a refused Undo
leaves a real server Broken permanently.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator

from benchmarks.figure import Figure
from benchmarks.lab import Lab, until
from daqpv.errors import DaqError
from daqpv.links.ca import pv

COBOS = 11
CYCLES = 1000
SEED = 1
WARM_UP = 0.2  # share of the cycles before memory counts
GROWTH = 3.0  # [MB] that memory may have grown afterwards
TRIES = 10  # puts of Idle until all are there: each fault acts once
CURE = "Restart getEccSoapServer"  # in the LastError of a server that is Broken
FAULTS = ["refuse", "ignore", "cut", "fault", "html", "garbage", "crash"]
OPERATIONS = ["Describe", "Prepare", "Configure", "Start", "Stop", "Breakup", "Undo"]


class Cycles:
    """The cycles, and their counts.

    Attributes:
        failed: commands that ended with an error, as they should.
        parted: State PVs that differed from the state of their server.
        stuck: cycles after which not all servers were Idle.
        restarted: servers that were restarted because their LastError asked for it.
    """

    def __init__(self, lab: Lab, seed: int) -> None:
        self._lab = lab
        self._chance = random.Random(seed)
        self.failed = self.parted = self.stuck = self.restarted = 0

    def play(self) -> None:
        """One cycle."""
        lab, chance = self._lab, self._chance
        victim = chance.choice(lab.names) if chance.random() < 1 / 3 else None
        if victim is not None:
            fault = {"do": chance.choice(FAULTS), "times": 1}
            lab.ask(victim, "/faults", "PUT", **{chance.choice(OPERATIONS): fault})
        self._put("Running")
        self._compare()
        is_idle = any(self._put("Idle") for _ in range(TRIES))
        self._compare()
        self.stuck += not is_idle
        if victim is not None:
            lab.ask(victim, "/faults", "DELETE")

    def _put(self, state: str) -> bool:
        try:
            self._lab.put_system("Target", state)
        except DaqError:
            self.failed += 1
            self._come_back()
            return False
        return True

    def _come_back(self) -> None:
        """Wait for crashed servers; the simulator restarts them, as launchd does."""
        until(lambda: self._says("Sys:Online", "Online"), "all servers to be back")
        for name in self._lab.names:
            is_broken = self._says(f"ECC:{name}:Condition", "Broken")
            if is_broken and CURE in pv.get(self._lab.pv(name, "LastError")):
                self._lab.ask(name, "/restart", "POST")
                self.restarted += 1
                self._lab.until(name, "Condition", "OK")

    def _says(self, signal: str, text: str) -> bool:
        return pv.get(f"{self._lab.prefix}{signal}") == text

    def _compare(self) -> None:
        """Wait until no server is in transition; then PVs and servers must agree."""
        lab = self._lab
        until(lambda: self._says("Sys:Transitioning", "No"), "the servers to rest")
        for name in lab.names:
            try:
                lab.until(name, "State", lab.ask(name)["state"])
            except TimeoutError:
                self.parted += 1


def measure(cycles: int = CYCLES, seed: int = SEED) -> Iterator[Figure]:
    """Yield the figures of one run."""
    with Lab(cobos=COBOS, mutant=True) as lab:
        game = Cycles(lab, seed)
        memory = 0.0
        for count in range(cycles):
            if count == int(WARM_UP * cycles):
                memory = lab.memory
            game.play()
        growth = lab.memory - memory
    what = f"{cycles} cycles Idle-Running-Idle, 12 servers, {game.failed} failures"
    print(f"servers that had to be restarted: {game.restarted}")
    yield Figure(f"{what}: PVs that were wrong", game.parted, 0, "")
    yield Figure(f"{what}: ends not in Idle", game.stuck, 0, "")
    yield Figure(f"{what}: growth of memory", growth, GROWTH, "MB")


def main() -> int:
    """Run the cycles, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cycles")
    parser.add_argument("--cycles", type=int, default=CYCLES)
    parser.add_argument("--seed", type=int, default=SEED)
    wanted = parser.parse_args()
    began = time.monotonic()
    figures = list(measure(wanted.cycles, wanted.seed))
    for figure in figures:
        print(f"{figure.what}: {figure.value:.3g} {figure.unit} (<= {figure.limit:g})")
    print(f"{time.monotonic() - began:.0f} s")
    return int(any(figure.value > figure.limit for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
