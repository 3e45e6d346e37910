"""Modbus RTU in virtual time: late answers, dead units, noise, echo."""

from __future__ import annotations

import asyncio
import itertools
import random
import struct
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daqpv.errors import NoAnswerError, ProtocolError
from daqpv.instruments.driver import Fault, Raw, Read, Write
from daqpv.instruments.modbus.memory import Memory
from daqpv.instruments.modbus.place import Place, Table
from daqpv.instruments.modbus.plan import Limits
from daqpv.links.modbus.driver import ModbusDriver, Point, Ways
from daqpv.links.modbus.line import User
from daqpv.links.modbus.rtu import RtuLine
from daqpv.testing import run_virtual
from tests.support.modbus import MemoryWire


def memory(unit: int = 0) -> Memory:
    made = Memory()
    made.set(
        Table.HOLDING, 0, struct.pack(">50H", *range(1000 * unit, 1000 * unit + 50))
    )
    made.set(Table.COIL, 0, bytes((1, 0) * 25))
    return made


def driver_of(
    line: RtuLine, places: Mapping[str, object], *, unit: int = 1, **ways: object
) -> ModbusDriver:
    user = User(f"u{unit}", f"u{unit} at memory, unit {unit}", unit, 0.3)
    points = {name: Point(Place.model_validate(at)) for name, at in places.items()}
    return ModbusDriver(user, line, points, Ways(**ways))  # type: ignore[arg-type]


def read_one(name: str) -> Read:
    return Read(channels=frozenset({name}))


REGISTERS = {f"r{n}": {"holding": n} for n in range(20)}


@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([0.01, 0.5]))
@settings(max_examples=60)
def test_no_late_answer_is_ever_taken_for_that_of_another_register(
    seed: int, several: bool, silence: float
) -> None:
    """pymodbus 3.16 gives the neighbour's registers for good after one time-out."""
    chance = random.Random(seed)

    async def play() -> None:
        wire = MemoryWire({1: memory(), 2: memory(2)})
        wire.delay = lambda: chance.choice([0.01, 0.01, 0.2, 0.5, 2.0])
        line = RtuLine(wire, silence=silence)
        units = (1, 2) if several else (1,)
        drivers = [driver_of(line, REGISTERS, unit=n) for n in units]
        for driver in drivers:
            await driver.open()
        last = 0
        for turn in range(100):
            if turn >= 60:
                wire.delay = lambda: 0.0
                await asyncio.sleep(0.5)
            driver, number = drivers[turn % len(drivers)], turn % 20
            try:
                frame = await driver.exchange(read_one(f"r{number}"))
            except NoAnswerError:
                continue
            base = 2000 if turn % len(drivers) else 0
            assert frame.values == {f"r{number}": base + number}
            last = turn
        assert turn - last < 3, "it heals"
        for driver in drivers:
            await driver.close()

    run_virtual(play())


async def one_late(wire: MemoryWire, driver: ModbusDriver) -> None:
    wire.delay = lambda: 0.4  # the time-out is 0.3
    with pytest.raises(NoAnswerError, match=r"has not answered in 0\.3 s"):
        await driver.exchange(read_one("r1"))
    wire.delay = lambda: 0.0


def test_after_a_time_out_the_line_is_silent_and_the_late_answer_is_counted() -> None:
    async def play() -> None:
        wire = MemoryWire({1: memory()})
        driver = driver_of(RtuLine(wire, silence=0.5), REGISTERS)
        await driver.open()
        await one_late(wire, driver)
        before = asyncio.get_running_loop().time()
        frame = await driver.exchange(read_one("r2"))
        assert asyncio.get_running_loop().time() - before >= 0.6  # 0.5 after the answer
        assert frame.values == {"r2": 2}
        assert frame.late == 1
        assert (await driver.exchange(read_one("r3"))).late == 0

    run_virtual(play())


def test_an_answer_that_comes_after_the_silence_is_dropped() -> None:
    async def play() -> None:
        wire = MemoryWire({1: memory()})
        driver = driver_of(RtuLine(wire, silence=0.01), REGISTERS)
        await driver.open()
        await one_late(wire, driver)  # it comes 0.1 s from now, 0.09 s after the next
        frame = await driver.exchange(read_one("r2"))
        assert frame.values == {"r2": 2}
        assert len(wire.asked) == 3, "a probe, whose answer cannot be mistaken"
        assert frame.late == 1

    run_virtual(play())


def test_a_write_is_sent_once() -> None:
    async def play() -> None:
        wire = MemoryWire({})
        driver = driver_of(RtuLine(wire), REGISTERS, retries=3)
        await driver.open()
        with pytest.raises(NoAnswerError):
            await driver.exchange(Write("r1", 7))
        assert len(wire.asked) == 1
        with pytest.raises(NoAnswerError):
            await driver.exchange(read_one("r1"))
        assert len(wire.asked) == 5, "a read is repeated if the settings say so"

    run_virtual(play())


def test_a_dead_unit_does_not_stop_the_others_of_the_line() -> None:
    async def play() -> None:
        wire = MemoryWire({1: memory(), 2: memory(2)})
        line = RtuLine(wire)
        drivers = [driver_of(line, REGISTERS, unit=n) for n in (1, 2, 3)]
        for driver in drivers:
            await driver.open()
        for _ in range(5):
            found = await asyncio.gather(
                *(one.exchange(Read()) for one in drivers), return_exceptions=True
            )
            assert [getattr(one, "good", 0) for one in found] == [1, 1, 0]
            assert isinstance(found[2], NoAnswerError)
        assert all(driver.is_open for driver in drivers)

    run_virtual(play())


def test_a_cancelled_question_leaves_nothing_to_be_mistaken() -> None:
    async def play() -> None:
        wire = MemoryWire({1: memory()})
        driver = driver_of(RtuLine(wire, silence=0.01), REGISTERS)
        await driver.open()
        wire.delay = lambda: 0.25
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await driver.exchange(read_one("r1"))
        wire.delay = lambda: 0.0
        assert (await driver.exchange(read_one("r2"))).values == {"r2": 2}

    run_virtual(play())


def test_what_is_no_frame_is_said_with_its_bytes() -> None:
    async def play() -> None:
        wire = MemoryWire({})
        driver = driver_of(RtuLine(wire), REGISTERS)
        await driver.open()
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, lambda: wire.received(b"\xf7\x00\x3c"))
        with pytest.raises(ProtocolError, match="only f7 00 3c"):
            await driver.exchange(read_one("r1"))

    run_virtual(play())


def test_a_line_that_is_never_silent_is_said() -> None:
    async def play() -> None:
        wire = MemoryWire({})
        driver = driver_of(RtuLine(wire), REGISTERS)
        await driver.open()
        with pytest.raises(NoAnswerError):
            await driver.exchange(read_one("r1"))

        async def chatter() -> None:
            for _ in itertools.count():
                wire.received(bytes(1000))
                await asyncio.sleep(0.1)

        noise = asyncio.create_task(chatter())
        with pytest.raises(ProtocolError, match="never silent"):
            await driver.exchange(read_one("r1"))
        noise.cancel()

    run_virtual(play())


class Echoing(MemoryWire):
    """An adapter that gives back what is sent."""

    def write(self, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(lambda: self.received(data))
        super().write(data)


def test_the_echo_of_a_write_does_not_pass_for_its_answer() -> None:
    async def play() -> None:
        there, away = Echoing({1: memory()}), Echoing({})
        driver = driver_of(RtuLine(there, echo=True), REGISTERS)
        await driver.open()
        await driver.exchange(Write("r1", 7))
        assert (await driver.exchange(read_one("r1"))).values == {"r1": 7}
        driver = driver_of(RtuLine(away, echo=True), REGISTERS)
        await driver.open()
        with pytest.raises(ProtocolError, match="Is the unit on"):
            await driver.exchange(Write("r1", 7))

    run_virtual(play())


class Spoilt(Echoing):
    """An echo that has met other bytes on the line."""

    def write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: self.received(data[:-1] + b"!"))
        MemoryWire.write(self, data)


def test_after_a_wrong_echo_no_answer_counts() -> None:
    async def play() -> None:
        driver = driver_of(RtuLine(Spoilt({1: memory()}), echo=True), REGISTERS)
        await driver.open()
        with pytest.raises(ProtocolError, match="really give back what is sent"):
            await driver.exchange(read_one("r1"))

    run_virtual(play())


def values_of(frame_values: Mapping[str, Raw]) -> tuple[list[str], list[str]]:
    faults = [name for name, one in frame_values.items() if isinstance(one, Fault)]
    return sorted(faults), sorted(frame_values.keys() - set(faults))


@given(st.sets(st.integers(0, 49)), st.integers(0, 10), st.booleans())
@settings(max_examples=60)
def test_only_channels_of_missing_registers_are_faults(
    missing: set[int], gap: int, heals: bool
) -> None:
    async def play() -> None:
        device = memory()
        wire = MemoryWire({1: device})
        for number in missing:
            del device.tables[Table.HOLDING][number]
        places = {f"r{n}": {"holding": n} for n in range(0, 50, 2 if gap else 1)}
        limits = Limits(gap=gap)
        driver = driver_of(RtuLine(wire), places, limits=limits)
        await driver.open()
        gone = sorted(places.keys() & {f"r{n}" for n in missing})
        for _ in range(3):
            wire.asked.clear()
            frame = await driver.exchange(Read())
            assert values_of(frame.values) == (gone, sorted(places.keys() - set(gone)))
        if not gap:
            assert len(wire.asked) <= 2 * len(gone) + 1, "as few as there can be"
        if heals:
            device.set(Table.HOLDING, 0, bytes(100))
            await driver.exchange(Read())
            frame = await driver.exchange(Read())
            assert values_of(frame.values)[0] == []

    run_virtual(play())


class Modest(Memory):
    """A device that gives 16 registers at most."""

    def get(self, table: Table, first: int, count: int) -> bytes:
        return super().get(table, first if count <= 16 else 60000, count)


def test_a_device_that_gives_few_registers_at_once_is_read_in_smaller_blocks() -> None:
    async def play() -> None:
        device = Modest()
        device.set(Table.HOLDING, 0, bytes(100))
        wire = MemoryWire({1: device})
        places = {f"r{n}": {"holding": n} for n in range(50)}
        driver = driver_of(RtuLine(wire), places)
        await driver.open()
        for _ in range(3):
            wire.asked.clear()
            frame = await driver.exchange(Read())
            assert values_of(frame.values)[0] == []
        assert len(wire.asked) <= 4

    run_virtual(play())
