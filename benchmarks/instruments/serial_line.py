"""Measures 0.2 s polls of five channels on a line of 9600 baud.

    python -m benchmarks.instruments.serial_line [--seconds 60] [--runs 3]

The instrument is a pseudo terminal in this process, which takes and sends bytes at 960
per second, as such a line does; it notes when the first question of each cycle begins.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
import tty

from benchmarks.figure import quantile
from benchmarks.instruments.devices import lateness
from benchmarks.instruments.serving import serving

BYTE = 10 / 9600  # [s] of a start bit, 8 data bits and a stop bit
PERIOD = 0.2  # [s]
CHANNELS = 5

SECTION = """  one:
    connection: "serial://{path}?baud=9600"
    terminator: "\\r"
    period: 200 ms
    channels:
"""


class Line(threading.Thread):
    """The instrument at the far end of the line."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.path = os.ttyname(self._theirs)
        self.asked: list[float] = []

    def run(self) -> None:
        """Answer, at the speed of the line."""
        data = b""
        while True:
            came = os.read(self._ours, 100)
            now = time.perf_counter()
            if not data and came.startswith(b"R0"):
                self.asked.append(now)
            time.sleep(len(came) * BYTE)
            data += came
            while b"\r" in data:
                question, _, data = data.partition(b"\r")
                answer = b"%s=1.25E-3\r" % question
                time.sleep(len(answer) * BYTE)
                os.write(self._ours, answer)


def run(seconds: float) -> tuple[float, float]:
    """Part of the polls within 20 ms [%], and the 95 % quantile [ms]."""
    line = Line()
    line.start()
    section = SECTION.format(path=line.path)
    for n in range(CHANNELS):
        section += f'      c{n}: {{ask: "R{n}", answer: "R{n}={{value:g}}"}}\n'
    with serving(section):
        time.sleep(seconds)
    late = lateness(line.asked, PERIOD, skip=5)
    within = 100 * sum(one <= 0.02 for one in late) / len(late)
    return within, 1e3 * quantile(late, 0.95)


def main() -> None:
    """Measure, and print medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--runs", type=int, default=3)
    given = arguments.parse_args()
    found = [run(given.seconds) for _ in range(given.runs)]
    within, late = (statistics.median(one) for one in zip(*found, strict=True))
    print(f"0.2 s polls, 9600 baud: {within:.1f} % within 20 ms, p95 {late:.1f} ms")


if __name__ == "__main__":
    main()
