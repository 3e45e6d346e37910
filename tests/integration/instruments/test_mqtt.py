"""The MQTT driver with mosquitto: values, loss, restart, writes, refusals."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
)
from daqpv.instruments.driver import Fault
from daqpv.links.mqtt.kinds import MQTT
from tests.support.drivers import Opened, program
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE, soon

PLUGIN = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)

CHANNELS: dict[str, Any] = {
    "p": {"at": {"topic": "lab/gauge/+/data", "path": "$.p", "time": "$.t"}},
    "t": {"at": {"topic": "lab/gauge/a/data", "path": "$.temp"}},
    "word": {"at": "lab/word"},
    "volts": {
        "at": {"topic": "lab/volts", "set": "lab/volts/set", "payload": "{value:g}"},
        "write": True,
    },
}


class Mosquitto:
    """A broker of our own, which can be stopped and started again."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._config = folder / "mosquitto.conf"
        text = ["user root", f"listener {self.port} 127.0.0.1", *lines]
        if not lines:
            text.append("allow_anonymous true")
        self._config.write_text("\n".join(text) + "\n")
        self._running = ExitStack()
        self.process: subprocess.Popen[bytes]

    async def start(self) -> None:
        command = ["mosquitto", "-c", str(self._config)]
        log = self._folder / "log"
        self.process = self._running.enter_context(program(*command, log=log))

        async def answers() -> None:
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.transport.abort()
                    return

        async with asyncio.timeout(DEADLINE):
            await answers()

    def stop(self) -> None:
        self._running.close()

    def opened(self, channels: dict[str, Any] = CHANNELS, **keys: Any) -> Opened:
        url = f"mqtt://127.0.0.1:{self.port}"
        return Opened(MQTT, url, channels=channels, **({"timeout": 20} | keys))

    async def publish(self, topic: str, payload: Any, **keys: Any) -> None:
        text = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        async with aiomqtt.Client("127.0.0.1", self.port) as client:
            await client.publish(topic, text, qos=1, **keys)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path)
    await mosquitto.start()
    yield mosquitto
    mosquitto.stop()


async def test_values_come_by_topic(broker: Mosquitto) -> None:
    async with broker.opened() as lab:
        await broker.publish("lab/gauge/a/data", {"p": 1.5, "temp": 20, "t": 1.7e9})
        await broker.publish(
            "lab/gauge/b/data", {"p": 2.5, "t": "2023-11-14T22:13:20Z"}
        )
        await broker.publish("lab/word", "OVER")
        await soon(lambda: "word" in lab.values, "the word")
        assert lab.values == {"p": 2.5, "t": 20, "word": "OVER"}
        assert [frame.time for frame in lab.frames if "p" in frame.values] == [
            1.7e9
        ] * 2
        assert [frame.time for frame in lab.frames if "t" in frame.values] == [None]
        assert await lab.read() == {}
        assert not lab.losses


async def test_retained_values_come_with_the_time_of_the_payload(
    broker: Mosquitto,
) -> None:
    payload = {"p": 1, "temp": 5, "t": 1.7e9}
    await broker.publish("lab/gauge/a/data", payload, retain=True)
    async with broker.opened() as lab:
        await soon(lambda: {"p", "t"} <= set(lab.values), "both values")
        assert {name: frame.time for frame in lab.frames for name in frame.values} == {
            "p": 1.7e9,
            "t": None,
        }


@pytest.mark.parametrize(
    ("payload", "words"),
    [("{", "no JSON"), (b"\xff\x00", "no JSON"), ("", "emptied"), ("{}", "no $.temp")],
)
async def test_what_is_no_value_is_a_fault(
    broker: Mosquitto, payload: str | bytes, words: str
) -> None:
    async with broker.opened() as lab:
        await broker.publish("lab/gauge/a/data", payload)
        await soon(lambda: "t" in lab.values, "a fault")
        assert isinstance(lab.values["t"], Fault)
        assert words in lab.values["t"].words


async def test_a_payload_that_is_too_long_is_dropped_and_counted(
    broker: Mosquitto,
) -> None:
    async with broker.opened(options={"most": "1 kB"}) as lab:
        await broker.publish("lab/word", "x" * 1001)
        await broker.publish("lab/word", "short")
        await soon(lambda: lab.values, "the short one")
        assert lab.values == {"word": "short"}
        assert "1001 bytes, at most 1000" in lab.frames[0].bad[0]


async def test_a_value_is_published(broker: Mosquitto) -> None:
    channels = CHANNELS | {
        "json": {
            "at": {"set": "lab/j", "payload": '{"v": {value}}', "retain": True},
            "write": True,
        }
    }
    async with (
        broker.opened(channels) as lab,
        aiomqtt.Client("127.0.0.1", broker.port) as client,
    ):
        await client.subscribe("lab/#", qos=1)
        await lab.write("volts", 12.5)
        await lab.write("json", 'a"b')
        heard = []
        async with asyncio.timeout(DEADLINE):
            async for message in client.messages:
                heard.append((str(message.topic), message.payload))
                if len(heard) == 2:
                    break
        assert heard == [("lab/volts/set", b"12.5"), ("lab/j", b'{"v": "a\\"b"}')]
        with pytest.raises(OperationError, match="not sent"):
            await lab.write("volts", "on")
        with pytest.raises(OperationError, match="no topic `set`"):
            await lab.write("word", "on")
        assert lab.driver.is_open


async def test_the_loss_of_the_broker_is_told_and_it_comes_back(
    broker: Mosquitto,
) -> None:
    lab = broker.opened()
    async with lab:
        broker.stop()
        await soon(lambda: lab.losses, "the loss")
        assert "the broker is gone" in str(lab.losses[0])
        assert not lab.driver.is_open
        with pytest.raises(NotConnectedError, match="the broker is gone"):
            await lab.read()
        with pytest.raises(NotConnectedError):
            await lab.write("volts", 1)
        await lab.driver.close()
        with pytest.raises(NotConnectedError, match="Does the broker run"):
            await lab.driver.open()
        await lab.driver.close()
        await broker.start()
        await lab.driver.open()
        await broker.publish("lab/word", "again")  # its subscriptions are made anew
        await soon(lambda: lab.values.get("word") == "again", "a value")
        assert len(lab.losses) == 1


async def test_a_broker_that_stands_still_is_lost(broker: Mosquitto) -> None:
    async with broker.opened(options={"keepalive": 1}) as lab:
        broker.process.send_signal(signal.SIGSTOP)
        await soon(lambda: lab.losses, "the loss")
        assert not lab.driver.is_open
    broker.process.send_signal(signal.SIGCONT)


async def test_a_write_without_confirmation_leaves_the_broker(
    broker: Mosquitto,
) -> None:
    async with broker.opened() as lab:
        driver: Any = lab.driver
        driver._broker._client.timeout = 0.1
        broker.process.send_signal(signal.SIGSTOP)
        with pytest.raises(NoAnswerError, match="may arrive yet"):
            await lab.write("volts", 1)
        assert not lab.driver.is_open  # the client is left, so it is not sent later
    broker.process.send_signal(signal.SIGCONT)


async def test_a_port_that_is_silent_ends_in_time() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(LinkError, match="timed out"):
        async with Opened(MQTT, f"mqtt://127.0.0.1:{port}", channels={}, timeout=0.1):
            pass
    for writer in writers:
        writer.transport.abort()
    server.close()


async def test_an_opening_can_be_cancelled() -> None:
    with ExitStack() as stack:
        listening = stack.enter_context(_deaf())
        port = listening.getsockname()[1]
        lab = Opened(MQTT, f"mqtt://127.0.0.1:{port}", channels={}, timeout=0.3)
        task = asyncio.create_task(lab.driver.open())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await lab.driver.close()
        broker: Any = lab.driver
        await soon(lambda: not broker._broker._left, "the end of its thread")


def _deaf() -> Any:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(1)
    return listening


async def test_the_instrument_says_that_it_goes(broker: Mosquitto) -> None:
    options = {"alive": "lab/alive", "online": "1"}
    async with broker.opened(options=options) as lab:
        await broker.publish("lab/alive", "1")
        await broker.publish("lab/word", "here")
        await soon(lambda: lab.values.get("word") == "here", "a value")
        device = aiomqtt.Client(
            "127.0.0.1", broker.port, will=aiomqtt.Will("lab/alive", "0", qos=1)
        )
        async with device:
            device._client._sock_close()  # it dies
            device._disconnected.set_result(None)
        await soon(lambda: isinstance(lab.values["word"], Fault), "that it is gone")
        assert set(lab.values) == set(CHANNELS)
        assert "lab/alive says '0'" in lab.values["word"].words
        assert not lab.losses
        await broker.publish("lab/word", "back")
        await soon(lambda: lab.values["word"] == "back", "a value")


async def test_a_refused_user_is_said(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    command = ["mosquitto_passwd", "-b", "-c", str(passwords), "lab", "secret"]
    with program(*command, log=tmp_path / "log") as process:
        await soon(lambda: process.poll() is not None, "a file of passwords")
    broker = Mosquitto(tmp_path, f"password_file {passwords}")
    await broker.start()
    user = {"user": "lab", "password": "secret"}
    with pytest.raises(NotConnectedError, match="user and password right"):
        async with broker.opened(options=user | {"password": "wrong"}):
            pass
    async with broker.opened(options=user) as lab:
        assert await lab.read() == {}
    broker.stop()


@pytest.mark.skipif(PLUGIN is None, reason="mosquitto has no plug-in for rights")
async def test_a_refused_topic_is_said(tmp_path: Path) -> None:
    rights = tmp_path / "rights.json"
    rights.write_text(json.dumps({"defaultACLAccess": {"subscribe": False}}))
    lines = (f"plugin {PLUGIN}", f"plugin_opt_config_file {rights}")
    broker = Mosquitto(tmp_path, "allow_anonymous true", *lines)
    await broker.start()
    with pytest.raises(ProtocolError, match=r"refuses the subscription of lab/"):
        async with broker.opened():
            pass
    broker.stop()
