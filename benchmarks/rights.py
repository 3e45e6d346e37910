"""Gives all compared PV servers the same rights.

EPICS base uses real-time scheduling for its threads and locks its memory where it may:
as root. Such a server starves its clients on a computer with few processors. An IOC of
a laboratory seldom runs as root, so no server here has more rights than an ordinary
process.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_BITS = {"ipc_lock": 14, "sys_nice": 23}  # linux/capability.h
_LESS = ",".join(f"-{name}" for name in _BITS)


def as_ordinary_process(command: Sequence[str]) -> list[str]:
    """`command`, run without CAP_SYS_NICE, CAP_IPC_LOCK and a real-time limit.

    Exits with a sentence if the tools for that (util-linux) are missing.
    """
    tools = [["prlimit", "--rtprio=0:0"]]
    if _has_capabilities():
        tools.append(
            [
                "setpriv",
                f"--bounding-set={_LESS}",
                f"--inh-caps={_LESS}",
                "--no-new-privs",
            ]
        )
    for name, *_ in tools:
        if shutil.which(name) is None:
            sys.exit(f"{name} (util-linux) is missing: no comparison with equal rights")
    return [*(word for tool in tools for word in tool), *command]


def _has_capabilities() -> bool:
    """Whether this process may have real-time threads, or lock memory."""
    status = Path("/proc/self/status").read_text()
    permitted = int(status.partition("CapPrm:")[2].split()[0], 16)
    return any(permitted & 1 << bit for bit in _BITS.values())
