"""The measurements: each measures a running server and returns rows of the table.

All have a deadline. A delay is the time from the time stamp of the value to its
arrival in another process of this computer.
"""

from __future__ import annotations

import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from daqpv.bench.child import Followers
from daqpv.bench.figure import Figure
from daqpv.bench.listener import Heard
from daqpv.bench.target import Target
from daqpv.bench.wire import Channel, Circuit, messages, names_of
from daqpv.errors import DaqError, NoAnswerError, NotConnectedError, OperationError
from daqpv.serve.ca import protocol as ca

SECONDS = 3.0  # [s] of each measurement
SETTLE = 1.0  # [s] before a measurement that the one before must not disturb
ELEMENTS = 1_000_000
_IN_FLIGHT = 4000  # gets
_STOPPED = 12.0  # [s] of suspension of a client
_LADDER = (100, 150, 200, 300, 400, 500, 600, 800)  # [Hz]
_DOUBLE = struct.Struct(">d")


def connect(target: Target) -> Iterator[Figure]:
    """Measure how long a libca process takes to connect to all ``d`` PVs."""
    done = subprocess.run(
        [sys.executable, "-m", "daqpv.bench.connect", target.prefix, str(target.n)],
        env=target.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        said = (done.stdout or done.stderr or "libca has ended").strip()
        raise NoAnswerError(said.splitlines()[-1], timed_out=True)
    yield Figure("connect", float(done.stdout))


# -- gets and puts ---------------------------------------------------------------------


def pipelined(target: Target) -> Iterator[Figure]:
    """Measure gets that do not wait for each other."""
    for row, signal, basic in (
        ("get_double", "d0", ca.DOUBLE),
        ("get_enum", "e", ca.ENUM),
        ("get_long", "l", ca.INTEGER),
        ("get_string", "s", ca.STRING),
    ):
        with target.circuit() as circuit:
            (channel,) = circuit.create([target.prefix + signal])
            dbr = 2 * ca.BASIC_TYPES + basic  # with time and alarm
            yield Figure(row, _pipelined(circuit, channel, dbr))


def _pipelined(circuit: Circuit, channel: Channel, dbr: int) -> float:
    """Gets per second."""
    size = ca.HEADER_SIZE + len(circuit.get(channel, dbr))
    batch = 1000
    requests = b"".join(channel.get(dbr, ioid=i) for i in range(batch))
    sent = got = 0
    tail = b""  # the last answer, at the end
    begin = time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < SECONDS or got < sent * size:
        while elapsed < SECONDS and sent - got // size < _IN_FLIGHT:
            circuit.send(requests)
            sent += batch
        data = circuit.recv()
        got += len(data)
        tail = (tail + data[-size:])[-size:]
    last = [message for message, _ in messages(tail)]
    if (
        got != sent * size
        or not last
        or last[0].p1 != ca.NORMAL
        or last[0].p2 != batch - 1
    ):
        raise OperationError(f"{channel.name}: not every get was answered")
    return sent / elapsed


def latency(target: Target) -> Iterator[Figure]:
    """Measure gets and puts, each sent after the answer to the one before."""
    with target.circuit() as circuit:
        (channel,) = circuit.create([f"{target.prefix}d0"])
        yield Figure("get_p50", _median_get(circuit, channel))
        number = iter(range(10**9))
        yield Figure(
            "put_p50",
            _median(
                lambda: circuit.put(channel, ca.DOUBLE, _DOUBLE.pack(next(number)))
            ),
        )


def _median_get(circuit: Circuit, channel: Channel) -> float:
    return _median(lambda: circuit.get(channel, ca.DOUBLE))


def _median(exchange: Callable[[], object]) -> float:
    """The median duration of an exchange [us]."""
    times = []
    end = time.perf_counter() + SECONDS / 2
    while (begin := time.perf_counter()) < end:
        exchange()
        times.append(time.perf_counter() - begin)
    return 1e6 * statistics.median(times)


def slow(target: Target) -> Iterator[Figure]:
    """Measure gets on a circuit with a running put."""
    with target.circuit() as circuit:
        channel, asleep = circuit.create([f"{target.prefix}d0", f"{target.prefix}slow"])
        begin = time.monotonic()
        circuit.send(asleep.put(ca.DOUBLE, _DOUBLE.pack(begin % 1000)))
        yield Figure("slow_p50", _median_get(circuit, channel))
        circuit.sock.settimeout(10)
        circuit.read(ca.WRITE_NOTIFY)
        if time.monotonic() - begin < 4:
            raise OperationError("slow: its put ended too early")


def block(target: Target) -> Iterator[Figure]:
    """Measure gets of one client while another's put blocks the server."""
    with target.circuit() as circuit, target.circuit() as other:
        (channel,) = circuit.create([f"{target.prefix}d0"])
        (blocking,) = other.create([f"{target.prefix}block"])
        other.send(blocking.put(ca.DOUBLE, _DOUBLE.pack(time.monotonic() % 1000)))
        worst, end = 0.0, time.perf_counter() + 0.5
        while (begin := time.perf_counter()) < end:
            circuit.get(channel, ca.DOUBLE)
            worst = max(worst, time.perf_counter() - begin)
        yield Figure("block_worst", 1e3 * worst)


def wave(target: Target) -> Iterator[Figure]:
    """Measure get and put of a large array."""
    data = np.arange(ELEMENTS, dtype=">f8").tobytes()
    with target.circuit() as circuit:
        (channel,) = circuit.create([f"{target.prefix}w"])
        request = channel.put(ca.DOUBLE, data, count=ELEMENTS)
        gets, puts = [], []
        for _ in range(20):
            begin = time.perf_counter()
            circuit.send(request)
            if circuit.read(ca.WRITE_NOTIFY)[0].p1 != ca.NORMAL:
                raise OperationError("w: a put fails")
            between = time.perf_counter()
            circuit.send(channel.get(ca.DOUBLE, count=ELEMENTS))
            answer = circuit.read_exactly(24 + len(data))
            gets.append(time.perf_counter() - between)
            puts.append(between - begin)
        if answer[24:] != data:
            raise OperationError("w: a get gives something else than the put before")
    yield Figure("wave_get", 1e-6 * len(data) / statistics.median(gets))
    yield Figure("wave_put", 1e-6 * len(data) / statistics.median(puts))


# -- events ----------------------------------------------------------------------------


class Stream(NamedTuple):
    """The counts of all clients together, and the load of the server.

    Attributes:
        rate: events per second.
        p50: delay, the worst client's [ms].
        p99: delay, the worst client's [ms].
        lost: events that are missing or came twice, and PVs without an event.
        cpu: of the server, of one core [%]; None: unknown.
    """

    rate: float
    p50: float
    p99: float
    lost: int
    cpu: float | None


def listen(
    target: Target, followers: Followers, seconds: float = SECONDS + 1
) -> Stream:
    """Monitor the counters for `SECONDS`."""
    before, begin = target.cpu_seconds(), time.monotonic()
    followers.begin()
    time.sleep(seconds)
    after, elapsed = target.cpu_seconds(), time.monotonic() - begin
    cpu = None
    if before is not None and after is not None:
        cpu = 100 * (after - before) / elapsed
    heard = followers.end()
    return Stream(
        rate=sum(one.events / one.duration for one in heard),
        p50=max(one.p50 for one in heard),
        p99=max(one.p99 for one in heard),
        lost=sum(_lost(one) for one in heard),
        cpu=cpu,
    )


def _lost(heard: Heard) -> int:
    return heard.lost + heard.repeated + heard.silent


def set_rate(target: Target, rate: float) -> None:
    """Set the rate of the counters [Hz], by the PV ``rate``, otherwise by their SCAN.

    Raises:
        NotConnectedError, OperationError: the server has neither.
    """
    period = f"{1 / rate:g} second".lstrip("0")
    with target.circuit() as circuit:
        try:
            (channel,) = circuit.create([f"{target.prefix}rate"])
        except NotConnectedError:
            names = names_of(target.prefix, "m", target.m)
            for scan in circuit.create(f"{name}.SCAN" for name in names):
                circuit.put(scan, ca.STRING, period.encode().ljust(40, b"\0"))
        else:
            circuit.put(channel, ca.DOUBLE, _DOUBLE.pack(rate))


def one(target: Target) -> Iterator[Figure]:
    """Measure 10 Hz to one client."""
    set_rate(target, 10)
    with Followers(target, 1, target.m) as followers:
        time.sleep(SETTLE)
        stream = listen(target, followers)
    yield Figure("one_cpu", stream.cpu)
    yield Figure("one_p50", stream.p50)
    yield Figure("one_p99", stream.p99)
    yield Figure("one_lost", stream.lost)


def ten(target: Target) -> Iterator[Figure]:
    """Measure 10 Hz to ten clients."""
    set_rate(target, 10)
    with Followers(target, 10, target.m) as followers:
        time.sleep(SETTLE)
        stream = listen(target, followers)
    yield Figure("ten_rate", stream.rate)
    yield Figure("ten_cpu", stream.cpu)
    yield Figure("ten_p99", stream.p99)
    yield Figure("ten_lost", stream.lost)


def fast(target: Target) -> Iterator[Figure]:
    """Measure 100 Hz to one client."""
    try:
        set_rate(target, 100)
        with Followers(target, 1, target.m) as followers:
            time.sleep(SETTLE)
            stream = listen(target, followers)
    finally:
        set_rate(target, 10)
    yield Figure("fast_rate", stream.rate)
    yield Figure("fast_cpu", stream.cpu)
    yield Figure("fast_p99", stream.p99)
    yield Figure("fast_lost", stream.lost)


def most(target: Target) -> Iterator[Figure]:
    """Increase the rate until events are lost or the server is too slow."""
    best = 0.0
    try:
        with Followers(target, 1, target.m) as followers:
            for rate in _LADDER:
                set_rate(target, rate)
                time.sleep(SETTLE)
                stream = listen(target, followers, 2.0)
                if stream.lost:
                    break
                best = max(best, stream.rate)
                if stream.rate < 0.97 * rate * target.m:
                    break
    finally:
        set_rate(target, 10)
    yield Figure("most", best)


def stopped(target: Target) -> Iterator[Figure]:
    """Suspend one of ten clients; measure the others and the server's memory."""
    set_rate(target, 10)
    with Followers(target, 10, target.m) as followers:
        time.sleep(SETTLE)
        before = target.memory()
        followers.stop_one()
        stream = listen(target, followers, _STOPPED)
        yield Figure("stopped_p99", stream.p99)
        yield Figure("stopped_lost", stream.lost)
        yield Figure("stopped_memory", target.memory() - before)


Measure = Callable[[Target], Iterator[Figure]]

MEASURES: Mapping[str, tuple[Measure, tuple[str, ...]]] = {
    "connect": (connect, ("connect",)),
    "gets": (pipelined, ("get_double", "get_enum", "get_long", "get_string")),
    "latency": (latency, ("get_p50", "put_p50")),
    "slow": (slow, ("slow_p50",)),
    "block": (block, ("block_worst",)),
    "one": (one, ("one_cpu", "one_p50", "one_p99", "one_lost")),
    "ten": (ten, ("ten_rate", "ten_cpu", "ten_p99", "ten_lost")),
    "fast": (fast, ("fast_rate", "fast_cpu", "fast_p99", "fast_lost")),
    "most": (most, ("most",)),
    "wave": (wave, ("wave_get", "wave_put")),
    "stopped": (stopped, ("stopped_p99", "stopped_lost", "stopped_memory")),
}
"""By name: the measurement, and its rows."""


def measure(target: Target, name: str) -> list[Figure]:
    """Return the rows of one measurement; failed ones contain the reason."""
    run, rows = MEASURES[name]
    figures: list[Figure] = []
    why = "not known"
    try:
        for figure in run(target):
            figures.append(figure)
    except (DaqError, OSError, subprocess.TimeoutExpired) as error:
        why = _alive(target) or str(error)
    given = {figure.row for figure in figures}
    return figures + [Figure(row, None, why) for row in rows if row not in given]


def _alive(target: Target) -> str:
    """Return "" if the server still answers, otherwise its failure."""
    try:
        with target.circuit() as circuit:
            circuit.create([f"{target.prefix}d0"])
    except (DaqError, OSError):
        return "the server has died"
    return ""
