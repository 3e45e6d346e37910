"""The descriptions of daqpv against their simulators, over the true transport."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daqpv.core import Severity
from daqpv.errors import LinkError, OperationError, ProtocolError, RefusedError
from daqpv.instruments.driver import Read, Write
from tests.support.simulated import Rig, rig
from tests.support.waiting import soon

TCP = "tcp://192.168.1.5:8000"
SERIAL = "serial:///dev/ttyUSB0?baud=9600"
LINES = [TCP, SERIAL, "udp://192.168.1.5:8000"]


@pytest.mark.parametrize("connection", LINES)
async def test_a_gauge_controller_is_read(connection: str, tmp_path: Path) -> None:
    async with rig(tmp_path, model="pfeiffer-tpg362", connection=connection) as one:
        one.set({"p1": 8.34e-3, "p2": 2e-2, "s2": 5})
        readings = await one.read()
        assert readings["Gauge1"].value == pytest.approx(8.34e-3, rel=0.02)
        assert readings["Gauge1"].severity is Severity.NO_ALARM
        assert readings["Gauge2"].value is None
        assert readings["Gauge2"].severity is Severity.INVALID
        assert readings["Gauge2"].alarm.reason == "no sensor"
        assert readings["Unit"].label == "mbar"
        assert readings["Fault"].label == "No error"


async def test_a_gauge_that_is_pulled_out_shows_no_pressure(tmp_path: Path) -> None:
    async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP) as one:
        before = (await one.read())["Gauge1"].value
        one.set({"s1": 5, "p1": 2e-2})
        after = (await one.read())["Gauge1"]
        assert after.value == before
        assert (after.severity, after.alarm.reason) == (Severity.INVALID, "no sensor")


async def test_a_unit_that_is_changed_by_hand_is_an_alarm(tmp_path: Path) -> None:
    async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP) as one:
        mbar = (await one.read())["Gauge1"].value
        one.variables["unit"] = 1
        readings = await one.read()
        unit, pressure = readings["Unit"], readings["Gauge1"]
        assert (unit.label, unit.severity) == ("Torr", Severity.MINOR)
        assert pressure.value == pytest.approx(1.333224 * mbar, rel=0.2)
        one.variables["unit"] = 5  # volts
        assert (await one.read())["Gauge1"].severity is Severity.INVALID


async def test_a_gauge_that_the_controller_does_not_have_is_refused(
    tmp_path: Path,
) -> None:
    keys = {"channels": {"Gauge9": {"ask": "PR9", "answer": "{value:g}"}}}
    async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP, **keys) as one:
        reading = (await one.read())["Gauge9"]
        assert reading.severity is Severity.INVALID
        assert "0001" in reading.alarm.reason


async def test_a_controller_that_streams_is_stopped(tmp_path: Path) -> None:
    """A program that ended has left it so."""
    keys = {"simulator": {"stream_period": 0.01, "tick": 0.01}}
    async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP, **keys) as one:
        await one.driver.close()
        one.variables["streams"] = 1
        await one.driver.open()
        assert one.variables["streams"] == 0
        for _ in range(5):
            await one.read()
            assert not one.frame.bad


async def test_another_instrument_is_found_out(tmp_path: Path) -> None:
    keys = {"identity": {"ask": "AYT", "answer": "TPG 26{_}"}, "timeout": 0.2}
    with pytest.raises(ProtocolError, match="Is this another instrument"):
        async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP, **keys):
            pass


async def test_dangerous_commands_are_never_sent(tmp_path: Path) -> None:
    keys = {"channels": {"Stream": {"write": "COM,{value:d}"}}}
    async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP, **keys) as one:
        with pytest.raises(RefusedError, match="never sent"):
            await one.driver.exchange(Write("Stream", 1))
        assert one.variables["streams"] == 0


@pytest.mark.parametrize("connection", LINES)
async def test_a_supply_is_read_and_set(connection: str, tmp_path: Path) -> None:
    async with rig(tmp_path, model="scpi-supply", connection=connection) as one:
        await one.driver.exchange(Write("VoltageSet", 5.25))
        await one.driver.exchange(Write("Output", 1))
        await one.read()  # all that was sent before has arrived
        one.simulator.play.advance(0.1)
        readings = await one.read()
        assert readings["VoltageSet"].value == 5.25
        assert readings["Output"].label == "On"
        assert readings["Voltage"].value == pytest.approx(5.25, abs=0.01)
        assert readings["Current"].value == pytest.approx(0.0525, abs=0.001)
        assert readings["Error"].value == "No error"
        assert all(one.severity is Severity.NO_ALARM for one in readings.values())


@pytest.mark.parametrize(
    ("answer", "severity", "reason"),
    [
        ("9.9E37", Severity.MAJOR, "overflow"),
        ("9.91E37", Severity.INVALID, "no number"),
        ("+9.900000E+37", Severity.MAJOR, "overflow"),
        ("1.5mV", Severity.INVALID, "status mV"),
    ],
)
async def test_numbers_that_are_none_are_alarms(
    answer: str, severity: Severity, reason: str, tmp_path: Path
) -> None:
    keys: dict[str, Any] = {
        "simulator": {"rules": [{"ask": "MEAS:VOLT?", "answer": answer}]},
        "identity": None,
        "leave_out": ["[!V]*", "VoltageSet"],
        "read": [],
    }
    async with rig(tmp_path, model="scpi-supply", connection=TCP, **keys) as one:
        reading = (await one.read())["Voltage"]
        assert (reading.severity, reading.alarm.reason) == (severity, reason)


async def test_an_error_of_a_supply_is_shown(tmp_path: Path) -> None:
    async with rig(tmp_path, model="scpi-supply", connection=TCP) as one:
        await one.driver.exchange(Write("VoltageSet", 1000))
        readings = await one.read()
        assert readings["ErrorCode"].value == -222
        assert readings["Error"].value == "Data out of range"


async def test_a_late_answer_becomes_no_others(tmp_path: Path) -> None:
    keys = {"timeout": 0.2}
    async with rig(tmp_path, model="scpi-supply", connection=TCP, **keys) as one:
        await one.read()
        one.simulator.faults.late, one.simulator.faults.times = 0.3, 1
        for _ in range(4):
            await one.driver.exchange(Read(1))
        readings = await one.read()
        assert readings["VoltageSet"].value == 12.0
        assert readings["CurrentSet"].value == 1.0


async def test_a_refusal_is_said_in_words(tmp_path: Path) -> None:
    keys = {"channels": {"Unit": {"write": "UNI,{value:d}"}}}
    async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP, **keys) as one:
        await one.driver.exchange(Write("Unit", 1))
        assert one.variables["unit"] == 1
        one.simulator.faults.refuse, one.simulator.faults.times = True, 1
        with pytest.raises(OperationError):
            await one.driver.exchange(Write("Unit", 2))


MPOD = "snmp://192.168.1.6?community=public&write=guru"
MODULE = {"tables": {"outputs": {"index": ["0-7"]}}}


async def test_a_crate_is_read(tmp_path: Path) -> None:
    async with rig(tmp_path, model="wiener-mpod", connection=MPOD) as one:
        one.set({"u707VoltageSet": 100.0, "u707Switch": 1, "v707": 100.0})
        readings = await one.read()
        assert readings["u707Voltage"].value == pytest.approx(100, abs=0.1)
        assert readings["u707Current"].value == pytest.approx(1e-7, abs=1e-9)
        assert readings["u707Switch"].label == "On"
        assert readings["u707Status"].value == "on, constant voltage"
        assert readings["CrateStatus"].value == "main on, supply present"
        assert len(readings) == 2 + 64 * 9
        assert all(one.severity is Severity.NO_ALARM for one in readings.values())


async def test_a_crate_ramps_what_is_set(tmp_path: Path) -> None:
    async with rig(tmp_path, model="wiener-mpod", connection=MPOD, **MODULE) as one:
        await one.driver.exchange(Write("u3VoltageSet", 40.0))
        await one.driver.exchange(Write("u3RiseRate", 20.0))
        await one.driver.exchange(Write("u3Switch", 1))
        assert one.variables["u3Switch"] == 1
        for _ in range(21):
            one.simulator.play.advance(0.1)
        readings = await one.read()
        assert readings["u3VoltageSet"].value == 40
        assert readings["u3Voltage"].value == pytest.approx(40, abs=0.1)
        assert readings["u2Voltage"].value == pytest.approx(0, abs=0.1)


async def test_a_failure_of_an_output_is_an_alarm(tmp_path: Path) -> None:
    points = {"simulator": {"points": {"u1Status": "1 + 32 + 1024"}}}
    async with rig(
        tmp_path, model="wiener-mpod", connection=MPOD, **MODULE, **points
    ) as one:
        reading = (await one.read())["u1Status"]
        assert reading.value == "on, current too high, current limited"
        assert reading.severity is Severity.MAJOR
        assert reading.alarm.reason == "current too high, current limited"


ARDUINO: dict[str, Any] = {
    "model": "arduino-lines",
    "connection": "serial:///dev/ttyACM0?baud=115200",
    "settle_time": 0.05,
    "channels": {"T1": {"units": "degC"}, "T2": {"units": "degC"}},
    "simulator": {"stream_period": 0.02},
}


@pytest.mark.parametrize("connection", [ARDUINO["connection"], "tcp://192.168.1.5:23"])
async def test_lines_of_a_board_are_heard(connection: str, tmp_path: Path) -> None:
    async with rig(tmp_path, **ARDUINO | {"connection": connection}) as one:
        one.set({"T1": 31.5})
        await soon(lambda: _near(one, "T1", 31.5) and _near(one, "T2", 22.8), "values")


async def test_what_is_no_line_of_a_board_is_counted(tmp_path: Path) -> None:
    async with rig(tmp_path, **ARDUINO) as one:
        await soon(lambda: "T1" in one.readings, "a value")
        one.simulator.faults.garbage, one.simulator.faults.times = True, 2
        await soon(lambda: one.bad >= 2, "bad lines")
        one.set({"T1": 5.0})
        await soon(lambda: _near(one, "T1", 5.0), "a value")


async def test_a_serial_line_that_goes_is_a_loss(tmp_path: Path) -> None:
    keys = {"model": "scpi-supply", "connection": SERIAL, "timeout": 0.3}
    async with rig(tmp_path, **keys) as one:
        await one.read()
        one.losses_expected = True
        one.simulator.place.close()
        with pytest.raises(LinkError):
            await one.driver.exchange(Read(1))


async def test_a_supply_that_is_switched_off_and_on_is_read_again(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, model="scpi-supply", connection=TCP) as one:
        await one.read()
        one.losses_expected = True
        one.simulator.place.hang_up()
        await soon(lambda: not one.driver.is_open, "a loss")
        await one.driver.close()
        await one.driver.open()
        assert (await one.read())["VoltageSet"].value == 12.0


def _near(one: Rig, name: str, value: float) -> bool:
    reading = one.readings.get(name)
    return reading is not None and abs(float(reading.value) - value) < 1.0


FILE: dict[str, Any] = {
    "file": "logs/*.csv",
    "period": 0.05,
    "columns": {"time": "%Y-%m-%d %H:%M:%S.%f"},
    "channels": {"T1": {"low": 20, "high": 30}, "P": {"display": [0, 5]}},
    "simulator": {
        "stream_period": 0.02,
        "variables": {"T1": 25.0, "P": 2.0},
    },
}


@pytest.mark.parametrize(
    "columns",
    [
        FILE["columns"],
        {"time": "unix", "separator": "tab", "header": 2},
        {"time": "unix ms", "names": ["-", "P", "T1"], "separator": "semicolon"},
        {"time": ["YYYY/MM/DD", "HH:mm:ss"], "time_columns": [1, 2]},
        {"time": "%d.%m.%Y %H:%M:%S", "separator": ";", "decimal": ","},
        {"time": "unix", "alias": 2, "value": 3, "aliases": {"Temp 1": "T1"}},
        {"time": "unix", "slices": {"time": [1, 14], "T1": [15, 22], "P": [23, 30]}},
        {},
    ],
)
async def test_a_simulated_file_is_read(
    columns: dict[str, Any], tmp_path: Path
) -> None:
    keys = FILE | {"columns": columns, "positions": str(tmp_path)}
    async with rig(tmp_path, **keys) as one:
        await soon(lambda: _near(one, "T1", 25) and _near(one, "P", 2), "values")
        assert not one.bad
