"""When it was what another process says: its clock may be wrong, and it may be away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from daqpv.core import Events, Status
from daqpv.core.alarm import Severity
from daqpv.ecc import EccState
from daqpv.iocs.ecc import EccGroup
from daqpv.links.ca.channel import EPICS_EPOCH, Form, Update
from daqpv.links.ca.remote import RemoteServer
from daqpv.serve.groups.shown_fields import shown_fields
from daqpv.system import System, SystemState
from daqpv.system.settings import SystemSettings

SHOWN = shown_fields(EccGroup)
HOUR = 3600.0  # [s]
VALUES: dict[str, Any] = {
    "State": EccState.IDLE,
    "Online": 1,
    "Enable": 1,
    "Role": "all",
}


class Pv:
    """A channel of the process that serves CoBo0."""

    def __init__(self, name: str, connected: Callable[[bool], None]) -> None:
        self.signal = name.rpartition(":")[2]
        self.connected = connected
        self.show: Callable[[Update], None] | None = None
        self.form = Form.INTEGER

    def follow(self, form: Form, show: Callable[[Update], None]) -> None:
        self.form, self.show = form, show

    def search(self) -> None:
        """It is found when the process comes."""

    def close(self) -> None:
        self.show = None


class Elsewhere:
    """The process that serves CoBo0, and the network to it.

    Attributes:
        ahead: by how much its clock is ahead of ours [s].
    """

    def __init__(self) -> None:
        self.pvs: list[Pv] = []
        self.ahead = 0.0

    def channel(self, name: str, connected: Callable[[bool], None]) -> Pv:
        self.pvs.append(Pv(name, connected))
        return self.pvs[-1]

    def _pv(self, signal: str) -> Pv:
        return next(pv for pv in reversed(self.pvs) if pv.signal == signal)

    def connect(self, *, at: float | None = None) -> None:
        self._pv("State").connected(True)
        for button in ("Command", "Abort"):
            self._pv(button).connected(True)
        self.tell(at=at, **{pv.signal: None for pv in self.pvs if pv.show})

    def cut(self) -> None:
        self._pv("State").connected(False)

    def tell(self, *, at: float | None = None, **values: Any) -> None:
        """Send monitors with one stamp, by its clock."""
        stamp = (time.time() if at is None else at) + self.ahead
        seconds, rest = divmod(stamp - EPICS_EPOCH, 1)
        sent = int(seconds), int(rest * 1e9)
        for signal, value in values.items():
            pv = self._pv(signal)
            assert pv.show is not None
            blank: Any = "" if pv.form in (Form.TEXT, Form.LONG_TEXT) else 0
            given = VALUES.get(signal, blank) if value is None else value
            pv.show(Update(given, Severity.NO_ALARM, Status.NO_ALARM, sent))


@pytest.fixture
async def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
async def system(elsewhere: Elsewhere) -> AsyncIterator[System]:
    """The system of this process: CoBo0, which another one serves."""
    client: Any = elsewhere
    remote = RemoteServer("CoBo0", "E:ECC:CoBo0:", client, SHOWN, events=Events())
    system = System((remote,), table=SystemSettings().table(), events=Events())
    tasks = [asyncio.ensure_future(device.run()) for device in (remote, system)]
    await asyncio.sleep(0)
    yield system
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def is_in(state: SystemState) -> Callable[[Any], bool]:
    return lambda now: now.state is state


async def seen(system: System, condition: Callable[[Any], bool]) -> float:
    """The stamp of the first snapshot of the system that fulfils `condition`."""
    found: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def show(snapshot: Any, _: Any) -> None:
        if condition(snapshot) and not found.done():
            found.set_result(snapshot.time)

    system.watch(show)
    async with asyncio.timeout(10):
        return await found


@pytest.mark.parametrize("ahead", [-HOUR, -0.5, 0.0, 0.5, HOUR])
async def test_a_clock_that_is_wrong_freezes_no_stamp_of_the_system(
    elsewhere: Elsewhere, system: System, ahead: float
) -> None:
    elsewhere.ahead = ahead
    elsewhere.connect()
    await seen(system, is_in(SystemState.IDLE))
    stamps = []
    for state in (EccState.DESCRIBED, EccState.PREPARED, EccState.READY):
        before = time.time()
        elsewhere.tell(State=state)
        stamp = await seen(system, is_in(SystemState(state)))
        assert before - 0.51 <= stamp <= time.time() + 1.0
        stamps.append(stamp)
    assert stamps == sorted(set(stamps))


async def test_the_end_of_a_loss_is_stamped_with_its_time(
    elsewhere: Elsewhere, system: System
) -> None:
    """What comes after a cut carries the stamp of the last change, from before it."""
    began = time.time()
    elsewhere.connect()
    await seen(system, lambda now: now.online)
    elsewhere.cut()
    lost = await seen(system, lambda now: not now.online)
    await asyncio.sleep(0.2)  # what is measured here: the length of the loss
    elsewhere.connect(at=began)
    back = await seen(system, lambda now: now.online)
    assert back - lost >= 0.2


async def test_a_value_that_is_none_of_ours_is_left_out(
    elsewhere: Elsewhere, system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """A process of another version may have roles and states of its own."""
    elsewhere.connect()
    await seen(system, is_in(SystemState.IDLE))
    elsewhere.tell(Role="", State=99)
    elsewhere.tell(State=EccState.DESCRIBED)
    await seen(system, is_in(SystemState.DESCRIBED))
    assert "E:ECC:CoBo0:Role: '' is not a value of this PV" in caplog.text
    assert "E:ECC:CoBo0:State: 99 is not a value" in caplog.text
