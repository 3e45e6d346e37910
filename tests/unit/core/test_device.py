"""Devices: snapshots that rise in time, one command slot, and what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import (
    Condition,
    Device,
    DeviceSnapshot,
    Event,
    Events,
    EventSeverity,
    Origin,
    Result,
    origin,
)
from daqpv.errors import (
    AbortedError,
    BusyError,
    DaqError,
    LinkError,
    OperationError,
    RefusedError,
    ResultCode,
    UnknownOutcomeError,
)
from tests.support.virtual import SetClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas(DeviceSnapshot):
    pressure: float = math.nan
    trace: Any = ()


class Bottle(Device[Gas]):
    switched = 0

    def enabled_changed(self) -> None:
        self.switched += 1


class Shelf:
    """A device and all that it says."""

    def __init__(self, **fields: Any) -> None:
        self.events: list[Event] = []
        events = Events()
        events.add(self.events.append)
        self.clock = SetClock()
        self.device = Bottle(
            "gas", Gas(**fields), events=events, prefix="AT:Gas:", clock=self.clock
        )
        self.shown: list[tuple[Gas, tuple[str, ...]]] = []
        self.device.watch(lambda gas, names: self.shown.append((gas, tuple(names))))

    @property
    def now(self) -> Gas:
        return self.device.snapshot


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@contextlib.contextmanager
def acting(user: str, host: str) -> Iterator[None]:
    token = origin.set(Origin(user, host))
    try:
        yield
    finally:
        origin.reset(token)


# Changes


def test_a_watcher_is_shown_all_fields_at_once(shelf: Shelf) -> None:
    [(_, names)] = shelf.shown
    assert set(names) == set(Gas.__dataclass_fields__)


def test_a_watcher_is_shown_what_changed_alone(shelf: Shelf) -> None:
    shelf.device.change(replace(shelf.device.snapshot, pressure=1.5, message=""))
    assert shelf.shown[1:] == [(shelf.now, ("pressure",))]


def test_what_is_equal_is_no_change(shelf: Shelf) -> None:
    before = shelf.now
    shelf.device.change(
        replace(shelf.device.snapshot, message="", online=False, pressure=math.nan)
    )
    assert shelf.now is before


def test_an_observation_without_change_moves_the_time(shelf: Shelf) -> None:
    at = shelf.now.time + 0.5
    shelf.device.change(replace(shelf.device.snapshot, message=""), at=at)
    assert shelf.shown[1:] == [(shelf.now, ())]
    assert shelf.now.time == at


HOUR = 3600.0  # [s]


@pytest.mark.parametrize("wrong", [-HOUR, HOUR])
def test_a_stamp_of_a_clock_that_is_wrong_is_replaced_by_ours(
    shelf: Shelf, wrong: float
) -> None:
    for n in range(3):
        before = time.time()
        shelf.device.change(
            replace(shelf.device.snapshot, pressure=float(n)), at=before + wrong
        )
        assert before <= shelf.now.time <= time.time() + 1e-3


def test_a_clock_that_was_set_back_freezes_no_stamp(shelf: Shelf) -> None:
    shelf.clock.step = -HOUR
    shelf.device.change(replace(shelf.device.snapshot, pressure=1.0))
    assert shelf.now.time == pytest.approx(shelf.clock.time(), abs=1.0)


def test_a_device_is_stamped_at_its_start() -> None:
    assert Shelf().now.time > 1.7e9


def test_a_device_that_comes_with_a_stamp_keeps_it() -> None:
    assert Shelf(time=5.0).now.time == 5.0


@given(st.lists(st.floats(0, 4e9)))
def test_stamps_rise_strictly_whatever_the_clock_says(moments: list[float]) -> None:
    shelf = Shelf()
    for moment in moments:
        shelf.device.change(shelf.device.snapshot, at=moment)
    times = [gas.time for gas, _ in shelf.shown]
    assert times == sorted(set(times))


def test_a_field_that_does_not_exist_is_a_bug(shelf: Shelf) -> None:
    misspelt: dict[str, Any] = {"presure": 1.0}
    with pytest.raises(TypeError):
        shelf.device.change(replace(shelf.device.snapshot, **misspelt))


ARRAYS = [
    ((), np.zeros(3)),
    (np.zeros(3), ()),
    (np.zeros(3), np.zeros(4)),
    (np.zeros(3), np.ones(3)),
    (np.zeros(3), np.zeros(3, dtype=int)),
    (np.array(["a"]), np.array(["b"])),
]


@pytest.mark.parametrize(("old", "new"), ARRAYS)
def test_another_array_is_a_change(old: Any, new: Any) -> None:
    shelf = Shelf(trace=old)
    shelf.device.change(replace(shelf.device.snapshot, trace=new))
    assert shelf.now.trace is new


@pytest.mark.parametrize(
    "values", [[1.0, math.nan], [1, 2], ["a", "b"], [None, "b"], [True]]
)
def test_an_equal_array_is_no_change(values: list[object]) -> None:
    shelf = Shelf(trace=np.array(values))
    shelf.device.change(replace(shelf.device.snapshot, trace=np.array(values)))
    assert len(shelf.shown) == 1


# Watchers


def test_a_watcher_that_raises_is_dropped_alone(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def bad(gas: Gas, names: Collection[str]) -> None:
        calls.append(names)
        raise ValueError("a bad watcher")

    shelf.device.watch(bad)
    shelf.device.change(replace(shelf.device.snapshot, pressure=1.0))
    shelf.device.change(replace(shelf.device.snapshot, pressure=2.0))
    assert (len(calls), len(shelf.shown)) == (1, 3)
    assert "gas: a watcher failed" in caplog.text


def test_a_watcher_that_fails_within_a_change_made_by_a_watcher_harms_nobody(
    shelf: Shelf,
) -> None:
    def corrects(gas: Gas, names: Collection[str]) -> None:
        if gas.pressure < 0:
            shelf.device.change(replace(shelf.device.snapshot, pressure=0.0))

    def fails(gas: Gas, names: Collection[str]) -> None:
        calls.append(gas.pressure)
        if gas.pressure == 0:
            raise ValueError("a bad watcher")

    calls: list[float] = []
    shelf.device.watch(corrects)
    shelf.device.watch(fails)
    shelf.device.change(replace(shelf.device.snapshot, pressure=-1.0))
    assert shelf.now.pressure == 0.0
    assert calls[1:] == [0.0]  # and not again when it was dropped


def test_a_change_made_by_a_watcher_reaches_all(shelf: Shelf) -> None:
    seen: list[float] = []

    def corrects(gas: Gas, names: Collection[str]) -> None:
        if gas.pressure < 0:
            shelf.device.change(replace(shelf.device.snapshot, pressure=0.0))

    shelf.device.watch(corrects)
    shelf.device.watch(lambda gas, names: seen.append(gas.pressure))
    shelf.device.change(replace(shelf.device.snapshot, pressure=-1.0))
    assert seen[-1] == 0.0


# Commands


async def test_a_command_is_busy_then_done(shelf: Shelf) -> None:
    with shelf.device.command("open the valve"):
        assert (shelf.now.busy, shelf.now.result) == (True, Result.BUSY)
        assert shelf.now.message == "Open the valve ..."
    assert (shelf.now.busy, shelf.now.result) == (False, Result.DONE)
    assert re.fullmatch(r"Open the valve: done in \d\.\d s", shelf.now.message)


ENDS: list[tuple[BaseException, Result, int]] = [
    (RefusedError("no"), Result.REFUSED, 0),
    (BusyError("no"), Result.REFUSED, 0),
    (AbortedError("no"), Result.ABORTED, 0),
    (OperationError("no"), Result.FAILED, 1),
    (LinkError("no"), Result.FAILED, 1),
    (UnknownOutcomeError("no"), Result.TIMEOUT, 1),
    (ValueError("a bug"), Result.FAILED, 1),
    (asyncio.CancelledError(), Result.ABORTED, 0),
]


@pytest.mark.parametrize(("error", "result", "errors"), ENDS)
async def test_how_a_command_ends_is_its_result(
    shelf: Shelf, error: BaseException, result: Result, errors: int
) -> None:
    with pytest.raises(type(error)), shelf.device.command("open"):
        raise error
    assert (shelf.now.result, shelf.now.errors) == (result, errors)
    assert (shelf.now.result_count, shelf.now.busy) == (1, False)
    assert shelf.device.running is None


@pytest.mark.parametrize(("error", "result", "errors"), ENDS)
async def test_however_a_command_ends_its_slot_is_free(
    shelf: Shelf, error: BaseException, result: Result, errors: int
) -> None:
    with pytest.raises(type(error)), shelf.device.command("open"):
        raise error
    with shelf.device.command("close"):
        pass
    assert shelf.now.result is Result.DONE


async def test_a_failure_has_its_time_and_its_sentence(shelf: Shelf) -> None:
    with pytest.raises(OperationError), shelf.device.command("open"):
        raise OperationError("The valve is stuck.")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC The valve is stuck\.",
        shelf.now.last_error,
    )
    assert shelf.now.message == "The valve is stuck."


async def test_a_bug_is_told_with_its_name(shelf: Shelf) -> None:
    with pytest.raises(ZeroDivisionError), shelf.device.command("open"):
        1 / 0  # noqa: B018
    assert shelf.now.message == "open: ZeroDivisionError: division by zero"


async def test_a_cancelled_command_is_told_in_a_sentence(shelf: Shelf) -> None:
    with pytest.raises(asyncio.CancelledError), shelf.device.command("open"):
        raise asyncio.CancelledError
    assert shelf.now.message == "open: given up, because daqpv ends"


async def test_the_last_error_goes_with_the_next_good_command(shelf: Shelf) -> None:
    with pytest.raises(OperationError), shelf.device.command("open"):
        raise OperationError("stuck")
    with shelf.device.command("close"):
        assert shelf.now.last_error
    assert shelf.now.last_error == ""


async def test_the_code_goes_with_the_last_error(shelf: Shelf) -> None:
    with pytest.raises(OperationError), shelf.device.command("open"):
        raise OperationError("stuck")
    failed = shelf.now
    assert failed.result_code is ResultCode.FAILED
    with pytest.raises(RefusedError), shelf.device.command("open"):
        raise RefusedError("not now")
    assert shelf.now.result_code is ResultCode.REFUSED
    with shelf.device.command("close"):
        assert shelf.now.result_code is ResultCode.REFUSED
    assert (shelf.now.last_error, shelf.now.result_code) == ("", ResultCode.NONE)


@pytest.mark.parametrize(("error", "result", "errors"), ENDS)
async def test_the_result_is_the_last_to_be_written(
    shelf: Shelf, error: BaseException, result: Result, errors: int
) -> None:
    with pytest.raises(type(error)), shelf.device.command("open"):
        raise error
    assert shelf.shown[-1][1][-1] == "result"


async def test_a_second_command_is_refused(shelf: Shelf) -> None:
    with shelf.device.command("open"):
        with (
            pytest.raises(BusyError, match=r"gas is busy: open since 0\.0 s\. Wait"),
            shelf.device.command("close"),
        ):
            raise AssertionError("two commands in one slot")
        assert shelf.now.busy
    assert (shelf.now.result, shelf.now.result_count) == (Result.DONE, 2)


async def test_a_command_is_one_event(shelf: Shelf) -> None:
    with acting("ann", "hut"), shelf.device.command("open"):
        pass
    [event] = shelf.events
    assert (event.name, event.device) == ("command", "AT:Gas")
    assert (event.severity, event.origin) == (
        EventSeverity.INFORMATION,
        Origin("ann", "hut"),
    )
    assert (event.fields["command"], event.fields["result"]) == ("open", "Done")


async def test_the_last_by_is_who_gave_the_command_that_ended_last(
    shelf: Shelf,
) -> None:
    with acting("ann", "hut"), shelf.device.command("open"):
        with (
            acting("bob", "pub"),
            pytest.raises(BusyError),
            shelf.device.command("close"),
        ):
            pass
        assert shelf.now.last_by == "bob@pub"
    assert shelf.now.last_by == "ann@hut"


async def test_a_refusal_needs_no_slot(shelf: Shelf) -> None:
    with shelf.device.command("open"):
        shelf.device.refuse("put 7", RefusedError("7 is no choice"))
        assert shelf.now.message == "7 is no choice"
        assert shelf.now.busy
    assert shelf.now.result is Result.DONE


async def test_what_is_refused_beside_a_command_leaves_it_busy(shelf: Shelf) -> None:
    results = []
    shelf.device.watch(lambda now, _: results.append(now.result))
    with shelf.device.command("open"):
        with pytest.raises(BusyError), shelf.device.command("close"):
            pass
        assert shelf.now.result is Result.BUSY
        assert "gas is busy" in shelf.now.last_error
        assert shelf.now.result_count == 1
    shown = (Result.NONE, Result.BUSY, Result.REFUSED, Result.BUSY, Result.DONE)
    assert tuple(results) == shown


async def test_a_failure_that_nobody_waits_for_is_said(shelf: Shelf) -> None:
    shelf.device.failed("operation", "The valve fell off.")
    assert (shelf.now.message, shelf.now.errors) == ("The valve fell off.", 1)
    assert shelf.now.last_error.endswith("The valve fell off.")
    assert [event.severity for event in shelf.events] == [EventSeverity.ERROR]


@given(st.lists(st.sampled_from([None, *(error for error, _, _ in ENDS)]), max_size=8))
def test_commands_begun_are_commands_ended(ends: list[BaseException | None]) -> None:
    async def play() -> None:
        shelf = Shelf()
        for end in ends:
            with contextlib.suppress(BaseException), shelf.device.command("do"):
                if end is not None:
                    raise end
        assert shelf.now.result_count == len(shelf.events) == len(ends)

    asyncio.run(play())


# Enabled


async def test_disabled_is_a_condition(shelf: Shelf) -> None:
    await shelf.device.enable(False)
    assert (shelf.now.enabled, shelf.now.condition) == (False, Condition.DISABLED)
    assert shelf.device.switched == 1


async def test_enabled_is_not_known_until_it_answers(shelf: Shelf) -> None:
    await shelf.device.enable(False)
    shelf.device.change(replace(shelf.device.snapshot, known=True))
    await shelf.device.enable(True)
    assert (shelf.now.enabled, shelf.now.known) == (True, False)


async def test_enabling_what_is_enabled_does_nothing(shelf: Shelf) -> None:
    await shelf.device.enable(True)
    assert (shelf.device.switched, shelf.now.result) == (0, Result.DONE)


# Seen


def test_when_it_was_seen_is_a_text_in_utc(shelf: Shelf) -> None:
    text = shelf.device.seen()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", text)


def test_when_it_was_seen_does_not_change_at_each_sight(shelf: Shelf) -> None:
    shelf.device.seen()
    assert shelf.device.seen() == shelf.now.last_seen


async def test_a_device_says_itself_how_it_is_followed(shelf: Shelf) -> None:
    with pytest.raises(NotImplementedError):
        await shelf.device.run()


@pytest.mark.parametrize("kind", [Condition, Result])
def test_every_code_has_a_label(kind: Callable[..., Any]) -> None:
    labels = [one.label for one in kind]  # type: ignore[attr-defined]
    assert len(set(labels)) == len(labels)
    assert all(label[0].isupper() for label in labels)


def test_all_errors_of_commands_are_told_by_the_tree() -> None:
    assert all(
        isinstance(error, DaqError)
        for error, _, _ in ENDS
        if not isinstance(error, ValueError | asyncio.CancelledError)
    )
