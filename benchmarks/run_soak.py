"""Takes runs, one after the other, with random faults, and checks the store.

    python -m benchmarks.run_soak [--runs 300] [--seed 1] [--seconds 1]

Three of four runs have a fault: a simulator, sshd or daqpv is killed, daqpv gets SIGHUP
or is stopped for a while, another client stops or pauses servers or disables a server
or a router, the store is locked or moved away; while the run starts, while it runs,
while it stops or while its files are sorted. An operator (libca) does what the PVs ask
for: starts, pauses, stops, resets, enables, sweeps. It records what happened and the
answers, and a thread records each file where routers write. At the end the store must
have the truth of each run: its end, times, live time, changes and note; and each file
must be there once, complete, in the run of its name. Else the differences are printed,
and the exit code is 1.
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
from benchmarks.soak_truth import Expected, Scout, untruths
from daqpv.errors import DaqError

RUNS = 300
SEED = 1
SECONDS = 1.0  # that a run takes
COBOS = 2
OPERATION = 0.1  # [s]
PERIOD = 0.5  # [s] between two polls of a router
TRIES = 20  # of the operator, for one command
PAUSE = 0.5  # [s]
LINES = 60  # of the log, printed when the soak cannot go on
BEAT = 1.5  # [s] of live time that may be lost by the end of daqpv, or by a poll


class Soak:
    """The operator of the soak.

    Attributes:
        runs: the record of each run, by number.
        plan: of the present run.
        faults: makes the faults.
        refused: commands that failed without a fault.
    """

    def __init__(self, lab: RunLab, *, seed: int, seconds: float) -> None:
        self._lab = lab
        self._chance = random.Random(seed)
        self._seconds = seconds
        self.plan: Plan | None = None
        self.faults = Faults(lab)
        self.runs: dict[int, Expected] = {}
        self.refused: list[str] = []

    def draw(self) -> Plan:
        """Draw the fault of the next run."""
        servers, routers = [*self._lab.urls], [*self._lab.staging]
        return draw(self._chance, servers, routers, longest_delay=3 * OPERATION)

    def play(self, plan: Plan) -> None:
        """Take one run, as far as its fault permits."""
        lab = self._lab
        self.get_ready()
        number = int(lab.get("Run:NextNumber"))
        expected = self._start(plan, number)
        if expected is None:
            self._bring_down(None)
            return
        self.runs[number] = expected
        if self._lasts(plan, number, expected):
            self._stop(plan, number, expected)
            with self.faults.striking(plan, "sort"):
                pass
            self._come_back()
        self._mend(plan)

    def _start(self, plan: Plan, number: int) -> Expected | None:
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
        expected = Expected(begun, time.time(), title=title)
        if is_answered:
            expected.answered.add("run started")
        return expected

    def _lasts(self, plan: Plan, number: int, expected: Expected) -> bool:
        """Let the run go on for a while; return whether it is open after that."""
        lab, comment = self._lab, f"comment on {number}"
        time.sleep(plan.length * self._seconds)
        if plan.pauses:
            self._pause(expected)
        if lab.puts("Run:Comment", comment):
            expected.comment = comment
        struck = time.time()
        with self.faults.striking(plan, "run"):
            pass
        if plan.moment == "run":
            self._expect(plan, expected, since=struck)
        if self._come_back() and not self._goes_on(number):
            expected.ends = {"interrupted"}
            expected.stopping, expected.stopped = expected.begun, time.time()
            return False
        return True

    def _pause(self, expected: Expected) -> None:
        """Pause the run for a while."""
        lab, asked = self._lab, time.time()
        if not lab.puts("Run:Pause"):
            return
        done = time.time()
        time.sleep(PAUSE)
        again = time.time()
        lab.puts("Run:Resume")
        until(lambda: lab.get("Run:State") != "Paused", "the end of a pause")
        expected.paused = again - done, time.time() - asked

    def _expect(self, plan: Plan, expected: Expected, *, since: float) -> None:
        """Wait until daqpv has seen the fault in the run; the note must name it."""
        lab = self._lab
        match plan.fault:
            case "simulator":
                self._until_away(plan.victim, "Idle")
                expected.notes.append(rf"{plan.victim}.*Idle from .*\(restarted\)")
            case "foreign stop":
                self._until_away(plan.victim, "Ready")
                expected.notes.append(f"{plan.victim}.*Ready from ")
            case "disabled server":
                expected.notes.append(f"{plan.victim}.*disabled while Running from ")
            case "disabled router":
                expected.notes.append(f"{plan.router}.*disabled from ")
            case "stop of the process":
                until(lambda: lab.get("Run:State"), "daqpv to go on")
                expected.notes.append("daqpv stood still for [67] s until ")
            case "foreign pause":
                lab.until("Run:State", "Paused")
                lab.puts("Run:Resume")
                lab.until("Run:State", "Running")
                least, most = expected.paused
                expected.paused = least, most + time.time() - since
        if plan.fault in ENDS:
            expected.unseen += BEAT

    def _until_away(self, server: str, state: str) -> None:
        self._lab.until(f"ECC:{server}:State", state)

    def _stop(self, plan: Plan, number: int, expected: Expected) -> None:
        """Stop, until the run has ended."""
        expected.stopping = time.time()
        with self.faults.striking(plan, "stop"):
            is_closed = self._lab.puts("Run:Stop")
        if is_closed:
            expected.ends = {"ended"}
            expected.answered.add("run ended")
        elif self._come_back() and not self._goes_on(number):
            # the kill may come between a command and its record
            expected.ends, expected.stopping = {"ended", "interrupted"}, expected.begun
        else:
            expected.ends = {self._bring_down(number, resets=plan.resets)}
        expected.stopped = time.time()

    def _mend(self, plan: Plan) -> None:
        """Enable disabled devices, and stop servers that went on meanwhile."""
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

    # Actions of the operator

    def _goes_on(self, number: int) -> bool:
        """Whether the run is open."""
        is_open = self._read("State") in ("Running", "Paused", "Failed", "Stopping")
        return is_open and int(self._read("Number")) == number

    def _read(self, signal: str) -> str:
        """The value of a PV of the run, as soon as daqpv answers."""
        name = f"Run:{signal}"
        return until(lambda: self._lab.get(name), f"{name} to be read")

    def _bring_down(self, number: int | None, *, resets: bool = False) -> str:
        """Stop, repeatedly if it fails; or reset. Return how the run has ended."""
        lab, how = self._lab, "ended"
        for _ in range(TRIES):
            if resets and lab.get("Run:State") == "Failed" and lab.puts("Run:Reset"):
                how = "failed"
            if lab.puts("Run:Stop") and (number is None or not self._goes_on(number)):
                return how
            time.sleep(AWAY)
        raise TimeoutError(f"the run cannot be stopped: {lab.get('Run:LastError')}")

    def get_ready(self) -> None:
        """Bring all servers back to Ready, so that a run can start."""
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
        """Wait until the spool is empty: the store may have been away."""
        self._lab.until("Arch:StoreOnline", "Online")
        until(lambda: not float(self._read_arch("Backlog")), "an empty spool")

    def _read_arch(self, signal: str) -> str:
        return until(lambda: self._lab.get(f"Arch:{signal}"), f"{signal} to be read")

    def _are_seen(self) -> bool:
        """Whether daqpv has the states of all simulators, after a kill."""
        lab = self._lab
        with suppress(OSError):  # it is not there yet
            return all(
                lab.get(f"ECC:{name}:State") == lab.ask(name)["state"]
                for name in lab.urls
            )
        return False

    def _are_empty(self) -> bool:
        """Whether staging has no file, after the next poll."""
        paths = self._lab.staging.values()
        is_empty = not any(each.is_file() for path in paths for each in path.iterdir())
        for name in self._lab.staging:
            if is_empty:
                self._lab.until(f"Router:{name}:StagingEmpty", "Yes")
        return is_empty


def main() -> int:
    """Run the soak, and print the differences."""
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
            _report_failure(lab, soak, f"seed {wanted.seed}: {error}")
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
    """Take the requested runs, or as many as there is time for; return how many."""
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


def _report_failure(lab: RunLab, soak: Soak, what: str) -> None:
    """Print where the soak had to end, and the last events."""
    print(what)
    print(f"after {len(soak.runs)} runs, in {soak.plan}")
    for signal in ("State", "State.SEVR", "Message", "LastError"):
        print(f"{signal}: {lab.get(f'Run:{signal}')}")
    log = lab.folder / "exp.log"
    print(*log.read_text().splitlines()[-LINES:], sep="\n")


if __name__ == "__main__":
    sys.exit(main())
