"""An open run holds the servers of other processes, too; nobody but the run itself."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daqpv.ecc import Operation
from daqpv.errors import NotConnectedError, OperationError
from daqpv.links.ca import readings as module
from daqpv.links.ca.readings import AnyReadings
from daqpv.links.ca.remote_run import RemoteRun
from daqpv.serve import LocalPvs, Server
from tests.support.experiment import Client, Lab, Running
from tests.support.operating import found_again, refusal
from tests.support.waiting import DEADLINE, until

TIMES = 20  # a race shows only now and then
CONTROL = ["system", "run", "routers", "ecc.CoBo0"]
CRATE = ["ecc.CoBo1", "ecc.MuTAnT"]


@dataclass
class Parts:
    """An experiment that two processes serve.

    Attributes:
        lab: with its simulators.
        control: the process of the system, the run, the routers and CoBo0.
        crate: the process of the other ECC servers.
        run: the PVs of the run.
    """

    lab: Lab
    control: Running
    crate: Running
    run: Client


@pytest.fixture
def parts(make_lab: Callable[..., Lab]) -> Parts:
    """The run in one process, two servers of three in another; all are Ready."""
    lab = make_lab(cobos=2, mutant=True, speed=200.0)
    lab.simulate()
    control, crate = lab.serve_in_parts(CONTROL, CRATE)
    system = lab.client("", "Sys")
    system.until("OnlineCount", "3")
    system.put("Target", "Ready")
    run = lab.client("", "Run")
    run.until("State", "Stopped")
    return Parts(lab, control, crate, run)


def commanded(lab: Lab, name: str) -> dict[str, int]:
    """What a server has been sent that may change its state."""
    wanted = {one.value for one in Operation}
    return {k: n for k, n in lab.sim(name).operations().items() if k in wanted}


def held(lab: Lab, name: str) -> None:
    """Wait until the process of a server knows of the run."""
    cobo = lab.client(name)

    def is_refused() -> bool:
        try:
            cobo.put("State", cobo.get("State"))  # which it has
        except OperationError:
            return "is open" in cobo.get("LastError")
        return False

    until(is_refused, f"{name} to be held")


# Who is held


@pytest.mark.parametrize("state", ["Running", "Paused"])
def test_a_server_of_another_process_is_held_while_a_run_is_open(
    parts: Parts, state: str
) -> None:
    run = parts.run
    run.put("Start", "1")
    if state == "Paused":
        run.put("Pause", "1")
    reason = f"Run 1 is open. To stop it: caput {run.prefix}Stop 1"
    for name in ("CoBo1", "MuTAnT"):
        before = commanded(parts.lab, name)
        held(parts.lab, name)
        server = parts.lab.client(name)
        for signal_, text in (
            ("State", "Ready"),
            ("Target", "Idle"),
            ("Command", "Stop"),
            ("StepBack", "1"),
        ):
            assert refusal(server, signal_, text).endswith(reason)
            assert server.get("Result") == "Refused"
        server.put("Abort", "1")  # hinders nothing, and is never refused
        assert server.get("State") == state
        assert commanded(parts.lab, name) == before
    run.put("Stop", "1")
    parts.lab.client("MuTAnT").put("State", "Prepared")  # free again


def test_a_single_server_can_be_left_out_of_an_open_run(parts: Parts) -> None:
    parts.run.put("Start", "1")
    held(parts.lab, "CoBo1")
    parts.lab.client("CoBo1").put("Enable", "0")
    assert parts.lab.client("CoBo1").get("Enable") == "Disabled"


def test_the_run_commands_the_servers_of_another_process_time_after_time(
    parts: Parts,
) -> None:
    run, cobo = parts.run, parts.lab.client("CoBo1")
    for number in range(1, TIMES + 1):
        run.put("Start", "1")
        assert run.get("Number") == str(number)
        run.put("Pause", "1")
        assert cobo.get("State") == "Paused"
        run.put("Resume", "1")
        assert cobo.get("State") == "Running"
        run.put("Stop", "1")
        assert (run.get("State"), cobo.get("State")) == ("Stopped", "Ready")
    assert cobo.get("Errors") == "0"


def test_a_put_of_the_run_that_comes_before_its_monitor_is_done(parts: Parts) -> None:
    run = parts.run
    for _ in range(TIMES):
        run.put("Start", "1")
        held(parts.lab, "MuTAnT")
        # what both have sent meanwhile is read in any order
        parts.crate.process.send_signal(signal.SIGSTOP)
        run.put_only("Stop", "1")
        run.until("State", "Stopping")
        parts.crate.process.send_signal(signal.SIGCONT)
        run.until("Result", "Done")
        assert run.get("State") == "Stopped"


def test_the_system_downward_stops_the_run_over_two_processes(parts: Parts) -> None:
    parts.run.put("Start", "1")
    held(parts.lab, "CoBo1")
    parts.lab.client("", "Sys").put("Target", "Prepared")
    assert parts.run.get("State") == "Stopped"
    assert parts.lab.client("CoBo1").get("State") == "Prepared"


# Where the process of the run is not there


def test_a_killed_process_of_the_run_holds_nobody(parts: Parts) -> None:
    parts.run.put("Start", "1")
    held(parts.lab, "CoBo1")
    parts.control.end(signal.SIGKILL)
    mutant = parts.lab.client("MuTAnT")
    mutant.put("State", "Ready")  # a stop: the order allows it always
    assert mutant.get("State") == "Ready"
    parts.lab.client("CoBo1").put("Command", "Stop")
    assert parts.lab.client("CoBo1").get("State") == "Ready"


def test_a_process_of_the_run_that_hangs_holds_for_a_second_and_no_longer(
    parts: Parts,
) -> None:
    parts.run.put("Start", "1")
    held(parts.lab, "MuTAnT")
    parts.control.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        parts.lab.client("MuTAnT").put("State", "Ready")
        assert time.monotonic() - began > module.ANSWER
    finally:
        parts.control.process.send_signal(signal.SIGCONT)
    parts.lab.client("MuTAnT").until("State", "Ready")


def test_a_process_that_comes_back_into_an_open_run_is_held(parts: Parts) -> None:
    parts.run.put("Start", "1")
    parts.crate.end(signal.SIGKILL)
    parts.lab.serve("--name", "p1", "--only", "ecc.CoBo1", "--only", "ecc.MuTAnT")
    cobo = parts.lab.client("CoBo1")
    found_again(cobo, "Online")
    cobo.until("Online", "Online")
    held(parts.lab, "CoBo1")


def test_a_process_of_the_run_that_comes_back_holds_again(parts: Parts) -> None:
    parts.run.put("Start", "1")
    parts.control.end(signal.SIGKILL)
    only = [word for part in CONTROL for word in ("--only", part)]
    parts.lab.serve("--name", "p0", *only)
    held(parts.lab, "CoBo1")


def test_a_process_without_any_run_beside_it_loses_no_time(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab(cobos=1)
    lab.simulate()
    lab.serve("--only", "ecc")
    cobo = lab.client("CoBo0")
    cobo.until("Online", "Online")
    began = time.monotonic()
    cobo.put("State", "Idle")  # where it is
    assert time.monotonic() - began < module.ANSWER


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="it is for Linux")
@pytest.mark.parametrize(("only", "loaded"), [([], False), (["--only", "ecc"], True)])
def test_who_serves_the_run_itself_loads_no_libca(
    make_lab: Callable[..., Lab], only: list[str], loaded: bool
) -> None:
    serving = make_lab(cobos=1).serve(*only)
    maps = Path(f"/proc/{serving.process.pid}/maps").read_text()
    assert ("libca." in maps) is loaded


# The run as it is seen from another process


class Seen:
    """The run of a lab, followed by this process."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.readings = AnyReadings(LocalPvs(Server()))
        self.run = RemoteRun(parts.run.prefix, self.readings)

    async def put(self, signal_: str) -> None:
        """Put to the run, and let the loop of this test go on meanwhile."""
        await asyncio.to_thread(
            self.parts.lab.run_python, _PUT, self.run.prefix + signal_, "1"
        )

    async def until(self, is_so: Callable[[], Any]) -> None:
        changed = asyncio.Event()
        self.run.watch(lambda snapshot, fields: changed.set())
        async with asyncio.timeout(DEADLINE):
            while not is_so():
                changed.clear()
                await changed.wait()


_PUT = """
import sys
from daqpv.links.ca import pv
pv.put(sys.argv[1], sys.argv[2], timeout=30.0)
"""


@pytest.fixture
async def seen(parts: Parts) -> AsyncIterator[Seen]:
    seen = Seen(parts)
    task = asyncio.create_task(seen.readings.run())
    seen.run.follow()
    yield seen
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_seen_of_a_run_and_what_it_answers(seen: Seen) -> None:
    reason = f"Run 1 is open. To stop it: caput {seen.run.prefix}Stop 1"
    assert (seen.run.hold, await seen.run.asked()) == ("", "")
    await seen.put("Start")
    await seen.until(lambda: seen.run.hold)
    assert (seen.run.hold, await seen.run.asked()) == (reason, reason)
    await seen.run.stop()
    assert await seen.run.asked() == ""  # as soon as it is done
    await seen.until(lambda: not seen.run.hold)


async def test_a_stop_that_fails_says_what_the_run_says(seen: Seen) -> None:
    await seen.put("Start")
    await seen.until(lambda: seen.run.hold)
    seen.parts.lab.sim("CoBo0").fault("Stop", "refuse", message="no power")
    with pytest.raises(OperationError, match=r"no power.*caput .*Reset 1"):
        await seen.run.stop()


async def test_a_run_whose_process_is_gone_cannot_be_stopped(seen: Seen) -> None:
    await seen.put("Start")
    await seen.until(lambda: seen.run.hold)
    seen.parts.control.end(signal.SIGKILL)
    await seen.until(lambda: not seen.run.hold)
    assert await seen.run.asked() == ""
    with pytest.raises(NotConnectedError, match="no answer from"):
        await seen.run.stop()
