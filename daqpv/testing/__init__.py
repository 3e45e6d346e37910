"""Tools for the tests of a kind of device.

- `run_virtual`, `VirtualLoop`, `VirtualClock`: time passes at once when all tasks wait.
- `MemoryLine`: a `LineLink` without a socket.
- `LineServer`: a simulated instrument on TCP.
- `served`: a real ``daqpv serve`` on loopback, read and written over Channel Access.

These names stay as they are while `daqpv.api.VERSION` does.
"""

from daqpv.testing.line import LineServer, MemoryLine
from daqpv.testing.served import Served, served
from daqpv.testing.virtual import VirtualClock, VirtualLoop, run_virtual

__all__ = [
    "LineServer",
    "MemoryLine",
    "Served",
    "VirtualClock",
    "VirtualLoop",
    "run_virtual",
    "served",
]
