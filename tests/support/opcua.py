"""An OPC UA server for tests, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support import forks

SCRIPT = Path(__file__).with_name("opcua_server.py")


class OpcServer:
    """A running server; see opcua_server.py for what it understands.

    Attributes:
        process: in which it runs.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def do(self, line: str) -> None:
        """Have it do something, and wait until it is done."""
        assert self.asked(line) == "done"

    def asked(self, line: str) -> str:
        """Its answer to a line."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return str(self.process.stdout.readline()).rstrip()


@contextmanager
def opc_server(port: int, files: Sequence[Path] = ()) -> Iterator[OpcServer]:
    """A server that is ready."""
    command = [sys.executable, str(SCRIPT), str(port), *map(str, files)]
    with forks.Process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield OpcServer(process)
        finally:
            process.kill()
