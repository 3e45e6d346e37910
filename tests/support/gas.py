"""A gas system that others serve: its IOC is a process of its own."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from pathlib import Path

from tests.support import forks
from tests.support.experiment import Client

IOC = Path(__file__).with_name("gas_ioc.py")


class Gas:
    """The IOC of a gas system; it can be ended and started again.

    Attributes:
        prefix: of its PVs.
        client: libca, under this prefix.
    """

    def __init__(self) -> None:
        self.prefix = f"G{secrets.token_hex(3)}:"
        self.client = Client(self.prefix)
        self._process: subprocess.Popen[str] | None = None

    def start(self, *pressure: str) -> None:
        """Start it; `pressure` is the record type and the value of ``P``."""
        command = [sys.executable, str(IOC), self.prefix, *pressure]
        self._process = forks.Process(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal, if it runs."""
        if self._process is not None:
            with self._process as process:
                process.send_signal(number)
            self._process = None
