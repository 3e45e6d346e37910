"""A whole daqpv process: what blocks its loop is an event, and its PVs show it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import socket
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daqpv.app import App
from daqpv.config import installed_kinds, load
from daqpv.core import Event, Events, EventSeverity
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE, soon


class Site:
    """A process that serves an experiment whose only ECC server is off."""

    def __init__(self, folder: Path) -> None:
        self.prefix = f"T{secrets.token_hex(3)}:"
        file = folder / "lab.yaml"
        file.write_text(
            f"experiment: exp\nprefix: '{self.prefix}'\n"
            f"ecc: {{CoBo0: {{url: 'http://127.0.0.1:{free_port()}/'}}}}\n"
        )
        self.events: list[Event] = []
        events = Events()
        events.add(self.events.append)
        kinds = installed_kinds().kinds
        self.app = App(load(file, kinds), kinds, events)
        self.ready = asyncio.Event()

    async def run(self) -> None:
        await self.app.run(lambda port: self.ready.set())

    async def client(self, code: str) -> Any:
        """What `code`, run in a process with libca, gives to tell()."""
        head = "import json\nimport daqpv.links.ca.pv, epics\n"
        head += f"P = {self.prefix!r} + 'IOC:main:'\n"
        head += "tell = lambda x: print(json.dumps(x))\n"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", head + textwrap.dedent(code)),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE):
            told, _ = await process.communicate()
        assert process.returncode == 0
        return json.loads(told)

    async def blocks(self) -> list[Event]:
        """The events of blocks, once there is one."""
        await soon(lambda: self._blocks, "a block of the loop")
        return self._blocks

    @property
    def _blocks(self) -> list[Event]:
        return [event for event in self.events if event.name == "loop blocked"]


@pytest.fixture
async def site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeater: int
) -> AsyncIterator[Site]:
    port = str(free_port())
    environ = {
        "EPICS_CA_ADDR_LIST": f"127.0.0.1:{port}",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_REPEATER_PORT": str(repeater),
        "EPICS_CAS_SERVER_PORT": port,
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    site = Site(tmp_path)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(site.run())
        async with asyncio.timeout(DEADLINE):
            await site.ready.wait()
        yield site
        running.cancel()


def read_a_hung_disk() -> None:
    time.sleep(0.4)


def read_another_disk() -> None:
    time.sleep(1.3)


async def test_a_blocking_call_is_an_event_and_shows_in_loop_delay(site: Site) -> None:
    delays: list[float] = []
    process = site.app.devices[-1]
    process.watch(lambda snapshot, changed: delays.append(snapshot.loop_delay))

    async def poll() -> None:
        read_a_hung_disk()

    await asyncio.create_task(poll(), name="CoBo7")
    (event,) = await site.blocks()
    assert event.severity is EventSeverity.INFORMATION
    assert event.device == f"{site.prefix}IOC:main"
    place = "tests/integration/test_loop_watch.py:"
    told = re.match(
        r"Clients waited (\d+) ms for an answer: daqpv was busy in "
        rf"{place}\d+ read_a_hung_disk \(task CoBo7\)",
        event.text,
    )
    assert told
    called = rf"{place}\d+ read_a_hung_disk < {place}\d+ poll"
    assert re.match(called, str(event.fields["where"]))
    assert int(told[1]) > 200  # a stalled watchdog begins to count late
    await soon(lambda: max(delays) > 0.2, "a delay")


async def test_limits_that_the_figures_pass_are_kept_aside(site: Site) -> None:
    process = site.app.devices[-1]
    process.change(replace(process.snapshot, loop_delay=0.0, system_load=0.0))
    process.change(replace(process.snapshot, loop_delay=0.4, system_load=99.0))
    alarms = [event for event in site.events if event.name == "alarm"]
    told = {str(event.fields["pv"]).rpartition(":")[2] for event in alarms}
    assert told >= {"LoopDelay", "SYS_CPU_LOAD"}
    assert all(event.is_aside for event in alarms)


async def test_one_culprit_is_one_event(site: Site) -> None:
    for _ in range(4):
        asyncio.get_running_loop().call_soon(read_a_hung_disk)
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(read_another_disk)  # it is told after them
    await soon(
        lambda: any("another_disk" in one.text for one in site._blocks),
        "the block by another disk",
    )
    one, other = await site.blocks()
    assert "read_a_hung_disk" in one.text
    assert "read_another_disk" in other.text


async def test_the_figures_read_as_those_of_dev_ioc_stats(site: Site) -> None:
    names = [
        *("HEARTBEAT", "UPTIME", "STARTTOD", "TOD", "CA_CLNT_CNT", "CA_CONN_CNT"),
        *("RECORD_CNT", "FD_CNT", "SYS_CPU_LOAD", "IOC_CPU_LOAD", "MEM_USED"),
        *("HOSTNAME", "PROCESS_ID", "EPICS_VERS", "LoopDelay", "Simulated"),
    ]
    told = await site.client(f"""
        found = {{}}
        for name in {names}:
            pv = epics.PV(P + name, form="ctrl")
            assert pv.wait_for_connection(10), name
            if name == "SYS_CPU_LOAD":  # the second reading has them all
                beats = epics.PV(P + "HEARTBEAT")
                while beats.get() < 2: epics.poll(0.05)
            pv.get_ctrlvars()
            found[name] = [pv.type, pv.get(), pv.units, pv.upper_disp_limit]
        tell(found)
    """)
    types = {name: kind.rpartition("_")[2] for name, (kind, *_) in told.items()}
    texts = ("UPTIME", "STARTTOD", "TOD", "HOSTNAME", "EPICS_VERS")
    assert {types[name] for name in texts} == {"string"}
    counts = ("HEARTBEAT", "CA_CLNT_CNT", "CA_CONN_CNT", "RECORD_CNT", "FD_CNT")
    assert {types[name] for name in (*counts, "PROCESS_ID")} == {"long"}
    assert {types[name] for name in ("SYS_CPU_LOAD", "MEM_USED", "LoopDelay")} == {
        "double"
    }
    values = {name: value for name, (_, value, *_) in told.items()}
    assert values["PROCESS_ID"] == os.getpid()
    assert values["HOSTNAME"] == socket.gethostname()[:39]
    assert re.fullmatch(r"daqpv \d+\.\d+\.\d+.*", values["EPICS_VERS"])
    assert values["MEM_USED"] > 1e7
    assert values["RECORD_CNT"] == sum(1 for _ in site.app.server.infos())
    assert told["SYS_CPU_LOAD"][2:] == ["%", 100]
    assert told["MEM_USED"][2] == "byte"
    assert told["LoopDelay"][2] == "s"


async def test_nobody_can_end_the_process_or_shut_others_out(site: Site) -> None:
    names = {info.name.rpartition(":")[2] for info in site.app.server.infos()}
    assert not names & {"SYSRESET", "SysReset", "ACCESS"}
