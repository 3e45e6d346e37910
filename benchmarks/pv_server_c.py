"""Serves the PVs of `daqpv bench ioc` by a C IOC: PREFIX N M RATE [faster].

The IOC of the package epicscorelibs, with a database made for it. With "faster" it has
scan rates besides the stock ones, and counters step faster when their SCAN is put; each
rate is a thread that wakes up as often. Nothing blocks a C IOC, so there is no `block`.
Prints "ready" when clients can connect.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from epicscorelibs import ioc

RATES = (100, 150, 200, 300, 400, 500, 600, 800)  # [Hz]


def records(prefix: str, n: int, m: int, rate: float) -> Iterator[str]:
    """The database, record by record."""

    def record(kind: str, name: str, **fields: object) -> str:
        lines = "".join(f'  field({k}, "{v}")\n' for k, v in fields.items())
        return f'record({kind}, "{prefix}{name}") {{\n{lines}}}\n'

    limits = {"HIHI": 1e12, "HHSV": "MAJOR", "HIGH": 1e11, "HSV": "MINOR"}
    limits |= {"LOLO": -1e12, "LLSV": "MAJOR", "LOW": -1e11, "LSV": "MINOR"}
    limits |= {"EGU": "mm", "PREC": 3}
    yield record("mbbo", "e", ZRST="zero", ONST="one", TWST="two", PINI="YES")
    yield record("longout", "l", PINI="YES")
    yield record("stringout", "s", PINI="YES")
    yield record("waveform", "w", FTVL="DOUBLE", NELM=1_000_000)
    yield record("ao", "slow", FLNK=f"{prefix}wait")
    yield record("seq", "wait", DLY1=5, LNK1=f"{prefix}waited PP", DOL1=1)
    yield record("ao", "waited")
    for i in range(n):
        yield record("ao", f"d{i}", **limits, PINI="YES")
    for i in range(m):
        yield record("calc", f"m{i}", **limits, CALC="VAL+1", SCAN=scan(rate))


def scan(rate: float) -> str:
    """How a scan at `rate` [Hz] is called."""
    return f"{1 / rate:g} second".lstrip("0")


def add_rates(folder: str) -> None:
    """Write a menu of scans with RATES to `folder`, and let the IOC find it first."""
    dbd = Path(ioc.DEFAULT_DBD_PATH)
    menu = (dbd / "menuScan.dbd").read_text().rstrip().removesuffix("}")
    for number, more in enumerate(RATES):
        menu += f'\tchoice(menuScanBench{number},"{scan(more)}")\n'
    Path(folder, "menuScan.dbd").write_text(menu + "}\n")
    ioc.DEFAULT_DBD_PATH = os.pathsep.join((folder, str(dbd)))


def main(prefix: str, n: int, m: int, rate: float, *, faster: bool) -> None:
    """Serve until the process is ended."""
    with tempfile.TemporaryDirectory() as folder:
        if faster:
            add_rates(folder)
        database = Path(folder, "bench.db")
        database.write_text("".join(records(prefix, n, m, rate)))
        ioc.start_ioc(str(database))
        print("ready", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    _, prefix, n, m, rate, *options = sys.argv
    main(prefix, int(n), int(m), float(rate), faster="faster" in options)
