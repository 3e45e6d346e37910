"""No sequence of puts, faults and foreign commands parts the PVs from the servers.

Bursts of whatever may happen strike a server that is alone in its experiment, so that
the order of servers bars nothing; after each, when the simulator is quiet, the PVs must
say what is true, and a put must work again.

    pytest tests/e2e/test_no_sequence.py                        a few bursts
    DAQPV_SEED=12345 pytest tests/e2e/test_no_sequence.py       begin with this one
    DAQPV_SOAK=600 pytest tests/e2e/test_no_sequence.py         ten minutes of them
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import random
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from ctypes import c_char, c_long
from itertools import pairwise
from typing import Any

import epics
import pytest
from epics import dbr

from daqpv.ecc import LEGAL, ConfigId, EccState, EccTarget, Operation, Transition
from daqpv.ecc.snapshot import NEEDS_CONFIG, EccCommand
from daqpv.errors import LinkError, NoAnswerError, OperationError
from daqpv.links.soap import EccSoapLink

SOAK = float(os.environ.get("DAQPV_SOAK", "0"))  # [s]
# a run of CI is to be comparable with the one before; elsewhere each is another one
_SEED = 20261120 if "CI" in os.environ else random.SystemRandom().getrandbits(32)
SEED = int(os.environ.get("DAQPV_SEED", "0")) or _SEED
BURSTS = 12
SERVERS = 1
RESTARTS = 0.2  # share of the bursts that end with another daqpv
PERIOD = 0.2  # [s] between two polls
GET_STATE = 0.5  # [s] deadline of a poll
OPERATION = 1.5  # [s] deadline of an operation
OUTAGE = 8.0  # [s] long enough for a server to be lost
MARGIN = 4.0  # [s] for a busy machine
NEWS = 1.0  # [s] from an answer to the monitors that tell it, on a busy machine
DEADLINE = 30.0  # [s] for whatever a burst has begun
FOLLOWED = (
    "State", "State_RBV", "Transition", "Target", "Result", "ResultCount", "Online",
    "Condition", "Message", "LastError",
)  # fmt: skip
STATES = [state.label for state in EccState]
COMMANDS = [command.label for command in EccCommand]
METHODS = [*[one.value for one in Operation], "GetState", "GetConfigIDs", "*"]
FAULTS = [
    "refuse", "slow", "ignore", "hang", "cut", "fault", "html", "truncated", "garbage",
    "oversized",
]  # fmt: skip
NONSENSE = ["Nosuch", "", "7", "-1", "1.5", "nan", "inf", "1e300", "Broken"]
CONFIGS = [
    "cobo0/exp/exp",
    "cobo1/exp/exp",
    "nosuch/exp/exp",
    "//",
    "",
    "a/b",
    "x" * 30,
]


class Player:
    """One server, its PVs, and all that is done to them in a burst."""

    def __init__(self, lab: Any, name: str, pool: ThreadPoolExecutor) -> None:
        self.name = name
        self.client = lab.client(name)
        self.sim = lab.sim(name)
        self.random = random.Random()
        self._pool = pool
        config = ConfigId(name.lower(), "exp", "exp")
        self._config = config
        self._foreign = EccSoapLink("foreign", lab.urls[name] + "foreign")
        self.monitors = {signal_: self.client.monitor(signal_) for signal_ in FOLLOWED}
        self.read = 0  # of the simulator's log
        self.begin(0)

    def begin(self, seed: int) -> None:
        self.random.seed(f"{seed} {self.name}")
        self.history: list[str] = []
        self.pending: list[Future[Any]] = []
        self.counted = self.perhaps = 0  # puts that end as a command, or may join one
        self.count = int(self.client.get("ResultCount"))

    def act(self, port: int) -> None:
        """Do one thing."""
        acts: dict[Callable[[], None], int] = {
            self.wish: 6,
            self.command: 3,
            self.button: 3,
            self.nonsense: 1,
            self.setting: 2,
            lambda: self.leave(port): 1,
            self.fault: 4,
            self.outage: 1,
            self.mend: 1,
            self.foreign: 2,
            self.wait_for_a_transition: 2,
        }
        (act,) = self.random.choices(list(acts), list(acts.values()))
        act()

    # What operators do

    def wish(self) -> None:
        text = self.random.choice([target.label for target in EccTarget])
        joins = text != "None"
        self.put(self.random.choice(["State", "Target"]), text, joins=joins)

    def command(self) -> None:
        text = self.random.choice(COMMANDS)
        self.put("Command", text, joins=text != "None")

    def button(self) -> None:
        text = self.random.choice(["1", "1", "1", "0"])
        name = self.random.choice(["StepBack", "Abort", "Abort", "RefreshConfigs"])
        counts = text == "1" and name != "Abort"
        self.put(name, text, counts=counts, joins=name == "StepBack")

    def nonsense(self) -> None:
        name = self.random.choice(["State", "Target", "Command"])
        text = self.random.choice(NONSENSE)
        if (name, text) == ("Command", "7"):
            return  # that is Resume
        self.put(name, text)

    def setting(self) -> None:
        match self.random.choice(["Enable", "Config", "PollPeriod"]):
            case "Enable":
                self.put("Enable", self.random.choice(["0", "1", "1", "Disabled"]))
            case "Config":
                self.put("Config", self.random.choice(CONFIGS))
            case _:
                text = self.random.choice(["0.2", "1", "5", "5", "-1", "nan", "1e9"])
                good = text in ("0.2", "1", "5")
                self.put("PollPeriod", text, counts=not good)

    def put(
        self, name: str, text: str, *, counts: bool = True, joins: bool = False
    ) -> None:
        self.counted += counts and not joins
        self.perhaps += counts and joins
        if self.random.random() < 0.3:
            self.say(f"caput {name} {text!r}")
            put_only(self.client.prefix + name, text)
            return
        self.say(f"caput -c {name} {text!r}")
        self.pending.append(self._pool.submit(self._put_to_the_end, name, text))

    def _put_to_the_end(self, name: str, text: str) -> None:
        """Wait for the callback, whatever it says, unless daqpv ends."""
        try:
            self.client.put(name, text, DEADLINE)
        except OperationError:
            pass
        except NoAnswerError as error:
            if error.timed_out:
                raise

    def leave(self, port: int) -> None:
        """A client that goes away in the middle of its put."""
        text = self.random.choice(STATES[1:])
        self.say(f"caput -c Target {text!r}, and away")
        self.perhaps += 1
        put_and_leave(port, f"{self.client.prefix}Target", text)

    def wait_for_a_transition(self) -> None:
        self.say("wait for a transition")
        end = time.monotonic() + 0.5
        while self.client.get("Transition") == "None" and time.monotonic() < end:
            pause(0.01)

    # What befalls the server

    def fault(self) -> None:
        method, do = self.random.choice(METHODS), self.random.choice(FAULTS)
        fault = {
            "do": do,
            "times": self.random.choice([1, 2, 4]),
            "seconds": self.random.choice([0.0, 0.3]) if do != "slow" else 0.8,
            "acts": self.random.random() < 0.5,
            "megabytes": 1,
        }
        self.say(f"fault {method}: {fault}")
        self.door("/faults", "PUT", **{method: fault})

    def outage(self) -> None:
        seconds = self.random.choice([0.1, 0.5, 1.5])
        what = self.random.choice(["crash", "offline"])
        path = f"/{what}?seconds={seconds}"
        if self.random.random() < 0.3:
            path = "/restart"
        self.say(path)
        self.door(path, "POST")

    def mend(self) -> None:
        self.say("faults cleared")
        self.door("/faults", "DELETE")

    def foreign(self) -> None:
        operation = self.random.choice(list(Operation))
        self.say(f"another client: {operation.value}")

        async def operate() -> None:
            with contextlib.suppress(LinkError):
                await self._foreign.operate(operation, self._config, (), timeout=3)

        self.pending.append(self._pool.submit(asyncio.run, operate()))

    def door(self, path: str, method: str = "GET", **body: Any) -> Any:
        """Ask the simulator; None while its port is closed."""
        try:
            return self.sim(path, method, **body)
        except OSError:
            return None

    def say(self, text: str) -> None:
        self.history.append(f"{time.time() % 1000:7.2f} {text}")

    def gone(self) -> None:
        """Daqpv has ended."""
        for future in self.pending:
            future.result(DEADLINE)
        self.pending.clear()
        until(lambda: self.door("/faults", "DELETE"), "the simulator to be back")
        self.read_on()

    def restarted(self) -> None:
        """Another daqpv serves: it knows nothing of the last one's commands."""
        self.say("daqpv is another one")
        self.counted = self.perhaps = self.count = 0
        monitor = self.monitors["State"]
        until(lambda: monitor.pv.connected, "libca to connect again")
        until(lambda: self.client.get("ResultCount") == "0", "the new daqpv")
        methods = {request["method"] for request in self.read_on()}
        assert methods <= {"GetState", "GetConfigIDs"}, "it commands by itself"

    # The truth afterwards

    def settle(self) -> None:
        """Nothing new happens: let what was begun come to its end."""
        until(lambda: self.door("/faults", "DELETE"), "the simulator to be back")
        if self.random.random() < 0.06:
            self.lose()
        for future in self.pending:
            future.result(DEADLINE)
        until(self.is_enabled, lambda: f"an end: {self.client.get('LastError')}")
        self.put_now("PollPeriod", str(PERIOD), counts=False)
        until(lambda: self.sim()["transition"] == "None", "the simulator to be quiet")

    def lose(self) -> None:
        """A server that is gone for long keeps no command, and no client, waiting."""
        self.say("gone for long")
        end = time.monotonic() + OUTAGE
        self.sim(f"/crash?seconds={OUTAGE}", "POST")
        until(self.is_enabled, "an end of the command")
        for future in self.pending:
            future.result(DEADLINE)
        until(lambda: self.client.get("Online") == "Offline", "Offline", OUTAGE)
        assert time.monotonic() < end
        until(lambda: self.door(""), "the simulator to be back")

    def is_enabled(self) -> bool:
        """Enable it; that is refused while a command runs."""
        try:
            self.put_now("Enable", "1")
        except OperationError:
            pause(0.2)
            return False
        return True

    def put_now(self, name: str, text: str, *, counts: bool = True) -> None:
        self.say(f"caput -c {name} {text!r}")
        self.counted += counts
        self.client.put(name, text, DEADLINE)

    def check(self) -> None:
        """The PVs say what is true, and a put works."""
        self.check_truth()
        self.check_count()
        state = self.client.get("State")
        try:
            self.put_now("Target", "Idle")
        except OperationError:
            assert state == "Broken", (
                f"cannot go to Idle: {self.client.get('LastError')}"
            )
            assert "estart getEccSoapServer" in self.client.get("LastError")
            self.sim("/restart", "POST")
        self.check_truth()
        assert self.client.get("State") == "Idle"
        self.put_now("RefreshConfigs", "1")
        assert int(self.client.get("Allowed")) == sum(1 << n for n in range(1, 7))
        self.check_count()
        self.check_monitors()
        self.check_requests()

    def check_truth(self) -> None:
        truth = self.sim()["state"]
        said = {"State": truth, "State_RBV": truth, "Transition": "None"}
        said |= {"Transitioning": "No", "Command": "None", "Online": "Online"}
        said |= {"Condition": "Broken" if truth == "Broken" else "OK"}
        said |= {"StepBack": "Done", "Abort": "Done", "RefreshConfigs": "Done"}
        until(
            lambda: all(self.client.get(name) == said[name] for name in said),
            lambda: f"{ {n: self.client.get(n) for n in said} } to be {said}",
            PERIOD + GET_STATE + MARGIN,
        )

    def check_count(self) -> None:
        """Each put that is a command ends once; one that joined another, with that."""
        ended = int(self.client.get("ResultCount")) - self.count
        least, most = self.counted, self.counted + self.perhaps
        assert least <= ended <= most, f"{ended} commands ended, not {least} to {most}"
        self.count, self.counted, self.perhaps = self.count + ended, 0, 0

    def check_monitors(self) -> None:
        for name, monitor in self.monitors.items():
            value = self.client.get(name)
            until(lambda m=monitor, v=value: m.texts[-1:] == [v], f"{name} == {value}")
            stamps = [event["timestamp"] for event in monitor.events]
            assert all(a < b for a, b in pairwise(stamps)), f"{name}: stamps {stamps}"
        counts = [event["value"] for event in self.monitors["ResultCount"].events]
        assert all(b - a in (0, 1) or not b for a, b in pairwise(counts)), counts

    def check_requests(self) -> None:
        """What daqpv sent was good, and what it was told shows."""
        log = self.read_on()
        for name in ("State", "Transition"):
            check_news(log, self.monitors[name].events, name)
        for monitor in self.monitors.values():
            del monitor.events[:-1]

    def read_on(self) -> list[dict[str, Any]]:
        """The simulator's log since it was last read; what daqpv sent was good."""
        log: list[dict[str, Any]] = self.sim(f"/requests?after={self.read}")["requests"]
        if log:
            assert log[0]["number"] == self.read + 1, "the log was read too late"
            self.read = log[-1]["number"]
        check_requests(log)
        return log


def check_requests(log: list[dict[str, Any]]) -> None:
    told = None  # what daqpv last heard of the state
    is_foreign = False  # whether another client has acted since
    hanging = (0, -math.inf)  # the process and time of a request without an answer
    for moment, request in sorted(_moments(log), key=lambda pair: pair[0]):
        if request["method"] == "GetState":
            told, is_foreign = request, False
        elif request["path"] != "/":
            is_foreign = True
        elif is_foreign or told is None or told["process"] != request["process"]:
            continue  # it could not know
        else:
            operation = Operation(request["method"])
            process, since = hanging
            is_free = process != request["process"] or moment > since + OPERATION
            assert is_free, f"{operation} at {moment}, and one hangs since {since}"
            if request["fault"] == "hang":
                hanging = request["process"], moment
            assert moment - told["time"] < MARGIN, f"{operation}: told {told}"
            state = EccState[request["state"].upper()]
            legal = (state, operation) in LEGAL or (
                (state, operation) == (EccState.BROKEN, Operation.BREAKUP)
            )
            assert legal, f"{operation} was sent in {state} at {moment}"
            assert request["transition"] == "None", f"{operation} while {request}"
            if operation in NEEDS_CONFIG:
                check_config(request["config_id"])


def _moments(log: Sequence[dict[str, Any]]) -> Iterator[tuple[float, dict[str, Any]]]:
    operations = {operation.value for operation in Operation}
    for request in log:
        if request["method"] in operations:
            yield request["time"], request
        elif request["method"] == "GetState" and request["answered"]:
            yield request["answered"], request


def check_news(
    log: list[dict[str, Any]], events: list[dict[str, Any]], name: str
) -> None:
    """What the server told daqpv in time, monitors tell soon."""
    labels = [
        code.label for code in {"State": EccState, "Transition": Transition}[name]
    ]
    ends = [event["timestamp"] for event in events[1:]] + [math.inf]
    shown = [
        (event["timestamp"], end, labels[event["value"]])
        for event, end in zip(events, ends, strict=True)
    ]
    for when, answer in _moments(log):
        late = when - answer["time"] > GET_STATE / 2
        if answer["method"] != "GetState" or answer["path"] != "/" or late:
            continue
        seen = {
            what for begin, end, what in shown if begin < when + NEWS and end > when
        }
        if shown[0][0] < when:
            assert answer[name.lower()] in seen, f"{name} {seen} after {when}: {answer}"


def check_config(text: str) -> None:
    parts = dict(re.findall(r'<SubConfigId type="(\w+)">([^<]*)</SubConfigId>', text))
    describes = {f"cobo{n}" for n in range(SERVERS)}
    assert parts.pop("describe") in describes, text
    assert parts == {"prepare": "exp", "configure": "exp"}, text


# Clients


def put_only(name: str, text: str) -> None:
    """Put without callback, as DBR_STRING."""
    chid = epics.ca.create_channel(name)
    data = (c_char * 40).from_buffer_copy(text.encode()[:39].ljust(40, b"\0"))
    epics.ca.libca.ca_array_put(c_long(dbr.STRING), c_long(1), chid, data)
    epics.ca.flush_io()


HEADER = struct.Struct(">HHHHII")  # command, size, type, count, two parameters
VERSION, CREATE, WRITE_NOTIFY, ECHO = 0, 18, 19, 23


def message(command: int, p1: int, p2: int, data: bytes = b"", count: int = 0) -> bytes:
    data += bytes(-len(data) % 8)
    return HEADER.pack(command, len(data), 0, count, p1, p2) + data


def put_and_leave(port: int, name: str, text: str) -> None:
    """Put with callback over a connection that is cut when the put has begun."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.sendall(
            message(VERSION, 0, 0, count=13)
            + message(CREATE, 1, 13, name.encode() + b"\0")
        )
        sid = _answer(connection, CREATE)
        value = text.encode().ljust(40, b"\0")
        connection.sendall(
            message(WRITE_NOTIFY, sid, 1, value, count=1) + message(ECHO, 0, 0)
        )
        _answer(connection, ECHO)
        reset = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)


def _answer(connection: socket.socket, wanted: int) -> int:
    """Wait for the answer to a request; return its last parameter."""
    while True:
        head = connection.recv(HEADER.size, socket.MSG_WAITALL)
        command, size, _, _, _, last = HEADER.unpack(head)
        connection.recv(size, socket.MSG_WAITALL)
        if command == wanted:
            return int(last)


def pause(seconds: float) -> None:
    """Let time pass: when things happen is a part of what happens."""
    threading.Event().wait(seconds)


def until(
    condition: Callable[[], Any],
    what: str | Callable[[], str],
    timeout: float = DEADLINE,
) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {timeout:g} s: {text}")
        pause(0.02)


# The test


@pytest.fixture
def lab(make_lab: Any) -> Any:
    lab = make_lab(cobos=SERVERS, speed=10)
    text = lab.file.read_text()
    operations = ", ".join(f"{o.value.lower()}: {OPERATION} s" for o in Operation)
    timeouts = f"{{get_state: {GET_STATE} s, get_configs: 1 s, {operations}}}"
    text = text.replace("{get_state: 1 s}", timeouts)
    text = text.replace("{timeout:", f"{{period: {PERIOD} s, timeout:")
    lab.file.write_text(text)
    lab.simulate()
    return lab


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64, initializer=epics.ca.use_initial_context) as pool:
        yield pool


def burst(players: list[Player], serving: Serving, seed: int) -> None:
    for player in players:
        player.begin(seed)
    rhythm = random.Random(seed)
    for _ in range(rhythm.randint(4, 14)):
        for player in rhythm.sample(players, len(players)):
            player.act(serving.port)
        pause(rhythm.choice([0.0, 0.0, 0.05, 0.2, 0.5]))
    if rhythm.random() < RESTARTS:
        serving.end(rhythm.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL]))
        for player in players:
            player.gone()
        serving.start()
        for player in players:
            player.restarted()
    for player in players:
        player.settle()
    for player in players:
        player.check()


class Serving:
    """`daqpv serve`, one after the other."""

    def __init__(self, lab: Any) -> None:
        self._lab = lab
        self.start()

    def start(self) -> None:
        self._running = self._lab.serve()
        self.port = int(self._running.ready().split()[-1])

    def end(self, number: signal.Signals) -> None:
        began = time.monotonic()
        code = self._running.end(number)
        assert time.monotonic() - began < 2 + MARGIN, "it ends within 2 s"
        assert code == (-number if number == signal.SIGKILL else 0)
        log = next(self._lab.folder.glob("*.log")).read_text()
        assert "Traceback" not in log + self._running.text


@pytest.mark.timeout(180 + 2 * SOAK)
def test_no_sequence_parts_the_pvs_from_the_servers(
    lab: Any, pool: ThreadPoolExecutor
) -> None:
    serving = Serving(lab)
    players = [Player(lab, name, pool) for name in lab.urls]
    for player in players:
        player.client.until("State", "Idle")
    end = time.monotonic() + SOAK
    for seed in itertools.count(SEED):
        if seed - SEED >= BURSTS and time.monotonic() > end:
            break
        try:
            burst(players, serving, seed)
        except BaseException as error:
            error.add_note(f"DAQPV_SEED={seed}, in {lab.folder}")
            for player in players:
                error.add_note("\n    ".join([player.name, *player.history]))
            raise
    serving.end(signal.SIGTERM)
