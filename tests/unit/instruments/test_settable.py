"""Settable channels of an instrument: from the put to the driver, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from daqpv.core import Result
from daqpv.errors import (
    AbortedError,
    NoAnswerError,
    NotConnectedError,
    RefusedError,
    UnknownOutcomeError,
)
from daqpv.instruments.channels.outward import Outward
from daqpv.instruments.device.instrument import Instrument
from daqpv.instruments.device.settable import add_gates
from daqpv.instruments.device.snapshot import InstrumentState
from daqpv.instruments.driver import Frame, Write
from daqpv.instruments.gate import Setpoint
from daqpv.instruments.settings import Channel, InstrumentSettings
from tests.support.instruments import MemoryDriver, instrument
from tests.support.waiting import soon

VOLTS = {"volts": {"write": True, "units": "V", "max": 400}}
SUPPLY = VOLTS | {"amps": {"write": True, "units": "A"}}


def gated(
    driver: MemoryDriver,
    channels: dict[str, dict[str, Any]],
    *,
    groups: dict[str, Any] | None = None,
    read: set[str] | None = None,
    **more: Any,
) -> Instrument:
    made = instrument(driver, channels, **more)
    settings = InstrumentSettings.model_validate(
        {"channels": channels, "groups": groups or {}}
    )
    add_gates(made, settings, read=channels.keys() if read is None else read)

    def take(write: Write) -> None:
        driver.values[write.channel] = write.value

    driver.take = take
    return made


@asynccontextmanager
async def supplying(
    driver: MemoryDriver, channels: dict[str, dict[str, Any]], **more: Any
) -> AsyncIterator[Instrument]:
    """An instrument with gates that is read, and online."""
    supply = gated(driver, channels, **more)
    task = asyncio.ensure_future(supply.run())
    try:
        async with asyncio.timeout(100):
            await soon(lambda: supply.snapshot.online, "it to answer")
        yield supply
    finally:
        task.cancel()
        await asyncio.wait({task})


def sent(driver: MemoryDriver) -> list[tuple[str, object]]:
    return [(write.channel, write.value) for write in driver.written]


async def test_the_first_value_becomes_the_setpoint() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS) as supply:
        assert supply.snapshot.setpoints == {"volts": Setpoint(10.0)}
        driver.values["volts"] = 11.0
        await supply.read()
        assert supply.snapshot.setpoints == {"volts": Setpoint(10.0)}
        assert driver.written == []


async def test_a_put_is_sent_and_read_back() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS, period=1000) as supply:
        await supply.gates["volts"].put(20)
        assert sent(driver) == [("volts", 20.0)]
        assert supply.snapshot.values["volts"].value == 20.0
        assert supply.snapshot.setpoints["volts"] == Setpoint(20.0)
        assert supply.snapshot.result is Result.DONE


async def test_what_is_sent_undoes_the_scale() -> None:
    channels = {"volts": {"write": True, "scale": "value / 1000"}}
    driver = MemoryDriver(volts=10_000.0)
    async with supplying(driver, channels) as supply:
        await supply.gates["volts"].put(20)
        assert sent(driver) == [("volts", 20_000.0)]


async def test_states_are_sent_as_the_instrument_has_them() -> None:
    channels = {
        "out": {"write": True, "type": "boolean", "states": {"0": "Off", "1": "On"}}
    }
    driver = MemoryDriver(out="0")
    async with supplying(driver, channels) as supply:
        await supply.gates["out"].put("On")
        assert sent(driver) == [("out", 1)]


@pytest.mark.parametrize(
    ("keys", "value", "raw"),
    [
        ({"type": "integer"}, 3, 3),
        ({"type": "integer", "scale": "value / 10"}, 3, 30),
        ({"scale": "value * value", "unscale": "sqrt(value)"}, 9.0, 3.0),
        ({"type": "text"}, "Argon", "Argon"),
        ({"type": "boolean"}, 1, 1),
        ({"type": "boolean", "states": ["Off", "On"]}, 1, 1),
        ({"type": "enum", "states": {"ON": "On", "OFF": "Off"}}, 1, "OFF"),
        ({"type": "enum", "states": {"01": "A", "02": "B"}}, 1, "02"),
        ({"type": "enum", "states": {"-1": "A", "0.5": "B"}}, 0, -1),
    ],
)
def test_what_is_sent(keys: dict[str, Any], value: Any, raw: Any) -> None:
    found = Outward("x", Channel.model_validate({"write": True} | keys)).raw(value)
    assert (found, type(found)) == (raw, type(raw))


def test_arrays_are_scaled_element_by_element() -> None:
    keys = {"write": True, "type": "array", "length": 3, "scale": "value / 2"}
    found = Outward("x", Channel.model_validate(keys)).raw((1.0, 2.0))
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [2.0, 4.0]


def test_a_value_that_cannot_be_computed_is_refused() -> None:
    keys = {"write": True, "scale": "1 / value", "unscale": "1 / value"}
    with pytest.raises(RefusedError, match=r"x: 0\.0 cannot be sent: .*by zero"):
        Outward("x", Channel.model_validate(keys)).raw(0.0)


def test_a_scale_that_cannot_be_undone_needs_unscale() -> None:
    keys = {"write": True, "scale": "value * value"}
    with pytest.raises(ValueError, match="cannot be undone for a put: say how"):
        Outward("x", Channel.model_validate(keys))


# Closed


async def test_a_disabled_instrument_is_not_written() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS) as supply:
        await supply.enable(False)
        with pytest.raises(RefusedError, match="caput AT:Inst:gas:Enable 1"):
            await supply.gates["volts"].put(20)
        await supply.enable(True)
        with pytest.raises(RefusedError, match="gas has not answered yet"):
            await supply.gates["volts"].put(20)
        assert driver.written == []


async def test_a_stopped_instrument_is_not_written() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS) as supply:
        await supply.reach(InstrumentState.STOPPED)
        with pytest.raises(RefusedError, match="caput AT:Inst:gas:State Acquiring"):
            await supply.gates["volts"].put(20)


async def test_a_lost_instrument_is_not_written() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS) as supply:
        driver.error = NotConnectedError("memory: connection refused")
        await soon(lambda: not supply.snapshot.online, "the loss")
        with pytest.raises(
            RefusedError, match="gas is offline: memory: connection ref"
        ):
            await supply.gates["volts"].put(20)


async def test_disabling_ends_a_ramp() -> None:
    driver = MemoryDriver(volts=10.0)
    channels = {"volts": VOLTS["volts"] | {"ramp": 1.0}}
    async with supplying(driver, channels) as supply:
        put = asyncio.ensure_future(supply.gates["volts"].put(20))
        await asyncio.sleep(2.2)
        await supply.enable(False)
        with pytest.raises(AbortedError, match=r"ended in the ramp\. gas is disabled"):
            await put
        assert not supply.snapshot.setpoints["volts"].is_moving


async def test_a_link_that_fails_ends_a_ramp() -> None:
    driver = MemoryDriver(volts=10.0)
    channels = {"volts": VOLTS["volts"] | {"ramp": 1.0}}
    async with supplying(driver, channels) as supply:
        put = asyncio.ensure_future(supply.gates["volts"].put(20))
        await asyncio.sleep(2.2)
        accepted = float(str(driver.values["volts"]))
        driver.error = NotConnectedError("memory: connection refused")
        with pytest.raises((NotConnectedError, AbortedError)):
            await put
        driver.error = None
        assert driver.values["volts"] == accepted
        assert supply.snapshot.setpoints["volts"] == Setpoint(accepted, ramp=1.0)


async def test_an_answer_that_does_not_come_is_an_unknown_outcome() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS, period=1000) as supply:
        driver.breaks = False

        def silent(write: Write) -> None:
            raise NoAnswerError("memory: no answer", timed_out=True)

        driver.take = silent
        with pytest.raises(UnknownOutcomeError, match="It reads back 10 V after 5 s"):
            await supply.gates["volts"].put(20)


async def test_a_write_that_was_begun_is_finished_when_daqpv_ends() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS, period=1000) as supply:
        driver.delay = 1.0
        was_open: list[bool] = []
        driver.take = lambda write: was_open.append(driver.is_open)
        put = asyncio.ensure_future(supply.gates["volts"].put(20))
        await asyncio.sleep(0.5)
        put.cancel()
    assert was_open == [True]
    assert sent(driver) == [("volts", 20.0)]
    await asyncio.wait({put})
    assert put.cancelled()


# Read-back


async def test_another_channel_may_be_the_read_back() -> None:
    channels = {"set": {"write": True, "read_back": "now"}, "now": {}}
    driver = MemoryDriver(now=10.0)
    async with supplying(driver, channels, read={"now"}) as supply:
        assert supply.snapshot.setpoints["set"] == Setpoint(10.0)

        def take(write: Write) -> None:
            driver.values["now"] = write.value

        driver.take = take
        await supply.gates["set"].put(20)
        assert supply.snapshot.values["now"].value == 20.0


async def test_a_calculated_channel_may_be_the_read_back() -> None:
    channels: dict[str, dict[str, Any]] = {
        "set": {"write": True, "read_back": "double"},
        "half": {},
        "double": {"calc": "2 * half"},
    }
    driver = MemoryDriver(half=5.0)
    async with supplying(driver, channels, read={"half"}, period=1000) as supply:

        def take(write: Write) -> None:
            driver.values["half"] = float(str(write.value)) / 2

        driver.take = take
        await supply.gates["set"].put(20)
        assert supply.snapshot.values["double"].value == 20.0


async def test_a_read_back_that_comes_by_itself_is_awaited() -> None:
    driver = MemoryDriver(polls=False)
    async with supplying(driver, VOLTS) as supply:
        assert driver.listener is not None
        supply.heard(Frame(values={"volts": 10.0}))
        put = asyncio.ensure_future(supply.gates["volts"].put(20))
        await asyncio.sleep(1.0)
        assert not put.done()
        supply.heard(Frame(values={"volts": 20.0}))
        await put


async def test_a_read_back_that_does_not_come_by_itself_is_told() -> None:
    driver = MemoryDriver(polls=False)
    async with supplying(driver, VOLTS, stale=100) as supply:
        supply.heard(Frame(values={"volts": 10.0}))
        with pytest.raises(UnknownOutcomeError, match="no value of volts came in 10 s"):
            await supply.gates["volts"].put(20)


async def test_a_channel_that_is_only_written_has_no_read_back() -> None:
    driver = MemoryDriver(amps=1.0)
    async with supplying(driver, SUPPLY, read={"amps"}) as supply:
        assert supply.snapshot.setpoints["volts"] == Setpoint()
        await supply.gates["volts"].put(20)
        assert supply.snapshot.setpoints["volts"] == Setpoint(20.0)


def test_a_read_back_that_is_only_written_is_an_error() -> None:
    channels = {"set": {"write": True, "read_back": "to"}, "to": {"write": True}}

    async def build() -> None:
        made = instrument(MemoryDriver(), {})
        settings = InstrumentSettings.model_validate({"channels": channels})
        add_gates(made, settings, read=())

    with pytest.raises(ValueError, match="read_back to is only written"):
        asyncio.run(build())


# Groups and ramps


async def test_the_check_of_a_group_may_name_other_channels() -> None:
    groups = {"both": {"channels": ["volts", "amps"], "check": "volts * amps < most"}}
    driver = MemoryDriver(volts=10.0, amps=1.0, most=420.0)
    channels = SUPPLY | {"most": {}}
    async with supplying(driver, channels, groups=groups) as supply:
        group = supply.groups["both"]
        group.request("volts", 300)
        group.request("amps", 2)
        assert not supply.snapshot.staged["both"].is_valid
        driver.values["most"] = 1000.0
        await supply.read()
        await group.apply()
        assert sent(driver) == [("volts", 300.0), ("amps", 2.0)]


async def test_the_check_of_a_group_needs_valid_values() -> None:
    groups = {"both": {"channels": ["volts"], "check": "volts < most"}}
    driver = MemoryDriver(volts=10.0)
    channels = SUPPLY | {"most": {}}
    async with supplying(driver, channels, groups=groups) as supply:
        with pytest.raises(RefusedError, match="most has no valid value now"):
            await supply.gates["volts"].put(20)


async def test_labels_may_stand_in_the_check_of_a_group() -> None:
    channels = SUPPLY | {
        "range": {"write": True, "type": "enum", "states": ["Low", "High"]}
    }
    groups = {
        "both": {
            "channels": ["volts", "range"],
            "check": "volts < 50 or range == 'High'",
        }
    }
    driver = MemoryDriver(volts=10.0, amps=1.0, range=0)
    async with supplying(driver, channels, groups=groups) as supply:
        with pytest.raises(RefusedError, match="volts 100 V, range Low"):
            await supply.gates["volts"].put(100)
        await supply.gates["range"].put("High")
        await supply.gates["volts"].put(100)


async def test_a_chosen_ramp_is_in_the_snapshot() -> None:
    driver = MemoryDriver(volts=10.0)
    async with supplying(driver, VOLTS, ramps={"volts": 2.0}) as supply:
        gate = supply.gates["volts"]
        assert gate.setpoint.ramp == 2.0
        gate.set_ramp(4.0)
        assert supply.snapshot.ramps == {"volts": 4.0}
        await gate.put(12)
        assert sent(driver) == [("volts", 12.0)]
