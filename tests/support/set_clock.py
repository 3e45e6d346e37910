"""daqpv as a process whose wall clock a test sets."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

# daqpv, with what stands in for a clock that is set: it is off by what a file says
_DAQPV = """\
import mmap, os, struct, time
wall = time.time
with open(os.environ["CLOCK_OFFSET_FILE"]) as file:
    offset = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
time.time = lambda: wall() + struct.unpack_from("d", offset)[0]
from daqpv.cli import main
main(prog_name="daqpv")
"""
PROGRAM = (sys.executable, "-c", _DAQPV)


class SetClock:
    """The wall clock of a process that `PROGRAM` runs with `environ`.

    Args:
        folder: where the file is kept that says how far it is off.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        if not self._file.exists():
            self._file.write_bytes(bytes(8))  # off by 0.0

    @property
    def environ(self) -> dict[str, str]:
        """Variables of the process."""
        return {"CLOCK_OFFSET_FILE": str(self._file)}

    def set(self, offset: float) -> None:
        """Set it, off by so much from ours [s]."""
        with self._file.open("r+b") as file:  # it is mapped: no other file
            file.write(struct.pack("d", offset))
