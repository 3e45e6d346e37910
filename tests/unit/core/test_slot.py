"""A device with several command slots: each takes one command, all are written down."""

from __future__ import annotations

import pytest

from daqpv.core import (
    Command,
    Commanded,
    CommandSnapshot,
    Event,
    Events,
    Origin,
    Result,
    Slot,
    origin,
)
from daqpv.errors import AbortedError, BusyError, OperationError


class Supply(Commanded[CommandSnapshot]):
    """A supply of two channels."""

    def __init__(self) -> None:
        events, self.events = Events(), list[Event]()
        events.add(self.events.append)
        super().__init__("supply", CommandSnapshot(), events=events)
        self.volts, self.amps = Slot("volts", self), Slot("amps", self)
        self.results: list[Result] = []
        self.watch(lambda now, changed: self.results.append(now.result))


@pytest.fixture
async def supply() -> Supply:
    return Supply()


async def test_commands_of_two_slots_run_at_the_same_time(supply: Supply) -> None:
    with supply.volts.command("set volts"), supply.amps.command("set amps"):
        assert supply.snapshot.busy
    assert not supply.snapshot.busy
    assert supply.snapshot.result_count == 2
    assert [event.fields["command"] for event in supply.events] == [
        "set amps",
        "set volts",
    ]


async def test_the_device_is_busy_until_the_last_one_has_ended(supply: Supply) -> None:
    with supply.volts.command("set volts"):
        with supply.amps.command("set amps"):
            pass
        assert supply.snapshot.busy
        assert supply.results[-2:] == [Result.DONE, Result.BUSY]
    assert supply.snapshot.result is Result.DONE


async def test_a_slot_that_is_held_names_itself(supply: Supply) -> None:
    with (
        supply.volts.command("set volts"),
        pytest.raises(BusyError, match=r"volts is busy: set volts since 0\.\d s"),
        supply.volts.command("set volts again"),
    ):
        pass
    assert supply.snapshot.result is Result.DONE


async def test_the_slot_of_the_device_is_one_more(supply: Supply) -> None:
    with supply.volts.command("set volts"), supply.command("enable") as enabling:
        assert supply.running is supply.slot.running is enabling
        assert supply.volts.running is not enabling
    assert supply.running is None


async def test_a_command_that_never_held_the_slot_is_written_down(
    supply: Supply,
) -> None:
    with pytest.raises(OperationError), supply.volts.recording(Command("set volts")):
        raise OperationError("stuck")
    assert supply.snapshot.result is Result.FAILED
    assert supply.volts.running is None


async def test_an_abort_may_say_why(supply: Supply) -> None:
    token = origin.set(Origin("eve", "bar"))
    with supply.volts.command("set amps") as command:
        command.abort("stopped")
    origin.reset(token)
    with pytest.raises(AbortedError, match="set amps: aborted by eve@bar: stopped"):
        command.check()
