"""A simulated supply on TCP, which speaks in lines; served from a thread."""

from __future__ import annotations

import socketserver
import threading
import time
from types import TracebackType
from typing import Any, Self


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, supply: SupplyServer) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.supply = supply


class _Client(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        while line := self.rfile.readline():
            answer = server.supply.answer(line.decode().strip())
            if answer is not None:
                self.wfile.write(f"{answer}\n".encode())


class SupplyServer:
    """A supply: ``V?`` asks, ``V 3.0`` sets and answers ``OK``; also I and OUT.

    Attributes:
        has: what it is set to, by command.
        wrote: (time, command, value) of each setting, monotonic [s].
        refuses: it answers ``ERR 5`` to settings.
        off: a value reads back so much too high.
    """

    def __init__(self) -> None:
        self.has = {"V": 0.0, "I": 0.0, "OUT": 0.0}
        self.wrote: list[tuple[float, str, float]] = []
        self.refuses = False
        self.off = 0.0
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """``tcp://HOST:PORT``."""
        host, port, *_ = self._server.server_address
        return f"tcp://{host!s}:{port}"

    def answer(self, line: str) -> str | None:
        """The answer to a line."""
        command, _, value = line.partition(" ")
        if command.endswith("?"):
            return f"{self.has[command[:-1]] + self.off:.3f}"
        if self.refuses:
            return "ERR 5"
        self.wrote.append((time.monotonic(), command, float(value)))
        self.has[command] = float(value)
        return "OK"

    def values(self, command: str) -> list[float]:
        """All that was set by a command."""
        return [value for _, name, value in self.wrote if name == command]

    def settings(self, **more: Any) -> dict[str, Any]:
        """Its section of an experiment file; `more` by channel."""
        channels: dict[str, dict[str, Any]] = {
            "volts": _channel("V", units="V", min=0, max=100),
            "amps": _channel("I", units="A", min=0, max=10),
            "output": _channel("OUT", type="boolean", hazard=True),
        }
        for name, keys in more.items():
            channels[name] |= keys
        return {
            "connection": self.address,
            "terminator": "\n",
            "period": 0.2,
            "errors": {"ERR 5": "tripped"},
            "channels": channels,
            "groups": {
                "both": {
                    "channels": ["volts", "amps"],
                    "check": "volts * amps < 100",
                    "reason": "more than 100 W",
                }
            },
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _channel(command: str, **more: Any) -> dict[str, Any]:
    form = "d" if more.get("type") == "boolean" else ".3f"
    return {
        "ask": f"{command}?",
        "answer": "{value:g}",
        "write": f"{command} {{value:{form}}}",
        "reply": "OK",
        **more,
    }
