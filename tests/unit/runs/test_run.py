"""A run from its checks to the last of its files."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from daqpv.core import EventSeverity, Result, Severity
from daqpv.errors import (
    AbortedError,
    DaqError,
    NotConnectedError,
    OperationError,
    RefusedError,
)
from daqpv.runs import (
    Entry,
    History,
    RunChange,
    RunClass,
    RunFile,
    RunRecord,
    RunSize,
    RunSnapshot,
    RunState,
)
from daqpv.runs.record.records import FACTS
from daqpv.runs.settings import Checks, OnLoss, RunSettings
from tests.support.runs import Lab, Storage, reaches

FACT = {fact.name: fact for fact in FACTS}


@pytest.fixture
def lab() -> Lab:
    return Lab()


async def test_a_run_from_start_to_sorted_files(lab: Lab) -> None:
    lab.storages = [Storage("data0"), Storage("data1")]
    async with lab.running() as run:
        await run.write(FACT["title"], "alpha source, 300 Torr")
        await run.write(FACT["kind"], RunClass.PRODUCTION)
        await run.start()
        await asyncio.sleep(101)
        assert run.snapshot.duration_text == "00:01:40"
        await run.stop()
        assert run.snapshot.sorting
        await reaches(lambda: not run.snapshot.sorting)
        record = lab.store.last
        assert record is not None
        assert (record.number, record.title, record.kind, record.config) == (
            12, "alpha source, 300 Torr", "Production", "e20009"
        )  # fmt: skip
        assert record.stop is not None
        assert record.stop - record.start == pytest.approx(102, abs=0.1)
        assert record.live_time == pytest.approx(101, abs=0.1)
        assert lab.store.last
        assert lab.store.last.entry is Entry.ENDED
        assert lab.store.of(RunSize) == [RunSize(number=12, data=2000)]
        assert [one.sorted for one in lab.storages] == [[("e20009", 12)]] * 2
        assert {one.router for one in lab.store.of(RunFile)} == {"data0", "data1"}
        assert run.snapshot.unsorted == ()
        assert lab.storages[0].expected[-3:] == [True, False, False]


async def test_live_time_stands_still_in_a_pause(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        await asyncio.sleep(10)
        await run.pause()
        await asyncio.sleep(50)
        await run.resume()
        await asyncio.sleep(10)
        await run.stop()
        record = lab.store.last
        assert record is not None
        assert record.stop is not None
        assert record.stop - record.start == pytest.approx(73, abs=0.1)
        assert record.live_time == pytest.approx(21, abs=0.1)


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("ready", "CoBo0 is Idle. First: caput AT:Sys:Target Ready"),
        ("mutant", "CoBo0 is disabled.*caput AT:ECC:CoBo0:Enable 1$"),
        ("routers", r"Router data0: Offline: no route\. .*caput AT:Router:data0:E"),
        ("staging", "an earlier run: 2 files in /data. .*caput AT:Run:Sweep 1$"),
        ("disk_free", "has 3.0 GB free; wanted are 20 GB"),
        ("number", "has files of a run 12 already. .*caput AT:Run:NextNumber 13"),
    ],
)
async def test_each_check_refuses_and_can_be_overlooked(check: str, says: str) -> None:
    def spoil(lab: Lab) -> None:
        match check:
            case "ready":
                lab.detector.state = "Idle"
            case "mutant":
                lab.detector.missing_clock = lab.detector.members[0]
            case "routers":
                lab.storages[0].becomes(online=False, message="Offline: no route")
            case "staging":
                files = ("a.graw", "b.graw")
                lab.storages[0].becomes(staging_empty=False, staged=files)
            case "disk_free":
                lab.storages[0].becomes(disk_free=3e9)
            case "number":
                lab.storages[0].runs = {12}

    lab = Lab()
    spoil(lab)
    async with lab.running() as run:
        with pytest.raises(RefusedError, match=says):
            await run.start()
        assert run.snapshot.state is RunState.STOPPED
        assert run.snapshot.result is Result.REFUSED
        assert lab.detector.done == []
    off = 0 if check == "disk_free" else False
    lab = Lab(settings=RunSettings(checks=Checks.model_validate({check: off})))
    spoil(lab)
    async with lab.running() as run:
        await run.start()
        assert run.snapshot.state is RunState.RUNNING
        said = [one for one in lab.said if one.name == "check overlooked"]
        if check != "disk_free":  # 0 wants nothing
            assert said[0].severity is EventSeverity.WARNING
            assert said[0].fields["check"] == check


async def test_all_that_is_wrong_is_said_at_once(lab: Lab) -> None:
    lab.detector.state = "Idle"
    lab.storages[0].becomes(online=False, known=False)
    lab.storages[0].runs = NotConnectedError("data0: no route")
    async with lab.running() as run:
        says = (
            r"^\(1\) CoBo0 is Idle\. .*Target Ready "
            r"\(2\) Router data0: It has not been seen yet\. .*Enable 0 "
            r"\(3\) Router data0: whether it has run 12 is not known$"
        )
        with pytest.raises(RefusedError, match=says):
            await run.start()


async def test_what_is_wrong_at_several_routers_is_one_sentence(lab: Lab) -> None:
    lab.storages = [Storage(f"data{n}") for n in range(3)]
    for storage in lab.storages[1:]:
        storage.becomes(staging_empty=False, staged=("a.graw",))
        storage.runs = {12}
    async with lab.running() as run:
        with pytest.raises(RefusedError) as caught:
            await run.start()
    assert str(caught.value) == (
        "(1) Routers data1, data2 have files of an earlier run: 1 file in /data, "
        "1 file in /data. To put them aside: caput AT:Run:Sweep 1 "
        "(2) Routers data1, data2 have files of a run 12 already. Another number: "
        "caput AT:Run:NextNumber 13"
    )


async def test_a_sweep_names_each_router_that_failed(lab: Lab) -> None:
    lab.storages = [Storage("data0"), Storage("data1")]
    for storage in lab.storages:
        storage.faults = [NotConnectedError("attpc@10.0.0.1: no route")]
    says = r"Router data0: .*no route\. Router data1: .*no route\."
    async with lab.running() as run:
        with pytest.raises(OperationError, match=says):
            await run.sweep()


async def test_an_unknown_number_is_not_free(lab: Lab) -> None:
    lab.storages[0].runs = NotConnectedError("data0: no route")
    async with lab.running() as run:
        with pytest.raises(RefusedError, match="whether it has run 12 is not known"):
            await run.start()


async def test_a_disabled_router_is_not_asked(lab: Lab) -> None:
    lab.storages[0].becomes(online=False, enabled=False)
    async with lab.running() as run:
        await run.start()
        assert run.snapshot.state is RunState.RUNNING


async def test_two_clients_press_start(lab: Lab) -> None:
    async with lab.running() as run:
        await asyncio.gather(run.start(), run.start())
        assert lab.detector.done == ["start"]
        assert run.snapshot.next_number == 13


async def test_a_stop_takes_over_from_a_start(lab: Lab) -> None:
    async with lab.running() as run:
        start = asyncio.create_task(run.start())
        await reaches(lambda: run.snapshot.state is RunState.STARTING)
        await run.stop()
        with pytest.raises(AbortedError):
            await start
        assert run.snapshot.state is RunState.STOPPED
        assert run.snapshot.next_number == 12
        assert lab.store.records == []


async def test_an_abort_of_the_servers_fails_a_stop_which_can_be_repeated(
    lab: Lab,
) -> None:
    async with lab.running() as run:
        await run.start()
        lab.detector.fault["stop"] = AbortedError("stop: aborted by eve@hut")
        with pytest.raises(AbortedError, match=r"eve@hut\..* again: caput .*Stop 1"):
            await run.stop()
        assert run.snapshot.state is RunState.FAILED
        assert run.snapshot.alarm("state").severity is Severity.MAJOR
        await run.stop()
        assert lab.store.last
        assert lab.store.last.entry is Entry.ENDED


async def test_a_start_after_a_failure_wants_a_reset(lab: Lab) -> None:
    async with lab.running() as run:
        lab.detector.fault["start"] = OperationError("CoBo0: no power")
        with pytest.raises(OperationError, match="leave Failed: caput AT:Run:Stop 1"):
            await run.start()
        for _ in range(2):  # a refusal does not hide why it has failed
            with pytest.raises(
                RefusedError, match=r"CoBo0: no power\. .*caput AT:Run:Reset 1"
            ):
                await run.start()
        await run.reset()
        await run.start()
        assert run.snapshot.number == 12


async def test_numbers_are_used_once(lab: Lab) -> None:
    last = RunRecord(number=40, entry=Entry.ENDED, start=1.0, stop=5.0, seen=5.0)
    lab.history = History(numbers={12, 13, 40}, last=last)
    async with lab.running() as run:
        await reaches(lambda: run.snapshot.number == 40)
        assert run.snapshot.next_number == 41
        assert run.snapshot.duration == 4.0
        with pytest.raises(RefusedError, match=r"a run 13 already. 14 is free"):
            await run.number_next(13)
        assert run.snapshot.next_number == 41
        await run.number_next(39)
        await run.start()
        assert run.snapshot.next_number == 41  # 40 was used


def ended(number: int) -> RunRecord:
    return RunRecord(
        number=number, entry=Entry.ENDED, start=1.0, stop=5.0, seen=5.0, title="alpha"
    )


@pytest.mark.parametrize("numbers", [{11, 12}, {11}])
async def test_an_end_that_a_kill_kept_from_the_store_is_written_after_it(
    numbers: set[int],
) -> None:
    """The settings had it in time, the store did not."""
    last = replace(ended(max(numbers)), entry=Entry.OPEN, stop=None, seen=1.0)
    if 12 not in numbers:
        last = ended(11)
    known = RunSnapshot(experiment="e20009", number=12, closed_run=ended(12))
    lab = Lab(snapshot=known, history=History(numbers=numbers, last=last))
    async with lab.running():
        await reaches(lambda: lab.store.records == [ended(12)])


async def test_an_open_run_that_nobody_knows_of_was_interrupted() -> None:
    last = replace(ended(12), entry=Entry.OPEN, stop=None)
    lab = Lab(history=History(numbers={12}, last=last))
    async with lab.running() as run:
        await reaches(lambda: lab.store.last is not None)
        assert lab.store.last
        assert (lab.store.last.entry, lab.store.last.stop) == (Entry.INTERRUPTED, 5.0)
        assert "not known" in lab.store.last.note
        assert run.snapshot.next_number == 13


async def test_what_the_store_has_of_ended_runs_is_not_written_again() -> None:
    """It may have been edited since."""
    edited = replace(ended(12), title="beta")
    known = RunSnapshot(experiment="e20009", number=11, closed_run=ended(12))
    lab = Lab(snapshot=known, history=History(numbers={12}, last=edited))
    async with lab.running() as run:
        await reaches(lambda: run.snapshot.number == 12)
        assert lab.store.records == []


async def test_a_stop_begins_with_a_record_that_the_run_was_seen(lab: Lab) -> None:
    """If daqpv is killed in it, that is when the run has ended, as far as known."""
    async with lab.running() as run:
        await run.start()
        count = len(lab.store.records)
        await run.stop()
        *before, last = [one.entry for one in lab.store.records[count:]]
        assert (set(before), last) == ({Entry.OPEN}, Entry.ENDED)


async def test_a_number_put_while_a_run_starts_or_runs(lab: Lab) -> None:
    async with lab.running() as run:
        start = asyncio.create_task(run.start())
        await reaches(lambda: run.snapshot.state is RunState.STARTING)
        with pytest.raises(RefusedError, match="takes its number"):
            await run.number_next(99)
        await start
        with pytest.raises(RefusedError, match="a run 12 already"):
            await run.number_next(12)
        await run.number_next(99)
        assert (run.snapshot.number, run.snapshot.next_number) == (12, 99)


async def test_what_is_written_of_an_open_run_has_a_history(lab: Lab) -> None:
    async with lab.running() as run:
        await run.write(FACT["title"], "first")
        assert lab.store.records == []
        await run.start()
        await run.write(FACT["title"], "sécond")
        await run.write(FACT["kind"], RunClass.JUNK)
        changes = lab.store.of(RunChange)
        assert [(one.field, one.old, one.new) for one in changes] == [
            ("title", "first", "sécond"),
            ("class", "Testing", "Junk"),
        ]
        assert lab.store.last
        assert (lab.store.last.title, lab.store.last.kind) == ("sécond", "Junk")


async def test_a_run_stops_by_itself(lab: Lab) -> None:
    async with lab.running() as run:
        await run.stop_after(30.0)
        await run.start()
        await asyncio.sleep(35)
        assert run.snapshot.state is RunState.STOPPED
        assert run.snapshot.last_by == "daqpv@Run"
        record = lab.store.last
        assert record is not None
        assert record.stop is not None
        assert 30 <= record.stop - record.start < 33


@pytest.mark.parametrize("on_loss", OnLoss)
async def test_a_server_is_lost_in_the_run(on_loss: OnLoss) -> None:
    lab = Lab(settings=RunSettings(on_loss=on_loss))
    async with lab.running() as run:
        await run.start()
        lost = {"state": "Offline", "is_there": False, "may_take_data": True}
        lab.detector.server("CoBo3", **lost)
        await asyncio.sleep(5)
        if on_loss is OnLoss.ALARM:
            assert run.snapshot.state is RunState.RUNNING
            alarm = run.snapshot.alarm("state")
            assert alarm.severity is Severity.MINOR
            assert alarm.reason.startswith("CoBo3 is Offline since ")
            assert run.snapshot.message == f"Run 12 goes on. {alarm.reason}"
        else:
            assert lab.detector.done[-1] == "stop"
            assert run.snapshot.state is RunState.STOPPED


async def test_a_router_without_data(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        lab.storages[0].becomes(silent=True)
        assert run.snapshot.alarm("state").reason == "No data: data0"
        assert run.snapshot.message == "Run 12 goes on. No data: data0"
        lab.storages[0].becomes(silent=False)
        assert run.snapshot.message == "Run 12 goes on: all is well"
        await run.stop()
        assert run.snapshot.alarm("state").severity is Severity.NO_ALARM


async def test_sorting_goes_on_after_a_cut_and_the_next_start_waits(lab: Lab) -> None:
    lab.storages[0].faults = [NotConnectedError("data0: cut")] * 2
    async with lab.running() as run:
        await run.start()
        await run.stop()
        await run.start()
        assert lab.storages[0].sorted == [("e20009", 12)]
        assert run.snapshot.number == 13
        assert lab.names().count("sorting cut") == 1  # said once, tried thrice


async def test_a_long_sorting_says_so_and_how_many_files_it_moved(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        lab.storages[0].takes = 140.0
        lab.storages[0].becomes(staged=("a.graw", "b.graw"))
        await run.stop()
        with pytest.raises(RefusedError, match=r"Files of run 12, 0 of 2, 0 %\. Wait"):
            await run.start()
        await reaches(lambda: not run.snapshot.sorting)
        found = [e.text for e in lab.said if e.name in ("sorting", "files sorted")]
        assert found == [
            "Sort the files of run 12: 60 s so far. Files of run 12, 0 of 2, 0 %",
            "Run 12: 1 file moved to its directory",
        ]


async def test_a_start_that_waits_in_vain_says_what_keeps_the_files(lab: Lab) -> None:
    lab.storages[0].faults = [NotConnectedError("attpc@10.0.0.1: no route")] * 100
    async with lab.running() as run:
        await run.start()
        await run.stop()
        says = r"files at data0 not sorted yet\. .*no route\. .*caput AT:Run:Sweep 1"
        with pytest.raises(RefusedError, match=says):
            await run.start()


async def test_what_cannot_be_sorted_is_said_and_left(lab: Lab) -> None:
    lab.storages[0].faults = [OperationError("/data/e20009/run_0012/a.graw exists")]
    async with lab.running() as run:
        await run.start()
        await run.stop()
        await reaches(lambda: not run.snapshot.sorting)
        assert "a.graw exists" in run.snapshot.last_error
        assert run.snapshot.last_error.endswith("caput AT:Run:Sweep 1")
        assert run.snapshot.unsorted == ()


async def test_sorting_is_taken_up_after_a_restart() -> None:
    lab = Lab(snapshot=RunSnapshot(experiment="e20009", number=7, unsorted=(7,)))
    async with lab.running():
        await reaches(lambda: lab.storages[0].sorted == [("e20009", 7)])


async def test_a_sweep_ends_a_sorting_that_does_not_come_to_its_end(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        with pytest.raises(RefusedError, match="First: caput AT:Run:Stop 1"):
            await run.sweep()
        lab.storages[0].takes = 1e6
        await run.stop()
        assert run.snapshot.sorting
        await run.sweep()
        assert not run.snapshot.sorting
        assert run.snapshot.unsorted == ()
        assert lab.names().count("swept") == 1


async def test_a_sweep_that_fails_leaves_the_sorting_to_go_on(lab: Lab) -> None:
    """Else the next run would begin with the files of this one yet to be moved."""
    lab.storages[0].faults = [NotConnectedError("attpc@10.0.0.1: no route")] * 2
    async with lab.running() as run:
        await run.start()
        await run.stop()
        await reaches(lambda: "sorting cut" in lab.names())
        lab.storages[0].becomes(online=False)
        with pytest.raises(OperationError, match=r"Or go without it: caput .*Enable 0"):
            await run.sweep()
        assert run.snapshot.sorting
        lab.storages[0].becomes(online=True)
        await run.start()
        assert lab.storages[0].sorted == [("e20009", 12)]
        assert run.snapshot.number == 13


async def test_the_record_of_an_open_run_shows_that_it_lives(lab: Lab) -> None:
    async with lab.running() as run:
        await run.start()
        await asyncio.sleep(100)
        assert lab.store.last
        assert lab.store.last.seen - lab.store.last.start > 60
        assert lab.store.last.entry is Entry.OPEN


async def test_the_record_of_a_new_run_shows_how_long_it_lasts(lab: Lab) -> None:
    """Who lists runs sees no duration of 0 s for the first half minute."""
    async with lab.running() as run:
        await run.start()
        for _ in range(30):
            await asyncio.sleep(1)
            record = lab.store.last
            assert record is not None
            age = run.snapshot.duration
            assert record.seen - record.start >= age / 2 - 1
        assert len(lab.store.records) < 20


async def test_what_holds_single_servers(lab: Lab) -> None:
    async with lab.running() as run:
        assert run.hold == ""
        await run.start()
        assert run.hold == "Run 12 is open. To stop it: caput AT:Run:Stop 1"
        with pytest.raises(RefusedError, match="Run 12 is open"):
            await run.enable(False)
        await run.stop()
        assert run.hold == ""
        await run.enable(False)
        with pytest.raises(RefusedError, match="caput AT:Run:Enable 1"):
            await run.start()


async def test_allowed_tells_what_would_be_taken(lab: Lab) -> None:
    def bits(*states: RunState) -> int:
        return sum(1 << state for state in states)

    async with lab.running() as run:
        stopped, running, paused = RunState.STOPPED, RunState.RUNNING, RunState.PAUSED
        await asyncio.sleep(1.5)
        assert run.snapshot.allowed == bits(stopped, running)
        await run.reach(running)
        await asyncio.sleep(1.5)
        assert run.snapshot.allowed == bits(stopped, paused)
        await run.reach(running)  # it is there: done, and nothing is sent
        await run.reach(paused)
        await asyncio.sleep(1.5)
        assert run.snapshot.allowed == bits(stopped, running, paused)
        await run.reach(stopped)
        with pytest.raises(DaqError, match="Choose Running"):
            await run.reach(RunState.FAILED)
        assert lab.detector.done == ["start", "pause", "stop"]


@pytest.mark.parametrize(
    ("stop", "seen", "lasted"),
    [(150.0, 140.0, 50.0), (None, 100.0, 25.0), (None, 40.0, 0.0)],
)
def test_how_long_a_run_has_lasted(
    stop: float | None, seen: float, lasted: float
) -> None:
    """An open run of which daqpv wrote just now goes on; another one may not."""
    entry = Entry.OPEN if stop is None else Entry.ENDED
    run = RunRecord(number=1, entry=entry, start=100.0, stop=stop, seen=seen)
    assert run.lasted(125.0) == lasted
