"""IOC processes, and a client that counts whether it gets every event just once."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.support import forks
from tests.support.leftovers import STAYING
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE, until

IOC = Path(__file__).parents[1] / "integration" / "serve_ioc.py"

HEADER = struct.Struct(">HHHHII")
TIME_DOUBLE = 20
EVENT = np.dtype(
    [
        *(("command", ">u2"), ("size", ">u2"), ("dbr", ">u2"), ("count", ">u2")),
        *(("status", ">u4"), ("key", ">u4"), ("alarm", ">u4"), ("stamp", ">u8")),
        *(("pad", ">u4"), ("value", ">f8")),
    ]
)


class Ioc:
    """An IOC process, and how clients reach it."""

    def __init__(
        self,
        *arguments: str,
        prefix: str = "",
        files: tuple[int, int] | None = None,
    ) -> None:
        self.prefix = prefix or f"T{secrets.token_hex(3)}:"
        self.arguments = arguments
        self.port = free_port()
        self._files = files
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115, open until `stop`
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        self.process = forks.Process(
            [sys.executable, str(IOC), self.prefix, *self.arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        STAYING.add(self.process.pid)  # a test may start that of its module again
        if self._files is not None:
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, self._files)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("ready"), self.said
        return self.process

    @property
    def environ(self) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("EPICS_")}
        return plain | {
            "EPICS_CA_ADDR_LIST": "127.0.0.1",
            "EPICS_CA_AUTO_ADDR_LIST": "NO",
            "EPICS_CA_SERVER_PORT": str(self.port),
            "EPICS_CA_REPEATER_PORT": str(REPEATER_PORT),
            "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        }

    def client(self, code: str, **environ: str) -> Any:
        """Run `code` in a process; what it gives to `tell` comes back."""
        done = forks.run(
            [sys.executable, "-c", self.script(code)],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    def script(self, code: str) -> str:
        """`code` with what clients need before it."""
        return f"{PREAMBLE}\nP = {self.prefix!r}\n{textwrap.dedent(code)}"

    @property
    def said(self) -> str:
        """What it wrote to stderr."""
        self._said.seek(0)
        return self._said.read()

    @property
    def memory(self) -> float:
        """What it holds now [MB]."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize() / 1e6

    @property
    def files(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait_for_files(self, number: int) -> None:
        """Wait until no more are open than `number`: all clients have left."""
        until(lambda: self.files <= number, f"{number} open files")

    @property
    def address(self) -> tuple[str, int]:
        """Where it answers, over TCP and UDP."""
        return "127.0.0.1", self.port

    def connect(self) -> socket.socket:
        """A circuit on which nothing has been said."""
        return socket.create_connection(self.address, DEADLINE)

    def watch(self, count: int) -> contextlib.AbstractContextManager[Watcher]:
        """Follow the counters M0 ... until the end of the context, then count."""
        return watching(self, count)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> None:
        self.kill()
        self._said.close()


PREAMBLE = f"""
import json, time

def tell(what):
    print(json.dumps(what), flush=True)

def until(condition, poll=None):
    # pyepics subscribes in a thread of libca's, after it has called the PV connected,
    # and that thread sends nothing: what was asked there waits for the next poll
    if poll is None:
        from epics.ca import poll
    end = time.monotonic() + {DEADLINE - 5}
    while not condition():
        assert time.monotonic() < end, "not in time"
        poll(evt=0.005)
"""


REPEATER_PORT = free_port()


def message(command: int, *header: int, payload: bytes = b"") -> bytes:
    """A request: its type, count and two parameters, each 0 if not given."""
    payload += bytes(-len(payload) % 8)
    dbr, count, p1, p2 = (*header, 0, 0, 0, 0)[:4]
    return HEADER.pack(command, len(payload), dbr, count, p1, p2) + payload


def following(*names: str, first: int = 0) -> bytes:
    """The first requests of a client that connects to PVs and follows them.

    Channel ids of a circuit are given from 1 on, in the order of the requests.
    """
    hello = message(0, 0, 13)
    channels = [
        message(18, 0, 0, cid, 13, payload=name.encode() + b"\0")
        for cid, name in enumerate(names, first)
    ]
    wish = struct.pack(">fffHH", 0, 0, 0, 5, 0)
    subscriptions = [
        message(1, TIME_DOUBLE, 1, sid, sid, payload=wish)
        for sid in range(1, len(names) + 1)
    ]
    return hello + b"".join(channels) + b"".join(subscriptions)


class Watcher(threading.Thread):
    """A client that follows counters which rise by one, and looks at each event."""

    def __init__(self, ioc: Ioc, count: int) -> None:
        super().__init__(daemon=True)
        self._count = count
        self._received = bytearray()
        self._ended = threading.Event()
        self._socket = ioc.connect()
        self._socket.settimeout(0.05)
        self._socket.sendall(following(*(f"{ioc.prefix}M{i}" for i in range(count))))
        self.start()
        until(lambda: len(self.events()) >= count, "the first events")

    def run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                if not (data := self._socket.recv(1 << 20)):
                    break
                self._received += data

    def events(self) -> Any:
        """All events so far; they begin behind the answers to the first requests."""
        data = bytes(self._received)
        start = 16 + 32 * self._count  # the server's version; rights and channels
        whole = max(0, len(data) - start) // EVENT.itemsize
        return np.frombuffer(data, EVENT, whole, start) if whole else np.empty(0, EVENT)

    def wait_for(self, turns: int) -> None:
        """Wait until every counter has been told of `turns` more times."""
        goal = len(self.events()) + turns * self._count
        until(lambda: len(self.events()) >= goal, f"{turns} turns of all counters")

    def check(self) -> None:
        """That no event is lost, comes twice, or comes late."""
        self._ended.set()
        self.join(DEADLINE)
        self._socket.close()
        events = self.events()
        assert set(events["command"]) == {1}
        for key in range(1, self._count + 1):
            values = events["value"][events["key"] == key]
            assert len(values) > 1
            assert set(np.diff(values)) == {1.0}, f"M{key - 1}: {values.tolist()}"


@contextlib.contextmanager
def watching(ioc: Ioc, count: int) -> Iterator[Watcher]:
    """Follow counters; at the end not one event may be missing."""
    watcher = Watcher(ioc, count)
    yield watcher
    watcher.wait_for(2)
    watcher.check()


@contextlib.contextmanager
def making() -> Iterator[Callable[..., Ioc]]:
    """Make IOCs; at the end all are stopped."""
    made: list[Ioc] = []

    def make(*arguments: str, **options: Any) -> Ioc:
        made.append(Ioc(*arguments, **options))
        return made[-1]

    try:
        yield make
    finally:
        for ioc in made:
            ioc.stop()
