"""The way of a put: from the circuit to the device's command, each room once."""

from __future__ import annotations

import struct
import sys
from collections.abc import Awaitable, Callable
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import daqpv
from daqpv.core import Device, DeviceSnapshot, Events
from daqpv.iocs.device import command
from daqpv.serve import Group, ao, longout, mbbo, string
from tests.support.memory import Served, turns

ROOT = Path(daqpv.__file__).parent.resolve()
FILES = 8  # the most that one has to open to follow a put to the group's command


class Trace:
    """The files of daqpv that calls enter, in their order."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def start(self) -> None:
        sys.setprofile(self._enter)

    def stop(self) -> None:
        sys.setprofile(None)

    def _enter(self, frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename).resolve()
        if event == "call":
            inside = path.is_relative_to(ROOT)
            own = ROOT.parent / "iocs"  # an editable install has a link to it
            if inside or path.is_relative_to(own):
                base = ROOT if inside else ROOT.parent
                self.entered.append(path.relative_to(base).as_posix())

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(self.entered))

    @property
    def rooms(self) -> list[str]:
        """The folders in the order in which calls went from one into the next."""
        folders = (file.rpartition("/")[0] for file in self.entered)
        return [room for room, _ in groupby(folders)]


begun, ran = Trace(), Trace()
"""The put until the group's command; its task until the device's."""


class Valve(Device[DeviceSnapshot]):
    def __init__(self) -> None:
        super().__init__("valve", DeviceSnapshot(), events=Events())
        self.done: list[Any] = []

    async def move(self, value: Any) -> None:
        ran.stop()
        self.done.append(value)


def move(group: ValveGroup, value: Any) -> Any:
    begun.stop()
    return _go_on(command(Valve.move), group, value)


async def _go_on(
    put: Callable[[Any, Any], Awaitable[None]], group: ValveGroup, value: Any
) -> None:
    ran.start()
    await put(group, value)


class ValveGroup(Group[Valve]):
    free = ao("Free", put=move)
    level = ao("Level", drive=(0, 10), put=move)
    steps = longout("Steps", put=move)
    mode = mbbo("Mode", ("Manual", "Auto"), put=move)
    title = string("Title", put=move)


@pytest.mark.parametrize(
    ("name", "dbr", "payload", "value"),
    [
        ("Free", 6, struct.pack(">d", 2.5), 2.5),
        ("Level", 2, struct.pack(">f", 2.5), 2.5),
        ("Steps", 5, struct.pack(">i", 7), 7),
        ("Mode", 0, b"Auto".ljust(40, b"\0"), 1),
        ("Title", 0, b"gas".ljust(40, b"\0"), "gas"),
    ],
)
async def test_a_put_goes_through_few_files_and_enters_no_room_twice(
    name: str, dbr: int, payload: bytes, value: Any
) -> None:
    begun.entered.clear()
    ran.entered.clear()
    valve = Valve()
    served = Served(ValveGroup("V:", valve))
    client = served.connect()
    sid = client.create(f"V:{name}")
    begun.start()
    try:
        client.send(19, dbr, 1, sid, 99, payload)
        await turns(lambda: valve.done)
    finally:
        sys.setprofile(None)
    assert valve.done == [value]
    assert begun.files[0] == "serve/ca/circuit.py"
    assert begun.files[-1] == "serve/groups/declaration.py"
    assert len(begun.files) <= FILES, begun.files
    assert len(begun.rooms) == len(set(begun.rooms)), begun.rooms
    assert ran.files == ["iocs/device.py"]
    await turns(
        lambda: (19, 1, 99) in [(m.command, m.p1, m.p2) for m in client.received()]
    )
    await served.desk.tasks.close()
