"""Instruments that misbehave, all served by one process: what their PVs show."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import RefusedError
from tests.support.experiment import SHARED_PORT, Client, Lab, making
from tests.support.ground import Ground, broken_driver, instrument, serve
from tests.support.ports import free_port
from tests.support.waiting import until

PRESSURE = {"ask": "P?", "answer": "{value:g}", "units": "mbar"}
DEAD = 50  # instruments that are off, of which half do not even refuse
TIMEOUT = 0.5  # [s]
MEGABYTES = 100  # without the end of a line


class Endless:
    """Sends megabytes without an end, to the first client; it never answers others.

    Attributes:
        sent: bytes so far.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._socket.getsockname()[1]}"

    def _send(self) -> None:
        block = b"7" * 10**6
        with suppress(OSError):  # the socket is closed
            while True:
                client, _ = self._socket.accept()
                with client, suppress(OSError):  # it hangs up
                    while self.sent < MEGABYTES * 10**6:
                        self.sent += client.send(block)
                    while client.recv(1000):
                        pass

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


class Late:
    """Answers each third question when its time-out is over: ``a`` is 1, ``b`` is 2."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._asked = 0
        self.device = ground.device(self._answer)

    def _answer(self, line: bytes) -> bytes | None:
        answer = {b"a?": b"1\n", b"b?": b"2\n"}[line]
        self._asked += 1
        if self._asked % 3:
            return answer
        self._ground.later(1.2 * TIMEOUT, self.device.send, answer)
        return None


class Scene:
    """The instruments, and the process that serves them."""

    def __init__(self, lab: Lab, ground: Ground, folder: Path) -> None:
        self.lab, self.ground = lab, ground
        self.endless = Endless()
        self.flood = ground.device(lambda line: None)
        self.shared = ground.device(
            {b"1P?": b"1.5\n"}.get  # 2 is dead
        )
        self.settings: dict[str, dict[str, Any]] = {
            "good": self.at(ground.device(lambda line: b"1.5\n"), period=0.1),
            "silent": self.at(ground.device(lambda line: None)),
            "babbling": self.at(ground.device(lambda line: b"hello\n" * 100)),
            "half": self.at(ground.device(lambda line: b"1.")),
            "encoding": self.at(ground.device(lambda line: b"\xff\xfe1\xb0\n")),
            "endless": self.at(self.endless),
            "refusing": self.at(
                ground.device(lambda line: b"ERR 5\n"), errors={"ERR 5": "not ready"}
            ),
            "late": self.at(
                Late(ground).device,
                channels={
                    key: {"ask": f"{key}?", "answer": "{value:g}"} for key in "ab"
                },
            ),
            "flood": self.at(
                self.flood, stream="p {p:g}", channels={"p": {}}, stale=600
            ),
            "calc": {"channels": _calculated()},
            **{name: self.on_converter(name) for name in ("shared1", "shared2")},
            **{
                f"broken-{at}": {"connection": f"broken://{at}", "channels": {"p": {}}}
                for at in ("make", "open", "exchange", "none", "nothing")
            },
        }

    def at(self, device: Any, **keys: Any) -> dict[str, Any]:
        """Settings of an instrument with one channel."""
        return {
            "connection": device.address,
            "terminator": "\n",
            "period": 0.3,
            "timeout": TIMEOUT,
            "channels": {"p": PRESSURE},
            **keys,
        }

    def on_converter(self, name: str) -> dict[str, Any]:
        """Settings of an instrument on a line that it shares."""
        settings = self.at(self.shared)
        settings["connection"] += "?shared=yes"
        settings["channels"] = {"p": PRESSURE | {"ask": f"{name[-1]}P?"}}
        return settings

    def client(self, name: str) -> Client:
        """A client of one of them."""
        return instrument(self.lab, name)

    @property
    def log(self) -> str:
        """The log of the process."""
        return (self.lab.folder / "exp.log").read_text()

    @property
    def memory(self) -> float:
        """Of the process, at most until now [MB]."""
        status = Path(f"/proc/{self.lab.served.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1e3


def _calculated() -> dict[str, dict[str, str]]:
    return {
        "zero": {"calc": "1 / (good.p - 1.5)"},
        "over": {"calc": "10 ** (good.p * 1000)"},
        "root": {"calc": "sqrt(-good.p)"},
        "gone": {"calc": "silent.p + 1"},
        "fine": {"calc": "good.p * 2"},
    }


def black_holes(stack: ExitStack, number: int) -> list[str]:
    """Addresses where nobody answers, not even to say no."""
    hole = stack.enter_context(socket.socket())
    hole.bind(("127.0.0.1", 0))
    hole.listen(0)
    address = hole.getsockname()
    stack.enter_context(socket.create_connection(address))  # its queue is full
    return [f"tcp://127.0.0.1:{address[1]}?connect_timeout=0.5"] * number


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("faulty")
    with (
        ExitStack() as stack,
        Ground() as ground,
        making(folder, SHARED_PORT) as make,
    ):
        scene = Scene(make(cobos=0), ground, folder)
        dead = black_holes(stack, DEAD // 2)
        dead += [f"tcp://127.0.0.1:{free_port()}" for _ in range(DEAD - len(dead))]
        for n, address in enumerate(dead):
            scene.settings[f"dead{n}"] = {
                "connection": address,
                "channels": {"p": PRESSURE},
            }
        stack.callback(scene.endless.close)
        serve(scene.lab, scene.settings, PYTHONPATH=broken_driver(folder / "driver"))
        yield scene


INVALID = {"p.SEVR": "INVALID"}
LOST = {"Status": "Error"} | INVALID
GONE = {"Online": "Offline", "Condition": "Offline"} | INVALID
BAD = {"Online": "Online", "p.STAT": "READ"} | INVALID
CRASHED = {"Online": "Offline", "Condition": "Error", "Status": "Error"} | INVALID

# of each instrument: what PVs show, and what its Message says
CASES: dict[str, tuple[dict[str, str], str]] = {
    "good": ({"Status": "OK", "p": "1.500", "p.SEVR": "NO_ALARM"}, "Connected"),
    "silent": (LOST, "has not answered 'P?' in 0.5 s. Is it on"),
    "half": (LOST, "has not answered 'P?' in 0.5 s. Is it on"),
    "babbling": (BAD | {"LastBad": "p: 'hello' is not a number"}, "Connected"),
    "encoding": (
        BAD | {"Condition": "Error", "LastBad": r"\xff\xfe1\xb0: not utf-8 text"},
        "not utf-8 text",
    ),
    "endless": (LOST | {"Status": "Error"}, ""),
    "refusing": (BAD | {"p.AMSG": "not ready (ERR 5)"}, "Connected"),
    "dead0": (GONE, "no connection in 0.5 s. Is the computer on"),
    "dead49": (GONE, "connection refused"),
    "shared1": ({"p": "1.500", "p.SEVR": "NO_ALARM"}, "Connected"),
    "shared2": (LOST, "has not answered '2P?'"),
    "broken-open": (CRASHED, "KeyError: 'no such port' (lab_broken.py:"),
    "broken-exchange": (CRASHED, "ZeroDivisionError: a bug (lab_broken.py:"),
    "broken-nothing": (CRASHED, "'NoneType' object has no attribute"),
    "broken-none": (BAD, "Connected"),
}


@pytest.mark.parametrize("name", CASES)
def test_pvs_of_an_instrument_say_what_is_wrong_with_it(
    scene: Scene, name: str
) -> None:
    shown, message = CASES[name]
    client = scene.client(name)
    for pv, text in shown.items():
        client.until(pv, text)
    until(lambda: message in client.get("Message"), lambda: client.get("Message"))


@pytest.mark.parametrize(
    ("channel", "status", "words"),
    [
        ("zero", "CALC", "division by zero"),
        ("over", "CALC", "the result is too large"),
        ("root", "CALC", "sqrt(-1.5) does not exist"),
        ("gone", "LINK", "silent.p: "),
    ],
)
def test_a_formula_without_a_result_is_invalid(
    scene: Scene, channel: str, status: str, words: str
) -> None:
    client = scene.client("calc")
    client.until("fine", "3.000")
    client.until(f"{channel}.STAT", status)
    assert client.get(f"{channel}.SEVR") == "INVALID"
    assert words in client.get(f"{channel}.AMSG")


def test_an_answer_that_comes_too_late_is_never_that_of_another(scene: Scene) -> None:
    client = scene.client("late")
    followed = {key: client.monitor(key) for key in "ab"}
    until(lambda: int(client.get("Sequence")) > 9, "answers")
    for key, value in {"a": 1.0, "b": 2.0}.items():
        valid = {e["value"] for e in followed[key].events if e["severity"] < 3}
        assert valid == {value}


def test_bytes_without_an_end_take_no_memory(scene: Scene) -> None:
    client = scene.client("endless")
    until(lambda: "without the end" in client.get("Message"), "it to be told")
    assert scene.memory < 200


def test_a_flood_of_bad_lines_is_one_event(scene: Scene) -> None:
    client, good = scene.client("flood"), scene.client("good")
    client.until("Online", "Online")
    before = int(good.get("Sequence"))
    for _ in range(100):
        scene.ground.call(scene.flood.send, b"what?\n" * 100)
    client.until("LinesBad", "10000")
    scene.ground.call(scene.flood.send, b"p 7.5\n")
    client.until("p", "7.500")
    assert client.get("LastBad").startswith("'what?': ")
    assert client.get("Condition") == "OK"
    until(lambda: int(good.get("Sequence")) > before + 5, "values of others")
    assert scene.log.count("Inst:flood bad_line: ") == 1


def test_a_driver_that_cannot_be_made_is_told_and_the_others_are_served(
    scene: Scene,
) -> None:
    told = [line for line in scene.log.splitlines() if "kind refused" in line]
    assert len(told) == 1
    assert (
        "instruments.broken-make: driver 'broken' of lab-broken 0.1: make of "
        "'broken-make': AttributeError: a bug of make (lab_broken.py:"
    ) in told[0]


def test_what_can_only_be_read_takes_no_put(scene: Scene) -> None:
    client = scene.client("good")
    with pytest.raises(RefusedError, match="read only"):
        client.put("p", "3")
    assert client.get("p") == "1.500"


def test_faults_of_others_hold_up_nobody(scene: Scene) -> None:
    good = scene.client("good")
    events = good.monitor("Sequence")
    until(lambda: len(events.events) > 20, "values")
    counted = [event["value"] for event in events.events[1:]]
    assert counted == list(range(counted[0], counted[0] + len(counted)))
    assert not re.search(r"warning +IOC:main loop blocked", scene.log)
