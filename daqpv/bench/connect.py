"""Measures how long libca takes to connect: python -m daqpv.bench.connect PREFIX COUNT.

A process of its own, since libca reads EPICS_CA_* once. Prints seconds.
"""

from __future__ import annotations

import sys
import time
from ctypes import byref, c_double, c_uint, c_void_p

from epics import ca, dbr

from daqpv.bench.wire import names_of

TIMEOUT = 30.0  # [s]


def main() -> int:
    """Connect to all PVs, and print the time."""
    prefix, count = sys.argv[1], int(sys.argv[2])
    ca.initialize_libca()
    names = [name.encode() for name in names_of(prefix, "d", count)]
    chids = [c_void_p() for _ in names]
    begin = time.perf_counter()
    for name, chid in zip(names, chids, strict=True):
        ca.libca.ca_create_channel(name, None, None, c_uint(0), byref(chid))
    status = ca.libca.ca_pend_io(c_double(TIMEOUT))
    if status != dbr.ECA_NORMAL:
        print(f"not all of {count} PVs connect within {TIMEOUT:g} s")
        return 1
    print(time.perf_counter() - begin)
    return 0


if __name__ == "__main__":
    sys.exit(main())
