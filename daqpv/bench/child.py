"""Runs client processes, so that each figure of a server is measured from outside."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from types import TracebackType
from typing import Self

from daqpv.bench.listener import Heard
from daqpv.bench.target import Target
from daqpv.errors import NoAnswerError

DEADLINE = 60.0  # [s] for each answer


class Followers:
    """Processes that monitor counters; use it as a context manager.

    Args:
        target: the server.
        clients: number of processes.
        counters: number of PVs that each monitors.

    Raises:
        NoAnswerError: a process is not ready in time.
    """

    def __init__(self, target: Target, clients: int, counters: int) -> None:
        command = [sys.executable, "-m", "daqpv.bench.listener", target.host]
        command += [str(target.tcp_port()), target.prefix, str(counters)]
        self._stopped: list[subprocess.Popen[bytes]] = []
        self._processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
            for _ in range(clients)
        ]

    def __enter__(self) -> Self:
        try:
            for process in self._processes:
                _line(process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def begin(self) -> None:
        """Start counting."""
        self._tell("begin")

    def end(self) -> list[Heard]:
        """The results of the processes that are not suspended."""
        self._tell("end")
        return [Heard(**json.loads(_line(process))) for process in self._processes]

    def stop_one(self) -> None:
        """Suspend one of the processes: it reads no more, and is not counted."""
        self._stopped.append(self._processes.pop())
        self._stopped[-1].send_signal(signal.SIGSTOP)

    def _tell(self, command: str) -> None:
        for process in self._processes:
            _tell(process, command)

    def _end(self) -> None:
        for process in (*self._processes, *self._stopped):
            process.kill()
            process.communicate()


def _tell(process: subprocess.Popen[bytes], command: str) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(f"{command}\n".encode())
    except BrokenPipeError:
        raise NoAnswerError(_reason(process), timed_out=False) from None


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], DEADLINE)
    if not readable:
        raise NoAnswerError(f"a client is silent for {DEADLINE:g} s", timed_out=True)
    line = process.stdout.readline().decode()
    if not line:
        raise NoAnswerError(_reason(process), timed_out=False)
    return line


def _reason(process: subprocess.Popen[bytes]) -> str:
    """The last line of a client's error output."""
    process.kill()
    _, errors = process.communicate()
    last = errors.decode(errors="replace").strip().splitlines()[-1:]
    return last[0].rpartition("Error: ")[2] if last else "a client has ended"
