"""Runs, one after the other, while simulators, sshd and daqpv are killed at random.

    python -m benchmarks.run_soak [--runs 1000] [--seed 1] [--seconds 2]

In two of three runs something is killed: while it starts, while it runs, while it stops
or while its files are sorted. An operator (libca) does what the PVs say: starts, stops,
resets, sweeps. It notes what happened, and whoever looks on notes each file that lies
where routers write. At the end the store must say of each run what happened, and each
file must lie once, whole, in the run in which it was begun, which its name tells. Else
the untruths are printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchmarks.lab import until
from benchmarks.run_lab import PATIENCE, RunLab
from daqpv.ecc import ConfigId, Operation
from daqpv.errors import DaqError
from daqpv.links.soap import EccSoapLink

RUNS = 1000
SEED = 1
SECONDS = 2.0  # that a run takes
COBOS = 2
OPERATION = 0.1  # [s]
PERIOD = 0.5  # [s] between two looks at a router
AWAY = 0.5  # [s] for which a killed simulator or sshd is
LOOKS = 0.01  # [s] between two looks at where routers write
TICK = 0.3  # [s] routers write so much after their servers run, on a busy computer
TRIES = 20  # of the operator, for one thing
FAULTS = ["nothing", "simulator", "sshd", "daqpv", "daqpv, and others stop"]
WEIGHTS = [5, 3, 3, 3, 1]
MOMENTS = ["start", "run", "stop", "sort"]


@dataclass(slots=True)
class Told:
    """What happened to a run.

    Attributes:
        begun: when its start was asked for; so much may be in its files.
        started: until when it had started, at the latest.
        stopping: when its end began, at the earliest.
        stopped: until when it had ended, at the latest.
        ends: what the store may say of it.
    """

    begun: float
    started: float
    stopping: float = 0.0
    stopped: float = 0.0
    ends: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What chance has in store for a run; drawn at once, so the same with a seed.

    Attributes:
        fault: of FAULTS.
        moment: when it strikes, of MOMENTS.
        delay: so much later [s].
        victim: the server whose simulator it is.
        length: of the run, in units of what is wished.
        resets: whether the operator takes a Reset for the way out of Failed.
    """

    fault: str
    moment: str
    delay: float
    victim: str
    length: float
    resets: bool


def draw(chance: random.Random, names: Sequence[str]) -> Plan:
    """Draw what is to happen to a run with these servers."""
    (fault,) = chance.choices(FAULTS, WEIGHTS)
    moment = chance.choice(MOMENTS)
    return Plan(
        fault=fault,
        moment="run" if fault == "daqpv, and others stop" else moment,
        delay=chance.uniform(0, 3 * OPERATION),
        victim=chance.choice(names),
        length=chance.uniform(0.5, 1.5),
        resets=chance.random() < 1 / 2,
    )


class Scout:
    """Notes the files that lie where routers write.

    Attributes:
        sizes: what each had at least, by name and inode.
    """

    def __init__(self, folders: list[Path]) -> None:
        self.sizes: dict[tuple[str, int], int] = {}
        self._folders = folders
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(LOOKS):
            for folder in self._folders:
                for entry in os.scandir(folder):
                    with suppress(FileNotFoundError):  # moved meanwhile
                        if entry.is_file():
                            seen = entry.stat()
                            key = entry.name, seen.st_ino
                            self.sizes[key] = max(self.sizes.get(key, 0), seen.st_size)


class Strike:
    """Does something `delay` [s] after it was entered, and waits until it is done."""

    def __init__(self, act: Callable[[], None] | None, delay: float) -> None:
        self._timer = threading.Timer(delay, act) if act else None

    def __enter__(self) -> None:
        if self._timer:
            self._timer.start()

    def __exit__(self, *error: object) -> None:
        if self._timer:
            self._timer.join()


class Soak:
    """The game.

    Attributes:
        runs: what happened to each, by number.
        faults: how many struck, by what they were.
        refused: what failed although nothing had struck.
    """

    def __init__(self, lab: RunLab, *, seed: int, seconds: float) -> None:
        self._lab = lab
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._killed = threading.Event()  # daqpv is not there
        self.runs: dict[int, Told] = {}
        self.faults: Counter[str] = Counter()
        self.refused: list[str] = []

    def play(self) -> None:
        """One run, as far as it comes."""
        plan = draw(self._chance, [*self._lab.urls])
        self.get_ready()
        number = int(self._lab.get("Run:NextNumber"))
        told = self._start(plan, number)
        if told is None:
            self._bring_down(None)
            return
        self.runs[number] = told
        if self._lasts(plan, number, told):
            self._stop(plan, number, told)
            with self._striking(plan, "sort"):
                pass
            self._come_back()

    def _start(self, plan: Plan, number: int) -> Told | None:
        """Start; None if no run is open then."""
        lab, begun = self._lab, time.time()
        with self._striking(plan, "start"):
            is_open = lab.puts("Run:Start")
        is_open |= self._come_back() and self._goes_on(number)
        if not is_open and plan.moment != "start":
            self.refused.append(f"a start: {lab.get('Run:LastError')}")
        return Told(begun, time.time()) if is_open else None

    def _lasts(self, plan: Plan, number: int, told: Told) -> bool:
        """Let the run go on for a while; return whether it is open after that."""
        time.sleep(plan.length * self._seconds)
        with self._striking(plan, "run"):
            pass
        if self._come_back() and not self._goes_on(number):
            told.ends = {"interrupted"}
            told.stopping, told.stopped = told.begun, time.time()
            return False
        return True

    def _stop(self, plan: Plan, number: int, told: Told) -> None:
        """Stop, until the run has ended."""
        told.stopping = time.time()
        with self._striking(plan, "stop"):
            is_closed = self._lab.puts("Run:Stop")
        if is_closed:
            told.ends = {"ended"}
        elif self._come_back() and not self._goes_on(number):
            # between what it sent and what it wrote of that there is a moment
            told.ends, told.stopping = {"ended", "interrupted"}, told.begun
        else:
            told.ends = {self._bring_down(number, resets=plan.resets)}
        told.stopped = time.time()

    # What goes wrong

    def _striking(self, plan: Plan, moment: str) -> Strike:
        acts: dict[str, Callable[[], None]] = {
            "simulator": lambda: self._crash(plan.victim),
            "sshd": self._end_sshd,
            "daqpv": self._kill_daqpv,
            "daqpv, and others stop": self._kill_daqpv_and_stop,
        }
        if plan.moment != moment or plan.fault not in acts:
            return Strike(None, 0.0)
        self.faults[plan.fault] += 1
        return Strike(acts[plan.fault], plan.delay)

    def _crash(self, name: str) -> None:
        self._lab.ask(name, f"/crash?seconds={AWAY}", "POST")

    def _end_sshd(self) -> None:
        self._lab.sshd.stop()
        time.sleep(AWAY)
        self._lab.sshd.start()

    def _kill_daqpv(self) -> None:
        self._killed.set()
        self._lab.server.kill()

    def _kill_daqpv_and_stop(self) -> None:
        self._kill_daqpv()
        for name, url in self._lab.urls.items():
            link = EccSoapLink("foreign", url)
            config = ConfigId(name.lower(), "exp", "exp")
            asyncio.run(link.operate(Operation.STOP, config, (), timeout=PATIENCE))

    def _come_back(self) -> bool:
        """Start daqpv again, if it was killed; return whether it was."""
        if not self._killed.is_set():
            return False
        self._lab.serve()
        self._killed.clear()
        until(self._is_known, "the run to be known again")
        return True

    def _is_known(self) -> bool:
        return self._lab.get("Run:State.SEVR") not in ("", "INVALID")

    # What the operator does

    def _goes_on(self, number: int) -> bool:
        """Whether the run is open."""
        lab = self._lab
        is_open = lab.get("Run:State") in ("Running", "Paused", "Failed", "Stopping")
        return is_open and int(lab.get("Run:Number")) == number

    def _bring_down(self, number: int | None, *, resets: bool = False) -> str:
        """Stop, however often it fails; or reset. Return how the run has ended."""
        lab, how = self._lab, "ended"
        for _ in range(TRIES):
            if resets and lab.get("Run:State") == "Failed" and lab.puts("Run:Reset"):
                how = "failed"
            if lab.puts("Run:Stop") and (number is None or not self._goes_on(number)):
                return how
            time.sleep(AWAY)
        raise TimeoutError(f"the run cannot be stopped: {lab.get('Run:LastError')}")

    def get_ready(self) -> None:
        """Bring all back to where a run may start."""
        lab = self._lab
        for _ in range(TRIES):
            until(self._are_seen, "all servers to be seen as they are")
            lab.until_online()
            lab.until("Run:Sorting", "No", within=PATIENCE)
            if not self._are_empty():
                lab.puts("Run:Sweep")
            elif lab.puts("Sys:Target", "Ready"):
                return
            time.sleep(AWAY)
        raise TimeoutError(f"not Ready: {lab.get('Sys:LastError')}")

    def _are_seen(self) -> bool:
        """Whether daqpv has noticed what became of a simulator that was killed."""
        lab = self._lab
        with suppress(OSError):  # it is not there yet
            return all(
                lab.get(f"ECC:{name}:State") == lab.ask(name)["state"]
                for name in lab.urls
            )
        return False

    def _are_empty(self) -> bool:
        """Whether no file lies in staging, as soon as daqpv has looked again."""
        paths = self._lab.staging.values()
        is_empty = not any(each.is_file() for path in paths for each in path.iterdir())
        for name in self._lab.staging:
            if is_empty:
                self._lab.until(f"Router:{name}:StagingEmpty", "Yes")
        return is_empty


# -- what must be true -----------------------------------------------------------------


def untruths(lab: RunLab, runs: dict[int, Told], scout: Scout) -> Iterator[str]:
    """Yield what the store and the directories say and what did not happen."""
    with closing(sqlite3.connect(lab.folder / "exp.db")) as store:
        rows = store.execute("SELECT number, entry, start, stop FROM run").fetchall()
        paths = dict(store.execute("SELECT path, size FROM run_file"))
    yield from _of_runs(rows, runs)
    found: dict[tuple[str, int], Path] = {}
    for folder in lab.staging.values():
        for path in folder.rglob("*.graw"):
            key = path.name, path.stat().st_ino
            if key in found:
                yield f"{path} is {found[key]} as well"
            found[key] = path
    for key, size in scout.sizes.items():
        if key not in found:
            yield f"file {key[0]} is lost"
        elif found[key].stat().st_size < size:
            yield f"{found[key]} had {size} bytes"
    for path in found.values():
        yield from _of_file(path, {number: row for number, *row in rows}, runs, paths)
    yield from (f"{path} is only in the store" for path in {*paths} - _texts(found))


def _texts(found: dict[tuple[str, int], Path]) -> set[str]:
    return {str(path) for path in found.values()}


def _of_runs(
    rows: list[tuple[int, str, int, int | None]], runs: dict[int, Told]
) -> Iterator[str]:
    numbers = [row[0] for row in sorted(rows, key=lambda row: row[2])]
    if numbers != sorted(set(numbers)):
        yield f"numbers do not rise: {numbers}"
    if set(numbers) != set(runs):
        yield f"the store and the operator differ in runs {set(numbers) ^ set(runs)}"
    for number, entry, start, stop in rows:
        told = runs.get(number)
        if told is None:
            continue
        if entry not in told.ends:
            yield f"run {number} is {entry}, not {' or '.join(told.ends)}"
        if not told.begun <= start / 1e6 <= told.started:
            yield f"run {number} has not started at {start / 1e6}: {told}"
        if stop is None or not told.stopping <= stop / 1e6 <= told.stopped:
            yield f"run {number} has not stopped at {stop and stop / 1e6}: {told}"
        if stop is not None and stop < start:
            yield f"run {number} stops before it starts"


def _of_file(
    path: Path,
    rows: dict[int, list[int]],
    runs: dict[int, Told],
    paths: dict[str, int],
) -> Iterator[str]:
    begun = datetime.fromisoformat(path.name.split("_")[2]).astimezone().timestamp()
    within = [
        number
        for number, told in runs.items()
        if told.begun - 0.001 <= begun <= told.stopped + TICK
    ][-1:]  # the next start may come at once
    run = re.fullmatch(r"run_(\d{4,})", path.parent.name)
    if run is None:  # swept: of a start that has halted
        if "unassigned" not in path.parts:
            yield f"{path} was left"
        elif within and _is_in(rows[within[0]], begun):
            yield f"{path} is of run {within[0]}"
        return
    if [int(run[1])] != within:
        yield f"{path} is of the runs {within}"
    size, said = path.stat().st_size, paths.get(str(path))
    if said != size:
        yield f"{path} has {size} bytes, the store says {said}"


def _is_in(row: list[int], begun: float) -> bool:
    """Whether a file was begun in a run, and not in a start right after it.

    That start may have halted, and the operator may have seen the end of the run late.
    """
    _, start, stop = row
    return start / 1e6 <= begun and (not stop or begun <= stop / 1e6 + TICK)


def main() -> int:
    """Play, and print what was not true."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run_soak")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--minutes", type=float, default=1e6, help="at most so long")
    wanted = parser.parse_args()
    began, played = time.monotonic(), 0
    with RunLab(cobos=COBOS, seconds=OPERATION, period=PERIOD) as lab:
        soak = Soak(lab, seed=wanted.seed, seconds=wanted.seconds)
        scout = Scout([*lab.staging.values()])
        try:
            while played < wanted.runs and (
                time.monotonic() - began < 60 * wanted.minutes
            ):
                soak.play()
                played += 1
            soak.get_ready()  # the last start may have halted
        except (DaqError, TimeoutError) as error:
            print(f"after {played} runs: {error}")
            return 1
        finally:
            scout.end()
            lab.server.end()
        found = [*soak.refused, *untruths(lab, soak.runs, scout)]
    for each in found:
        print(each)
    kills = ", ".join(f"{count} {what}" for what, count in soak.faults.items())
    print(
        f"{played} starts, {len(soak.runs)} runs, {len(scout.sizes)} files, "
        f"{soak.faults.total()} kills ({kills}), {time.monotonic() - began:.0f} s: "
        f"{len(found)} untruths (<= 0)"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
