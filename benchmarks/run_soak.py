"""Runs, one after the other, while all that may go wrong goes wrong at random.

    python -m benchmarks.run_soak [--runs 300] [--seed 1] [--seconds 1]

In three of four runs something happens: a simulator, sshd or daqpv is killed, daqpv is
hung up or stands still, another client stops or pauses servers, somebody disables a
server or a router, the store is locked or moved away; while the run starts, while
it runs, while it stops or while its files are sorted. An operator (libca) does what the
PVs say: starts, pauses, stops, resets, enables, sweeps. It notes what happened and what
was answered, and whoever looks on notes each file that lies where routers write. At the
end the store must say of each run what happened: how it ended and when, its live time,
what was written of it, what its note names; and each file must lie once, whole, in the
run in which it was begun, which its name tells. Else the untruths are printed, and the
exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import suppress

from benchmarks.lab import until
from benchmarks.run_lab import PATIENCE, RunLab
from benchmarks.soak_faults import AWAY, ENDS, Faults, Plan, draw
from benchmarks.soak_truth import Scout, Told, untruths
from daqpv.errors import DaqError

RUNS = 300
SEED = 1
SECONDS = 1.0  # that a run takes
COBOS = 2
OPERATION = 0.1  # [s]
PERIOD = 0.5  # [s] between two looks at a router
TRIES = 20  # of the operator, for one thing
PAUSE = 0.5  # [s]
LINES = 60  # of the log, that are printed when the game cannot go on
BEAT = 1.5  # [s] of live time that may be lost by the end of daqpv, or by a poll


class Soak:
    """The game.

    Attributes:
        runs: what happened to each, by number.
        plan: of the run that is played.
        faults: what strikes.
        refused: what failed although nothing had struck.
    """

    def __init__(self, lab: RunLab, *, seed: int, seconds: float) -> None:
        self._lab = lab
        self._chance = random.Random(seed)
        self._seconds = seconds
        self.plan: Plan | None = None
        self.faults = Faults(lab)
        self.runs: dict[int, Told] = {}
        self.refused: list[str] = []

    def draw(self) -> Plan:
        """Draw what is to happen to the next run."""
        servers, routers = [*self._lab.urls], [*self._lab.staging]
        return draw(self._chance, servers, routers, longest_delay=3 * OPERATION)

    def play(self, plan: Plan) -> None:
        """One run, as far as it comes."""
        lab = self._lab
        self.get_ready()
        number = int(lab.get("Run:NextNumber"))
        told = self._start(plan, number)
        if told is None:
            self._bring_down(None)
            return
        self.runs[number] = told
        if self._lasts(plan, number, told):
            self._stop(plan, number, told)
            with self.faults.striking(plan, "sort"):
                pass
            self._come_back()
        self._mend(plan)

    def _start(self, plan: Plan, number: int) -> Told | None:
        """Start; None if no run is open then."""
        lab, title = self._lab, f"run {number}, {plan.fault}"
        lab.put("Run:Title", title)
        begun = time.time()
        with self.faults.striking(plan, "start"):
            is_answered = lab.puts("Run:Start")
        is_open = is_answered | (self._come_back() and self._goes_on(number))
        if not is_open:
            if plan.moment != "start":
                self.refused.append(f"a start: {lab.get('Run:LastError')}")
            return None
        told = Told(begun, time.time(), title=title)
        if is_answered:
            told.answered.add("run started")
        return told

    def _lasts(self, plan: Plan, number: int, told: Told) -> bool:
        """Let the run go on for a while; return whether it is open after that."""
        lab, comment = self._lab, f"comment on {number}"
        time.sleep(plan.length * self._seconds)
        if plan.pauses:
            self._pause(told)
        if lab.puts("Run:Comment", comment):
            told.comment = comment
        struck = time.time()
        with self.faults.striking(plan, "run"):
            pass
        if plan.moment == "run":
            self._expect(plan, told, since=struck)
        if self._come_back() and not self._goes_on(number):
            told.ends = {"interrupted"}
            told.stopping, told.stopped = told.begun, time.time()
            return False
        return True

    def _pause(self, told: Told) -> None:
        """Pause the run for a while."""
        lab, asked = self._lab, time.time()
        if not lab.puts("Run:Pause"):
            return
        done = time.time()
        time.sleep(PAUSE)
        again = time.time()
        lab.puts("Run:Resume")
        until(lambda: lab.get("Run:State") != "Paused", "the end of a pause")
        told.paused = again - done, time.time() - asked

    def _expect(self, plan: Plan, told: Told, *, since: float) -> None:
        """Wait until what has struck in the run is seen; it must be noted."""
        lab = self._lab
        match plan.fault:
            case "simulator":
                self._until_away(plan.victim, "Idle")
                told.notes.append(rf"{plan.victim}.*Idle from .*\(restarted\)")
            case "foreign stop":
                self._until_away(plan.victim, "Ready")
                told.notes.append(f"{plan.victim}.*Ready from ")
            case "disabled server":
                told.notes.append(f"{plan.victim}.*disabled while Running from ")
            case "disabled router":
                told.notes.append(f"{plan.router}.*disabled from ")
            case "stop of the process":
                until(lambda: lab.get("Run:State"), "daqpv to go on")
                told.notes.append("daqpv stood still for [67] s until ")
            case "foreign pause":
                lab.until("Run:State", "Paused")
                lab.puts("Run:Resume")
                lab.until("Run:State", "Running")
                least, most = told.paused
                told.paused = least, most + time.time() - since
        if plan.fault in ENDS:
            told.unseen += BEAT

    def _until_away(self, server: str, state: str) -> None:
        self._lab.until(f"ECC:{server}:State", state)

    def _stop(self, plan: Plan, number: int, told: Told) -> None:
        """Stop, until the run has ended."""
        told.stopping = time.time()
        with self.faults.striking(plan, "stop"):
            is_closed = self._lab.puts("Run:Stop")
        if is_closed:
            told.ends = {"ended"}
            told.answered.add("run ended")
        elif self._come_back() and not self._goes_on(number):
            # between what it sent and what it wrote of that there is a moment
            told.ends, told.stopping = {"ended", "interrupted"}, told.begun
        else:
            told.ends = {self._bring_down(number, resets=plan.resets)}
        told.stopped = time.time()

    def _mend(self, plan: Plan) -> None:
        """Enable what was disabled, and stop what went on meanwhile."""
        self.faults.mend(plan)
        if plan.fault == "disabled server":
            self._lab.until(f"ECC:{plan.victim}:Online", "Online")
            self._bring_down(None)

    def _come_back(self) -> bool:
        """Start daqpv again, if it has ended; return whether it had."""
        if not self.faults.is_ended:
            return False
        self.faults.serve_again()
        until(self._is_known, "the run to be known again")
        return True

    def _is_known(self) -> bool:
        return self._lab.get("Run:State.SEVR") not in ("", "INVALID")

    # What the operator does

    def _goes_on(self, number: int) -> bool:
        """Whether the run is open."""
        is_open = self._read("State") in ("Running", "Paused", "Failed", "Stopping")
        return is_open and int(self._read("Number")) == number

    def _read(self, signal: str) -> str:
        """What a PV of the run reads, as soon as daqpv answers."""
        name = f"Run:{signal}"
        return until(lambda: self._lab.get(name), f"{name} to be read")

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

    def until_written(self) -> None:
        """Wait until nothing waits in the spool: the store was away, perhaps."""
        self._lab.until("Arch:StoreOnline", "Online")
        until(lambda: not float(self._read_arch("Backlog")), "an empty spool")

    def _read_arch(self, signal: str) -> str:
        return until(lambda: self._lab.get(f"Arch:{signal}"), f"{signal} to be read")

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


def main() -> int:
    """Play, and print what was not true."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run_soak")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--minutes", type=float, default=1e6, help="at most so long")
    parser.add_argument("--skip", type=int, default=0, help="so many runs of the seed")
    wanted = parser.parse_args()
    began = time.monotonic()
    with RunLab(cobos=COBOS, seconds=OPERATION, period=PERIOD) as lab:
        soak = Soak(lab, seed=wanted.seed, seconds=wanted.seconds)
        scout = Scout([*lab.staging.values()])
        try:
            played = _play(soak, wanted, until=began + 60 * wanted.minutes)
        except (DaqError, TimeoutError, RuntimeError) as error:
            _tell_failure(lab, soak, f"seed {wanted.seed}: {error}")
            return 1
        finally:
            scout.end()
            lab.server.end()
        problems = [*soak.refused, *soak.faults.problems]
        found = [*problems, *untruths(lab, soak.runs, scout)]
    for each in found:
        print(each)
    counts = soak.faults.counts
    struck = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(
        f"seed {wanted.seed}: {played} starts, {len(soak.runs)} runs, "
        f"{len(scout.sizes)} files, {counts.total()} faults ({struck}), "
        f"{time.monotonic() - began:.0f} s: {len(found)} untruths (<= 0)"
    )
    return int(bool(found))


def _play(soak: Soak, wanted: argparse.Namespace, *, until: float) -> int:
    """Play the wanted runs, or as many as there is time for; return how many."""
    for _ in range(wanted.skip):
        soak.draw()
    played = 0
    while played < wanted.runs and time.monotonic() < until:
        soak.plan = soak.draw()
        soak.play(soak.plan)
        played += 1
    soak.get_ready()  # the last start may have halted
    soak.until_written()
    return played


def _tell_failure(lab: RunLab, soak: Soak, what: str) -> None:
    """Say where the game has come to its end, and what happened before."""
    print(what)
    print(f"after {len(soak.runs)} runs, in {soak.plan}")
    for signal in ("State", "State.SEVR", "Message", "LastError"):
        print(f"{signal}: {lab.get(f'Run:{signal}')}")
    log = lab.folder / "exp.log"
    print(*log.read_text().splitlines()[-LINES:], sep="\n")


if __name__ == "__main__":
    sys.exit(main())
