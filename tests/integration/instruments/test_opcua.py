"""The OPC UA driver and asyncua's server, in a process of its own."""

from __future__ import annotations

import asyncio
import datetime
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from daqpv.core import Severity, Status
from daqpv.errors import (
    LinkError,
    NotConnectedError,
    OperationError,
    RefusedError,
)
from daqpv.instruments.driver import Fault, Read
from daqpv.links.opcua.kinds import OPC_UA
from tests.support.drivers import Opened, driver, instrument
from tests.support.opcua import OpcServer, opc_server
from tests.support.ports import free_port
from tests.support.waiting import soon

STAMP = 1795953600.25  # of the values that the server is told


def node(name: str, **keys: Any) -> dict[str, Any]:
    return {"at": f"ns=2;s={name}"} | keys


def opened(port: int, channels: dict[str, Any], **keys: Any) -> Opened:
    settings = {"period": 0.1, "timeout": 30} | keys
    url = f"opc.tcp://127.0.0.1:{port}/lab"
    return Opened(OPC_UA, url, channels=channels, **settings)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(port: int) -> Iterator[OpcServer]:
    with opc_server(port) as running:
        yield running


async def has(one: Opened, **wanted: Any) -> None:
    """Wait until these values have come."""
    await soon(
        lambda: all(one.values.get(name) == value for name, value in wanted.items()),
        lambda: f"{wanted} in {one.values}",
    )


async def test_values_of_all_types_come_by_themselves(
    server: OpcServer, port: int
) -> None:
    channels = {
        "t": node("T"),
        "n": node("N", type="integer"),
        "on": node("On", type="boolean"),
        "text": node("Text", type="text"),
        "local": node("Local", type="text"),
        "when": node("When"),
        "when_text": node("When", type="text"),
        "names": node("Names", type="text"),
        "mode": node("Mode", type="text"),
        "old_mode": node("OldMode", type="text"),
        "mode_number": node("Mode", type="enum", states=["Off", "On", "Tripped"]),
        "named": {"at": "nsu=http://lab/plc;s=N"},
        "trace": node("Trace", type="array", length=5),
    }
    async with opened(port, channels) as one:
        await soon(lambda: one.values.keys() == channels.keys(), "all values")
        values = one.values
        assert np.array_equal(values.pop("trace"), [1.0, 2.0, 3.0])
        assert values == {
            "t": 21.5,
            "n": 7,
            "on": True,
            "text": "abc",
            "local": "hallo",
            "when": STAMP,
            "when_text": "2026-11-29 12:00:00.250+00:00",
            "names": "a, b",
            "mode": "Tripped",
            "old_mode": "Broken",
            "mode_number": 2,
            "named": 7,
        }


async def test_the_time_is_that_of_the_source(server: OpcServer, port: int) -> None:
    async with opened(port, {"t": node("T")}) as one:
        server.do("T = 3.25")
        await has(one, t=3.25)
        assert one.frames[-1].time == STAMP
        server.do("T = 21.5")


async def test_a_status_is_an_alarm(server: OpcServer, port: int) -> None:
    """asyncua's read_values() makes Bad None, and Uncertain a plain number."""
    async with opened(port, {"t": node("T"), "n": node("N")}) as one:
        await has(one, n=7)
        server.do("T ! BadSensorFailure")
        await has(one, t=Fault("BadSensorFailure", Severity.INVALID, Status.READ))
        server.do("T ! BadNoCommunication")
        await has(one, t=Fault("BadNoCommunication", Severity.INVALID, Status.COMM))
        server.do("T ! UncertainLastUsableValue")
        words = "UncertainLastUsableValue"
        await has(one, t=Fault(words, Severity.MINOR, Status.READ, 21.5))
        server.do("T = 21.5")
        await has(one, t=21.5, n=7)


async def test_a_node_that_does_not_exist_is_a_fault_of_its_channel_until_it_does(
    server: OpcServer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.links.opcua.driver.RETRY", 0.0)
    channels = {"t": node("T"), "late": node("Late"), "gone": node("Gone")}
    channels["foreign"] = {"at": "nsu=http://no/such;s=N"}
    async with opened(port, channels) as one:
        fault = Fault("BadNodeIdUnknown", Severity.INVALID, Status.READ)
        await has(one, t=21.5, late=fault, gone=fault, foreign=fault)
        server.do("Late + 5.5")
        await one.read()
        await has(one, t=21.5, late=5.5, gone=fault, foreign=fault)


async def test_values_that_do_not_change_are_confirmed_with_their_own_time(
    server: OpcServer, port: int
) -> None:
    async with opened(port, {"t": node("T"), "n": node("N")}) as one:
        server.do("T = 4.5")
        await has(one, t=4.5, n=7)
        one.frames.clear()
        frame = await one.driver.exchange(Read())
        assert (frame.good, frame.values) == (0, {})
        assert one.values == {"t": 4.5, "n": 7}
        assert all(one.good == 0 for one in one.frames)
        times = {name: each.time for each in one.frames for name in each.values}
        assert times["t"] == STAMP
        assert times["n"] != STAMP
        server.do("T = 21.5")


async def test_what_is_written_has_the_type_of_the_node(
    server: OpcServer, port: int
) -> None:
    channels = {
        "t": node("T", write=True),
        "n": node("N", write=True),
        "f": node("F", write=True),
        "on": node("On", write=True),
        "text": node("Text", write=True, type="text"),
        "local": node("Local", write=True, type="text"),
        "when": node("When", write=True),
        "trace": node("Trace", write=True, type="array", length=5),
    }
    new = {
        "t": 2,
        "n": np.float64(9.0),
        "f": 0.5,
        "on": 0,
        "text": "xyz",
        "local": "salut",
        "when": 1e9,
    }
    async with opened(port, channels) as one:
        await soon(lambda: one.values.keys() == channels.keys(), "all values")
        before = one.values | {"when": STAMP}
        for channel, value in new.items():
            await one.write(channel, value)
        await one.write("trace", np.array([4.0, 5.0]))
        await has(one, **new)
        await soon(lambda: one.values["trace"].tolist() == [4.0, 5.0], "the trace")
        for channel, value in before.items():
            await one.write(channel, value)


async def test_samples_between_two_periods_all_come(
    server: OpcServer, port: int
) -> None:
    options = {"sampling": 0.01}
    async with opened(port, {"t": node("T")}, period=0.5, options=options) as one:
        await has(one, t=21.5)
        for value in range(10):
            server.do(f"T = {value}.0")
        await has(one, t=9.0)
        heard = [each.values["t"] for each in one.frames if each.good]
        assert heard[-10:] == list(range(10))
        server.do("T = 21.5")


async def test_a_session_is_closed_so_that_the_server_does_not_keep_it(
    server: OpcServer, port: int
) -> None:
    async with opened(port, {"t": node("T")}) as one:
        await has(one, t=21.5)
        assert server.asked("sessions") == "1"
    await soon(lambda: server.asked("sessions") == "0", "no session")


async def test_some_channels_are_read_at_once(server: OpcServer, port: int) -> None:
    channels = {"t": node("T"), "n": node("N"), "gone": node("Gone")}
    async with opened(port, channels, period=60) as one:
        await soon(lambda: one.values.keys() == channels.keys(), "all values")
        one.frames.clear()
        await one.read("n", "gone")
        assert one.values == {"n": 7, "gone": Fault("BadNodeIdUnknown")}


async def test_a_node_that_was_bad_at_the_start_can_be_written(
    server: OpcServer, port: int
) -> None:
    server.do("N ! BadNoCommunication")
    async with opened(port, {"n": node("N", write=True)}) as one:
        await has(one, n=Fault("BadNoCommunication", Severity.INVALID, Status.COMM))
        await one.write("n", 7)
        await has(one, n=7)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("N", 40000, "n takes -32768 to 32767, not 40000"),
        ("N", "on", "n takes numbers only"),
        ("N", float("nan"), "n takes numbers only, not nan"),
        ("On", 2, "n takes 0 and 1, not 2"),
        ("F", 1e39, "n is a Float, and cannot hold 1e"),
        ("When", "soon", "n takes a time: seconds since 1970"),
    ],
)
async def test_what_a_node_cannot_hold_is_refused_before_it_is_sent(
    server: OpcServer, port: int, name: str, value: Any, words: str
) -> None:
    async with opened(port, {"n": node(name, write=True)}) as one:
        with pytest.raises(RefusedError, match=words):
            await one.write("n", value)


async def test_a_server_that_refuses_a_write_says_why(
    server: OpcServer, port: int
) -> None:
    async with opened(port, {"x": node("Fixed", write=True)}) as one:
        with pytest.raises(OperationError, match=r"127.* refuses x: Bad.*[a-z]{4}"):
            await one.write("x", 4)
        await one.read()
        assert one.driver.is_open


async def test_a_server_that_restarts_is_followed_again_by_a_new_client() -> None:
    port = free_port()
    channels = {"t": node("T")}
    one = opened(port, channels)
    with pytest.raises(NotConnectedError, match="Nothing listens there"):
        await one.driver.open()
    await one.driver.close()
    for turn in range(2):
        with opc_server(port) as server:
            await one.driver.open()
            await has(one, t=21.5)
            server.process.kill()
            await soon(lambda t=turn: len(one.losses) > t, "the loss")  # type: ignore[misc]
        assert not one.driver.is_open
        with pytest.raises(LinkError, match="the connection is gone"):
            await one.read()
        await one.driver.close()
        one.frames.clear()


async def read_on(one: Opened) -> None:
    """Read until that fails."""
    async with asyncio.timeout(60):
        while True:
            await one.read()
            await asyncio.sleep(0.05)


async def test_a_server_that_hangs_is_noticed_and_closing_does_not_hang() -> None:
    port = free_port()
    with opc_server(port) as server:
        async with opened(port, {"t": node("T")}, timeout=0.1) as one:
            await has(one, t=21.5)
            server.process.send_signal(signal.SIGSTOP)
            with pytest.raises(LinkError, match="sends nothing any more"):
                await read_on(one)
            assert not one.driver.is_open
        server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("Gauge", "a node such as ns=3;s="),
        ("ns=x;s=T", "a node such as ns=3;s="),
        ("ns=2;i=abc", "a node such as ns=3;s="),
        (None, "at is missing"),
    ],
)
def test_what_is_no_node_is_refused(at: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        driver(OPC_UA, instrument("opc.tcp://localhost", {"x": {"at": at}}))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("security=Basic256Sha256", "certificate and key"),
        ("security=Basic128", "option security"),
        ("password=x", "user, for a connection"),
        ("sampling=0", "option sampling"),
        ("usr=x", "no such option of the connection: usr"),
    ],
)
def test_options_that_cannot_be_are_refused(query: str, words: str) -> None:
    settings = instrument(f"opc.tcp://localhost?{query}", {"x": {"at": "i=1"}})
    with pytest.raises(ValueError, match=words):
        driver(OPC_UA, settings)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key, as a laboratory makes them with openssl."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.UniformResourceIdentifier(f"urn:lab:{name}"), x509.DNSName("lab")]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key.pem"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return files


async def test_an_encrypted_connection_of_a_user(tmp_path: Path) -> None:
    ours, key = certificate(tmp_path, "daqpv")
    port = free_port()
    options: dict[str, Any] = {
        "security": "Basic256Sha256",
        "certificate": str(ours),
        "key": str(key),
        "user": "lab",
        "password": "secret",
    }
    channels = {"t": node("T", write=True)}
    with opc_server(port, certificate(tmp_path, "plc")):
        async with opened(port, channels, options=options) as one:
            await has(one, t=21.5)
            await one.write("t", 1.0)
            await has(one, t=1.0)
        wrong = opened(port, channels, options=options | {"password": "guess"})
        with pytest.raises(NotConnectedError, match="Are user and password right"):
            await wrong.driver.open()
        missing = options | {"key": str(tmp_path / "none.pem")}
        with pytest.raises(NotConnectedError, match=r"none\.pem cannot be read"):
            await opened(port, channels, options=missing).driver.open()
        plain = opened(port, channels)
        with pytest.raises(LinkError, match=r"Is it OPC UA\?|Bad"):
            await plain.driver.open()


async def test_an_opening_that_is_given_up_leaves_nothing() -> None:
    asked = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    one = opened(server.sockets[0].getsockname()[1], {"t": node("T")})
    opening = asyncio.create_task(one.driver.open())
    await asked.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await one.driver.close()
    server.close()


async def test_what_is_no_opc_ua_server_is_said() -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    one = opened(server.sockets[0].getsockname()[1], {"t": node("T")})
    with pytest.raises(LinkError, match="Is it an OPC UA server"):
        await one.driver.open()
    await one.driver.close()
    server.close()
