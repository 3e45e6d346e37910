"""What is away and comes back: its values are INVALID meanwhile, then good again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.support.drivers import program
from tests.support.experiment import CA_PORT, SHARED_PORT, Client, Lab, making
from tests.support.ground import Ground, instrument, serve, write
from tests.support.leftovers import STAYING
from tests.support.modbus import pymodbus_server
from tests.support.opcua import opc_server
from tests.support.ports import free_port
from tests.support.talker import Device, Pty
from tests.support.waiting import until

QUESTION = {"terminator": "\n", "timeout": 0.5, "period": 0.2}
PRESSURE = {"ask": "P?", "answer": "{value:g}"}

Start = Callable[[], AbstractContextManager[subprocess.Popen[Any]]]


class Switched:
    """A server that is switched off and on.

    Args:
        start: starts its process.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._running = ExitStack()

    def on(self) -> None:
        process = self._running.enter_context(self._start())
        STAYING.add(process.pid)  # for the tests that follow

    def off(self) -> None:
        self._running.close()


class OnTcp:
    """A gauge on TCP."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._device: Device = ground.device(lambda line: b"1.5\n")
        self.settings = QUESTION | {
            "connection": self._device.address,
            "channels": {"p": PRESSURE},
        }

    def on(self) -> None:
        self._ground.plug(self._device)

    def off(self) -> None:
        self._ground.unplug(self._device)


class OnSerialLine:
    """A gauge on a serial line, and a chain that is pulled out."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self._ground = ground
        self._pty: Pty = ground.pty(folder / "port", lambda line: b"1.5\n")
        self.settings = QUESTION | {
            "connection": self._pty.address,
            "channels": {"p": PRESSURE},
        }

    def on(self) -> None:
        self._ground.call(self._pty.plug)

    def off(self) -> None:
        self._ground.call(self._pty.unplug)


class OnBroker(Switched):
    """A gauge that sends to a broker; it has sent once before each subscription."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self._ground, self._port = ground, free_port()
        config = folder / "mosquitto.conf"
        config.write_text(
            f"user root\nlistener {self._port} 127.0.0.1\nallow_anonymous true\n"
        )
        log = folder / "mosquitto.log"
        super().__init__(lambda: program("mosquitto", "-c", str(config), log=log))
        self.settings: dict[str, Any] = {
            "connection": f"mqtt://127.0.0.1:{self._port}",
            "channels": {"p": {"at": "lab/p"}},
        }
        self.on()

    def on(self) -> None:
        super().on()
        until(self._is_sent, "the broker to take a value")

    def _is_sent(self) -> bool:
        async def send() -> None:
            async with aiomqtt.Client("127.0.0.1", self._port) as client:
                await client.publish("lab/p", "1.5", qos=1, retain=True)

        try:
            self._ground.run(send())
        except aiomqtt.MqttError:
            return False
        return True


class OnOpcUa(Switched):
    """A PLC on OPC UA."""

    def __init__(self) -> None:
        port = free_port()
        super().__init__(partial(_opc_process, port))
        self.settings: dict[str, Any] = {
            "connection": f"opc.tcp://127.0.0.1:{port}/lab",
            "channels": {"p": {"at": "ns=2;s=F"}},
        }
        self.on()


@contextmanager
def _opc_process(port: int) -> Iterator[subprocess.Popen[Any]]:
    with opc_server(port) as server:
        yield server.process


class OnModbus(Switched):
    """A PLC on Modbus."""

    def __init__(self) -> None:
        port = free_port()
        super().__init__(lambda: pymodbus_server("socket", str(port)))
        self.settings: dict[str, Any] = {
            "connection": f"modbus-tcp://127.0.0.1:{port}",
            "channels": {"p": {"at": {"holding": 15}, "scale": "value / 676.667"}},
        }
        self.on()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("places")
    with Ground() as ground, ExitStack() as stack:
        made: dict[str, Any] = {
            "tcp": OnTcp(ground),
            "serial": OnSerialLine(ground, folder),
            "mqtt": OnBroker(ground, folder),
            "opcua": OnOpcUa(),
            "modbus": OnModbus(),
        }
        for name in ("mqtt", "opcua", "modbus"):
            stack.callback(made[name].off)
        yield made


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, places: dict[str, Any]
) -> Iterator[Lab]:
    with making(tmp_path_factory.mktemp("served"), SHARED_PORT) as make:
        lab = make(cobos=0)
        found = {n: {"period": 0.2} | one.settings for n, one in places.items()}
        serve(lab, found)
        yield lab


def is_good(client: Client) -> bool:
    return client.get("p") == "1.500" and client.get("p.SEVR") == "NO_ALARM"


@pytest.mark.parametrize("name", ["tcp", "serial", "mqtt", "opcua", "modbus"])
def test_values_are_invalid_while_it_is_away(
    lab: Lab, places: dict[str, Any], name: str
) -> None:
    client = instrument(lab, name)
    until(lambda: is_good(client), "the first value")
    online = client.monitor("Online")
    places[name].off()
    client.until("p.SEVR", "INVALID")
    assert client.get("p") == "1.500"
    client.until("Online", "Offline")
    assert client.get("Online.SEVR") == "MAJOR"
    assert client.get("Status") == "Error"
    places[name].on()
    client.until("Status", "OK")
    until(lambda: is_good(client), lambda: client.get("p.AMSG"))
    assert online.texts == ["Online", "Offline", "Online"]


def test_the_second_process_on_a_serial_port_says_who_holds_it(tmp_path: Path) -> None:
    with (
        Ground() as ground,
        making(tmp_path, CA_PORT) as make,
    ):
        port = OnSerialLine(ground, tmp_path)
        first, second = make(cobos=0), make(cobos=0)
        serve(first, {"gauge": port.settings})
        until(lambda: is_good(instrument(first, "gauge")), "a value")
        write(second, {"gauge": port.settings}, experiment="other")
        second.serve()
        client = instrument(second, "gauge")
        client.until("Online", "Offline")
        holder = f"process {first.served.process.pid} "
        until(lambda: holder in client.get("Message"), lambda: client.get("Message"))
        assert is_good(instrument(first, "gauge"))
        first.serve_no_more()
        until(lambda: is_good(client), "the port to be taken")
