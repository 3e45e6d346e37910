"""A client process that follows counters: python -m daqpv.bench.listener.

    HOST TCP_PORT PREFIX COUNT

Prints "ready" when all monitors are open, and reads commands from standard input:
"begin" clears the counts, "end" prints the counts since then as JSON. Meanwhile it
only reads data and notes the time, so that it does not limit the measurement.
"""

from __future__ import annotations

import json
import select
import sys
import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from daqpv.bench.wire import Channel, Circuit, names_of
from daqpv.serve.ca import protocol as ca
from daqpv.serve.values.elements import EPICS_EPOCH

Array = npt.NDArray[Any]

_VALUE_AT = {ca.DOUBLE: 16, ca.INTEGER: 12, ca.ENUM: 14, ca.STRING: 12}
_DTYPE = {ca.DOUBLE: ">f8", ca.INTEGER: ">i4", ca.ENUM: ">u2", ca.STRING: "S12"}


class Heard(NamedTuple):
    """The counts of a listener between "begin" and "end".

    Attributes:
        events: number of events.
        lost: missing steps of counters between two events.
        repeated: steps that came twice, or out of order.
        silent: counters without an event.
        p50: median of the delays [ms].
        p99: 99th percentile of the delays [ms].
        latest: the largest delay [ms].
        duration: of the measurement [s].
    """

    events: int
    lost: int
    repeated: int
    silent: int
    p50: float
    p99: float
    latest: float
    duration: float


class Listener:
    """Monitors counters.

    Args:
        circuit: connection to the server.
        channels: the counters.
    """

    def __init__(self, circuit: Circuit, channels: list[Channel]) -> None:
        self._circuit = circuit
        self._channels = channels
        self._chunks: list[bytes] = []
        self._times: list[float] = []
        self._from = 0.0
        for i in range(0, len(channels), 500):
            part = channels[i : i + 500]
            circuit.send(
                *(
                    one.subscribe(2 * ca.BASIC_TYPES + one.native, key=key)
                    for key, one in enumerate(part, i)
                )
            )

    def hear(self) -> None:
        """Read the data that have arrived."""
        self._chunks.append(self._circuit.recv())
        self._times.append(time.time())

    def begin(self) -> None:
        """Discard earlier events."""
        self._from = time.time()

    def end(self) -> Heard:
        """Evaluate the events."""
        now = time.time()
        stream = b"".join(self._chunks)
        starts, ends = _events(stream)
        chunk = np.searchsorted(np.cumsum([len(chunk) for chunk in self._chunks]), ends)
        arrival = np.array(self._times)[chunk]
        counts = arrival >= self._from
        heard = self._judge(stream, starts[counts], arrival[counts])
        return heard._replace(duration=now - self._from)

    def _judge(self, stream: bytes, starts: Array, arrival: Array) -> Heard:
        data = np.frombuffer(stream, np.uint8)
        key = _field(data, starts + 12, ">u4").astype(int)
        seconds = _field(data, starts + 20, ">u4") + float(EPICS_EPOCH)
        delay = 1e3 * (arrival - seconds - 1e-9 * _field(data, starts + 24, ">u4"))
        natives = np.array([channel.native for channel in self._channels])[key]
        lost = repeated = 0
        for native in np.unique(natives):
            chosen = natives == native
            at = starts[chosen] + ca.HEADER_SIZE + _VALUE_AT[native]
            value = _field(data, at, _DTYPE[native]).astype(float)
            missing, twice = _steps(key[chosen], value, wraps=native == ca.ENUM)
            lost, repeated = lost + missing, repeated + twice
        p50, p99, latest = np.percentile(delay, (50, 99, 100)) if len(key) else (0,) * 3
        return Heard(
            events=len(key),
            lost=lost,
            repeated=repeated,
            silent=len(self._channels) - len(np.unique(key)),
            p50=round(float(p50), 3),
            p99=round(float(p99), 3),
            latest=round(float(latest), 3),
            duration=0.0,
        )


def _events(stream: bytes) -> tuple[Array, Array]:
    """The positions of complete events in `stream`: begins and ends."""
    at, starts, ends = 0, [], []
    while at + ca.HEADER_SIZE <= len(stream):
        start = at
        at += ca.HEADER_SIZE + int.from_bytes(stream[at + 2 : at + 4], "big")
        if at > len(stream):
            break
        if stream[start + 1] == ca.EVENT_ADD:
            starts.append(start)
            ends.append(at)
    return np.array(starts, dtype=int), np.array(ends, dtype=int)


def _field(data: Array, at: Array, dtype: str) -> Array:
    size = np.dtype(dtype).itemsize
    found = data[at[:, None] + np.arange(size)].copy().view(dtype)[:, 0]
    return found.astype(np.dtype(dtype).newbyteorder("="))


def _steps(key: Array, value: Array, *, wraps: bool) -> tuple[int, int]:
    """Count missing steps of counters, and steps that do not advance."""
    order = np.argsort(key, kind="stable")
    key, value = key[order], value[order]
    same = np.diff(key) == 0
    step = np.diff(value)[same]
    if wraps:  # counters of few states; with two states no loss is visible
        states = np.zeros(key.max(initial=0) + 1)
        np.maximum.at(states, key, value + 1)
        states = states[key[:-1]][same]
        return int(np.sum((step % states != 1) & (step != 0))), int(np.sum(step == 0))
    return int(np.sum(step[step > 1] - 1)), int(np.sum(step <= 0))


def main() -> None:
    """Monitor counters, and follow the commands."""
    host, port, prefix, count = sys.argv[1:]
    with Circuit(host, int(port)) as circuit:
        channels = circuit.create(names_of(prefix, "m", int(count)))
        listener = Listener(circuit, channels)
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([circuit.sock, sys.stdin], [], [], 60.0)
            if sys.stdin in readable:
                match sys.stdin.readline().strip():
                    case "begin":
                        listener.begin()
                    case "end":
                        print(json.dumps(listener.end()._asdict()), flush=True)
                    case "":
                        return
            if circuit.sock in readable:
                listener.hear()
            elif not readable:
                return


if __name__ == "__main__":
    main()
