"""Instruments in a thread of their own, beside tests that wait for a client."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.experiment import Client, Lab
from tests.support.talker import Answer, Device, Pty
from tests.support.waiting import DEADLINE

T = TypeVar("T")


BROKEN = '''
"""A driver of somebody else, whose code fails."""

from daqpv.instruments.driver import DriverKind, Frame


class Broken:
    polls = True
    is_open = False

    def __init__(self, name, settings):
        self.who = name
        self.at = settings.connection.partition("//")[2]

    async def open(self):
        if self.at == "open":
            raise KeyError("no such port")
        self.is_open = True

    async def exchange(self, request):
        if self.at == "exchange":
            raise ZeroDivisionError("a bug")
        return {"none": Frame(values={"p": object()}), "nothing": None}[self.at]

    def listen(self, listener):
        pass

    async def close(self):
        self.is_open = False


def make(name, settings, site):
    if settings.connection.endswith("make"):
        raise AttributeError("a bug of make")
    return Broken(name, settings)


KIND = DriverKind("broken", make)
'''


class Ground:
    """Instruments on TCP and on pseudo terminals; they run until the end of the block.

    What they are told to do, such as to hang up, is told by `call`.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()
        self._unplugged: dict[Device, AsyncExitStack] = {}

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` there, and wait for its end."""
        running = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return running.result(DEADLINE)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function there, and wait for its end."""

        async def called() -> T:
            return function(*arguments)

        return self.run(called())

    def later(self, delay: float, function: Callable[..., object], *args: Any) -> None:
        """Call a function there after a time [s]; from there only."""
        self._loop.call_later(delay, function, *args)

    def device(self, answer: Answer, *, greeting: bytes = b"") -> Device:
        """An instrument on TCP that is switched on; lines end with a line feed."""
        device = Device(answer, end=b"\n")
        device.greeting = greeting
        self.plug(device)
        return device

    def plug(self, device: Device) -> None:
        """Switch an instrument on."""
        stack = AsyncExitStack()
        self.run(stack.enter_async_context(device.listening()))
        self._unplugged[device] = stack
        self._stack.push_async_exit(stack)

    def unplug(self, device: Device) -> None:
        """Switch it off: its connections end, and nobody listens any more."""
        self.run(self._unplugged.pop(device).aclose())

    def pty(self, path: Path, answer: Answer) -> Pty:
        """An instrument on a serial line."""
        pty = Pty(path, answer, end=b"\n")
        self.call(self._stack.enter_context, pty)
        return pty

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()


def serve(lab: Lab, instruments: Mapping[str, Any], **environ: str) -> None:
    """Serve `instruments`, and nothing else; they are what the file has."""
    write(lab, instruments)
    lab.serve(**environ)


def write(lab: Lab, instruments: Mapping[str, Any], **more: Any) -> None:
    """Write the experiment file of `instruments`."""
    text = {
        "experiment": "exp",
        "prefix": lab.prefix,
        "store": "none",
        **more,
        "instruments": dict(instruments),
    }
    lab.file.write_text(json.dumps(text))  # JSON is YAML, too


def instrument(lab: Lab, name: str) -> Client:
    """A client of one instrument."""
    return lab.client(name, "Inst")


def broken_driver(folder: Path) -> str:
    """Install lab-broken 0.1, as pip leaves it; returns the folder."""
    folder.mkdir()
    (folder / "lab_broken.py").write_text(BROKEN)
    info = folder / "lab_broken-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lab-broken\nVersion: 0.1\n"
    )
    (info / "entry_points.txt").write_text(
        "[daqpv.drivers]\nbroken = lab_broken:KIND\ntorn = nowhere:KIND\n"
    )
    return str(folder)
