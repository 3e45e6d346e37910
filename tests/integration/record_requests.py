"""Record what real clients send to the PV server: python record_requests.py.

A proxy stands between clients and `serve_ioc.py`. What clients send goes to
`tests/data/ca_requests.txt`, a message a line: the client, "tcp" or "udp" with the
number of the circuit or datagram, and the bytes in hexadecimal. The server's channel
ids count from 1 in each circuit, so that a circuit can be sent again as it stands.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import struct
import sys
from pathlib import Path
from typing import cast

from tests.support.ports import free_port

HERE = Path(__file__).parent
FILE = HERE.parent / "data" / "ca_requests.txt"
PREFIX = "REC:"
IOC = [sys.executable, str(HERE / "serve_ioc.py"), PREFIX, "200", "5"]
SEARCH, CLIENT_NAME, HOST_NAME = 6, 20, 21
HEADER = struct.Struct(">HHHHII")
ANONYMOUS = {
    CLIENT_NAME: HEADER.pack(CLIENT_NAME, 8, 0, 0, 0, 0) + b"shift\0\0\0",
    HOST_NAME: HEADER.pack(HOST_NAME, 8, 0, 0, 0, 0) + b"console\0",
}

CLIENTS = {
    "pyepics": """
import epics, time
from epics import ca
P = "REC:"
names = "Valve Valve_RBV LastBy Flow Limit Slow Message Note Title Wave Names".split()
pvs = [epics.PV(P + name, auto_monitor=True, callback=lambda **k: None, form=form)
       for name, form in zip(names, ["time", "ctrl", "native", "time"] * 3)]
for pv in pvs: assert pv.wait_for_connection(10)
for pv in pvs: pv.get_ctrlvars(timeout=5); pv.get(use_monitor=False)
fields = "DESC EGU PREC RTYP NAME$ HIHI.VAL SEVR STAT AMSG TIME SCAN DISP".split()
for field in fields: epics.caget(P + "Flow." + field, timeout=0.3)
epics.caput(P + "Valve", "Open", wait=True, timeout=5)
epics.caput(P + "Valve", 0, wait=True, timeout=5)
epics.caput(P + "Valve", 7, wait=True, timeout=5)
for value in (1.5, 2, "3", 99.0, "text"):
    try: epics.caput(P + "Limit", value, wait=True, timeout=5)
    except Exception: pass
epics.caput(P + "Wave", [1.0, 2.0, 3.0] * 10, wait=True, timeout=5)
epics.caput(P + "Note", "a note", wait=True, timeout=5)
epics.caput(P + "Title", "a title")
chid = ca.create_channel(P + "M101")
ca.connect_channel(chid, timeout=5)
for kind in range(35):
    try: ca.get(chid, ftype=kind, timeout=0.2)
    except Exception: pass
subscription = ca.create_subscription(chid, mask=7, use_ctrl=True)
ca.poll(evt=0.3)
ca.clear_subscription(subscription[2])
ca.clear_channel(chid)
for pv in pvs: pv.disconnect()
ca.poll(evt=0.3)
""",
    "aioca": """
import asyncio, aioca
P = "REC:"
async def main():
    names = [P + "M%d" % n for n in range(100, 120)]
    told = [asyncio.Event() for _ in names]
    monitors = aioca.camonitor(names, lambda value, n: told[n].set(),
                               format=aioca.FORMAT_TIME,
                               events=aioca.DBE_VALUE | aioca.DBE_ALARM)
    await aioca.caget(names, format=aioca.FORMAT_CTRL)
    await aioca.caput([P + "Limit", P + "Valve"], [4.0, 1], wait=True)
    await aioca.caput(P + "Note", "text " * 30, datatype=aioca.DBR_CHAR_STR, wait=True)
    await aioca.caget(P + "Note", datatype=aioca.DBR_CHAR_STR)
    await aioca.caput(P + "Names", ["a", "b"], wait=True)
    await aioca.connect([P + "Flow.DESC", P + "Title"])
    for one in told: await asyncio.wait_for(one.wait(), 10)
    for monitor in monitors: monitor.close()
    await aioca.caget(P + "Flow")  # behind what was said until now
asyncio.run(main())
""",
    "nameserver": """
import epics, os
print(epics.caget("REC:Flow", timeout=10), epics.caget("REC:Valve", timeout=10))
""",
    "caproto": """
import threading
from caproto.sync.client import read, subscribe, write
P = "REC:"
read(P + "Flow", data_type="control", timeout=5, repeater=False)
write(P + "Limit", 4.5, notify=True, timeout=5, repeater=False)
write(P + "Wave", [1.0, 2.0], notify=False, timeout=5, repeater=False)
from caproto.threading.client import Context
context = Context()
pvs = context.get_pvs(P + "Valve", P + "M102", P + "Title")
for pv in pvs: pv.wait_for_connection(timeout=5)
sub = pvs[1].subscribe(data_type="time")
told = threading.Event()
def tell(*a): told.set()  # by a name: caproto keeps it weakly
sub.add_callback(tell)
pvs[2].write("a title", wait=True, timeout=5)
assert told.wait(10)
sub.clear()
pvs[0].go_idle()
context.disconnect()
""",
}


class Proxy:
    """Passes all on to the server, and keeps what clients say."""

    def __init__(self, server: int) -> None:
        self.lines: list[str] = []
        self.client = ""
        self.port = 0
        self._server = server
        self._circuits = itertools.count()
        self._datagrams = itertools.count()
        self._open: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen on one port, TCP and UDP."""
        listener = await asyncio.start_server(self._circuit, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(self), local_addr=("127.0.0.1", self.port)
        )

    async def closed(self) -> None:
        """Wait until all circuits are over, and written down."""
        while self._open:
            await asyncio.wait(self._open)

    def keep(self, data: bytes, place: str) -> None:
        """Write down the messages of `data`, a line each."""
        while data:
            command, size, *_ = HEADER.unpack_from(data)
            size += HEADER.size
            one = ANONYMOUS.get(command, data[:size])
            self.lines.append(f"{self.client} {place} {one.hex()}")
            data = data[size:]

    def searched(self, data: bytes) -> None:
        """Write down a datagram."""
        self.keep(data, f"udp{next(self._datagrams)}")

    def ours(self, data: bytes) -> bytes:
        """Answers of the server, which say that the server is here."""
        changed = bytearray(data)
        i = 0
        while i < len(data):
            command, size, *_ = HEADER.unpack_from(data, i)
            if command == SEARCH:
                changed[i + 4 : i + 6] = self.port.to_bytes(2, "big")
            i += HEADER.size + size
        return bytes(changed)

    async def _circuit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._server)
        place = f"tcp{next(self._circuits)}"
        said = bytearray()

        async def there() -> None:
            while data := await reader.read(65536):
                said.extend(data)
                outer.write(data)
            outer.close()

        async def back() -> None:
            while data := await inner.read(65536):
                found = len(data) >= 8 and data[:2] == b"\0\6"  # a name server answers
                writer.write(self.ours(data) if found else data)
            writer.close()

        with contextlib.suppress(ConnectionError):
            await asyncio.gather(there(), back())
        self.keep(bytes(said), place)


class Datagrams(asyncio.DatagramProtocol):
    """Searches, each passed on from a socket of its own."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass it on, and the answer back if there is one soon."""
        self._proxy.searched(data)
        with socket.socket(type=socket.SOCK_DGRAM) as onward:
            onward.settimeout(0.02)
            onward.sendto(data, ("127.0.0.1", self._proxy._server))
            with contextlib.suppress(TimeoutError):
                while True:
                    answer = onward.recv(65536)
                    self._transport.sendto(self._proxy.ours(answer), addr)


def environ(port: int, **more: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("EPICS_")}
    names = ("CA_SERVER_PORT", "CAS_SERVER_PORT")
    return plain | {f"EPICS_{name}": str(port) for name in names} | more


async def main() -> None:
    """Let all clients do what they can, and write down what they said."""
    loopback = {
        "EPICS_CA_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
    }
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *IOC, env=environ(port, **loopback), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    await server.stdout.readline()
    proxy = Proxy(port)
    await proxy.open()
    for proxy.client, script in CLIENTS.items():
        more = dict(loopback)
        if proxy.client == "nameserver":
            more |= {
                "EPICS_CA_ADDR_LIST": "",
                "EPICS_CA_NAME_SERVERS": f"127.0.0.1:{proxy.port}",
            }
        client = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script), env=environ(proxy.port, **more)
        )
        await asyncio.wait_for(client.wait(), 60)
        await proxy.closed()
    server.kill()
    await server.wait()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("\n".join(proxy.lines) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
