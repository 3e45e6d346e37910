"""Who takes part in an open run: alarms, the note of the record, what a stop says."""

from __future__ import annotations

import asyncio
import math
import re

import pytest

from daqpv.core import Condition, Severity
from daqpv.errors import BusyError, NotConnectedError, RefusedError
from daqpv.runs import Entry, RunState
from daqpv.runs.settings import OnLoss, RunSettings
from tests.support.runs import Lab, Storage, reaches

CLOCK = r"\d\d:\d\d:\d\d"


@pytest.fixture
def lab() -> Lab:
    return Lab()


def note(lab: Lab) -> str:
    """The note of the last record in the store."""
    assert lab.store.last is not None
    return lab.store.last.note


IDLE = {"state": "Idle", "may_take_data": False}
LOST = {"state": "Offline", "is_there": False, "may_take_data": True}
DISABLED = {"enabled": False, "state": "Running", "may_take_data": True}


@pytest.mark.parametrize("facts", [IDLE, LOST, {"state": "Paused"}])
@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED])
async def test_a_server_that_leaves_the_run_is_an_alarm_and_a_note(
    lab: Lab, facts: dict[str, object], state: RunState
) -> None:
    if state is RunState.PAUSED and facts["state"] == "Paused":
        facts = {"state": "Running"}
    async with lab.running() as run:
        await run.start()
        if state is RunState.PAUSED:
            await run.pause()
        lab.detector.server("CoBo3", **facts)
        alarm = run.snapshot.alarm("state")
        assert alarm.severity is Severity.MINOR
        assert f"CoBo3 is {facts['state']} since" in alarm.reason
        assert run.snapshot.message == f"Run 12 goes on. {alarm.reason}"
        assert f"CoBo3: {facts['state']} from" in note(lab)  # at once: a kill may come
        assert "run gap" in lab.names()
        await asyncio.sleep(6)
        lab.detector.server("CoBo3")
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM
        assert run.snapshot.message == "Run 12 goes on: all is well"
        await run.stop()
        assert lab.store.last
        assert lab.store.last.entry is Entry.ENDED
        restarted = r" \(restarted\)" if facts is IDLE else ""
        pattern = rf"CoBo3: \w+ from {CLOCK} to {CLOCK} UTC{restarted}\."
        assert re.fullmatch(pattern, note(lab))


async def test_what_a_server_was_meanwhile_is_one_gap(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        for facts in (LOST, IDLE, {"state": "Described"}, {"state": "Ready"}):
            lab.detector.server("CoBo3", **facts)
        lab.detector.server("CoBo3")
        await run.stop()
        assert note(lab).startswith("CoBo3: Offline, Idle, Described, Ready from ")
        assert note(lab).endswith("UTC (restarted).")


async def test_servers_with_the_same_gap_are_one_sentence(lab: Lab) -> None:
    lab.detector.servers = {f"CoBo{n}": {} for n in range(11)}
    async with lab.running() as run:
        await run.start()
        for n in range(10):
            lab.detector.servers[f"CoBo{n}"] = IDLE
        lab.detector.tell()
        await run.stop()
        assert note(lab).count("Idle") == 1
        assert note(lab).startswith("CoBo0, CoBo1, ")


async def test_a_server_that_wavers_for_ever_fills_no_note(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        for _ in range(100):
            lab.detector.server("CoBo3", **LOST)
            await asyncio.sleep(5)
            lab.detector.server("CoBo3")
            await asyncio.sleep(5)
        assert len(run.snapshot.gaps) == 8
        assert "93 times" in note(lab)
        assert len(note(lab)) < 500


async def test_all_servers_that_restart_end_the_run_with_a_note(lab: Lab) -> None:
    lab.detector.servers = {"CoBo0": {}}
    async with lab.running() as run:
        await run.start()
        lab.detector.becomes("Idle")
        assert run.snapshot.state is RunState.STOPPED
        assert lab.store.last
        assert lab.store.last.entry is Entry.INTERRUPTED
        assert re.match(rf"CoBo0: Idle from {CLOCK} UTC \(restarted\)\.", note(lab))
        assert note(lab).endswith("and Run:Stop had not stopped them.")


async def test_a_start_or_pause_on_its_way_is_no_gap(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        pause = asyncio.create_task(run.pause())
        await asyncio.sleep(0.1)
        lab.detector.server("CoBo0", state="Paused")
        lab.detector.server("CoBo0")
        await pause
        await asyncio.sleep(2)
        assert run.snapshot.gaps == ()
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM


@pytest.mark.parametrize(
    ("facts", "stops"), [(IDLE, True), (LOST, True), (DISABLED, False)]
)
async def test_on_loss_stop(facts: dict[str, object], stops: bool) -> None:
    lab = Lab(settings=RunSettings(on_loss=OnLoss.STOP))
    async with lab.running() as run:
        await run.start()
        lab.detector.server("CoBo3", **facts)
        await asyncio.sleep(5)
        assert (run.snapshot.state is RunState.STOPPED) is stops
        if stops:
            assert "CoBo3: " in note(lab)


async def test_a_stop_names_whom_it_left_running(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        lab.detector.server("CoBo0", **DISABLED)
        assert "CoBo0 is disabled while Running since" in run.snapshot.message
        await run.stop()
        assert run.snapshot.alarm("state").severity is Severity.MINOR
        for text in (
            "CoBo0 is disabled and was Running: it may still take data",
            "caput AT:ECC:CoBo0:Enable 1",
            "caput AT:Run:Reset 1",
        ):
            assert text in run.snapshot.message
        assert "server left running" in lab.names()
        assert note(lab).startswith("CoBo0: disabled while Running from ")
    after = Lab(snapshot=run.snapshot, detector=lab.detector)
    lab.detector.servers["CoBo0"] = {"enabled": False, "state": ""}  # not seen yet
    async with after.running() as run:
        assert run.snapshot.left == ("CoBo0",)
        lab.detector.server("CoBo0", state="Ready", may_take_data=False)
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM
        assert run.snapshot.message == "No run is open, and no server takes data"


async def test_the_reason_of_an_alarm_is_hidden_by_nothing(lab: Lab) -> None:
    left = "CoBo0 is disabled and was Running: it may still take data"
    async with lab.running() as run:
        await run.start()
        await run.stop_after(100.0)
        await run.pause()
        await run.resume()
        lab.detector.server("CoBo0", **DISABLED, routers=("data0",))
        await run.pause()
        assert "CoBo0 is disabled while Running" in run.snapshot.message_text
        lab.storages[0].takes = 50.0
        await run.stop()
        await asyncio.sleep(1)
        lab.storages[0].becomes(growing=True)
        assert run.snapshot.message_text.startswith(
            "Sorting waits. Files at data0 still grow: CoBo0, which was disabled, "
            f"sends to it. {left}"
        )
        lab.storages[0].becomes(growing=False)
        await reaches(lambda: not run.snapshot.sorting)
        assert left in run.snapshot.message_text
        with pytest.raises(RefusedError):
            await run.pause()
        assert left in run.snapshot.message_text


async def test_a_reset_ends_the_alarm_of_a_server_left_running(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        lab.detector.server("CoBo0", **DISABLED)
        await run.stop()
        await run.reset()
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM


async def test_a_server_left_out_while_idle_is_no_alarm(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        lab.detector.server("CoBo0", **IDLE)
        lab.detector.server("CoBo0", **IDLE, enabled=False)
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM
        await run.stop()
        assert run.snapshot.left == ()
        assert "Idle, disabled while Idle from" in note(lab)


async def test_data_without_a_run_is_an_alarm(lab: Lab) -> None:
    async with lab.running() as run:
        lab.detector.becomes("Running")
        assert run.snapshot.alarm("state").severity is Severity.MINOR
        assert "CoBo0, CoBo3 take data without a run" in run.snapshot.message
        assert run.snapshot.message.endswith("To stop: caput AT:Run:Stop 1")
        assert lab.names().count("data without a run") == 1
        await run.stop()
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM
        assert lab.store.records == []


async def test_a_server_disabled_while_it_takes_data_without_a_run(lab: Lab) -> None:
    async with lab.running() as run:
        lab.detector.becomes("Running")
        lab.detector.server("CoBo0", **DISABLED)
        lab.detector.becomes("Ready")  # Sys:Stop leaves it alone
        assert run.snapshot.left == ("CoBo0",)
        assert "CoBo0 is disabled and was Running" in run.snapshot.message
        await run.reset()
        await asyncio.sleep(5)
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM


@pytest.mark.parametrize("condition", [Condition.OFFLINE, Condition.HUNG])
async def test_a_router_that_is_lost_in_a_run(lab: Lab, condition: Condition) -> None:
    async with lab.running() as run:
        await run.start()
        lab.storages[0].becomes(online=False, condition=condition)
        reason = run.snapshot.alarm("state").reason
        assert reason.startswith(f"Router data0 is {condition.label} since ")
        lab.storages[0].becomes(online=True, condition=Condition.OK)
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM
        await run.stop()
        assert f"Router data0: {condition.label} from" in note(lab)


async def test_a_router_that_restarts_in_a_run_is_written_down(lab: Lab) -> None:
    lab.storages[0].becomes(process="11")
    async with lab.running() as run:
        lab.storages[0].becomes(process="12")  # no run is open
        await run.start()
        for process in map(str, range(13, 30)):
            await asyncio.sleep(1)
            lab.storages[0].becomes(process=process)
        assert "Router data0 restarted " in run.snapshot.message
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM
        await run.stop()
        assert note(lab).startswith("Router data0: restarted at ")
        assert "10 times" in note(lab)
        assert lab.names().count("router restarted") == 17


async def test_gaps_outlive_a_kill(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        lab.detector.server("CoBo3", **LOST)
    after = Lab(snapshot=run.snapshot, detector=lab.detector)
    async with after.running() as run:
        lab.detector.becomes("Running")
        assert run.snapshot.alarm("state").reason.startswith("CoBo3 is Offline since ")
        lab.detector.server("CoBo3")
        await run.stop()
        assert note(after).startswith("CoBo3: Offline from ")


async def test_a_disk_that_is_soon_full_spoils_a_run(lab: Lab) -> None:
    lab.storages = [Storage("data0"), Storage("data1")]
    async with lab.running() as run:
        assert math.isnan(run.snapshot.disk_time_left)
        await run.start()
        lab.storages[0].becomes(disk_time_left=9999.0 * 3600)
        assert run.snapshot.disk_time_left == 9999
        lab.storages[1].becomes(disk_time_left=720.0)
        assert run.snapshot.disk_time_left == pytest.approx(0.2)
        assert run.snapshot.alarm("state").severity is Severity.MINOR
        assert run.snapshot.message == "Run 12 goes on. Disk of data1 is full in 12 min"
        lab.storages[1].becomes(disk_time_left=0.0)
        assert run.snapshot.message == "Run 12 goes on. Disk of data1 is full"
        await run.stop()
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM


async def test_a_refusal_beside_a_stop_does_not_advise_a_stop(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        stop = asyncio.create_task(run.stop())
        await asyncio.sleep(0.1)
        with pytest.raises(BusyError, match=r"Wait until it has ended: AT:Run:State$"):
            await run.pause()
        await stop


# Files


async def test_files_of_a_router_disabled_in_the_run_are_taken_in_later(
    lab: Lab,
) -> None:
    lab.storages = [Storage("data0"), Storage("data1")]
    async with lab.running() as run:
        await run.start()
        lab.storages[1].becomes(enabled=False)
        await run.stop()
        await reaches(lambda: not run.snapshot.sorting)
        assert lab.storages[1].sorted == []
        assert "data1 is disabled, so its files stay" in run.snapshot.message
        assert "caput AT:Router:data1:Enable 1" in run.snapshot.message
        assert "Router data1: disabled from" in note(lab)
    after = Lab(snapshot=run.snapshot, storages=lab.storages)
    async with after.running() as run:  # it is not forgotten
        await asyncio.sleep(30)
        assert lab.storages[1].sorted == []
        lab.storages[1].becomes(enabled=True)
        await reaches(lambda: lab.storages[1].sorted == [("e20009", 12)])
        await reaches(lambda: not run.snapshot.sorting)
        assert run.snapshot.owed == ()
        assert run.snapshot.message == "Run 12: 1 file moved to its directory"
        assert lab.storages[0].sorted == [("e20009", 12)]


@pytest.mark.parametrize("enabled", [False, True])
async def test_files_of_two_runs_are_not_mixed(lab: Lab, enabled: bool) -> None:
    """Enabled again in the next run, or after it: nobody knows which file is whose."""
    lab.storages = [Storage("data0"), Storage("data1")]
    async with lab.running() as run:
        await run.start()
        lab.storages[1].becomes(enabled=False)
        await run.stop()
        await run.start()
        if enabled:
            lab.storages[1].becomes(enabled=True)
        await run.stop()
        await reaches(lambda: not run.snapshot.sorting)
        lab.storages[1].becomes(enabled=True)
        await asyncio.sleep(30)
        assert lab.storages[1].sorted == []
        if enabled:
            assert "are of the runs 12, 13" in run.snapshot.last_error
            assert run.snapshot.last_error.endswith("caput AT:Run:Sweep 1")
            await run.sweep()
            assert run.snapshot.owed == ()


async def test_a_router_disabled_while_its_files_are_waited_for(lab: Lab) -> None:
    """The next start has not to wait for it."""
    lab.storages = [Storage("data0"), Storage("data1")]
    lab.storages[1].faults = [NotConnectedError("data1: cut")] * 100
    async with lab.running() as run:
        await run.start()
        await run.stop()
        await asyncio.sleep(20)
        assert run.snapshot.sorting
        lab.storages[1].becomes(enabled=False)
        await reaches(lambda: not run.snapshot.sorting, within=1)
        assert [one.router for one in run.snapshot.owed] == ["data1"]
        await run.start()


async def test_files_are_sorted_as_soon_as_their_router_is_back(lab: Lab) -> None:
    lab.storages[0].faults = [NotConnectedError("data0: cut")]
    async with lab.running() as run:
        await run.start()
        await run.stop()
        await reaches(lambda: "not sorted yet" in run.snapshot.message)
        lab.storages[0].becomes(online=True, condition=Condition.HUNG)
        await reaches(lambda: not run.snapshot.sorting, within=2)
        assert run.snapshot.message == "Run 12: 1 file moved to its directory"


async def test_sorting_that_waits_says_why(lab: Lab) -> None:
    lab.storages[0].takes = 50.0
    async with lab.running() as run:
        await run.start()
        await run.stop()
        await asyncio.sleep(1)
        lab.storages[0].becomes(growing=True)
        assert run.snapshot.message == "Sorting waits. Files at data0 still grow."


async def test_who_is_disabled_while_a_run_starts_is_named(lab: Lab) -> None:
    async with lab.running() as run:
        start = asyncio.create_task(run.start())
        await reaches(lambda: run.snapshot.state is RunState.STARTING)
        lab.detector.server("CoBo0", **DISABLED)
        await start
        await asyncio.sleep(2)
        assert "CoBo0 is disabled while Running since" in run.snapshot.message
