"""Runs as an operator takes them: daqpv as a process, libca as the client."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable

import pytest

from daqpv.ecc import ConfigId, Operation
from daqpv.errors import OperationError
from daqpv.links.soap.ecc import EccSoapLink
from tests.support.experiment import Lab
from tests.support.lab_store import entries
from tests.support.operating import ready, refusal
from tests.support.waiting import DEADLINE, until


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    lab = make_lab(cobos=2, mutant=True, speed=50.0)
    lab.simulate()
    return lab


async def foreign_stop(url: str) -> None:
    """Stop a server past daqpv."""
    link = EccSoapLink("foreign", f"{url}foreign")
    config = ConfigId("cobo0", "exp", "exp")
    await link.operate(Operation.STOP, config, (), timeout=DEADLINE)


def test_a_run_from_start_to_stop(lab: Lab) -> None:
    run, system = ready(lab)
    state, number = run.monitor("State"), run.monitor("Number")
    run.put("Title", "alpha source, 300 Torr")
    run.put("Class", "Production")
    assert run.get("NextNumber") == "1"
    run.put("Start", "1")
    assert (run.get("State"), run.get("Number"), system.get("State")) == (
        "Running", "1", "Running"
    )  # fmt: skip
    state.until("Starting")
    state.until("Running")
    assert number.texts[-1] == "1"
    assert run.get("NextNumber") == "2"
    assert re.fullmatch(r"00:00:\d\d", run.get("DurationText"))
    until(lambda: entries(lab) == [(1, "open", "alpha source, 300 Torr", 1)], "a row")

    cobo = lab.client("CoBo0")
    assert "Run 1 is open" in refusal(cobo, "State", "Ready")
    assert f"caput {run.prefix}Stop 1" in refusal(cobo, "Command", "Stop")
    assert "Run 1 is open" in refusal(system, "Target", "Paused")
    assert "Run 1 is open. First:" in refusal(run, "Start", "1")
    assert system.get("State") == "Running"

    run.put("Pause", "1")
    assert (run.get("State"), system.get("State")) == ("Paused", "Paused")
    run.put("State", "Running")
    assert system.get("State") == "Running"
    run.put("Title", "Kälte")
    run.put("Stop", "1")
    assert (run.get("State"), system.get("State")) == ("Stopped", "Ready")
    assert run.get("StopTime").endswith("UTC")
    until(lambda: entries(lab) == [(1, "ended", "Kälte", 0)], "the end in the store")
    cobo.put("State", "Prepared")  # free again
    assert "First: caput" in refusal(run, "Start", "1")


def test_the_system_downward_is_a_stop_of_the_run(lab: Lab) -> None:
    run, system = ready(lab)
    run.put("State", "Running")
    system.put("Target", "Idle")
    assert (run.get("State"), system.get("State")) == ("Stopped", "Idle")
    until(lambda: entries(lab) == [(1, "ended", "", 0)], "the end in the store")


def test_two_clients_press_start_and_a_stop_takes_over(lab: Lab) -> None:
    run, system = ready(lab)
    lab.sim("CoBo1").takes("Start", 2.0)
    run.put_only("Start", "1")
    run.until("State", "Starting")
    run.put_only("Start", "1")
    run.put("Stop", "1")
    assert (run.get("State"), system.get("State")) == ("Stopped", "Ready")
    assert run.get("NextNumber") == "1"
    assert entries(lab) == []
    run.put("Start", "1")
    assert run.get("Number") == "1"
    assert lab.sim("MuTAnT").operations()["Start"] == 1


def test_a_halted_start_keeps_its_number(lab: Lab) -> None:
    run, system = ready(lab)
    lab.sim("MuTAnT").fault("Start", "refuse", message="no clock", times=1)
    with pytest.raises(OperationError):
        run.put("Start", "1")
    assert "no clock" in run.get("LastError")
    assert run.get("State") == "Failed"
    assert system.get("State") == "Ready"  # what ran was stopped
    assert f"caput {run.prefix}Reset 1" in refusal(run, "Start", "1")
    run.put("Reset", "1")
    run.put("Start", "1")
    assert run.get("Number") == "1"


@pytest.mark.parametrize("store", ["a store", "no store"])
@pytest.mark.parametrize("meanwhile", ["nothing", "a stop by others"])
def test_a_restart_in_a_run(lab: Lab, store: str, meanwhile: str) -> None:
    if store == "no store":
        lab.file.write_text(lab.file.read_text() + "store: none\n")
    run, _ = ready(lab)
    run.put("Title", "long night")
    run.put("Start", "1")
    if store == "a store":
        until(lambda: entries(lab), "the run in the store")
    else:
        kept = lab.folder / "exp.settings.json"
        until(lambda: '"RUNNING"' in kept.read_text(), "the run in the file")
    lab.serve_no_more(signal.SIGKILL)
    text = lab.file.read_text()
    lab.renew(forget=False)
    if "store: none" in text:
        lab.file.write_text(lab.file.read_text() + "store: none\n")
    if meanwhile == "a stop by others":
        for name in ("MuTAnT", "CoBo0", "CoBo1"):
            asyncio.run(foreign_stop(lab.urls[name]))
    counts = {name: lab.sim(name).operations() for name in lab.urls}
    lab.serve()
    run = lab.client("", "Run")
    if meanwhile == "nothing":
        run.until("State", "Running")
        until(lambda: "Run 1 goes on" in run.get("Message"), "what was found")
        assert (run.get("Number"), run.get("NextNumber")) == ("1", "2")
        for name, before in counts.items():  # nothing is commanded
            assert lab.sim(name).operations()["Start"] == before["Start"]
            assert lab.sim(name).operations().get("Stop", 0) == before.get("Stop", 0)
        run.put("Stop", "1")
        state = "ended"
    else:
        run.until("State", "Stopped")
        state = "interrupted"
    if store == "a store":
        until(lambda: entries(lab) == [(1, state, "long night", 0)], "the end")
    assert run.get("NextNumber") == "2"
